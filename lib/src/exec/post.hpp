// Post: a keeper's way to its worker. Reports lie in the link's socket until the worker is woken, which
// costs both of them, and the manager, more than a short task does.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/descriptor.hpp"
#include "base/wakeup.hpp"
#include "exec/link.hpp"
#include "exec/orders.hpp"

namespace fanmill::exec {

/// The end of a short task may be told so much later, while others follow.
inline constexpr std::chrono::milliseconds gather_time{5};

class Post {
 public:
  using Clock = std::chrono::steady_clock;

  /// `bell` wakes the worker up to read the link.
  Post(Link link, const Wakeup& bell) : link_(std::move(link)), bell_(bell) {}

  [[nodiscard]] Link& link() { return link_; }
  [[nodiscard]] const Link& link() const { return link_; }

  /// For the worker to read at once, with all that waits.
  void tell(const Report& report, Descriptor passed = {});
  /// Others follow, by which the worker will be woken: after `gather_time` at the latest.
  void tell_in_time(const Report& report);
  /// One of several, packed, until `ring`.
  void add(std::string_view packed) { link_.queue(packed); }
  /// The worker reads all that there is.
  void ring();
  void ring_if_unread() {
    if (unread_since_) ring();
  }

  /// When it has to be rung, if it has.
  [[nodiscard]] std::optional<Clock::time_point> due() const;
  void ring_if_due();

 private:
  [[nodiscard]] bool is_read() const;

  Link link_;
  const Wakeup& bell_;
  // Since when the worker has not read what was told, and was not woken for it.
  std::optional<Clock::time_point> unread_since_;
};

}  // namespace fanmill::exec
