// A function that is told to stop: when its group is decided without it, its stop token is set. One
// that looks at its token now and then frees its worker at once, and loses no process by it.
//
//     build/release/bin/07_stop_token
//
// Each item has three searches that would go on for ever and one that answers. There are but four
// workers: without the kills, the second item would find none of them free.
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <optional>
#include <stop_token>
#include <vector>

namespace {

struct Search {
  std::int64_t item = 0;
  bool endless = false;
};
FANMILL_FIELDS(Search, item, endless)

/// The token is also set when the task is over its time limit and when the worker leaves.
std::optional<std::int64_t> search(const Search& task, const std::stop_token& stop) {
  if (!task.endless) return 100 * task.item;
  std::uint64_t state = 1;
  while (!stop.stop_requested()) {
    // A piece of work, small enough for whoever waits for this worker.
    for (int i = 0; i < 1000; ++i) state = state * 6364136223846793005 + 1442695040888963407;
  }
  return {};  // nobody looks at it any more
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(4, {program, "worker"});

  // One item after another: the endless searches of the next might hold the worker that the
  // answer to this one needs.
  const auto searches =
      fanmill::job<std::int64_t>()
          .group_tasks([](std::int64_t item) {
            return std::vector<Search>{{item, true}, {item, true}, {item, true}, {item, false}};
          })
          .first_answer()
          .lookahead(1);
  for (const std::int64_t answer : manager.run({1, 2, 3, 4, 5}, searches)) {
    std::cout << answer << ' ';
  }
  const fanmill::Counters counters = manager.counters();
  std::cout << "\n" << counters.killed + counters.dropped << " searches ended early\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(search);
  return run_manager(argv[0]);
}

// Output:
// 100 200 300 400 500
// 15 searches ended early
