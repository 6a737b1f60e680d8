#include "net/socket_monitor.hpp"

#include <atomic>
#include <cstring>
#include <string>

#include "net/socket_frames.hpp"

namespace fanmill::net {
namespace {

// Names within a context: each monitor needs one of its own, also after another has gone.
std::string next_address() {
  static std::atomic<std::uint64_t> count{0};
  return "inproc://fanmill-monitor-" + std::to_string(count.fetch_add(1));
}

SocketMonitor::What what_of(std::uint16_t event) {
  using What = SocketMonitor::What;
  switch (event) {
    case ZMQ_EVENT_CONNECTED:
      return What::connected;
    case ZMQ_EVENT_CONNECT_RETRIED:
      return What::connect_retried;
    case ZMQ_EVENT_ACCEPTED:
      return What::accepted;
    case ZMQ_EVENT_ACCEPT_FAILED:
      return What::accept_failed;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      return What::handshake_done;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      return What::handshake_failed;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      return What::key_refused;
    case ZMQ_EVENT_DISCONNECTED:
      return What::disconnected;
    default:
      return What::other;
  }
}

}  // namespace

SocketMonitor::SocketMonitor(zmq::context_t& context, zmq::socket_t& watched)
    : watched_(watched), events_(context, zmq::socket_type::pair), watch_(events_) {
  const std::string address = next_address();
  if (zmq_socket_monitor(watched.handle(), address.c_str(), ZMQ_EVENT_ALL) != 0) {
    throw zmq::error_t();
  }
  events_.set(zmq::sockopt::rcvhwm, 0);
  events_.set(zmq::sockopt::linger, 0);
  events_.connect(address);
}

SocketMonitor::~SocketMonitor() {
  // Fails only if the socket is closed already, and then nothing is left to stop.
  zmq_socket_monitor(watched_.handle(), nullptr, 0);
}

std::optional<SocketMonitor::Event> SocketMonitor::next() {
  zmq::message_t number;
  const bool is_there = receive_frame(events_, number);
  watch_.received(is_there);
  if (!is_there) return {};
  bool more = number.more();
  zmq::message_t address;
  while (more && receive_frame(events_, address)) more = address.more();
  // 16 bits of event, 32 bits of value, in the host's byte order.
  std::uint16_t event = 0;
  std::int32_t value = 0;
  if (number.size() != sizeof event + sizeof value) return Event{};
  std::memcpy(&event, number.data(), sizeof event);
  std::memcpy(&value, static_cast<const char*>(number.data()) + sizeof event, sizeof value);
  return Event{what_of(event), value};
}

}  // namespace fanmill::net
