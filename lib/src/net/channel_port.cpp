#include "net/channel_port.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "core/limits.hpp"

namespace fanmill::net {

WaitLimit wait_limit(Duration limit) {
  const auto now = std::chrono::steady_clock::now();
  if (limit >= std::chrono::steady_clock::time_point::max() - now) return {};
  return now + std::max(limit, Duration::zero());
}

ChannelPort::ChannelPort(const ChannelPortOptions& options) : options_(options) { update(); }

template <typename Condition>
bool ChannelPort::wait(std::unique_lock<std::mutex>& lock, const WaitLimit& limit,
                       Condition condition) {
  if (limit) return changed_.wait_until(lock, *limit, condition);
  changed_.wait(lock, condition);
  return true;
}

// To be called whenever something has changed that somebody may wait for.
void ChannelPort::update() {
  readable_.set(!inbox_.empty() || is_over() || is_closing_);
  writable_.set(outbox_objects_ == 0 || is_over());
  changed_.notify_all();
}

bool ChannelPort::wait_open(const WaitLimit& limit) {
  std::unique_lock lock(mutex_);
  wait(lock, limit, [this] { return end_.state != State::opening; });
  return was_open_;
}

ChannelPort::State ChannelPort::state() const {
  const std::lock_guard lock(mutex_);
  return end_.state;
}

ChannelPort::Facts ChannelPort::facts() const {
  const std::lock_guard lock(mutex_);
  return facts_;
}

ChannelPort::End ChannelPort::end() const {
  const std::lock_guard lock(mutex_);
  return end_;
}

ChannelPort::Take ChannelPort::take(const WaitLimit& limit) {
  std::unique_lock lock(mutex_);
  // Who has closed takes nothing any more, not even while the goodbye is under way.
  wait(lock, limit, [this] { return !inbox_.empty() || is_over() || is_closing_; });
  if (inbox_.empty()) return {.payload = {}, .over = is_over() || is_closing_};
  Take taken{.payload = std::move(inbox_.front())};
  inbox_.pop_front();
  objects_read_ += 1;
  bytes_read_ += taken.payload->bytes.size();
  taken.wake =
      !is_over() && (objects_read_ >= std::max<std::uint64_t>(options_.window_objects / 2, 1) ||
                     bytes_read_ >= std::max<std::uint64_t>(options_.window_bytes / 2, 1));
  readable_.set(!inbox_.empty() || is_over());
  return taken;
}

ChannelPort::Put ChannelPort::put(Payload payload, const WaitLimit& limit, bool always) {
  std::unique_lock lock(mutex_);
  const auto has_room = [this] {
    return outbox_objects_ < options_.outbox_objects_max &&
           outbox_bytes_ < options_.outbox_bytes_max;
  };
  const bool ready =
      always || wait(lock, limit, [&] { return is_over() || is_closing_ || has_room(); });
  if (is_over() || is_closing_) return {.what = Put::What::over};
  if (!ready) return {.what = Put::What::full};
  const std::uint64_t bytes = payload.bytes.size();
  // Before it is open nobody knows; then the loop finds it too large.
  if (end_.state == State::open && bytes > facts_.object_bytes_max) {
    return {.what = Put::What::too_large, .bytes_max = facts_.object_bytes_max};
  }
  outbox_objects_ += 1;
  outbox_bytes_ += bytes;
  written_.push_back(std::move(payload));
  writable_.set(false);
  return {.what = Put::What::queued, .wake = true};
}

bool ChannelPort::wait_sent(const WaitLimit& limit) {
  std::unique_lock lock(mutex_);
  wait(lock, limit, [this] { return outbox_objects_ == 0 || is_over(); });
  return outbox_objects_ == 0 && !is_over();
}

bool ChannelPort::close(Duration linger) {
  const std::lock_guard lock(mutex_);
  if (is_over() || is_closing_) return false;
  is_closing_ = true;
  close_ = linger;
  inbox_.clear();
  update();
  return true;
}

bool ChannelPort::wait_over(const WaitLimit& limit) {
  std::unique_lock lock(mutex_);
  wait(lock, limit, [this] { return is_over(); });
  return end_.state == State::ended && outbox_objects_ == 0;
}

void ChannelPort::close_descriptors() {
  const std::lock_guard lock(mutex_);
  readable_.close();
  writable_.close();
}

bool ChannelPort::is_readable() const {
  const std::lock_guard lock(mutex_);
  return readable_.holds();
}

bool ChannelPort::is_writable() const {
  const std::lock_guard lock(mutex_);
  return writable_.holds();
}

int ChannelPort::readable_fd() {
  const std::lock_guard lock(mutex_);
  return readable_.fd();
}

int ChannelPort::writable_fd() {
  const std::lock_guard lock(mutex_);
  return writable_.fd();
}

ChannelPort::Orders ChannelPort::orders() {
  const std::lock_guard lock(mutex_);
  return {.written = std::exchange(written_, {}),
          .objects_read = std::exchange(objects_read_, 0),
          .bytes_read = std::exchange(bytes_read_, 0),
          .close = std::exchange(close_, {})};
}

void ChannelPort::opened(Facts facts) {
  const std::lock_guard lock(mutex_);
  facts_ = std::move(facts);
  was_open_ = true;
  end_.state = State::open;
  update();
}

void ChannelPort::deliver(Payload&& payload) {
  const std::lock_guard lock(mutex_);
  if (is_closing_) return;  // the loop will hear of it in its next turn
  inbox_.push_back(std::move(payload));
  update();
}

void ChannelPort::sent(std::uint64_t objects, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  FANMILL_ASSERT(objects <= outbox_objects_ && bytes <= outbox_bytes_, objects, bytes);
  outbox_objects_ -= objects;
  outbox_bytes_ -= bytes;
  update();
}

void ChannelPort::over(End end) {
  const std::lock_guard lock(mutex_);
  FANMILL_ASSERT(end.state >= State::ended);
  end_ = std::move(end);
  written_.clear();
  update();
}

std::shared_ptr<ChannelPort> ListenerPort::accept(const WaitLimit& limit) {
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return !channels_.empty() || is_closed_; };
  if (limit) {
    changed_.wait_until(lock, *limit, ready);
  } else {
    changed_.wait(lock, ready);
  }
  if (channels_.empty()) return {};
  std::shared_ptr<ChannelPort> first = std::move(channels_.front());
  channels_.pop_front();
  leave_queue(*first);
  ready_.set(!channels_.empty() || is_closed_);
  return first;
}

bool ListenerPort::is_closed() const {
  const std::lock_guard lock(mutex_);
  return is_closed_;
}

int ListenerPort::fd() {
  const std::lock_guard lock(mutex_);
  return ready_.fd();
}

void ListenerPort::close_descriptor() {
  const std::lock_guard lock(mutex_);
  ready_.close();
}

void ListenerPort::leave_queue(ChannelPort& channel) {
  channel.is_accepted.store(true);
  unaccepted_bytes_ -= std::exchange(channel.unaccepted_bytes, 0);
}

bool ListenerPort::count(ChannelPort& channel, std::uint64_t bytes) {
  if (channel.is_accepted.load()) return true;
  const std::lock_guard lock(mutex_);
  if (channel.is_accepted.load()) return true;
  channel.unaccepted_bytes += bytes;
  unaccepted_bytes_ += bytes;
  return unaccepted_bytes_ <= limits::channel_unaccepted_bytes_max;
}

void ListenerPort::withdraw(ChannelPort& channel) {
  if (channel.is_accepted.load()) return;
  const std::lock_guard lock(mutex_);
  if (channel.is_accepted.load()) return;
  leave_queue(channel);
  std::erase_if(channels_, [&](const auto& waiting) { return waiting.get() == &channel; });
  ready_.set(!channels_.empty() || is_closed_);
}

std::deque<std::shared_ptr<ChannelPort>> ListenerPort::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  ready_.set(true);
  changed_.notify_all();
  for (const auto& channel : channels_) leave_queue(*channel);
  return std::exchange(channels_, {});
}

bool ListenerPort::offer(std::shared_ptr<ChannelPort> channel) {
  const std::lock_guard lock(mutex_);
  if (is_closed_) return false;
  channels_.push_back(std::move(channel));
  ready_.set(true);
  changed_.notify_all();
  return true;
}

std::size_t ListenerPort::waiting() const {
  const std::lock_guard lock(mutex_);
  return channels_.size();
}

}  // namespace fanmill::net
