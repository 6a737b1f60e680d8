// Waiting for sockets and descriptors.
#pragma once

#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <span>

#include "base/assert.hpp"
#include "base/time.hpp"

namespace fanmill::net {

/// Until one of `items` is ready or `limit` has passed, rounded up to milliseconds. A signal ends
/// it early; then none is ready.
inline void poll(std::span<zmq_pollitem_t> items, Duration limit) {
  constexpr std::int64_t longest_ms = 60'000;
  const std::int64_t limit_ms = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  const auto timeout_ms = static_cast<long>(std::clamp<std::int64_t>(limit_ms, 0, longest_ms));
  if (zmq_poll(items.data(), static_cast<int>(items.size()), timeout_ms) >= 0) return;
  FANMILL_ASSERT(zmq_errno() == EINTR, zmq_strerror(zmq_errno()));
  for (zmq_pollitem_t& item : items) item.revents = 0;
}

}  // namespace fanmill::net
