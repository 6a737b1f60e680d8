// ChannelPort and ListenerPort: what a program's threads and the channels' loop share.
//
// The program's side blocks on a condition variable, never on a socket. Each side tells the other
// only what it waits for: the loop is woken when its outbox was empty or half a window was read.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <fanmill/error.hpp>
#include <fanmill/payload.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/ready_signal.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "core/channel_end.hpp"

namespace fanmill::net {

/// When a wait ends; nothing for never.
using WaitLimit = std::optional<std::chrono::steady_clock::time_point>;
/// Negative counts as 0; what is beyond the clock's range as never.
[[nodiscard]] WaitLimit wait_limit(Duration limit);

struct ChannelPortOptions {
  std::uint64_t window_objects = 1;
  std::uint64_t window_bytes = 1;
  std::uint64_t outbox_objects_max = 1;
  std::uint64_t outbox_bytes_max = 1;
};

class ChannelPort {
 public:
  enum class State : std::uint8_t { opening, open, ended, lost };
  /// What is known once a channel is open; empty and 0 before.
  struct Facts {
    std::uint32_t speech = 0;
    std::uint64_t object_bytes_max = 0;
    std::string own_address;
    std::string peer_address;
  };
  struct End {
    State state = State::opening;
    ErrorCode code = ErrorCode::connection_lost;
    std::string words;
  };

  explicit ChannelPort(const ChannelPortOptions& options);
  ChannelPort(const ChannelPort&) = delete;
  ChannelPort& operator=(const ChannelPort&) = delete;

  // ---- The program's side; any thread. What returns `wake` wants the loop to look at this port.

  /// Whether it is open, or was before it was over; waits until that is known.
  [[nodiscard]] bool wait_open(const WaitLimit& limit);
  [[nodiscard]] State state() const;
  [[nodiscard]] Facts facts() const;
  [[nodiscard]] End end() const;

  struct Take {
    std::optional<Payload> payload;
    bool over = false;  // without a payload: nothing will come any more; else the time ran out
    bool wake = false;
  };
  [[nodiscard]] Take take(const WaitLimit& limit);

  struct Put {
    enum class What : std::uint8_t { queued, full, over, too_large } what = What::queued;
    bool wake = false;
    std::uint64_t bytes_max = 0;  // too_large
  };
  /// Waits for room in the outbox; `always`: does not need any.
  [[nodiscard]] Put put(Payload payload, const WaitLimit& limit, bool always);
  /// Whether nothing is in the outbox. False if the channel is over, too.
  [[nodiscard]] bool wait_sent(const WaitLimit& limit);

  /// Returns whether the loop is to look; false if it is closing already or over.
  [[nodiscard]] bool close(Duration linger);
  /// Whether it is over, and all that was written was sent, and the other end said goodbye.
  [[nodiscard]] bool wait_over(const WaitLimit& limit);
  /// The program has no more use for the descriptors.
  void close_descriptors();

  [[nodiscard]] bool is_readable() const;
  [[nodiscard]] bool is_writable() const;
  [[nodiscard]] int readable_fd();
  [[nodiscard]] int writable_fd();

  // ---- The loop's side.

  struct Orders {
    std::vector<Payload> written;
    std::uint64_t objects_read = 0;
    std::uint64_t bytes_read = 0;
    std::optional<Duration> close;
  };
  /// What the program wants since the last call.
  [[nodiscard]] Orders orders();
  void opened(Facts facts);
  void deliver(Payload&& payload);
  void sent(std::uint64_t objects, std::uint64_t bytes);
  void over(End end);

  /// Whether it stands in the loop's list of those that have orders.
  std::atomic<bool> is_listed = false;
  /// Come by a listener: whether a program has it, or need not any more.
  std::atomic<bool> is_accepted = false;
  /// What came before; its listener's mutex guards it.
  std::uint64_t unaccepted_bytes = 0;

 private:
  [[nodiscard]] bool is_over() const { return end_.state >= State::ended; }
  template <typename Condition>
  bool wait(std::unique_lock<std::mutex>& lock, const WaitLimit& limit, Condition condition);
  void update();

  const ChannelPortOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  End end_;
  bool was_open_ = false;
  Facts facts_;
  std::deque<Payload> inbox_;
  std::uint64_t objects_read_ = 0;  // not told to the loop
  std::uint64_t bytes_read_ = 0;
  std::vector<Payload> written_;  // not taken by the loop
  std::uint64_t outbox_objects_ = 0;
  std::uint64_t outbox_bytes_ = 0;
  bool is_closing_ = false;
  std::optional<Duration> close_;  // not told to the loop
  ReadySignal readable_;
  ReadySignal writable_;
};

class ListenerPort {
 public:
  /// Waits for a channel. Null if none came in time, or if it was closed.
  [[nodiscard]] std::shared_ptr<ChannelPort> accept(const WaitLimit& limit);
  [[nodiscard]] bool is_closed() const;
  [[nodiscard]] int fd();
  /// Returns those that nobody has accepted.
  [[nodiscard]] std::deque<std::shared_ptr<ChannelPort>> close();

  void close_descriptor();

  /// The loop's: false if it was closed.
  [[nodiscard]] bool offer(std::shared_ptr<ChannelPort> channel);
  /// So many bytes came for it. Whether all that came for channels that nobody has accepted is
  /// within the limit.
  [[nodiscard]] bool count(ChannelPort& channel, std::uint64_t bytes);
  /// It is lost: nobody need accept it.
  void withdraw(ChannelPort& channel);
  [[nodiscard]] std::size_t waiting() const;

 private:
  void leave_queue(ChannelPort& channel);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<ChannelPort>> channels_;
  std::uint64_t unaccepted_bytes_ = 0;  // the sum of theirs
  bool is_closed_ = false;
  ReadySignal ready_;
};

}  // namespace fanmill::net
