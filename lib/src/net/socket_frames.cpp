#include "net/socket_frames.hpp"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/assert.hpp"

namespace fanmill::net {
namespace {

// libzmq calls it, maybe on a thread of its own, when the bytes have left.
void release_shared([[maybe_unused]] void* data, void* detached) {
  const Bytes last = Bytes::adopt(detached);
}

void end_frame(void* frame) {
  std::default_delete<zmq::message_t>()(static_cast<zmq::message_t*>(frame));
}

bool is_aligned(const void* data) { return reinterpret_cast<std::uintptr_t>(data) % 8 == 0; }

}  // namespace

zmq::message_t frame_of(std::string_view bytes) {
  return zmq::message_t(bytes.data(), bytes.size());
}

zmq::message_t frame_of(const Bytes& bytes) {
  if (bytes.size() <= copied_bytes_max) return frame_of(bytes.view());
  Bytes shared = bytes;
  // libzmq wants a pointer that is not const; it only reads.
  auto* data = const_cast<char*>(shared.data());
  const std::size_t size = shared.size();
  return zmq::message_t(data, size, release_shared, shared.detach());
}

Bytes bytes_of(zmq::message_t& frame) {
  const std::string_view received = view(frame);
  if (received.size() <= received_copied_bytes_max || !is_aligned(received.data()))
    return Bytes(received);
  auto kept = std::make_unique<zmq::message_t>(std::move(frame));
  const std::string_view bytes = view(*kept);
  return Bytes::borrow(bytes, kept.release(), end_frame);
}

int send_frame(zmq::socket_t& socket, zmq::message_t& frame, bool more) {
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  // The C call: a full queue and a lost peer are ordinary here, no matter for exceptions.
  while (zmq_msg_send(frame.handle(), socket.handle(), flags) < 0) {
    if (zmq_errno() != EINTR) return zmq_errno();
  }
  return 0;
}

int send_frame(zmq::socket_t& socket, std::string_view bytes, bool more) {
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  while (zmq_send(socket.handle(), bytes.data(), bytes.size(), flags) < 0) {
    if (zmq_errno() != EINTR) return zmq_errno();
  }
  return 0;
}

int send_frame(zmq::socket_t& socket, const Bytes& bytes, bool more) {
  if (bytes.size() <= copied_bytes_max) return send_frame(socket, bytes.view(), more);
  zmq::message_t frame = frame_of(bytes);
  return send_frame(socket, frame, more);
}

bool receive_frame(zmq::socket_t& socket, zmq::message_t& frame) {
  while (zmq_msg_recv(frame.handle(), socket.handle(), ZMQ_DONTWAIT) < 0) {
    if (zmq_errno() == EINTR) continue;
    if (zmq_errno() == EAGAIN) return false;
    // Nothing else can happen to an open socket of a context that only its owner ends.
    FANMILL_ASSERT(false, zmq_strerror(zmq_errno()));
  }
  return true;
}

bool receive_frames(zmq::socket_t& socket, ReceivedFrames& into) {
  into.payload = {};
  into.has_payload = false;
  into.count = 0;
  if (!receive_frame(socket, into.header)) return false;
  into.count = 1;
  bool more = into.header.more();
  while (more && receive_frame(socket, into.other)) {
    into.count += 1;
    more = into.other.more();
    if (into.count != 2) continue;
    into.payload = bytes_of(into.other);
    into.has_payload = true;
  }
  return true;
}

}  // namespace fanmill::net
