// The messages of a channel as plain structs. schemas/channel.capnp defines them, codec/ translates
// them, docs/protocol.md (section 14) tells what each means.
//
// Hello is among them because a worker may knock at a listener by mistake, Who because a channel
// may knock at a manager.
#pragma once

#include <cstdint>
#include <fanmill/payload.hpp>
#include <string>
#include <variant>

#include "core/message.hpp"

namespace fanmill::core {

/// What an end takes ahead of its reader, and how long it waits for a word.
struct ChannelTerms {
  std::uint32_t window_objects = 1;
  std::uint64_t window_bytes = 1;
  std::uint64_t object_bytes_max = 0;
  Duration silence{};  // whole milliseconds on the wire
  bool operator==(const ChannelTerms&) const = default;
};

struct ChannelOpen {
  std::uint16_t protocol_min = 1;
  std::uint16_t protocol_max = 1;
  ChannelTerms terms;
  std::uint32_t speech_min = 0;
  std::uint32_t speech_max = 0;
  std::string software;
  std::string speech;
  bool operator==(const ChannelOpen&) const = default;
};

struct ChannelOpened {
  std::uint16_t version = 1;
  SessionId channel;
  ChannelTerms terms;
  std::uint32_t speech = 0;
  std::string software;
  bool operator==(const ChannelOpened&) const = default;
};

/// How much of what it was sent the program at an end has read, since the channel was opened.
struct ChannelProgress {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  bool operator==(const ChannelProgress&) const = default;
};

struct ChannelObject {
  SessionId channel;
  std::uint64_t sequence = 1;
  ChannelProgress taken;
  Payload payload;
  bool operator==(const ChannelObject&) const = default;
};

struct ChannelTaken {
  SessionId channel;
  ChannelProgress taken;
  bool operator==(const ChannelTaken&) const = default;
};

using ChannelMessage = std::variant<ChannelOpen, ChannelOpened, ChannelObject, ChannelTaken,
                                    Goodbye, Refuse, Who, Hello, Unknown>;

}  // namespace fanmill::core
