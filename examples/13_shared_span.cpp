// Many numbers without a copy: a std::span is sent from where it lies, and a SharedSpan shows the
// worker the numbers where they lie in the payload that came.
//
//     build/release/bin/13_shared_span
//
// With std::vector in both places it would work just as well, at the price of two copies.
#include <cstddef>
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <numeric>
#include <span>
#include <vector>

namespace {

// It keeps the payload alive, so it may be kept, copied (cheap) and handed to other threads.
double sum_of(const fanmill::SharedSpan<double>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0);
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(2, {program, "worker"});

  std::vector<double> million(1'000'000);
  std::iota(million.begin(), million.end(), 1.0);
  // Ten pieces, so that several workers have something to do.
  std::vector<std::span<const double>> pieces;
  for (std::size_t at = 0; at < million.size(); at += 100'000) {
    pieces.emplace_back(&million[at], 100'000);
  }

  const auto add = [](double& sum, double piece, std::size_t) { sum += piece; };
  const auto sum = manager.run(pieces, fanmill::job<double>().update_results(0.0, add));
  std::cout << static_cast<std::int64_t>(sum) << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(sum_of);
  return run_manager(argv[0]);
}

// Output:
// 500000500000
