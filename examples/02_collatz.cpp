// What becomes of the results, in three ways: all of them in a list, folded as they come
// (update_results), or looked at once at the end (process_results).
//
//     build/release/bin/02_collatz
//
// All three runs use one manager and the same workers.
#include <cstddef>
#include <iostream>
#include <ranges>
#include <utility>
#include <vector>

#include "collatz.hpp"

namespace {

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(4, {program, "worker"});
  const auto numbers = std::views::iota(1, 11);
  const auto orbits_of = fanmill::job<Orbit>().function("collatz");

  for (const auto& [start, steps, peak] : manager.run(numbers, orbits_of)) {
    std::cout << "(" << start << "," << steps << "," << peak << ") ";
  }
  std::cout << '\n';

  // Called once for each item, in order of completion: only the best is kept. The smaller start
  // wins a tie, so that the order does not matter.
  using Best = std::pair<std::int64_t, std::int64_t>;  // peak and start
  const auto keep_best = [](Best& best, const Orbit& orbit, std::size_t) {
    const auto& [start, steps, peak] = orbit;
    if (peak > best.first || (peak == best.first && start < best.second)) best = {peak, start};
  };
  const Best best = manager.run(numbers, orbits_of.update_results(Best{0, 0}, keep_best));
  std::cout << "largest peak " << best.first << ", of " << best.second << '\n';

  const auto mean_steps = [](const std::vector<Orbit>& orbits) {
    double sum = 0;
    for (const auto& [start, steps, peak] : orbits) sum += static_cast<double>(steps);
    return sum / static_cast<double>(orbits.size());
  };
  std::cout << "mean number of steps "
            << manager.run(numbers, orbits_of.process_results(mean_steps)) << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return serve_collatz();
  return run_manager(argv[0]);
}

// Output:
// (1,0,1) (2,1,2) (3,7,16) (4,2,4) (5,5,16) (6,8,16) (7,16,52) (8,3,8) (9,19,52) (10,6,16)
// largest peak 52, of 7
// mean number of steps 6.7
