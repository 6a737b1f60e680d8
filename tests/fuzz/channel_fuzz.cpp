// The messages of channels, as wire_fuzz.cpp has those of the farm.
#include "codec/channel_codec.hpp"
#include "frames.hpp"
#include "fuzz.hpp"

namespace fanmill::fuzz {
namespace {

// Of these nothing but the range is read; a Hello is only known by its kind.
bool is_not_for_us(const core::ChannelMessage& message) {
  if (std::holds_alternative<core::Hello>(message)) return true;
  const auto* open = std::get_if<core::ChannelOpen>(&message);
  return open != nullptr && (open->protocol_max < limits::channel_protocol_min ||
                             open->protocol_min > limits::channel_protocol_max);
}

void try_frames(const InputFrames& frames) {
  const Result<core::ChannelMessage> first =
      codec::decode_channel(frames.header(), frames.payload());
  if (!first.ok()) {
    must(first.error().code == ErrorCode::malformed_message, "an error of another code");
    must(!first.error().message.empty(), "an error without words");
    return;
  }
  reach("message of channels", first.value());
  if (is_not_for_us(first.value())) return;
  static codec::HeaderBuffer buffer;  // kept, as a loop keeps it
  const Result<codec::Frames> sent =
      codec::encode_channel(first.value(), limits::channel_protocol_max, buffer);
  if (!sent.ok()) found("can't be sent again: " + sent.error().message);
  const std::vector<char> header(sent.value().header.begin(), sent.value().header.end());
  const Result<core::ChannelMessage> second = codec::decode_channel(
      {header.data(), header.size()}, sent.value().has_payload ? &sent.value().payload : nullptr);
  if (!second.ok()) found("can't be read again: " + second.error().message);
  must(second.value() == first.value(), "means something else when it is sent again");
}

}  // namespace
}  // namespace fanmill::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fanmill::fuzz;
  try_frames(InputFrames(text_of(data, size)));
  return 0;
}
