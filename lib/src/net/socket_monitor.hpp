// SocketMonitor: what libzmq tells about the connections of a socket.
//
// It must be drained whenever it is readable. Its queue has no limit, so that an I/O thread of
// libzmq never waits for it, which would stall the socket that is watched.
#pragma once

#include <cstdint>
#include <optional>
#include <zmq.hpp>

#include "net/socket_watch.hpp"

namespace fanmill::net {

class SocketMonitor {
 public:
  enum class What : std::uint8_t {
    connected,        // a worker's socket has a connection; its handshake follows
    connect_retried,  // an attempt to connect was refused
    accepted,         // a manager's socket has a new connection, or
    accept_failed,    // could not take it
    handshake_done,
    handshake_failed,  // the other side does not speak ZMTP, or broke off; say for a wrong key
    key_refused,       // the other side knows who we are, and that we may not enter
    disconnected,
    other,
  };
  struct Event {
    What what = What::other;
    int value = 0;  // accepted and disconnected: the descriptor
  };

  /// Starts at once. Destroy it, or `stop` it, before the socket. Throws zmq::error_t.
  SocketMonitor(zmq::context_t& context, zmq::socket_t& watched);
  ~SocketMonitor();
  SocketMonitor(const SocketMonitor&) = delete;
  SocketMonitor& operator=(const SocketMonitor&) = delete;

  /// For polling.
  [[nodiscard]] void* handle() { return events_.handle(); }
  [[nodiscard]] SocketWatch& watch() { return watch_; }
  /// The next event, if there is one.
  [[nodiscard]] std::optional<Event> next();

 private:
  zmq::socket_t& watched_;
  zmq::socket_t events_;
  SocketWatch watch_;
};

}  // namespace fanmill::net
