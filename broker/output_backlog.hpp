// OutputBacklog: how many bytes of output wait for the turn of their items. While they are too
// many, the input is not read on: an item that takes long must not fill the memory with what comes
// behind it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace fanmill::broker {

class OutputBacklog {
 public:
  // As many as wait in a run whose results are ordered by the library.
  static constexpr std::size_t bytes_max = std::size_t{256} << 20;

  void add(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    bytes_ += bytes;
  }
  void remove(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    bytes_ -= bytes;
    room_.notify_all();
  }
  /// Waits while there are too many bytes. From any thread.
  void wait_for_room() {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closed_ || bytes_ <= bytes_max; });
  }
  /// Nobody waits any more. From any thread.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    room_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable room_;
  std::size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace fanmill::broker
