// A group: several tasks for one item, and the first that finds an answer gives the item's result.
// The workers still busy on the others are freed at once.
//
//     build/release/bin/03_first_answer
//
// Which of three methods splits a number soonest, or at all, is hard to tell beforehand.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <numeric>
#include <optional>
#include <stop_token>
#include <vector>

namespace {

// An empty optional is "nothing": the function has come to its end, and the race goes on without it.
using Factor = std::optional<std::int64_t>;

Factor trial(std::int64_t n) {
  for (std::int64_t p = 2; p < 1000; ++p) {
    if (n % p == 0) return p;
  }
  return {};
}

// Finds factors that are close to each other. One that is told to stop need not find anything.
Factor fermat(std::int64_t n, const std::stop_token& stop) {
  for (auto a = static_cast<std::int64_t>(std::ceil(std::sqrt(n))); !stop.stop_requested(); ++a) {
    const auto b = static_cast<std::int64_t>(std::sqrt(a * a - n));
    if (b * b == a * a - n) return std::min(a - b, n / (a - b));
  }
  return {};
}

Factor rho(std::int64_t n) {
  std::int64_t slow = 2;
  std::int64_t fast = 2;
  for (;;) {
    const auto next = [n](std::int64_t x) { return (x * x + 1) % n; };
    slow = next(slow);
    fast = next(next(fast));
    const std::int64_t common = std::gcd(slow - fast, n);
    if (common == n) return {};
    if (common > 1) return std::min(common, n / common);
  }
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(3, {program, "worker"});
  const auto race = fanmill::job<std::int64_t>()
                        .functions({"trial", "fermat", "rho"})
                        .group_tasks([](std::int64_t n) {
                          using fanmill::call;
                          return std::vector{call("trial", n), call("fermat", n), call("rho", n)};
                        })
                        .first_answer();
  const std::vector<std::int64_t> numbers{2100000049, 1601600279, 2041725221};
  for (const std::int64_t factor : manager.run(numbers, race)) std::cout << factor << ' ';
  std::cout << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using fanmill::Functions;
  if (argc > 1) {
    return serve(Functions().add("trial", trial).add("fermat", fermat).add("rho", rho));
  }
  return run_manager(argv[0]);
}

// Output:
// 7 40009 1201
