#include "net/dealer.hpp"

#include <algorithm>
#include <chrono>
#include <fanmill/error.hpp>
#include <limits>
#include <utility>

#include "core/limits.hpp"

namespace fanmill::net {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds handshake_limit = 5s;

int to_ms(Duration duration) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::clamp<std::int64_t>(ms, 0, std::numeric_limits<int>::max()));
}

}  // namespace

Dealer::Dealer(std::vector<ResolvedEndpoint> endpoints,
               std::shared_ptr<zmq::context_t> shared_context, std::size_t frame_bytes_max) try
    : endpoints_(std::move(endpoints)),
      owns_context_(shared_context == nullptr),
      context_(owns_context_ ? std::make_shared<zmq::context_t>(1) : std::move(shared_context)),
      frame_bytes_max_(frame_bytes_max) {
  FANMILL_ASSERT(!endpoints_.empty());
} catch (const zmq::error_t& error) {
  throw FarmError(ErrorCode::io_error, std::string("can't make a socket: ") + error.what());
}

Dealer::~Dealer() { close(0s); }

void Dealer::open() {
  close(0s);
  const ResolvedEndpoint& endpoint = endpoints_[current_];
  fd_ = -1;
  loss_ = Loss::none;
  try {
    socket_ = std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::dealer);
    socket_->set(zmq::sockopt::sndhwm, 0);  // the core's window is the limit, both ways
    socket_->set(zmq::sockopt::rcvhwm, 0);
    socket_->set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(frame_bytes_max_));
    socket_->set(zmq::sockopt::linger, 0);
    socket_->set(zmq::sockopt::handshake_ivl, static_cast<int>(handshake_limit.count()));
    // libzmq's own default never backs off. It adds jitter.
    socket_->set(zmq::sockopt::reconnect_ivl, to_ms(limits::reconnect_backoff_min));
    socket_->set(zmq::sockopt::reconnect_ivl_max, to_ms(limits::reconnect_backoff_max));
    socket_->set(zmq::sockopt::ipv6, endpoint.ipv6);
    socket_->set(zmq::sockopt::tcp_keepalive, 1);
    monitor_ = std::make_unique<SocketMonitor>(*context_, *socket_);
    socket_->connect(endpoint.address);
  } catch (const zmq::error_t& error) {
    close(0s);
    throw FarmError(ErrorCode::io_error, "can't open a socket to " + endpoint.address + ": " +
                                             error.what() +
                                             "; raise the limit of open files (ulimit -n)");
  }
}

void Dealer::send(const codec::Frames& frames) {
  if (socket_ == nullptr) return;
  zmq::message_t header = frame_of(frames.header);
  // It fails when libzmq has given the connection up (the other side does not speak ZMTP). Then the
  // loss is on its way by the monitor, and the core repeats what matters.
  if (send_frame(*socket_, header, frames.has_payload) != 0 || !frames.has_payload) return;
  zmq::message_t payload = frame_of(frames.payload);
  (void)send_frame(*socket_, payload, false);
}

Dealer::Next Dealer::receive(ReceivedFrames& into) {
  if (socket_ == nullptr) return Next::nothing;
  if (receive_frames(*socket_, into)) return Next::message;
  if (sees_loss() && loss_ == Loss::none) {
    loss_ = Loss::seen;
    // What came between the look into the socket and the look at its monitor: often the goodbye.
    if (receive_frames(*socket_, into)) return Next::message;
  }
  if (loss_ != Loss::seen) return Next::nothing;
  loss_ = Loss::told;
  current_ = (current_ + 1) % endpoints_.size();
  return Next::lost;
}

// Reads the monitor empty: unread it would stall the socket.
bool Dealer::sees_loss() {
  using What = SocketMonitor::What;
  bool lost = false;
  while (const auto event = monitor_->next()) {
    if (event->what == What::connected) fd_ = event->value;
    const bool refused = event->what == What::connect_retried && endpoints_.size() > 1;
    lost = lost || refused || event->what == What::disconnected ||
           event->what == What::handshake_failed;
  }
  return lost;
}

void Dealer::close(Duration linger) {
  if (socket_ == nullptr) return;
  socket_->set(zmq::sockopt::linger, to_ms(linger));
  monitor_.reset();
  socket_.reset();
  if (linger <= Duration::zero() || !owns_context_) return;
  // Only the end of the context waits for what lingers. Another `open` may follow.
  context_ = {};
  context_ = std::make_shared<zmq::context_t>(1);
}

}  // namespace fanmill::net
