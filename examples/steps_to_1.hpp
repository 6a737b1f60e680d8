// What the examples on channels compute: how many steps the Collatz rule takes from a number to 1.
#pragma once

#include <cstdint>

inline std::int64_t steps_to_1(std::int64_t start) {
  std::int64_t steps = 0;
  for (std::int64_t n = start; n > 1; ++steps) n = n % 2 == 0 ? n / 2 : 3 * n + 1;
  return steps;
}
