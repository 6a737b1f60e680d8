// A manager that lives long: one run after another on the same workers, which are threads of this
// very program here. A run that fails, or that another thread ends early, does not hurt the next.
//
//     build/release/bin/19_many_runs
#include <cstddef>
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <latch>
#include <ranges>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

std::int64_t half(std::int64_t number) {
  if (number % 2 != 0) throw std::invalid_argument("odd");
  return number / 2;
}

void work_for(const fanmill::Join& join) {
  // Signals are the program's own affair, not a thread's.
  static_cast<void>(fanmill::serve(join, half, {.handle_signals = false}));
}

}  // namespace

int main() {
  std::vector<std::jthread> workers(2);  // before the manager, since its end ends them
  fanmill::Manager manager;
  for (std::jthread& worker : workers) worker = std::jthread(work_for, manager.join());
  const auto halves = fanmill::job<std::int64_t>();

  for (const std::int64_t number : manager.run({2, 4, 6}, halves)) std::cout << number << ' ';
  std::cout << '\n';

  try {
    manager.run({2, 3, 4}, halves);
  } catch (const fanmill::ItemFailed& failed) {
    std::cout << "item " << failed.item() << ": " << failed.errors().back().text << '\n';
  }

  // An endless list. Somebody has seen enough after a hundred results: what has begun is finished.
  std::latch enough(100);
  std::jthread somebody([&] {
    enough.wait();
    manager.drain();
  });
  std::size_t results = 0;
  const auto count = [&](int&, std::int64_t, std::size_t) {
    results += 1;
    if (results <= 100) enough.count_down();
  };
  const auto even = std::views::iota(std::int64_t{1}) |
                    std::views::transform([](std::int64_t n) { return 2 * n; });
  try {
    manager.run(even, halves.update_results(0, count));
  } catch (const fanmill::FarmError& error) {
    std::cout << to_string(error.code()) << " after " << (results < 100 ? "too few" : "enough")
              << " results\n";
  }

  for (const std::int64_t number : manager.run({8, 10}, halves)) std::cout << number << ' ';
  std::cout << '\n';
  return 0;
}

// Output:
// 1 2 3
// item 1: odd
// stopped after enough results
// 4 5
