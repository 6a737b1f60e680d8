// AttemptStarts: when and where the attempts of undecided items were given to workers.
//
// Of a command that is killed nobody tells how long it ran: its worker only says that it is gone.
// The manager's events do, on a thread of their own and so at times a little late; then nothing is
// known.
#pragma once

#include <chrono>
#include <cstdint>
#include <fanmill/observer.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace fanmill::broker {

struct AttemptStart {
  std::string host;
  double time = 0;  // seconds since 1970
};

class AttemptStarts {
 public:
  /// From any thread.
  void saw(const Event& event) {
    if (event.kind != Event::Kind::task_assigned) return;
    const std::chrono::duration<double> time = event.time.time_since_epoch();
    const std::lock_guard lock(mutex_);
    starts_[{event.item, event.task}] = {event.worker.substr(0, event.worker.rfind(':')),
                                         time.count()};
  }

  /// The last attempt at a task, both numbered from 0.
  [[nodiscard]] std::optional<AttemptStart> of(std::uint64_t item, std::uint32_t task) {
    const std::lock_guard lock(mutex_);
    const auto found = starts_.find({item, task});
    if (found == starts_.end()) return std::nullopt;
    return found->second;
  }

  /// The item is decided.
  void forget(std::uint64_t item) {
    const std::lock_guard lock(mutex_);
    starts_.erase(starts_.lower_bound({item, 0}), starts_.lower_bound({item + 1, 0}));
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, AttemptStart> starts_;
};

}  // namespace fanmill::broker
