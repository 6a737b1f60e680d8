// Tasks that can be killed: with Execution::forked each function runs in a process of its own. It may
// crash, or never end: that is its task's affair, and the worker goes on with the next.
//
//     build/release/bin/22_forked
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

using Try = std::pair<std::string, std::int64_t>;  // a method, and the number to square by it

std::int64_t square(const Try& task) {
  const auto& [method, number] = task;
  if (method == "crash") std::raise(SIGSEGV);
  // No stop token, no end: as in a library that is somebody else's.
  for (volatile bool forever = method == "hang"; forever;) {
  }
  return number * number;
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(1, {program, "worker"});

  // The first result ends its group: whoever still runs then is killed, with all that it has started.
  const auto race = fanmill::job<std::int64_t>()
                        .group_tasks([](std::int64_t n) {
                          return std::vector<Try>{{"crash", n}, {"hang", n}, {"sound", n}};
                        })
                        .first();
  for (const std::int64_t result : manager.run({1, 2, 3, 4, 5}, race)) std::cout << result << ' ';
  std::cout << '\n';

  // Alone, they fail; what their processes ended by is known. Only what may hang has a time limit.
  const std::vector<Try> alone{{"crash", 6}, {"hang", 7}, {"sound", 8}};
  const auto each = fanmill::job<std::int64_t>().group_tasks([](const Try& task) {
    const std::chrono::milliseconds limit{task.first == "hang" ? 200 : 0};  // 0: none
    return std::vector{fanmill::call("", task).time_limit(limit)};
  });
  for (const auto& outcome : manager.run_outcomes(alone, each)) {
    if (outcome.ok()) {
      std::cout << "sound: " << outcome.value() << '\n';
      continue;
    }
    const fanmill::TaskError& last = outcome.errors.back();
    std::cout << alone[outcome.item].first << ": attempt " << last.attempt << " "
              << to_string(last.kind) << (last.type.empty() ? "" : ": ") << last.type << '\n';
  }

  const fanmill::Counters counters = manager.counters();
  std::cout << counters.killed << " tasks killed, " << counters.workers_joined << " worker, "
            << counters.workers_lost << " lost\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // First thing in main(): a process that has threads can't be forked safely.
  if (argc > 1) {
    return fanmill::serve(
        square, {.slots = 3, .execution = fanmill::Execution::forked, .limits = {.core = 0}});
  }
  return run_manager(argv[0]);
}

// Output, where <...> varies: how many were still running when they were not needed any more.
// 1 4 9 16 25
// crash: attempt 3 crashed: signal 11 (SIGSEGV)
// hang: attempt 1 time_limit
// sound: 64
// <6> tasks killed, 1 worker, 0 lost
