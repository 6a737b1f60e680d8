#include "net/router.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fanmill/error.hpp>
#include <limits>
#include <utility>

#include "net/clock.hpp"
#include "net/curve_socket.hpp"
#include "net/paths.hpp"
#include "net/poll.hpp"

namespace fanmill::net {
namespace {

using namespace std::chrono_literals;

// A host that vanished sends no end of its connections: without these the kernel keeps them for
// ever.
constexpr int keepalive_idle_s = 60;
constexpr int keepalive_interval_s = 15;
constexpr int keepalive_count = 4;
// libzmq measures frames as they come, and CURVE makes each a command of its own: name (8), nonce
// (8), authenticator (16), flags (1). Without these the largest payloads would end connections.
constexpr std::size_t curve_frame_bytes = 33;

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

Router::Router(const RouterOptions& options)
    : context_(options.context == nullptr ? std::make_shared<zmq::context_t>(1) : options.context),
      gate_(options.gate),
      secret_key_(options.secret_key),
      frame_bytes_max_(options.frame_bytes_max),
      zap_(options.zap == nullptr ? std::make_shared<ZapHandler>(*context_) : options.zap),
      socket_(*context_, zmq::socket_type::router),
      watch_(socket_) {
  FANMILL_ASSERT(gate_ != nullptr);
  domain_ =
      zap_->guard(socket_, [gate = gate_](const Visitor& visitor) { return gate->admit(visitor); });
}

Router::~Router() { close(0s); }

Result<std::unique_ptr<Router>> Router::open(const RouterOptions& options) {
  try {
    std::unique_ptr<Router> router(new Router(options));  // its constructor is private
    zmq::socket_t& socket = router->socket_;
    const auto handshake_ms = std::chrono::ceil<std::chrono::milliseconds>(options.handshake_max);
    socket.set(zmq::sockopt::router_mandatory, true);
    socket.set(zmq::sockopt::sndhwm, options.send_queue_max);
    socket.set(zmq::sockopt::rcvhwm, options.receive_queue_max);
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::handshake_ivl, static_cast<int>(handshake_ms.count()));
    socket.set(zmq::sockopt::backlog, limits::listen_backlog);
    socket.set(zmq::sockopt::tcp_keepalive, 1);
    socket.set(zmq::sockopt::tcp_keepalive_idle, keepalive_idle_s);
    socket.set(zmq::sockopt::tcp_keepalive_intvl, keepalive_interval_s);
    socket.set(zmq::sockopt::tcp_keepalive_cnt, keepalive_count);
    router->monitor_ = std::make_unique<SocketMonitor>(*router->context_, socket);
    return router;
  } catch (const zmq::error_t& error) {
    return Error{ErrorCode::io_error, std::string("can't make a socket: ") + error.what() +
                                          "; raise the limit of open files (ulimit -n)"};
  } catch (const FarmError& error) {
    return Error{error.code(), error.what()};
  }
}

void Router::encrypt(bool on) {
  const std::size_t frame = frame_bytes_max_ + (on ? curve_frame_bytes : 0);
  socket_.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(frame));
  socket_.set(zmq::sockopt::curve_server, on);
  if (!on) return;
  const int failure =
      zmq_setsockopt(socket_.handle(), ZMQ_CURVE_SECRETKEY, secret_key_->data(), key_bytes);
  FANMILL_ASSERT(failure == 0, zmq_strerror(zmq_errno()));
}

Result<std::string> Router::bind(const Endpoint& endpoint) {
  const bool is_tcp = endpoint.transport == Endpoint::Transport::tcp;
  // Whatever forgot the key, or to spell out that there is none, ends here.
  if (is_tcp && secret_key_ == nullptr && !gate_->allows_plaintext())
    return Error{ErrorCode::invalid_argument,
                 "can't listen on " + endpoint.str() + ": there is no key to encrypt with"};
  if (endpoint.transport == Endpoint::Transport::ipc) {
    const Status free = check_ipc_path(endpoint);
    if (!free.ok()) return free.error();
  }
  const Result<ResolvedEndpoint> resolved = resolve(endpoint);
  if (!resolved.ok()) {
    return Error{resolved.error().code,
                 "can't listen on " + endpoint.str() + ": " + resolved.error().message};
  }
  try {
    // For those endpoints that follow; others keep what they have.
    socket_.set(zmq::sockopt::ipv6, resolved.value().ipv6);
    encrypt(secret_key_ != nullptr && is_tcp);
    socket_.bind(resolved.value().address);
    if (endpoint.transport == Endpoint::Transport::ipc) ipc_paths_.push_back(endpoint.path);
    return socket_.get(zmq::sockopt::last_endpoint);
  } catch (const zmq::error_t& error) {
    return bind_error(endpoint, error);
  }
}

Status Router::prove_gate(Duration limit) {
  const auto broken = [](const std::string& what) {
    return Error{ErrorCode::io_error,
                 "the check that strangers are refused failed: " + what +
                     "; nothing was started. Is libzmq complete (zmq_has \"curve\")?"};
  };
  FANMILL_ASSERT(secret_key_ != nullptr);
  const Result<std::string> endpoint = bind({.host = "127.0.0.1"});
  if (!endpoint.ok()) return broken(endpoint.error().message);
  std::string seen = "nothing was heard of it in time";
  bool refused = false;
  try {
    zmq::socket_t stranger(*context_, zmq::socket_type::dealer);
    stranger.set(zmq::sockopt::linger, 0);
    const KeyPair unknown = KeyPair::make();
    show_keys(stranger, secret_key_->public_key(), unknown);
    SocketMonitor monitor(*context_, stranger);
    stranger.connect(endpoint.value());
    const Instant end = steady_now() + limit;
    while (!refused && steady_now() < end) {
      zmq_pollitem_t item{monitor.handle(), 0, ZMQ_POLLIN, 0};
      poll({&item, 1}, end - steady_now());
      while (const auto event = monitor.next()) {
        if (event->what == SocketMonitor::What::handshake_done) return broken("one was let in");
        refused = refused || event->what == SocketMonitor::What::key_refused;
        if (event->what == SocketMonitor::What::handshake_failed) seen = "its handshake broke";
      }
    }
    socket_.unbind(endpoint.value());
  } catch (const zmq::error_t& error) {
    return broken(error.what());
  }
  if (!refused) return broken(seen);
  // What was heard of it on this side is nobody's affair.
  while (monitor_->next()) {
  }
  return Ok{};
}

Router::Sent Router::send(std::string_view routing_id, std::string_view header,
                          const Bytes* payload) {
  watch_.used();
  const int failure = send_frame(socket_, routing_id, true);
  if (failure == EAGAIN) return Sent::full;
  if (failure == EHOSTUNREACH) return Sent::gone;
  FANMILL_ASSERT(failure == 0, zmq_strerror(failure));
  // Once a ROUTER has taken the routing id it takes the rest; it drops it if the peer goes
  // meanwhile.
  if (!header.empty()) {
    const int header_failure = send_frame(socket_, header, payload != nullptr);
    FANMILL_ASSERT(header_failure == 0, zmq_strerror(header_failure));
  }
  if (payload == nullptr) return Sent::yes;
  const int payload_failure = send_frame(socket_, *payload, false);
  FANMILL_ASSERT(payload_failure == 0, zmq_strerror(payload_failure));
  return Sent::yes;
}

bool Router::receive(Received& into) {
  const bool is_there =
      receive_frame(socket_, into.routing_id) && receive_frames(socket_, into.frames);
  watch_.received(is_there);
  return is_there;
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
  zap_->forget(domain_);
  zap_.reset();
  context_.reset();
}

}  // namespace fanmill::net
