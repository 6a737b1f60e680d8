// A plain list three ways: the results themselves, folded as they come (update_results), and summed
// up at the end (process_results). All three runs use one manager and the same workers.
#include <algorithm>
#include <iostream>
#include <ranges>
#include <string_view>
#include <utility>
#include <vector>

#include "collatz.hpp"

namespace {

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(4, {program, "worker"});
  const auto numbers = std::views::iota(std::int64_t{1}, std::int64_t{11});
  const auto orbits_of = fanmill::job<Orbit>().function("collatz");

  for (const auto& [start, steps, peak] : manager.run(numbers, orbits_of)) {
    std::cout << "(" << start << "," << steps << "," << peak << ") ";
  }
  std::cout << '\n';

  // Called once for each item, in order of completion: only the best is kept.
  using Best = std::pair<std::int64_t, std::int64_t>;  // peak and start
  const Best best = manager.run(
      numbers, orbits_of.update_results(Best{0, 0}, [](Best& so_far, Orbit orbit, std::size_t) {
        const Best candidate{std::get<2>(orbit), std::get<0>(orbit)};
        // The smaller start wins a tie, so that the order of completion does not matter.
        if (candidate.first > so_far.first ||
            (candidate.first == so_far.first && candidate.second < so_far.second)) {
          so_far = candidate;
        }
      }));
  std::cout << "largest peak " << best.first << ", of " << best.second << '\n';

  const auto [total, count] =
      manager.run(numbers, orbits_of.process_results([](const std::vector<Orbit>& orbits) {
        std::int64_t sum = 0;
        for (const Orbit& orbit : orbits) sum += std::get<1>(orbit);
        return std::pair{sum, orbits.size()};
      }));
  std::cout << "mean number of steps " << total << "/" << count << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "worker") return serve_collatz();
  return run_manager(argv[0]);
}

// Output:
// (1,0,1) (2,1,2) (3,7,16) (4,2,4) (5,5,16) (6,8,16) (7,16,52) (8,3,8) (9,19,52) (10,6,16)
// largest peak 52, of 7
// mean number of steps 67/10
