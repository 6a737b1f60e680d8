// Monitored workers: for functions that cannot be told to stop. A kill, or the loss of the manager,
// ends the worker's whole process at once, whatever it is doing; a fresh one takes its place.
//
//     build/release/bin/08_monitored
//
// The process ends with status 6 when it was killed, 7 when its manager was lost, 5 when it should
// not be started again; start_workers looks at that, and so does a loop in a shell:
//
//     while :; do ./08_monitored worker; [ $? -eq 5 ] && break; done
#include <chrono>
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <optional>
#include <thread>
#include <vector>

namespace {

/// As if by somebody else's library: no token, and no end in sight.
std::optional<std::int64_t> answer_or_hang(std::int64_t task) {
  if (task < 0) std::this_thread::sleep_for(std::chrono::hours(1000));
  return task;
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(4, {program, "worker"});

  // One item after another: what hangs in the next might hold the worker that the
  // answer to this one needs.
  const auto race = fanmill::job<std::int64_t>()
                        .group_tasks([](std::int64_t item) {
                          return std::vector<std::int64_t>{-item, -item, -item, item};
                        })
                        .first_answer()
                        .lookahead(1);
  for (const std::int64_t answer : manager.run({1, 2, 3, 4, 5}, race)) std::cout << answer << ' ';
  std::cout << '\n';

  const fanmill::Counters counters = manager.counters();
  std::cout << counters.killed << " tasks killed, " << counters.workers_joined
            << " processes in all, " << counters.quarantined << " tasks quarantined\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(answer_or_hang, {.monitored = true});
  return run_manager(argv[0]);
}

// Output, where <...> varies: how many workers were busy when they were not needed any more.
// 1 2 3 4 5
// <15> tasks killed, <19> processes in all, 0 tasks quarantined
