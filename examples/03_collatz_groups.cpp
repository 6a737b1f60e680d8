// Groups: each item is a hundred tasks that share a state. Item n covers the starts 100n-99 to 100n
// and wants the one that climbs highest: first with all its tasks at once, then with one task after
// another, and at last only until a start climbs to 6000 times the item, which ends the group and
// frees the workers still busy on it.
#include <iostream>
#include <numeric>
#include <ranges>
#include <string_view>
#include <vector>

#include "collatz.hpp"

namespace {

/// The highest peak so far and the smallest start that reaches it.
struct Best {
  std::int64_t peak = 0;
  std::int64_t start = 0;

  void take(const Orbit& orbit) {
    const auto& [from, steps, height] = orbit;
    if (height > peak || (height == peak && from < start)) *this = {height, from};
  }
};

std::vector<std::int64_t> starts_of(std::int64_t item) {
  std::vector<std::int64_t> starts(100);
  std::iota(starts.begin(), starts.end(), 100 * item - 99);
  return starts;
}

void print(const char* title, const std::vector<Best>& results) {
  std::cout << title;
  for (const Best& best : results) {
    if (best.start == 0) {
      std::cout << " false";
    } else {
      std::cout << " (" << best.peak << "," << best.start << ")";
    }
  }
  std::cout << '\n';
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(4, {program, "worker"});
  const auto items = std::views::iota(std::int64_t{1}, std::int64_t{11});
  const auto orbits = fanmill::job<Orbit>().function("collatz");
  using Step = fanmill::Update<Best, std::int64_t>;

  // The group's state is its result when the tasks run out: no incomplete_group is needed.
  print("all at once:      ",
        manager.run(items, orbits
                               .group_tasks([](std::int64_t item) {
                                 return fanmill::Group{Best{}, starts_of(item)};
                               })
                               .update_group([](std::int64_t, std::int64_t, const Orbit& orbit,
                                                Best& best) -> Step {
                                 best.take(orbit);
                                 return fanmill::go_on();
                               })));

  print("one after another:",
        manager.run(items, orbits
                               .group_tasks([](std::int64_t item) {
                                 return fanmill::Group{Best{}, std::vector{100 * item - 99}};
                               })
                               .update_group([](std::int64_t item, std::int64_t start,
                                                const Orbit& orbit, Best& best) -> Step {
                                 best.take(orbit);
                                 if (start == 100 * item) return fanmill::done(best);
                                 return fanmill::add({start + 1});
                               })));

  print("high enough:      ",
        manager.run(items, orbits
                               .group_tasks([](std::int64_t item) {
                                 return fanmill::Group{Best{}, starts_of(item)};
                               })
                               .update_group([](std::int64_t item, std::int64_t, const Orbit& orbit,
                                                Best&) -> Step {
                                 const auto& [start, steps, peak] = orbit;
                                 if (peak >= 6000 * item) return fanmill::done(Best{peak, start});
                                 return fanmill::go_on();
                               })
                               .incomplete_group([](std::int64_t, Best&) { return Best{}; })));

  const fanmill::Counters counters = manager.counters();
  std::cerr << counters.killed << " tasks killed on their workers, " << counters.dropped
            << " dropped from the queue\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "worker") return serve_collatz();
  return run_manager(argv[0]);
}

// Output (in the last line the starts differ from run to run; those that are false do not):
// all at once:       (9232,27) (9232,103) (13120,255) (13120,383) (39364,447) (39364,511) (41524,639) (250504,703) (190996,871) (250504,937)
// one after another: (9232,27) (9232,103) (13120,255) (13120,383) (39364,447) (39364,511) (41524,639) (250504,703) (190996,871) (250504,937)
// high enough:       (9232,27) false false false (39364,447) (39364,511) false (250504,703) (190996,871) (250504,937)
