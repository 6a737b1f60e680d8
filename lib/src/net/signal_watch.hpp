// SignalWatch: SIGTERM and SIGINT as a readable descriptor, while this object lives.
//
// One at a time in a process; the handlers that stood before are put back.
#pragma once

#include <csignal>

#include "base/wakeup.hpp"

namespace fanmill::net {

class SignalWatch {
 public:
  /// Another one must not exist.
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// Readable once a signal came.
  [[nodiscard]] int fd() const { return wakeup_.fd(); }
  void clear() const { wakeup_.clear(); }

 private:
  Wakeup wakeup_;
  sigset_t mask_before_{};
  struct sigaction terminate_before_ {};
  struct sigaction interrupt_before_ {};
};

}  // namespace fanmill::net
