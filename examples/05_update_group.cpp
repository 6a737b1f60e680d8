// A group that the program decides: update_group sees each result of the group, with a state that
// the group's tasks share, and says go on, add tasks, or done.
//
//     build/release/bin/05_update_group
//
// Item n wants the start from 100n-99 to 100n that climbs highest: all hundred are tasks at once,
// or each is added when the one before it has ended.
#include <iostream>
#include <numeric>
#include <ranges>
#include <vector>

#include "collatz.hpp"

namespace {

/// The state: the highest peak so far and the smallest start that reaches it. It never travels.
struct Best {
  std::int64_t peak = 0;
  std::int64_t start = 0;

  void take(const Orbit& orbit) {
    const auto& [from, steps, height] = orbit;
    if (height > peak || (height == peak && from < start)) *this = {height, from};
  }
};

/// What a callback answers: this is the item's result, that is what tasks are made of.
using Step = fanmill::Update<Best, std::int64_t>;

fanmill::Group<Best, std::int64_t> all_at_once(std::int64_t item) {
  std::vector<std::int64_t> starts(100);
  std::iota(starts.begin(), starts.end(), 100 * item - 99);
  return {Best{}, starts};
}

Step keep_best(std::int64_t, std::int64_t, const Orbit& orbit, Best& best) {
  best.take(orbit);
  return fanmill::go_on();  // when the tasks have run out, the state is the result
}

fanmill::Group<Best, std::int64_t> only_the_first(std::int64_t item) {
  return {Best{}, {100 * item - 99}};
}

Step add_the_next(std::int64_t item, std::int64_t start, const Orbit& orbit, Best& best) {
  best.take(orbit);
  if (start == 100 * item) return fanmill::done(best);
  return fanmill::add({start + 1});
}

void print(const std::vector<Best>& results) {
  for (const Best& best : results) std::cout << "(" << best.peak << "," << best.start << ") ";
  std::cout << '\n';
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(4, {program, "worker"});
  const auto items = std::views::iota(1, 11);
  const auto orbits = fanmill::job<Orbit>().function("collatz");

  print(manager.run(items, orbits.group_tasks(all_at_once).update_group(keep_best)));
  print(manager.run(items, orbits.group_tasks(only_the_first).update_group(add_the_next)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return serve_collatz();
  return run_manager(argv[0]);
}

// Output:
// (9232,27) (9232,103) (13120,255) (13120,383) (39364,447) (39364,511) (41524,639) (250504,703) (190996,871) (250504,937)
// (9232,27) (9232,103) (13120,255) (13120,383) (39364,447) (39364,511) (41524,639) (250504,703) (190996,871) (250504,937)
