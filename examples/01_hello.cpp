// The whole model in one file: a list, a function, workers that come and go.
//
//     build/release/bin/01_hello
//
// It starts four workers of itself. Started as `01_hello worker`, here or on another host, with
// FANMILL_ENDPOINT or a join file that tells where the manager is, it is one more of them.
//
// Any input range will do as the list: a vector, a view, a file that is read line by line. It is
// pulled from as the workers need it. The results do not depend on who joined when.
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <ranges>

// What a worker does with an item. Its parameter and its result say what travels.
std::int64_t square(std::int64_t number) { return number * number; }

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(square);  // a worker

  fanmill::Manager manager;
  manager.start_workers(4, {argv[0], "worker"});  // and others may join at any time

  // One result for each item, in the order of the items.
  const auto numbers = std::views::iota(1, 11);
  for (auto result : manager.run(numbers, fanmill::job<std::int64_t>())) std::cout << result << ' ';
  std::cout << '\n';
}

// What happens on a bad day:
//
// - no worker is there yet: the run waits for the first;
// - a worker crashes, or is killed: its tasks go to others at once, and a new one is started;
// - a worker is cut off or stands still for long: the same, and it is taken back if it returns;
// - the function throws: the run ends with an exception that says which item, where and why;
// - the manager ends, or is killed: its workers end, too.

// docs/guide.md tells more of each.

// Output:
// 1 4 9 16 25 36 49 64 81 100
