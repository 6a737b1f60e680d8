// Watching a farm: an observer is told what happens, workers() says who is there and doing what,
// counters() sums it all up.
//
//     build/release/bin/18_watching
//
// For people, ManagerOptions::verbose prints the same events as lines on standard error.
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

namespace {

std::int64_t square(std::int64_t number) { return number * number; }

int run_manager(const char* program) {
  std::map<std::string, int> told;  // kinds of events, and how many there were
  std::ostringstream asked;
  {
    fanmill::ManagerOptions options;
    // Called on a thread of its own, one event after the other, until the manager has ended.
    options.observer = [&told](const fanmill::Event& event) {
      using Kind = fanmill::Event::Kind;
      told[to_string(event.kind)] += 1;
      if (event.kind == Kind::worker_joined || event.kind == Kind::group_ended) {
        std::cout << to_line(event) << '\n';
      }
    };
    fanmill::Manager manager(options);
    manager.start_workers(1, {program, "worker"});
    manager.run({1, 2, 3}, fanmill::job<std::int64_t>());

    // May be asked at any time, from any thread.
    for (const fanmill::WorkerInfo& worker : manager.workers()) {
      asked << worker.name << " is " << to_string(worker.state) << " and has done "
            << worker.tasks_done << " tasks; ";
    }
    const fanmill::Counters counters = manager.counters();
    asked << counters.results << " results of " << counters.attempts << " attempts\n";
  }
  std::cout << "task_assigned " << told["task_assigned"] << " times, task_ended "
            << told["task_ended"] << " times\n"
            << asked.str();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(square);
  return run_manager(argv[0]);
}

// Output, where <...> varies: the worker's host and process, and which fanmill it is.
// worker <node7:4711 at pid 4711> joined: fanmill <0.1.0>, 1 slot, its only function, <...>
// group 1 complete, ending 0 other workers
// group 2 complete, ending 0 other workers
// group 3 complete, ending 0 other workers
// task_assigned 3 times, task_ended 3 times
// <node7:4711> is live and has done 3 tasks; 3 results of 3 attempts
