// When a group is over, and what its result is: the policies beside the first answer.
//
//     build/release/bin/04_policies
//
// An item is a decade, 9 for 90 to 99; its group asks of each of these numbers whether it is prime.
#include <algorithm>
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <numeric>
#include <optional>
#include <vector>

namespace {

using Numbers = std::vector<std::int64_t>;

/// The number if it is prime, else nothing.
std::optional<std::int64_t> if_prime(std::int64_t number) {
  for (std::int64_t p = 2; p * p <= number; ++p) {
    if (number % p == 0) return {};
  }
  return number;
}

Numbers numbers_of(std::int64_t decade) {
  Numbers numbers(10);
  std::iota(numbers.begin(), numbers.end(), 10 * decade);
  return numbers;
}

void print(const char* title, std::vector<Numbers> results) {
  std::cout << title;
  for (Numbers& numbers : results) {
    std::sort(numbers.begin(), numbers.end());
    std::cout << " |";
    for (const std::int64_t number : numbers) std::cout << ' ' << number;
  }
  std::cout << '\n';
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(4, {program, "worker"});
  const auto primes = fanmill::job<std::int64_t>().group_tasks(numbers_of);

  // Every task runs; those that found nothing are left out.
  print("all:       ", manager.run({2, 9, 20}, primes.all()));
  // Over with the second answer, whichever two these are; here there are only two.
  print("answers(2):", manager.run({2, 3, 6}, primes.answers(2)));
  // One task after another until one finds something: the least prime of the decade, and nothing is
  // computed in vain.
  print("stages:    ", {manager.run({1, 10, 12}, primes.stages())});
  // Without an answer the item has failed, unless on_failure has a value for it.
  print("or zero:   ", {manager.run({9, 20}, primes.first_answer().on_failure(0))});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(if_prime);
  return run_manager(argv[0]);
}

// Output:
// all:        | 23 29 | 97 |
// answers(2): | 23 29 | 31 37 | 61 67
// stages:     | 11 101 127
// or zero:    | 0 97
