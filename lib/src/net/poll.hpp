// Waiting for sockets and descriptors.
#pragma once

#include <poll.h>
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <span>

#include "base/assert.hpp"
#include "base/spin.hpp"
#include "base/time.hpp"

namespace fanmill::net {

namespace detail {

inline int poll_timeout_ms(Duration limit) {
  constexpr std::int64_t longest_ms = 60'000;
  const std::int64_t limit_ms = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  return static_cast<int>(std::clamp<std::int64_t>(limit_ms, 0, longest_ms));
}

}  // namespace detail

/// Until one of `items` is ready or `limit` has passed, rounded up to milliseconds. A signal ends
/// it early; then none is ready.
inline void poll(std::span<zmq_pollitem_t> items, Duration limit) {
  const int timeout_ms = detail::poll_timeout_ms(limit);
  if (zmq_poll(items.data(), static_cast<int>(items.size()), timeout_ms) >= 0) return;
  FANMILL_ASSERT(zmq_errno() == EINTR, zmq_strerror(zmq_errno()));
  for (zmq_pollitem_t& item : items) item.revents = 0;
}

/// The same for descriptors alone.
inline void poll_descriptors(std::span<pollfd> items, Duration limit) {
  if (::poll(items.data(), items.size(), detail::poll_timeout_ms(limit)) >= 0) return;
  FANMILL_ASSERT(errno == EINTR, errno);
  for (pollfd& item : items) item.revents = 0;
}

/// The same, but looks for `spin` without sleeping before it sleeps. Whether one is ready.
inline bool spin_and_poll(std::span<pollfd> items, Duration limit, Duration spin) {
  const auto is_ready = [&] {
    poll_descriptors(items, Duration::zero());
    return std::any_of(items.begin(), items.end(),
                       [](const pollfd& item) { return item.revents != 0; });
  };
  if (spin > Duration::zero()) {
    const Duration spins = std::min(spin, limit);
    if (spin_until(spins, is_ready)) return true;
    limit -= spins;
  }
  poll_descriptors(items, limit);
  return std::any_of(items.begin(), items.end(),
                     [](const pollfd& item) { return item.revents != 0; });
}

}  // namespace fanmill::net
