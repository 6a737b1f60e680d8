#include "codec/header_reader.hpp"

#include "codec/codec.hpp"
#include "codec/text.hpp"

namespace fanmill::codec {

std::string cleaned(capnp::Text::Reader text, std::size_t bytes_max) {
  if (text.size() == 0) return {};
  std::string scratch;
  return std::string(clean(view(text), bytes_max, scratch));
}

std::string plain(const char* field, capnp::Text::Reader text, Check& check) {
  check.range(field, text.size(), 0, limits::text_bytes_max, "its length in bytes");
  check.that(is_plain(view(text)), field, "not UTF-8 without control characters");
  return std::string(view(text));
}

Payload payload_of(std::uint16_t encoding, const Bytes* frame, Check& check) {
  check.range("encoding", encoding, 0, schema::ENCODING_RAW);
  if (encoding == schema::ENCODING_NONE) {
    check.that(frame == nullptr, "encoding", "0 (none), but there is a payload frame");
    return {};
  }
  check.that(frame != nullptr, "encoding", "not 0 (none), but there is no payload frame");
  if (check.failed()) return {};
  return {*frame, static_cast<Encoding>(encoding)};
}

Payload payload_in_parts(std::uint16_t encoding, const Bytes* frame, Check& check) {
  check.range("encoding", encoding, 1, schema::ENCODING_RAW, "with a payload in parts");
  check.that(frame == nullptr, "payload", "a second frame, with a payload in parts");
  if (check.failed()) return {};
  return {{}, static_cast<Encoding>(encoding)};
}

void expect_no_payload(const Bytes* payload, Check& check) {
  check.that(payload == nullptr, "payload", "a second frame, which this kind never has");
}

Error malformed(const std::string& what) { return {ErrorCode::malformed_message, what}; }

// What Cap'n Proto says may quote the bytes that it did not like.
Error malformed(std::uint16_t kind, const kj::Exception& exception) {
  const auto words = exception.getDescription();
  std::string scratch;
  return malformed(kind_name(kind) + ": " +
                   std::string(clean({words.begin(), words.size()}, limits::text_bytes_max, scratch,
                                     keep_nothing)));
}

Status check_size(std::string_view bytes) {
  if (bytes.size() >= 16 && bytes.size() <= limits::header_bytes_max && bytes.size() % 8 == 0) {
    return Ok{};
  }
  return malformed("a header of " + std::to_string(bytes.size()) +
                   " bytes, expected a multiple of 8 from 16 to " +
                   std::to_string(limits::header_bytes_max));
}

Error malformed_root(std::uint64_t root) {
  return malformed(
      "a root pointer that is not that of a struct right behind it, whole and with "
      "a data section of a word or more: " +
      hex(root));
}

Status check_prefix(const Header& header) {
  if (!header.has_root()) return malformed_root(header.word(0));
  if (header.prefix(0) != schema::MAGIC) {
    return malformed("the magic is " + hex(header.prefix(0)) + ", expected " + hex(schema::MAGIC));
  }
  if (header.prefix(2) == 0) return malformed("the kind is 0, which is never valid");
  return Ok{};
}

}  // namespace fanmill::codec
