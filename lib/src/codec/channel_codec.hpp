// The codec of channels: core/channel_message.hpp <-> frames (schemas/channel.capnp,
// docs/protocol.md, section 14). Rules and guarantees are those of codec.hpp.
#pragma once

#include <cstdint>
#include <fanmill/bytes.hpp>
#include <string_view>

#include "base/result.hpp"
#include "codec/codec.hpp"
#include "core/channel_message.hpp"

namespace fanmill::codec {

/// Whether it can be the name of a speech.
[[nodiscard]] bool is_plain_name(std::string_view name);

/// `version` is the channel's; Open, Opened, Refuse and Who carry their own. Error
/// (invalid_argument): the name of the speech can't be sent as it is. Other texts are cleaned.
[[nodiscard]] Result<Frames> encode_channel(const core::ChannelMessage& message,
                                            std::uint16_t version, HeaderBuffer& buffer);

/// Error (malformed_message). Kinds that only workers and managers say are errors, but for Hello
/// and Who.
[[nodiscard]] Result<core::ChannelMessage> decode_channel(std::string_view header,
                                                          const Bytes* payload);

}  // namespace fanmill::codec
