// A list that grows while it is worked on: the callbacks of the run push new items to its Feed, and
// the run ends when the feed is empty and no item is open. A crawl, or as here the search of a tree.
//
//     build/release/bin/16_feed
//
// Which numbers up to 100 come to 1 by Collatz's rule without ever going above 100?
#include <cstddef>
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <set>
#include <vector>

namespace {

/// The numbers from which Collatz's rule leads to this one in a step.
std::vector<std::int64_t> before(std::int64_t number) {
  std::vector<std::int64_t> numbers{2 * number};
  if (number % 6 == 4 && number > 4) numbers.push_back((number - 1) / 3);
  return numbers;
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(4, {program, "worker"});

  fanmill::Feed<std::int64_t> feed{1};
  std::set<std::int64_t> reached{1};
  // Called on this thread, one result after the other: it needs no lock.
  const auto push_new = [&](int&, const std::vector<std::int64_t>& found, std::size_t) {
    for (const std::int64_t number : found) {
      if (number <= 100 && reached.insert(number).second) feed.push(number);
    }
  };
  manager.run(feed, fanmill::job<std::vector<std::int64_t>>().update_results(0, push_new));

  std::cout << reached.size() << " of 100:";
  for (const std::int64_t number : reached) std::cout << ' ' << number;
  std::cout << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(before);
  return run_manager(argv[0]);
}

// Output:
// 49 of 100: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 16 17 18 19 20 21 22 24 25 26 28 29 32 33 34 36 38 40 42 44 48 50 52 56 58 64 66 68 72 76 80 84 88 96 100
