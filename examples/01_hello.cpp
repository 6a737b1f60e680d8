// The whole model in one file: a list, a function, workers that come and go.
//
// Run it, and it starts two workers of itself. Started as `01_hello worker` (here or on another
// host, with FANMILL_ENDPOINT or a join file) it is one of them.
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <ranges>
#include <string_view>

namespace {

// What a worker does with an item. Its parameter and its result say what travels.
std::int64_t square(std::int64_t number) { return number * number; }

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(2, {program, "worker"});

  // Any input range will do; results come back in the order of the items.
  const auto squares = manager.run(std::views::iota(std::int64_t{1}, std::int64_t{11}),
                                   fanmill::job<std::int64_t>());
  for (const std::int64_t number : squares) std::cout << number << ' ';
  std::cout << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "worker") return fanmill::serve(square);
  return run_manager(argv[0]);
}

// Output:
// 1 4 9 16 25 36 49 64 81 100
