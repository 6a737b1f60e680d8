// The wire: any frames decode to a message or an error in words, and a message that was taken can be
// sent again and then means the same.
#include "codec/codec.hpp"
#include "frames.hpp"
#include "fuzz.hpp"

namespace fanmill::fuzz {
namespace {

// Of such a Hello nothing but the range is read.
bool is_of_another_version(const core::Message& message) {
  const auto* hello = std::get_if<core::Hello>(&message);
  return hello != nullptr &&
         (hello->protocol_max < limits::protocol_min || hello->protocol_min > limits::protocol_max);
}

// What the short way reads the long one reads as the same.
void try_lone(const InputFrames& frames, const Result<codec::Decoded>& decoded) {
  Bytes payload = frames.payload() == nullptr ? Bytes() : *frames.payload();
  core::Result lone;
  if (!codec::decode_lone(frames.header(), frames.payload() == nullptr ? nullptr : &payload, lone))
    return;
  must(decoded.ok(), "read as a lone result, but refused");
  const auto* result = std::get_if<core::Result>(&decoded.value().message);
  must(result != nullptr && *result == lone, "means something else as a lone result");
}

void try_frames(const InputFrames& frames) {
  const Result<codec::Decoded> first = codec::decode(frames.header(), frames.payload());
  try_lone(frames, first);
  if (!first.ok()) {
    must(first.error().code == ErrorCode::malformed_message, "an error of another code");
    must(!first.error().message.empty(), "an error without words");
    return;
  }
  const core::Message& message = first.value().message;
  reach("message of the protocol", message);
  if (is_of_another_version(message)) return;
  static codec::HeaderBuffer buffer;  // kept, as a loop keeps it
  const Result<codec::Frames> sent = codec::encode(message, first.value().version, buffer);
  if (!sent.ok()) found("can't be sent again: " + sent.error().message);
  must(sent.value().header.size() <= limits::header_bytes_max || !sent.value().batch.empty(),
       "a header that is too long");
  const std::vector<char> header(sent.value().header.begin(), sent.value().header.end());
  const Result<codec::Decoded> second = codec::decode(
      {header.data(), header.size()}, sent.value().has_payload ? &sent.value().payload : nullptr);
  if (!second.ok()) found("can't be read again: " + second.error().message);
  must(second.value().message == message, "means something else when it is sent again");
}

}  // namespace
}  // namespace fanmill::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fanmill::fuzz;
  try_frames(InputFrames(text_of(data, size)));
  return 0;
}
