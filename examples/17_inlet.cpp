// Items that arrive in their own time, from other threads: they push to an Inlet, the run takes.
// Whoever is too fast waits; the run ends when the inlet is closed and empty.
//
//     build/release/bin/17_inlet
#include <cstddef>
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <thread>
#include <utility>

namespace {

/// A reading of a gauge: which gauge, and what it shows.
using Reading = std::pair<std::int64_t, std::int64_t>;

Reading calibrated(const Reading& reading) { return {reading.first, 10 * reading.second + 1}; }

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(2, {program, "worker"});

  fanmill::Inlet<Reading> inlet(16);  // holds so many that the run has not yet taken
  const auto gauge = [&inlet](std::int64_t number) {
    for (std::int64_t value = 0; value < 1000; ++value) inlet.push({number, value});
  };
  std::jthread first(gauge, 1);
  std::jthread second(gauge, 2);
  std::jthread closer([&] {
    first.join();
    second.join();
    inlet.close();
  });

  // Readings of one gauge come in its order; how those of two mix is a matter of luck.
  using Sums = std::pair<std::int64_t, std::int64_t>;
  const auto add = [](Sums& sums, const Reading& reading, std::size_t) {
    (reading.first == 1 ? sums.first : sums.second) += reading.second;
  };
  const auto readings = fanmill::job<Reading>();
  const Sums sums = manager.run(inlet, readings.update_results(Sums{0, 0}, add));
  std::cout << "first gauge " << sums.first << ", second gauge " << sums.second << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(calibrated);
  return run_manager(argv[0]);
}

// Output:
// first gauge 4996000, second gauge 4996000
