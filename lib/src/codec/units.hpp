// Durations as the wire counts them: whole milliseconds or microseconds.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

#include "base/time.hpp"

namespace fanmill::codec {

// In whole Units, rounded up so that a short time never becomes 0, which means "none" in most
// fields.
template <typename Number, typename Unit>
Number count_of(Duration duration) {
  const auto count = std::max<std::int64_t>(std::chrono::ceil<Unit>(duration).count(), 0);
  const std::uint64_t limit = std::numeric_limits<Number>::max();
  return static_cast<Number>(std::min(static_cast<std::uint64_t>(count), limit));
}
inline std::uint32_t milliseconds_of(Duration duration) {
  return count_of<std::uint32_t, std::chrono::milliseconds>(duration);
}
inline std::uint64_t microseconds_of(Duration duration) {
  return count_of<std::uint64_t, std::chrono::microseconds>(duration);
}

/// How long something took is only said: an absurd number is not worth a session.
inline Duration from_microseconds(std::uint64_t count) {
  constexpr std::uint64_t most = std::numeric_limits<Duration::rep>::max() / 1000;
  return std::chrono::microseconds(static_cast<std::int64_t>(std::min(count, most)));
}

}  // namespace fanmill::codec
