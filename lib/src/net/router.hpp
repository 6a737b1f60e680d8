// Router: the manager's socket. Knows frames and routing ids, nothing of messages or peers.
//
// Made and bound on one thread, then used by one other. Nothing here blocks but `close`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "base/result.hpp"
#include "base/time.hpp"
#include "core/limits.hpp"
#include "net/endpoint.hpp"
#include "net/gate.hpp"
#include "net/socket_frames.hpp"
#include "net/socket_monitor.hpp"
#include "net/socket_watch.hpp"
#include "net/zap_handler.hpp"

namespace fanmill::net {

struct RouterOptions {
  std::size_t frame_bytes_max = limits::frame_bytes_max;
  // Messages to one peer that libzmq holds before `send` says `full`. Not flow control, which is
  // the core's credit: it bounds what a peer can make us hold that asks and asks and never reads an
  // answer.
  int send_queue_max = 16384;
  // Messages of one peer that libzmq reads ahead of us. Then TCP pushes back on that peer alone.
  int receive_queue_max = 1024;
  // For a connection to show that it may enter.
  Duration handshake_max = limits::handshake_max;
  // Null for one of its own.
  std::shared_ptr<zmq::context_t> context;
  // Of that context, if it has one already; null for one of its own, of which a context has one.
  std::shared_ptr<ZapHandler> zap;
  // Who may enter; never null.
  std::shared_ptr<const Gate> gate;
  // Its owner's, for endpoints of tcp; null: there are none, or the gate allows plaintext.
  std::shared_ptr<const SecretKey> secret_key;
};

class Router {
 public:
  /// Error: io_error when descriptors or threads run out.
  [[nodiscard]] static Result<std::unique_ptr<Router>> open(const RouterOptions& options);
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  /// Returns the endpoint as bound, with its port. Error: bad_endpoint, address_in_use, io_error,
  /// with what to do; invalid_argument for tcp without a key, unless the gate allows plaintext.
  [[nodiscard]] Result<std::string> bind(const Endpoint& endpoint);
  /// Shows that the gate is shut: connects with a key that nobody knows to an endpoint of its own on
  /// this host, which is bound like the others for so long, and must be refused for that key. Before
  /// the first `receive`; blocks for milliseconds, at most `limit`. Error: io_error; then nobody
  /// should be let near this router.
  [[nodiscard]] Status prove_gate(Duration limit);

  enum class Sent : std::uint8_t {
    yes,   // handed to libzmq, which proves nothing about arrival
    full,  // this peer's queue: keep the message and try again later
    gone,  // there is no connection of this routing id
  };
  /// No `header`: the message has one frame, which is `payload`.
  [[nodiscard]] Sent send(std::string_view routing_id, std::string_view header,
                          const Bytes* payload);

  struct Received {
    zmq::message_t routing_id;
    ReceivedFrames frames;
    /// The descriptor of the connection that it came by; -1 if libzmq doesn't say. It may be
    /// closed, or another's, by now. Costs a search among texts: ask seldom.
    [[nodiscard]] int fd() const;
    /// Whom the gate let in (Gate::find).
    [[nodiscard]] std::string_view user() const { return user_id(frames.header); }
  };
  /// False if nothing is there.
  [[nodiscard]] bool receive(Received& into);
  /// Whether this end made the routing id, as of all whom a key let in.
  [[nodiscard]] bool has_named(std::string_view routing_id) const {
    return zap_->has_named(routing_id);
  }

  [[nodiscard]] void* handle() { return socket_.handle(); }
  [[nodiscard]] SocketWatch& watch() { return watch_; }
  [[nodiscard]] SocketMonitor& monitor() { return *monitor_; }

  /// Closes all connections; what was sent has `linger` to leave, and this blocks as long, unless
  /// the context is used by others, too. Idempotent.
  void close(Duration linger);

 private:
  explicit Router(const RouterOptions& options);
  void encrypt(bool on);

  std::shared_ptr<zmq::context_t> context_;
  std::shared_ptr<const Gate> gate_;
  std::shared_ptr<const SecretKey> secret_key_;
  std::size_t frame_bytes_max_;
  std::shared_ptr<ZapHandler> zap_;
  zmq::socket_t socket_;
  SocketWatch watch_;
  std::string domain_;  // of the handler
  std::unique_ptr<SocketMonitor> monitor_;
  std::vector<std::string> ipc_paths_;  // files, to be removed
};

}  // namespace fanmill::net
