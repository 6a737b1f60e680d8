// The payload frames of Tasks and Results: records of 48 bytes, or of 8 where most is as in the one
// before, each followed by its payload and zeros up to a multiple of 8 (schemas/fanmill.capnp,
// TaskRecord and so on). Not Cap'n Proto, so that a record costs a few stores and a worker of any
// language packs it in one line. Written as short as can be, so the same message has the same bytes.
#pragma once

#include <cstdint>
#include <fanmill/bytes.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/message.hpp"

namespace fanmill::codec {

[[nodiscard]] Bytes write_records(std::span<const core::Task> tasks);
/// `results` without texts.
[[nodiscard]] Bytes write_records(std::span<const core::Result> results);

///@{
/// All `count` records of a frame that has nothing else, or the Error (malformed_message) that says
/// which one is wrong. Payloads are copied: one of a few bytes must not keep a whole frame.
[[nodiscard]] Result<std::vector<core::Task>> read_tasks(std::string_view frame,
                                                         std::uint32_t count);
[[nodiscard]] Result<std::vector<core::Result>> read_results(std::string_view frame,
                                                             std::uint32_t count);
///@}

}  // namespace fanmill::codec
