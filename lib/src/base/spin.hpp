// Waiting without sleeping, for a while: looks again and again, and lets other threads of its core run
// between two looks.
#pragma once

#include <sched.h>

#include <chrono>

#include "base/time.hpp"

namespace fanmill {

/// Until `is_ready()`, but not longer than `limit`; 0: looks once. Whether it was.
template <typename IsReady>
bool spin_until(Duration limit, const IsReady& is_ready) {
  if (is_ready()) return true;
  if (limit <= Duration::zero()) return false;
  const auto end = std::chrono::steady_clock::now() + limit;
  do {
    ::sched_yield();
    if (is_ready()) return true;
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace fanmill
