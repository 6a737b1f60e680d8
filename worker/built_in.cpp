#include "built_in.hpp"

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <fanmill/object.hpp>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <stop_token>

namespace fanmill::worker {
namespace {

/// A year: more would be a slip, and far below what a nanosecond clock can add.
constexpr double sleep_seconds_max = 365.0 * 86400.0;

Payload echo(const Payload& item) { return item; }

/// Gives the item back as it came (1 stays 1, not 1.0), after that many seconds.
Payload sleep(const Payload& item, const std::stop_token& stop) {
  const double seconds = decode<double>(item);
  if (!(seconds >= 0.0 && seconds <= sleep_seconds_max)) {
    throw std::invalid_argument("sleep takes seconds from 0 to a year, got " +
                                std::to_string(seconds));
  }
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, std::chrono::duration<double>(seconds), [] { return false; });
  // Its result would be dropped; as a failure it can't be mistaken for a full sleep.
  if (stop.stop_requested()) throw std::runtime_error("stopped before its time was over");
  return item;
}

/// [n, steps to 1, highest number on the way].
std::array<std::uint64_t, 3> collatz(std::uint64_t start) {
  if (start == 0) throw std::invalid_argument("collatz takes a number from 1 on, got 0");
  constexpr std::uint64_t odd_max = (std::numeric_limits<std::uint64_t>::max() - 1) / 3;
  std::uint64_t steps = 0;
  std::uint64_t peak = start;
  for (std::uint64_t n = start; n != 1; ++steps) {
    if (n % 2 == 0) {
      n /= 2;
      continue;
    }
    if (n > odd_max) {
      throw std::overflow_error("the path of " + std::to_string(start) + " leaves 64 bits after " +
                                std::to_string(steps) + " steps");
    }
    n = 3 * n + 1;
    if (n > peak) peak = n;
  }
  return {start, steps, peak};
}

}  // namespace

std::vector<BuiltIn> built_in_functions() {
  return {
      {"echo", "gives each item back", echo},
      {"sleep", "takes a number of seconds, gives it back after that time", sleep},
      {"collatz", "takes n, gives [n, steps to 1, highest number on the way]", collatz},
  };
}

}  // namespace fanmill::worker
