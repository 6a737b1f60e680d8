// The Collatz function of the examples 02, 05 and 06: how long the orbit of a number is, and how
// high it climbs.
#pragma once

#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <limits>
#include <stdexcept>
#include <stop_token>
#include <tuple>

/// A start, the number of steps from it to 1, and the largest number on the way.
using Orbit = std::tuple<std::int64_t, std::int64_t, std::int64_t>;

inline Orbit collatz(std::int64_t start, const std::stop_token& stop) {
  if (start < 1)
    throw std::invalid_argument("a start must be at least 1, not " + std::to_string(start));
  std::int64_t steps = 0;
  std::int64_t peak = start;
  for (std::int64_t number = start; number != 1; ++steps) {
    if (stop.stop_requested()) break;  // killed: the result does not matter any more
    if (number % 2 == 0) {
      number /= 2;
      continue;
    }
    if (number > (std::numeric_limits<std::int64_t>::max() - 1) / 3)
      throw std::overflow_error("beyond 64 bits");
    number = 3 * number + 1;
    if (number > peak) peak = number;
  }
  return {start, steps, peak};
}

inline int serve_collatz() { return fanmill::serve(fanmill::Functions().add("collatz", collatz)); }
