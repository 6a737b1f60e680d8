// A group that is decided before its tasks have run out: those in the queue are dropped, and the
// workers still busy on one are freed. A group that stays undecided asks incomplete_group.
//
//     build/release/bin/06_decided_early
//
// Item n wants any start from 100n-99 to 100n that climbs to 6000n, or false if none does.
#include <iostream>
#include <numeric>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

#include "collatz.hpp"

namespace {

/// The start and its peak; none is "false". Not what the tasks give: they give orbits.
using Climber = std::optional<std::pair<std::int64_t, std::int64_t>>;

std::vector<std::int64_t> starts_of(std::int64_t item) {
  std::vector<std::int64_t> starts(100);
  std::iota(starts.begin(), starts.end(), 100 * item - 99);
  return starts;
}

fanmill::Update<Climber> until_high_enough(std::int64_t item, std::int64_t, const Orbit& orbit) {
  const auto& [start, steps, peak] = orbit;
  if (peak < 6000 * item) return fanmill::go_on();
  return fanmill::done(Climber({start, peak}));
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(4, {program, "worker"});
  const auto climbers = fanmill::job<Orbit>()
                            .function("collatz")
                            .group_tasks(starts_of)
                            .update_group(until_high_enough)
                            .incomplete_group([](std::int64_t) { return Climber(); });

  for (const Climber& climber : manager.run(std::views::iota(1, 11), climbers)) {
    if (climber) {
      std::cout << climber->first << " climbs to " << climber->second << '\n';
    } else {
      std::cout << "false\n";
    }
  }
  const fanmill::Counters counters = manager.counters();
  std::cout << counters.killed << " tasks killed on their workers, " << counters.dropped
            << " dropped from the queue\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return serve_collatz();
  return run_manager(argv[0]);
}

// Output, where <...> varies: any start that is high enough may win. Those that are false do not vary.
// <27> climbs to <9232>
// false
// false
// false
// <447> climbs to <39364>
// <511> climbs to <39364>
// false
// <703> climbs to <250504>
// <871> climbs to <190996>
// <937> climbs to <250504>
// <12> tasks killed on their workers, <431> dropped from the queue
