// The farm's clock, read: the only place where an Instant is made outside of tests.
#pragma once

#include <chrono>

#include "base/time.hpp"

namespace fanmill::net {

/// Steady: counts on while the wall clock jumps. On Linux it stands still while the machine is
/// suspended.
inline Instant steady_now() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

}  // namespace fanmill::net
