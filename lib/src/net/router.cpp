#include "net/router.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>
#include <utility>

#include "net/paths.hpp"

namespace fanmill::net {
namespace {

using namespace std::chrono_literals;

// libzmq's default of 30 s lets strangers hold connections that never say anything.
constexpr std::chrono::milliseconds handshake_limit = 5s;
// Thousands of workers may connect at once after a restart of the manager.
constexpr int listen_backlog = 1024;
// A host that vanished sends no end of its connections: without these the kernel keeps them for
// ever.
constexpr int keepalive_idle_s = 60;
constexpr int keepalive_interval_s = 15;
constexpr int keepalive_count = 4;

Error bind_error(const Endpoint& endpoint, const zmq::error_t& error) {
  const std::string what = "can't listen on " + endpoint.str() + ": ";
  switch (error.num()) {
    case EADDRINUSE:
      return {ErrorCode::address_in_use,
              what +
                  "the port is taken; stop the program that has it (ss -ltnp), choose another "
                  "port, or * for a free one"};
    case EADDRNOTAVAIL:
    case ENODEV:
      return {ErrorCode::bad_endpoint,
              what + "this host has no such address; type one of its own (ip addr), or * for all"};
    case EACCES:
    case EPERM:
      return {ErrorCode::io_error,
              what + zmq_strerror(error.num()) +
                  "; choose a port above 1023, or a folder that you may write to"};
    case ENOENT:
    case ENOTDIR:
      return {ErrorCode::io_error, what + zmq_strerror(error.num()) + "; make its folder first"};
    default:
      return {ErrorCode::io_error, what + zmq_strerror(error.num()) + "; choose another endpoint"};
  }
}

// libzmq removes whatever has the name of an ipc endpoint before it listens there.
Status check_ipc_path(const Endpoint& endpoint) {
  const Result<bool> taken = is_listened_on(endpoint.path);
  if (!taken.ok()) return taken.error();
  if (taken.value()) {
    return Error{ErrorCode::address_in_use,
                 "can't listen on " + endpoint.str() +
                     ": another process does; stop it, or choose another path"};
  }
  return Ok{};
}

}  // namespace

int Router::Received::fd() const {
  // libzmq declares the message as not const, but only reads it.
  auto* message = const_cast<zmq_msg_t*>(frames.header.handle());
  return zmq_msg_get(message, ZMQ_SRCFD);
}

Router::Router(std::shared_ptr<zmq::context_t> context)
    : context_(context == nullptr ? std::make_shared<zmq::context_t>(1) : std::move(context)),
      socket_(*context_, zmq::socket_type::router) {}

Router::~Router() { close(0s); }

Result<std::unique_ptr<Router>> Router::open(const RouterOptions& options) {
  try {
    std::unique_ptr<Router> router(new Router(options.context));  // its constructor is private
    zmq::socket_t& socket = router->socket_;
    socket.set(zmq::sockopt::router_mandatory, true);
    socket.set(zmq::sockopt::sndhwm, options.send_queue_max);
    socket.set(zmq::sockopt::rcvhwm, options.receive_queue_max);
    socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(options.frame_bytes_max));
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::handshake_ivl, static_cast<int>(handshake_limit.count()));
    socket.set(zmq::sockopt::backlog, listen_backlog);
    socket.set(zmq::sockopt::tcp_keepalive, 1);
    socket.set(zmq::sockopt::tcp_keepalive_idle, keepalive_idle_s);
    socket.set(zmq::sockopt::tcp_keepalive_intvl, keepalive_interval_s);
    socket.set(zmq::sockopt::tcp_keepalive_cnt, keepalive_count);
    router->monitor_ = std::make_unique<SocketMonitor>(*router->context_, socket);
    return router;
  } catch (const zmq::error_t& error) {
    return Error{ErrorCode::io_error, std::string("can't make a socket: ") + error.what() +
                                          "; raise the limit of open files (ulimit -n)"};
  }
}

Result<std::string> Router::bind(const Endpoint& endpoint) {
  if (endpoint.transport == Endpoint::Transport::ipc) {
    const Status free = check_ipc_path(endpoint);
    if (!free.ok()) return free.error();
  }
  const Result<ResolvedEndpoint> resolved = resolve(endpoint);
  if (!resolved.ok()) return resolved.error();
  try {
    // Binds to those endpoints that follow; others keep what they have.
    socket_.set(zmq::sockopt::ipv6, resolved.value().ipv6);
    socket_.bind(resolved.value().address);
    if (endpoint.transport == Endpoint::Transport::ipc) ipc_paths_.push_back(endpoint.path);
    return socket_.get(zmq::sockopt::last_endpoint);
  } catch (const zmq::error_t& error) {
    return bind_error(endpoint, error);
  }
}

Router::Sent Router::send(std::string_view routing_id, std::string_view header,
                          const Bytes* payload) {
  zmq::message_t first = frame_of(routing_id);
  const int failure = send_frame(socket_, first, true);
  if (failure == EAGAIN) return Sent::full;
  if (failure == EHOSTUNREACH) return Sent::gone;
  FANMILL_ASSERT(failure == 0, zmq_strerror(failure));
  // Once a ROUTER has taken the routing id it takes the rest; it drops it if the peer goes
  // meanwhile.
  zmq::message_t second = frame_of(header);
  const int header_failure = send_frame(socket_, second, payload != nullptr);
  FANMILL_ASSERT(header_failure == 0, zmq_strerror(header_failure));
  if (payload == nullptr) return Sent::yes;
  zmq::message_t third = frame_of(*payload);
  const int payload_failure = send_frame(socket_, third, false);
  FANMILL_ASSERT(payload_failure == 0, zmq_strerror(payload_failure));
  return Sent::yes;
}

bool Router::receive(Received& into) {
  return receive_frame(socket_, into.routing_id) && receive_frames(socket_, into.frames);
}

void Router::close(Duration linger) {
  if (socket_.handle() == nullptr) return;
  // libzmq leaves the file. As long as the socket is bound the file can't be anybody else's.
  for (const std::string& path : std::exchange(ipc_paths_, {})) ::unlink(path.c_str());
  const auto linger_ms = std::chrono::ceil<std::chrono::milliseconds>(linger).count();
  socket_.set(zmq::sockopt::linger, static_cast<int>(std::clamp<std::int64_t>(
                                        linger_ms, 0, std::numeric_limits<int>::max())));
  monitor_.reset();
  socket_.close();
  context_.reset();
}

}  // namespace fanmill::net
