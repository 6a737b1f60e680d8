// Wakeup: an eventfd by which one thread (or a signal handler) wakes a loop that polls it.
//
// `signal` is cheap but a system call: callers give it once per batch, when their queue was empty.
#pragma once

#include "base/descriptor.hpp"

namespace fanmill {

class Wakeup {
 public:
  /// Throws FarmError (io_error) when the process has no descriptor left.
  Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  /// Readable from `signal` until `clear`.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// Any thread; also from a signal handler.
  void signal() const noexcept;
  /// Clear first and look at the queue then: the other order misses what comes between.
  void clear() const noexcept;

 private:
  Descriptor fd_;
};

}  // namespace fanmill
