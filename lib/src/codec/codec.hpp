// The codec: core/message.hpp <-> the frames of the wire (schemas/fanmill.capnp, docs/protocol.md).
//
// The only folder that knows capnp and kj; their exceptions end here. Both functions are free of
// state and may run on any thread; a HeaderBuffer belongs to one thread at a time. Decoding happens
// after authentication and checks every field against limits.hpp: what comes out is well-formed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <fanmill/bytes.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "core/limits.hpp"
#include "core/message.hpp"

namespace fanmill::codec {

/// Where `encode` writes a header. Keep one per loop: a new one costs 4 KiB of zeros, a used one
/// only as many as the header before it had.
class HeaderBuffer {
 public:
  HeaderBuffer() = default;
  HeaderBuffer(const HeaderBuffer&) = delete;
  HeaderBuffer& operator=(const HeaderBuffer&) = delete;

 private:
  template <typename Schema>
  friend class HeaderWriter;
  friend std::string_view encode_header(const core::Task& task, std::uint16_t version,
                                        HeaderBuffer& buffer);
  alignas(8) std::array<std::uint64_t, limits::header_bytes_max / 8> words_{};
  std::size_t words_used_ = 0;  // everything behind them is zero
};

/// A message as it goes to the socket.
struct Frames {
  std::string_view header;   ///< within the HeaderBuffer, until its next use; or all of `batch`
  Bytes payload;             ///< shares the bytes of the message, nothing is copied
  bool has_payload = false;  ///< a payload of no bytes is still a frame
  Bytes batch;               ///< Tasks, Results: their only frame; else nothing
};

/// Makes the frames of `message`. `version` is the session's; Hello, Welcome, Refuse and Who carry
/// their own (the highest that the sender speaks, or the chosen one).
///
/// Texts for people (software, host, words, error type and text) are cleaned and cut at a UTF-8
/// boundary to fit. Texts that decide something (functions, labels, cookie) are not: if one can't
/// be sent as it is, or there are too many holdings, the Error (invalid_argument) says which and
/// why. Durations are rounded up to the unit of the wire, so that a short one never becomes "none".
/// No allocation unless there are holdings, a text must be cleaned, or it is a batch: one then.
[[nodiscard]] Result<Frames> encode(const core::Message& message, std::uint16_t version,
                                    HeaderBuffer& buffer);

/// The header of a Task, in the buffer until its next use; its payload, if it has one, is the second
/// frame as it is. What `encode` makes, without a share in the payload: a task alone is what peers
/// without batches get for each task.
[[nodiscard]] std::string_view encode_header(const core::Task& task, std::uint16_t version,
                                             HeaderBuffer& buffer);

struct Decoded {
  core::Message message;
  std::uint16_t version = 0;  ///< word 0's; for Hello the highest that the peer speaks
};

/// Reads one message. `header` is its first frame, which may have any alignment; of a batch it is all.
/// `payload` is the second frame, null if there was none; the message shares its bytes. Every failure is an Error (malformed_message) that names
/// kind, field, value and what was expected; nothing else is ever thrown but std::bad_alloc.
///
/// A Hello whose protocol range doesn't meet ours is not checked beyond that range (an older or
/// newer Hello may lack what ours must have), and its texts and holdings are left empty: look at
/// the range first and refuse it.
[[nodiscard]] Result<Decoded> decode(std::string_view header, const Bytes* payload);

/// Reads a Result as most are, which says nothing in words and whose payload is whole, for a
/// fraction of the time: what peers without batches send for each task. Takes the payload then;
/// null if there was no second frame. False for all else, sound or not, which is for `decode`; the
/// payload is as it was then, and `result` of no use.
[[nodiscard]] bool decode_lone(std::string_view header, Bytes* payload, core::Result& result);

/// "Hello" and so on; "kind 200" for one that this build doesn't know.
[[nodiscard]] std::string kind_name(std::uint16_t kind);

}  // namespace fanmill::codec
