// Link: one end of a socket between two processes of one worker: whole messages, in order, each with
// at most one descriptor.
//
// Nothing here blocks. The other end may be in the hands of user code: what it sends is bytes until
// somebody has unpacked them, and a length beyond `message_bytes_max` ends the link.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/descriptor.hpp"

namespace fanmill::exec {

class Link {
 public:
  // A payload of 1 GiB, the most that a worker takes in one frame, and what goes with it.
  static constexpr std::size_t message_bytes_max = (1U << 30) + (1U << 20);

  /// Two ends; nothing, with errno set, when descriptors run out.
  static std::optional<std::pair<Link, Link>> make_pair();
  /// Takes a socket as `make_pair` makes them, say one that came by another link.
  explicit Link(Descriptor socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  /// Gives the socket up, to be passed on. Nothing may wait in either direction.
  Descriptor release() { return std::move(socket_); }

  /// Queues a message and sends what fits. It stays queued when the other end is gone: `receive`
  /// tells of that.
  void send(std::string_view message, Descriptor passed = {});
  /// Queues a message, in two pieces if that suits; small ones leave together, with the next `flush` or
  /// `send`.
  void queue(std::string_view message, std::string_view rest = {});
  /// Sends more of what is queued.
  void flush();
  /// Whether `flush` has something to do once the socket is writable.
  [[nodiscard]] bool has_unsent() const { return !out_.empty(); }

  struct Message {
    std::string bytes;
    Descriptor passed;
  };
  /// The next whole message, reading as needed. Nothing if there is none yet, or if the link has
  /// ended (`is_over`). Until nothing comes; then again when the socket is readable: there may be
  /// more already.
  std::optional<Message> receive();
  /// The other end is closed, and all that it had sent was received.
  [[nodiscard]] bool is_over() const { return over_; }
  /// The other end will see the end of this one; what it sends can still be received.
  void shut();

 private:
  struct Outgoing {
    std::string bytes;
    Descriptor passed;
    std::size_t sent = 0;
  };
  void append(std::string_view message, std::string_view rest, Descriptor passed);
  bool read_some();

  Descriptor socket_;
  std::deque<Outgoing> out_;
  std::string in_;
  std::size_t in_read_ = 0;  // of in_, already given out
  std::deque<Descriptor> passed_;
  bool read_dry_ = false;  // the last read found no more
  bool ended_ = false;     // no more will be read
  bool over_ = false;
};

}  // namespace fanmill::exec
