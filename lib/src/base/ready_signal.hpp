// ReadySignal: a descriptor that is readable exactly while something holds, for poll loops of the
// caller's own. It costs nothing until somebody asks for it.
//
// Not thread-safe: whoever has it guards it with what guards the condition.
#pragma once

#include <optional>

#include "base/wakeup.hpp"

namespace fanmill {

class ReadySignal {
 public:
  void set(bool holds) noexcept {
    if (holds == holds_) return;
    holds_ = holds;
    if (!wakeup_) return;
    if (holds) {
      wakeup_->signal();
    } else {
      wakeup_->clear();
    }
  }
  [[nodiscard]] bool holds() const noexcept { return holds_; }

  /// Made at the first call; it stays the same. Throws FarmError (io_error) when the process has no
  /// descriptor left.
  [[nodiscard]] int fd() {
    if (!wakeup_) {
      wakeup_.emplace();
      if (holds_) wakeup_->signal();
    }
    return wakeup_->fd();
  }
  /// Closes the descriptor; whoever waits for it no longer does.
  void close() noexcept { wakeup_.reset(); }

 private:
  bool holds_ = false;
  std::optional<Wakeup> wakeup_;
};

}  // namespace fanmill
