#include "api/inbox.hpp"

#include <utility>

#include "base/spin.hpp"

namespace fanmill::api {

void Inbox::deliver(core::Deliveries& deliveries) {
  const std::lock_guard lock(mutex_);
  contents_.deliveries.append(deliveries);
}

void Inbox::wake_reader() {
  std::unique_lock lock(mutex_);
  if (!empty()) wake(lock);
}

void Inbox::fail(Error error) {
  std::unique_lock lock(mutex_);
  if (!contents_.error) contents_.error = std::move(error);
  wake(lock);
}

void Inbox::drain() {
  std::unique_lock lock(mutex_);
  contents_.drain = true;
  wake(lock);
}

void Inbox::workers_ended() {
  std::unique_lock lock(mutex_);
  contents_.workers_ended = true;
  wake(lock);
}

void Inbox::nudge() {
  std::unique_lock lock(mutex_);
  contents_.nudged = true;
  wake(lock);
}

void Inbox::wake(std::unique_lock<std::mutex>& lock) {
  told_ = true;
  // Waking costs a system call; a thread that is not asleep looks by itself.
  if (!std::exchange(waited_for_, false)) return;
  lock.unlock();
  wake_.notify_one();
}

void Inbox::take(Contents& contents, bool block) {
  contents.deliveries.clear();
  contents.error.reset();
  contents.drain = false;
  contents.workers_ended = false;
  contents.nudged = false;
  if (block && spin_ > Duration::zero()) (void)spin_until(spin_, [&] { return told_.load(); });
  std::unique_lock lock(mutex_);
  told_ = false;
  while (block && empty()) {
    waited_for_ = true;
    wake_.wait(lock);
  }
  waited_for_ = false;
  std::swap(contents, contents_);
}

void ChangeCounter::bump() {
  {
    const std::lock_guard lock(mutex_);
    count_ += 1;
  }
  wake_.notify_all();
}

std::uint64_t ChangeCounter::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

bool ChangeCounter::wait_beyond(std::uint64_t seen,
                                std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return wake_.wait_until(lock, deadline, [&] { return count_ != seen; });
}

}  // namespace fanmill::api
