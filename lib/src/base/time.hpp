// Instants and durations. The farm's clock has no now(): only the shell and the simulator can make
// an Instant, and everything below them is told the time (STYLE.md, pair 2). Steady time only: wall
// clocks jump.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace fanmill {

struct FarmClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<FarmClock>;
  static constexpr bool is_steady = true;
};

using Duration = FarmClock::duration;
using Instant = FarmClock::time_point;

/// The sum, or the longest duration there is (292 years): many workers add up fast, and what a
/// worker says may be anything.
constexpr Duration saturating_add(Duration a, Duration b) {
  return b > Duration::max() - a ? Duration::max() : a + b;
}

/// When `wait` has passed; nothing for never, beyond the clock's range.
constexpr std::optional<Instant> instant_after(Instant now, Duration wait) {
  if (wait > Instant::max() - std::max(now, Instant{})) return {};
  return now + wait;
}

}  // namespace fanmill
