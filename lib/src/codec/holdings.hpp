// The payload frame of Hello and Welcome: 16-byte little-endian records of an attempt (8 bytes), a
// number (4 bytes: a HoldingState or a Verdict) and 4 reserved bytes. Not Cap'n Proto, so that a
// worker of any language packs them in one line.
#pragma once

#include <cstdint>
#include <fanmill/bytes.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "core/message.hpp"

namespace fanmill::codec {

inline constexpr std::size_t record_bytes = 16;

/// No bytes for no records.
[[nodiscard]] Bytes write_records(std::span<const core::Holding> holdings);
[[nodiscard]] Bytes write_records(std::span<const core::Judgement> judgements);

/// All records, or the Error that says which one is wrong. Reserved bytes are ignored.
[[nodiscard]] Result<std::vector<core::Holding>> read_holdings(std::string_view frame);
[[nodiscard]] Result<std::vector<core::Judgement>> read_judgements(std::string_view frame);

}  // namespace fanmill::codec
