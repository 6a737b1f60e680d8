// Tasks and Results: one frame of a header and, behind it, records of 48 bytes, or of 8 where most is as in
// the one before, each followed by its payload and zeros up to a multiple of 8 (schemas/fanmill.capnp,
// TaskRecord and so on). Records are not Cap'n Proto, so that one costs a few stores and a worker of any
// language packs it in one line. Written as short as can be, so the same message has the same bytes.
#pragma once

#include <cstdint>
#include <fanmill/bytes.hpp>
#include <string_view>

#include "base/result.hpp"
#include "codec/codec.hpp"
#include "core/message.hpp"

namespace fanmill::codec {

///@{
/// The frame. Results are without texts.
[[nodiscard]] Bytes write_batch(const core::Tasks& tasks, std::uint16_t version);
[[nodiscard]] Bytes write_batch(const core::Results& results, std::uint16_t version);
///@}

/// Whether `read_batch` is to read it: the frame begins as one of these two kinds does.
[[nodiscard]] bool is_batch(std::string_view frame);
/// The message, or the Error (malformed_message) that says which record is wrong. `payload`: a second
/// frame, which is one too many. Payloads are copied: one of a few bytes must not keep a whole frame.
[[nodiscard]] Result<Decoded> read_batch(std::string_view frame, const Bytes* payload);

}  // namespace fanmill::codec
