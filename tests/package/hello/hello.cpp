#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <vector>

std::int64_t square(std::int64_t number) { return number * number; }

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(square);  // a worker

  const std::vector<std::int64_t> numbers{1, 2, 3, 4, 5};
  fanmill::Manager manager;
  manager.start_workers(1, {argv[0], "worker"});
  for (auto answer : manager.run(numbers, fanmill::job<std::int64_t>())) std::cout << answer << ' ';
  std::cout << '\n';
}
