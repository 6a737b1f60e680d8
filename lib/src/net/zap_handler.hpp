// ZapHandler: answers libzmq's question whether a connection may enter (rfc.zeromq.org/spec/27),
// before anything that it sent is read by anybody else.
//
// libzmq asks only those sockets' connections that name a ZAP domain, and lets everybody in if
// nobody answers, unless that is forbidden: `guard` does both. There is one handler in a context; each
// socket that it guards has a domain of its own, by which the handler knows whom to ask.
//
// Its answer also names the connection: whom a key let in has a routing id that was made here, not
// the one that it chose. libzmq 4.3.4 aborts when a peer has chosen one that libzmq would make
// itself later; and a chosen one may have been another's before.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <zmq.hpp>

#include "base/wakeup.hpp"
#include "net/curve_key.hpp"
#include "net/io_barrier.hpp"

namespace fanmill::net {

/// Who wants to enter.
struct Visitor {
  enum class Mechanism : std::uint8_t { null, curve, other };
  Mechanism mechanism = Mechanism::other;
  std::string address;           // "10.0.0.7"; of an ipc connection "localhost:UID:GID:PID"
  std::optional<PublicKey> key;  // curve: proven
};

class ZapHandler {
 public:
  /// Who the visitor is, which libzmq then says of each of its messages (`user_id`); nothing: it
  /// may not enter. On the handler's thread; must not block long: others wait.
  using Admit = std::function<std::optional<std::string>(const Visitor&)>;

  /// Throws FarmError (io_error) when threads or descriptors run out. Destroy it before the context
  /// ends.
  explicit ZapHandler(zmq::context_t& context);
  ~ZapHandler();
  ZapHandler(const ZapHandler&) = delete;
  ZapHandler& operator=(const ZapHandler&) = delete;

  /// From now on the socket's connections are let in by `admit` alone; before the socket is bound.
  /// Returns its domain. Any thread.
  [[nodiscard]] std::string guard(zmq::socket_t& socket, Admit admit);
  /// The socket that has it is gone. Any thread; its `admit` is not called any more when this returns.
  void forget(const std::string& domain);
  /// The socket's connections are let in by a handler that knows the domain only: none if there is
  /// none.
  static void shut(zmq::socket_t& socket, std::string_view domain);
  /// Visitors that were refused.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  /// Whether a peer's routing id was made here. Any thread.
  [[nodiscard]] bool has_named(std::string_view routing_id) const {
    return routing_id.starts_with(name_prefix_);
  }

 private:
  void run();
  void answer();
  [[nodiscard]] std::optional<std::string> user_of(std::string_view domain, const Visitor& visitor);
  [[nodiscard]] std::string name(Visitor::Mechanism mechanism);

  std::mutex mutex_;
  std::map<std::string, Admit, std::less<>> admit_;  // by domain
  std::uint64_t guarded_ = 0;
  const std::string name_prefix_;  // random: peers can't know the names of others
  std::uint64_t named_ = 0;
  Wakeup stop_;
  std::atomic<std::uint64_t> refused_ = 0;
  zmq::socket_t socket_;
  IoBarrier barrier_;
  std::thread thread_;
};

/// Of a message that was received by a guarded socket: what `Admit` said; empty if nothing. As long as
/// the message.
[[nodiscard]] std::string_view user_id(const zmq::message_t& message);

}  // namespace fanmill::net
