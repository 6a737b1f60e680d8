#include "codec/channel_codec.hpp"

#include <channel.capnp.h>

#include <limits>
#include <type_traits>
#include <utility>

#include "codec/header_reader.hpp"
#include "codec/header_writer.hpp"

namespace fanmill::codec {
namespace {

constexpr std::size_t software_bytes_max = 128;

// ---- Out.

template <typename Schema>
void put_terms(HeaderWriter<Schema>& header, const core::ChannelTerms& terms) {
  header->setWindowObjects(terms.window_objects);
  header->setWindowBytes(terms.window_bytes);
  header->setObjectBytesMax(terms.object_bytes_max);
  header->setSilenceMs(milliseconds_of(terms.silence));
}

Result<Frames> write(const core::ChannelOpen& open, std::uint16_t, HeaderBuffer& buffer) {
  if (!is_plain_name(open.speech)) {
    return Error{ErrorCode::invalid_argument,
                 "speech: not UTF-8 without control characters, at most " +
                     std::to_string(limits::text_bytes_max) + " bytes"};
  }
  HeaderWriter<schema::Open> header(buffer, schema::KIND_OPEN, open.protocol_max);
  header->setProtocolMin(open.protocol_min);
  header->setProtocolMax(open.protocol_max);
  put_terms(header, open.terms);
  header->setSpeechMin(open.speech_min);
  header->setSpeechMax(open.speech_max);
  header.put_clean(&schema::Open::Builder::initSoftware, open.software, software_bytes_max);
  header.put(&schema::Open::Builder::initSpeech, open.speech);
  return header.finish();
}

Result<Frames> write(const core::ChannelOpened& opened, std::uint16_t, HeaderBuffer& buffer) {
  HeaderWriter<schema::Opened> header(buffer, schema::KIND_OPENED, opened.version);
  header->setChannel(opened.channel.value);
  put_terms(header, opened.terms);
  header->setSpeech(opened.speech);
  header.put_clean(&schema::Opened::Builder::initSoftware, opened.software, software_bytes_max);
  return header.finish();
}

Result<Frames> write(const core::ChannelObject& object, std::uint16_t version,
                     HeaderBuffer& buffer) {
  HeaderWriter<schema::Object> header(buffer, schema::KIND_OBJECT, version);
  header->setChannel(object.channel.value);
  header->setSequence(object.sequence);
  header->setTakenObjects(object.taken.objects);
  header->setTakenBytes(object.taken.bytes);
  header->setEncoding(static_cast<std::uint16_t>(object.payload.encoding));
  return header.finish(object.payload);
}

Result<Frames> write(const core::ChannelTaken& taken, std::uint16_t version, HeaderBuffer& buffer) {
  HeaderWriter<schema::Taken> header(buffer, schema::KIND_TAKEN, version);
  header->setChannel(taken.channel.value);
  header->setTakenObjects(taken.taken.objects);
  header->setTakenBytes(taken.taken.bytes);
  return header.finish();
}

template <typename Message>
Result<Frames> write(const Message& message, std::uint16_t version, HeaderBuffer& buffer) {
  return encode(message, version, buffer);
}

// ---- In.

template <typename Reader>
core::ChannelTerms read_terms(const Reader& in, Check& check) {
  check.range("windowObjects", in.getWindowObjects(), 1, std::numeric_limits<std::uint32_t>::max());
  check.range("windowBytes", in.getWindowBytes(), 1, std::numeric_limits<std::uint64_t>::max());
  constexpr auto milliseconds = [](Duration duration) {
    return static_cast<std::uint64_t>(duration / std::chrono::milliseconds(1));
  };
  check.range("silenceMs", in.getSilenceMs(), milliseconds(limits::channel_silence_min),
              milliseconds(limits::channel_silence_max));
  return {.window_objects = in.getWindowObjects(),
          .window_bytes = in.getWindowBytes(),
          .object_bytes_max = in.getObjectBytesMax(),
          .silence = std::chrono::milliseconds(in.getSilenceMs())};
}

core::ChannelOpen read(schema::Open::Reader in, Check& check) {
  core::ChannelOpen open;
  open.protocol_min = in.getProtocolMin();
  open.protocol_max = in.getProtocolMax();
  check.range("protocolMin", open.protocol_min, 0, open.protocol_max);
  // It will be refused for its version; whatever else it lacks must not be the reason.
  if (open.protocol_max < limits::channel_protocol_min ||
      open.protocol_min > limits::channel_protocol_max) {
    return open;
  }
  open.terms = read_terms(in, check);
  open.speech_min = in.getSpeechMin();
  open.speech_max = in.getSpeechMax();
  check.range("speechMin", open.speech_min, 0, open.speech_max);
  open.software = cleaned(in.getSoftware(), limits::text_bytes_max);
  open.speech = plain("speech", in.getSpeech(), check);
  return open;
}

core::ChannelOpened read(schema::Opened::Reader in, Check& check) {
  check.nonzero("channel", in.getChannel());
  return {.version = in.getVersion(),
          .channel = SessionId{in.getChannel()},
          .terms = read_terms(in, check),
          .speech = in.getSpeech(),
          .software = cleaned(in.getSoftware(), limits::text_bytes_max)};
}

core::ChannelObject read(schema::Object::Reader in, const Bytes* payload, Check& check) {
  check.nonzero("channel", in.getChannel());
  check.nonzero("sequence", in.getSequence());
  return {.channel = SessionId{in.getChannel()},
          .sequence = in.getSequence(),
          .taken = {.objects = in.getTakenObjects(), .bytes = in.getTakenBytes()},
          .payload = payload_of(in.getEncoding(), payload, check)};
}

core::ChannelTaken read(schema::Taken::Reader in, Check& check) {
  check.nonzero("channel", in.getChannel());
  return {.channel = SessionId{in.getChannel()},
          .taken = {.objects = in.getTakenObjects(), .bytes = in.getTakenBytes()}};
}

core::ChannelMessage read_own(Header& header, const Bytes* payload, Check& check) {
  const std::uint16_t kind = header.prefix(2);
  if (kind == schema::KIND_OPEN || kind == schema::KIND_OPENED) {
    expect_no_payload(payload, check);
    if (kind == schema::KIND_OPEN) return read(header.as<schema::Open>(), check);
    return read(header.as<schema::Opened>(), check);
  }
  check.range("version", header.prefix(1), limits::channel_protocol_min,
              limits::channel_protocol_max,
              "a version of this build, for this kind is read in the channel's version only");
  if (check.failed()) return core::Unknown{};
  if (kind == schema::KIND_OBJECT) return read(header.as<schema::Object>(), payload, check);
  expect_no_payload(payload, check);
  return read(header.as<schema::Taken>(), check);
}

// What channels have in common with workers and managers.
template <typename Common>
constexpr bool is_common =
    std::is_same_v<Common, core::Goodbye> || std::is_same_v<Common, core::Refuse> ||
    std::is_same_v<Common, core::Who> || std::is_same_v<Common, core::Hello> ||
    std::is_same_v<Common, core::Unknown>;

Result<core::ChannelMessage> common(Decoded decoded, std::uint16_t kind) {
  return std::visit(
      [&](auto& message) -> Result<core::ChannelMessage> {
        if constexpr (is_common<std::remove_reference_t<decltype(message)>>) {
          return core::ChannelMessage(std::move(message));
        } else {
          return malformed(kind_name(kind) + ": of workers and managers, not of channels");
        }
      },
      decoded.message);
}

}  // namespace

bool is_plain_name(std::string_view name) {
  return is_plain(name) && name.size() <= limits::text_bytes_max;
}

Result<Frames> encode_channel(const core::ChannelMessage& message, std::uint16_t version,
                              HeaderBuffer& buffer) {
  try {
    return std::visit([&](const auto& body) { return write(body, version, buffer); }, message);
  } catch (const kj::Exception& exception) {
    return Error{ErrorCode::invalid_argument, exception.getDescription().cStr()};
  }
}

Result<core::ChannelMessage> decode_channel(std::string_view bytes, const Bytes* payload) {
  std::uint16_t other = 0;
  Result<core::ChannelMessage> read = read_header<core::ChannelMessage>(
      bytes, [&](Header& header, Check& check) -> core::ChannelMessage {
        const std::uint16_t kind = header.prefix(2);
        if (kind >= schema::KIND_OPEN && kind <= schema::KIND_TAKEN) {
          return read_own(header, payload, check);
        }
        other = kind;
        return core::Unknown{};
      });
  if (!read.ok() || other == 0) return read;
  Result<Decoded> decoded = decode(bytes, payload);
  if (!decoded.ok()) return decoded.error();
  return common(std::move(decoded).value(), other);
}

}  // namespace fanmill::codec
