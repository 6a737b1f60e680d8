// Inlet: a bounded queue through which other threads feed a run.
//
// For inputs that arrive in their own time (a socket, a pipe, a directory that is watched): one
// thread or several push, `Manager::run` takes, and neither waits for the other longer than it
// must. A range would hold up the results while it waits for its next element; an Inlet does not.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

namespace fanmill::inline v0 {

/// A bounded queue from other threads to a run. It stays the caller's and must outlive the run and
/// every thread that pushes. A run that ends with an exception leaves it open, so whoever started
/// the threads closes it then.
template <typename Item>
class Inlet {
 public:
  /// Holds at most `capacity` items (at least 1) that the run has not yet taken.
  explicit Inlet(std::size_t capacity = 1024) : capacity_(capacity == 0 ? 1 : capacity) {}
  Inlet(const Inlet&) = delete;
  Inlet& operator=(const Inlet&) = delete;

  /// From any thread. Once the inlet is full, waits until it is half empty. False, and the item is
  /// dropped, once it is closed.
  bool push(Item item) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closed_ || !full_; });
    if (closed_) return false;
    items_.push_back(std::move(item));
    full_ = items_.size() >= capacity_;
    if (wake_) wake_();
    return true;
  }

  /// From any thread: no more items will come. The run ends when it has worked on those that are
  /// there.
  void close() { end(false); }
  /// As `close`, but items that the run has not yet taken are dropped.
  void discard() { end(true); }

  /// For the run, which is one at a time: `wake` is called, under the inlet's lock, when there is
  /// something to take or the end has come. Empty: nobody listens.
  void listen(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }
  /// For the run: the oldest item, if there is one.
  std::optional<Item> take() {
    const std::lock_guard lock(mutex_);
    if (items_.empty()) return std::nullopt;
    std::optional<Item> item(std::move(items_.front()));
    items_.pop_front();
    // Not for each: a thread that is woken for every item costs more than most items.
    if (full_ && items_.size() <= capacity_ / 2) {
      full_ = false;
      room_.notify_all();
    }
    return item;
  }
  /// For the run: whether it is closed and empty.
  [[nodiscard]] bool ended() {
    const std::lock_guard lock(mutex_);
    return closed_ && items_.empty();
  }

 private:
  void end(bool drop) {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (drop) items_.clear();
    room_.notify_all();
    if (wake_) wake_();
  }

  std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable room_;
  bool full_ = false;  // until it is half empty
  std::deque<Item> items_;
  std::function<void()> wake_;
  bool closed_ = false;
};

}  // namespace fanmill::inline v0
