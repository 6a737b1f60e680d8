#include "net/dealer.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fanmill/error.hpp>
#include <limits>
#include <utility>

#include "core/limits.hpp"
#include "net/curve_socket.hpp"

namespace fanmill::net {
namespace {

using namespace std::chrono_literals;

int to_ms(Duration duration) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::clamp<std::int64_t>(ms, 0, std::numeric_limits<int>::max()));
}

}  // namespace

Dealer::Dealer(std::vector<ResolvedEndpoint> endpoints, DealerOptions options) try
    : endpoints_(std::move(endpoints)),
      options_(std::move(options)),
      context_(options_.shared_context == nullptr ? std::make_shared<zmq::context_t>(1)
                                                  : options_.shared_context) {
  FANMILL_ASSERT(!endpoints_.empty());
} catch (const zmq::error_t& error) {
  throw FarmError(ErrorCode::io_error, std::string("can't make a socket: ") + error.what());
}

Dealer::~Dealer() { close(0s); }

void Dealer::open() {
  close(0s);
  const ResolvedEndpoint& endpoint = endpoints_[current_];
  fd_ = -1;
  was_connected_ = was_accepted_ = is_connection_new_ = false;
  loss_ = Loss::none;
  try {
    socket_ = std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::dealer);
    socket_->set(zmq::sockopt::sndhwm, 0);  // the core's window is the limit, both ways
    socket_->set(zmq::sockopt::rcvhwm, 0);
    socket_->set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(options_.frame_bytes_max));
    socket_->set(zmq::sockopt::linger, 0);
    socket_->set(zmq::sockopt::handshake_ivl, to_ms(limits::handshake_max));
    // libzmq's own default never backs off. It adds jitter.
    socket_->set(zmq::sockopt::reconnect_ivl, to_ms(limits::reconnect_backoff_min));
    socket_->set(zmq::sockopt::reconnect_ivl_max, to_ms(limits::reconnect_backoff_max));
    socket_->set(zmq::sockopt::ipv6, endpoint.ipv6);
    socket_->set(zmq::sockopt::tcp_keepalive, 1);
    is_trusted_ = !is_ipc();
    if (options_.keys && !is_ipc()) show_keys(*socket_, options_.keys->server, *options_.keys->own);
    monitor_ = std::make_unique<SocketMonitor>(*context_, *socket_);
    socket_->connect(endpoint.address);
    watch_.emplace(*socket_);
    silent_ = {};
  } catch (const zmq::error_t& error) {
    close(0s);
    throw FarmError(ErrorCode::io_error, "can't open a socket to " + endpoint.address + ": " +
                                             error.what() +
                                             "; raise the limit of open files (ulimit -n)");
  }
}

void Dealer::send(const codec::Frames& frames) {
  if (socket_ == nullptr) return;
  watch_->used();
  zmq::message_t header = frames.batch.empty() ? frame_of(frames.header) : frame_of(frames.batch);
  // It fails when libzmq has given the connection up (the other side does not speak ZMTP). Then the
  // loss is on its way by the monitor, and the core repeats what matters.
  if (send_frame(*socket_, header, frames.has_payload) != 0 || !frames.has_payload) return;
  zmq::message_t payload = frame_of(frames.payload);
  (void)send_frame(*socket_, payload, false);
}

Dealer::Next Dealer::receive(ReceivedFrames& into) {
  if (socket_ == nullptr) return Next::nothing;
  // Whoever listens at a path may have put his socket there. That there is a connection is told
  // before anything comes by it.
  if (!is_trusted_ && sees_loss()) loss_ = std::max(loss_, Loss::seen);
  if (!silent_.socket && takes_message(into)) return Next::message;
  if (sees_loss() && loss_ == Loss::none) {
    loss_ = Loss::seen;
    // What came between the look into the socket and the look at its monitor: often the goodbye.
    if (takes_message(into)) return Next::message;
  }
  if (loss_ != Loss::seen) return Next::nothing;
  loss_ = Loss::told;
  // Where it was let in once it comes back to: by another way it would be another user to the manager.
  if (!was_accepted_) current_ = (current_ + 1) % endpoints_.size();
  return Next::lost;
}

bool Dealer::takes_message(ReceivedFrames& into) {
  if (!is_trusted_) return false;
  const bool is_there = receive_frames(*socket_, into);
  watch_->received(is_there);
  if (!is_there) return false;
  was_accepted_ = true;  // the monitor's word of it may not have been read yet
  return true;
}

// Reads the monitor empty: unread it would stall the socket.
bool Dealer::sees_loss() {
  using What = SocketMonitor::What;
  bool lost = false;
  if (silent_.monitor) return lost;
  while (const auto event = monitor_->next()) {
    switch (event->what) {
      case What::connected:
        lost = !take_descriptor(event->value) || lost;
        break;
      case What::handshake_done:
        was_accepted_ = was_accepted_ || is_trusted_;
        if (is_trusted_) trouble_.reset();
        break;
      case What::connect_retried:
        // Also told when a connection that was made has ended.
        if (!std::exchange(was_connected_, false)) note(Trouble::not_there);
        lost = lost || endpoints_.size() > 1;
        break;
      case What::handshake_failed:
        note(Trouble::not_understood);
        lost = true;
        break;
      case What::key_refused:
        note(Trouble::key_refused);
        lost = true;
        break;
      case What::disconnected:
        lost = true;
        break;
      case What::accepted:
      case What::accept_failed:
      case What::other:
        break;
    }
  }
  if (lost) is_connection_new_ = false;
  return lost;
}

/// False if it is to somebody who may not be the manager.
bool Dealer::take_descriptor(int fd) {
  fd_ = fd;
  was_connected_ = is_connection_new_ = true;
  if (!is_ipc()) return true;
  ucred peer{};
  socklen_t size = sizeof peer;
  is_trusted_ =
      ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
  if (!is_trusted_) note(Trouble::other_user);
  return is_trusted_;
}

void Dealer::note(Trouble trouble) {
  is_trouble_new_ = is_trouble_new_ || trouble_ != trouble;
  troubled_endpoint_ = endpoints_[current_].address;
  trouble_ = trouble;
}

std::optional<Dealer::Trouble> Dealer::take_trouble() {
  if (!std::exchange(is_trouble_new_, false)) return std::nullopt;
  return trouble_;
}

void Dealer::close(Duration linger) {
  if (socket_ == nullptr) return;
  socket_->set(zmq::sockopt::linger, to_ms(linger));
  monitor_.reset();
  socket_.reset();
  if (linger <= Duration::zero() || options_.shared_context != nullptr) return;
  // Only the end of the context waits for what lingers. Another `open` may follow.
  context_ = {};
  context_ = std::make_shared<zmq::context_t>(1);
}

}  // namespace fanmill::net
