// Dealer: a worker's socket, opened afresh for each connection that its core asks for.
//
// A fresh socket drops what the old one had not sent: libzmq would send it over the next
// connection, where it belongs to a session that is over. Given several endpoints (the manager's
// socket on this host, then its port), each opening takes the next one after the one that failed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "base/time.hpp"
#include "codec/codec.hpp"
#include "core/limits.hpp"
#include "net/curve_key.hpp"
#include "net/endpoint.hpp"
#include "net/socket_frames.hpp"
#include "net/socket_monitor.hpp"
#include "net/socket_watch.hpp"

namespace fanmill::net {

/// What a worker shows a manager with keys, and knows it by.
struct ClientKeys {
  PublicKey server;
  std::shared_ptr<const KeyPair> own;  // never null
};

struct DealerOptions {
  /// Null for one of its own. Of a context that others use too, nothing here ever waits for what
  /// lingers.
  std::shared_ptr<zmq::context_t> shared_context;
  std::size_t frame_bytes_max = limits::worker_frame_bytes_max;
  /// For endpoints of tcp; nothing: they are not encrypted.
  std::optional<ClientKeys> keys;
};

class Dealer {
 public:
  /// At least one endpoint. Throws FarmError (io_error) when descriptors run out, as `open` does.
  explicit Dealer(std::vector<ResolvedEndpoint> endpoints, DealerOptions options = {});
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
  /// For whoever polls the descriptors: what the coming calls of `receive` need not look at.
  struct Silent {
    bool socket = false;
    bool monitor = false;
  };
  void set_silent(Silent silent) { silent_ = silent; }
  [[nodiscard]] Next receive(ReceivedFrames& into);
  /// Whether a connection was made since this was asked last, and not lost again. Told by `receive`.
  [[nodiscard]] bool take_connected() { return std::exchange(is_connection_new_, false); }
  /// Why there is no connection, once for each time that the reason changes; nothing while there is
  /// one. libzmq goes on trying in all cases.
  enum class Trouble : std::uint8_t {
    not_there,       // nobody listens
    not_understood,  // the handshake broke: another server key than ours, or none, or no ZeroMQ
    key_refused,     // it knows our key, and that we may not enter
    other_user,      // by ipc, a process of another user listens
  };
  [[nodiscard]] std::optional<Trouble> take_trouble();
  /// The reason now; nothing if there is none, or a connection was made since.
  [[nodiscard]] std::optional<Trouble> trouble() const { return trouble_; }
  /// Whether this opening came as far as a handshake that was done: what was sent may leave.
  [[nodiscard]] bool was_accepted() const { return was_accepted_; }
  /// Where it was seen.
  [[nodiscard]] const std::string& troubled_endpoint() const { return troubled_endpoint_; }
  /// Blocks for at most `linger` while what was sent leaves. Idempotent.
  void close(Duration linger);
  /// Of the connection that was made last; -1 if there was none. It may be closed, or another's, by
  /// now.
  [[nodiscard]] int fd() const { return fd_; }

  /// For polling; null while closed.
  [[nodiscard]] void* handle() { return socket_ == nullptr ? nullptr : socket_->handle(); }
  /// Only while it is open.
  [[nodiscard]] SocketWatch& watch() { return *watch_; }
  [[nodiscard]] SocketWatch& monitor_watch() { return monitor_->watch(); }
  [[nodiscard]] void* monitor_handle() {
    return monitor_ == nullptr ? nullptr : monitor_->handle();
  }

 private:
  [[nodiscard]] bool takes_message(ReceivedFrames& into);
  [[nodiscard]] bool sees_loss();
  [[nodiscard]] bool is_ipc() const { return endpoints_[current_].address.starts_with("ipc:"); }
  [[nodiscard]] bool take_descriptor(int fd);
  void note(Trouble trouble);

  std::vector<ResolvedEndpoint> endpoints_;
  std::size_t current_ = 0;
  const DealerOptions options_;
  std::shared_ptr<zmq::context_t> context_;
  std::unique_ptr<zmq::socket_t> socket_;
  std::optional<SocketWatch> watch_;  // of the socket
  std::unique_ptr<SocketMonitor> monitor_;
  Silent silent_;
  int fd_ = -1;
  enum class Loss : std::uint8_t { none, seen, told };
  Loss loss_ = Loss::none;  // of this opening
  bool was_connected_ = false;
  bool is_connection_new_ = false;
  bool is_trusted_ = false;    // who is at the other end; by ipc only when the kernel has told
  bool was_accepted_ = false;  // a handshake was done in this opening
  std::optional<Trouble> trouble_;
  std::string troubled_endpoint_;
  bool is_trouble_new_ = false;
};

}  // namespace fanmill::net
