// Dealer: a worker's socket, opened afresh for each connection that its core asks for.
//
// A fresh socket drops what the old one had not sent: libzmq would send it over the next
// connection, where it belongs to a session that is over. Given several endpoints (the manager's
// socket on this host, then its port), each opening takes the next one after the one that failed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "base/time.hpp"
#include "codec/codec.hpp"
#include "net/endpoint.hpp"
#include "net/socket_frames.hpp"
#include "net/socket_monitor.hpp"

namespace fanmill::net {

/// A worker obeys its manager, whose frame limit it learns only after connecting: this is against
/// nonsense.
inline constexpr std::size_t worker_frame_bytes_max = 1U << 30;

class Dealer {
 public:
  /// At least one endpoint. Throws FarmError (io_error) when descriptors run out, as `open` does.
  /// Of a context that others use too, nothing here ever waits for what lingers.
  explicit Dealer(std::vector<ResolvedEndpoint> endpoints,
                  std::shared_ptr<zmq::context_t> shared_context = {},
                  std::size_t frame_bytes_max = worker_frame_bytes_max);
  ~Dealer();
  Dealer(const Dealer&) = delete;
  Dealer& operator=(const Dealer&) = delete;

  /// Closes the connection, if there is one, and starts another. Never waits for it.
  void open();
  [[nodiscard]] bool is_open() const { return socket_ != nullptr; }
  /// Nothing happens if it is closed.
  void send(const codec::Frames& frames);
  /// What comes next. The end of the connection (or that it could not be made) is told once, behind
  /// everything that was still read from it.
  enum class Next : std::uint8_t { message, lost, nothing };
  [[nodiscard]] Next receive(ReceivedFrames& into);
  /// Blocks for at most `linger` while what was sent leaves. Idempotent.
  void close(Duration linger);
  /// Of the connection that was made last; -1 if there was none. It may be closed, or another's, by
  /// now.
  [[nodiscard]] int fd() const { return fd_; }

  /// For polling; null while closed.
  [[nodiscard]] void* handle() { return socket_ == nullptr ? nullptr : socket_->handle(); }
  [[nodiscard]] void* monitor_handle() {
    return monitor_ == nullptr ? nullptr : monitor_->handle();
  }

 private:
  [[nodiscard]] bool sees_loss();

  std::vector<ResolvedEndpoint> endpoints_;
  std::size_t current_ = 0;
  bool owns_context_;
  std::shared_ptr<zmq::context_t> context_;
  std::size_t frame_bytes_max_;
  std::unique_ptr<zmq::socket_t> socket_;
  std::unique_ptr<SocketMonitor> monitor_;
  int fd_ = -1;
  enum class Loss : std::uint8_t { none, seen, told };
  Loss loss_ = Loss::none;  // of this opening
};

}  // namespace fanmill::net
