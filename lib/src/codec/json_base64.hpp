// Base64 as RFC 4648 has it (its section 4, with padding): how bytes stand in JSON.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fanmill::codec {

void append_base64(std::span<const std::byte> bytes, std::string& out);

/// Nothing if `text` is not what `append_base64` makes of some bytes.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace fanmill::codec
