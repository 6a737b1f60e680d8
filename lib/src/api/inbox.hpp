// Inbox: where the loop's thread leaves what the thread that called `run` waits for. The only place
// where the two meet, beside ManagerLoop's own queue.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "core/hand_over.hpp"

namespace fanmill::api {

class Inbox {
 public:
  explicit Inbox(Duration spin = {}) : spin_(spin) {}

  struct Contents {
    core::Deliveries deliveries;
    std::optional<Error> error;  // the run must end for it
    bool drain = false;          // the run must end when what has begun is finished
    bool nudged = false;         // the input has something to take, or has ended
    bool workers_ended =
        false;  // started workers will not come back; whether others are there must be looked at
  };

  /// From the thread that has the loop's turn: its deliveries; leaves none but memory for the next.
  /// Whoever waits is woken by `wake_reader`.
  void deliver(core::Deliveries& deliveries);
  void wake_reader();
  /// From any thread; kept for the next run if none is under way.
  void fail(Error error);
  void drain();
  void workers_ended();
  void nudge();

  /// Moves all there is into `contents`, whose list keeps its memory. With `block`: waits until
  /// there is something, first for `spin` without sleeping.
  void take(Contents& contents, bool block);

 private:
  [[nodiscard]] bool empty() const {
    return contents_.deliveries.empty() && !contents_.error && !contents_.drain &&
           !contents_.workers_ended && !contents_.nudged;
  }
  void wake(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable wake_;
  Contents contents_;
  bool waited_for_ = false;
  const Duration spin_;
  std::atomic<bool> told_ = false;  // that there is something; looked at while spinning
};

/// Counts something that others wait for: here, how often workers came or went.
class ChangeCounter {
 public:
  void bump();
  [[nodiscard]] std::uint64_t count() const;
  /// Waits until the count is not `seen` or it is `deadline`; false if the time is up.
  bool wait_beyond(std::uint64_t seen, std::chrono::steady_clock::time_point deadline);

 private:
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::uint64_t count_ = 0;
};

}  // namespace fanmill::api
