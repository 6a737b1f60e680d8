// Frames of a socket: sent without blocking and, when big, without a copy.
#pragma once

#include <fanmill/bytes.hpp>
#include <string_view>
#include <zmq.hpp>

namespace fanmill::net {

/// Below this a copy is cheaper than sharing (an allocation and a call when libzmq is done with
/// it).
inline constexpr std::size_t copied_bytes_max = 1024;

/// Received frames of more are shared, too: libzmq has given each memory of its own then. Smaller ones
/// lie within what it read at once, and would hold on to all of that.
inline constexpr std::size_t received_copied_bytes_max = 8192;

[[nodiscard]] inline std::string_view view(const zmq::message_t& frame) {
  return {static_cast<const char*>(frame.data()), frame.size()};
}

/// A frame that shares `bytes` if there are many, else a copy.
[[nodiscard]] zmq::message_t frame_of(const Bytes& bytes);
[[nodiscard]] zmq::message_t frame_of(std::string_view bytes);

/// The bytes of a received frame, without a copy if there are many. The frame is empty afterwards, or
/// as it was.
[[nodiscard]] Bytes bytes_of(zmq::message_t& frame);

/// 0, or the errno: EAGAIN if the queue is full, EHOSTUNREACH if a ROUTER's peer is gone.
[[nodiscard]] int send_frame(zmq::socket_t& socket, zmq::message_t& frame, bool more);
///@{
/// The same with `frame_of` these bytes.
[[nodiscard]] int send_frame(zmq::socket_t& socket, std::string_view bytes, bool more);
[[nodiscard]] int send_frame(zmq::socket_t& socket, const Bytes& bytes, bool more);
///@}
/// Whether there was one.
[[nodiscard]] bool receive_frame(zmq::socket_t& socket, zmq::message_t& frame);

/// What a DEALER reads, or a ROUTER behind the routing id. Keep one per loop.
struct ReceivedFrames {
  zmq::message_t header;
  zmq::message_t other;  // the latest behind it
  Bytes payload;
  bool has_payload = false;
  std::size_t count = 0;  // of frames; those beyond the second were read and dropped
};
/// Reads a whole message. False if there is none.
[[nodiscard]] bool receive_frames(zmq::socket_t& socket, ReceivedFrames& into);

}  // namespace fanmill::net
