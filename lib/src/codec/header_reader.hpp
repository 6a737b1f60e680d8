// Headers as Cap'n Proto may read them, and what all sources that decode messages check alike.
#pragma once

#include <capnp/message.h>
#include <fanmill.capnp.h>
#include <kj/exception.h>

#include <cstring>
#include <fanmill/payload.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "codec/check.hpp"
#include "core/limits.hpp"

namespace fanmill::codec {

// A header, where Cap'n Proto may read it: its words must be aligned, and frames are not (libzmq
// hands out those of 33 bytes or more as they came from the network).
class Header {
 public:
  explicit Header(std::string_view bytes)
      : words_(bytes.size() / 8),
        segment_(reinterpret_cast<const capnp::word*>(storage_), words_),
        reader_(kj::arrayPtr(&segment_, 1), options(words_)) {
    std::memcpy(storage_, bytes.data(), bytes.size());
  }
  Header(const Header&) = delete;
  Header& operator=(const Header&) = delete;

  [[nodiscard]] std::uint64_t word(std::size_t index) const {
    return index < words_ ? storage_[index] : 0;
  }
  [[nodiscard]] std::size_t data_words() const { return word(0) >> 32U & 0xffffU; }
  [[nodiscard]] std::size_t pointers() const { return word(0) >> 48U; }
  // 16 bits of word 0 of the struct, the part of the header that is frozen for ever.
  [[nodiscard]] std::uint16_t prefix(unsigned index) const {
    return static_cast<std::uint16_t>(word(1) >> (16 * index));
  }
  [[nodiscard]] std::uint64_t id() const { return data_words() > 1 ? word(2) : 0; }

  // The root must be a struct right behind its pointer, whole, with the frozen word.
  [[nodiscard]] bool has_root() const {
    const bool is_struct_at_0 = (word(0) & 0xffffffffU) == 0;
    return is_struct_at_0 && data_words() >= 1 && 1 + data_words() + pointers() <= words_;
  }

  template <typename Schema>
  typename Schema::Reader as() {
    return reader_.getRoot<Schema>();
  }

 private:
  static capnp::ReaderOptions options(std::size_t words) {
    // Each byte is read once; twice that leaves room for Cap'n Proto's own way of counting and none
    // for texts that share their bytes. Nothing here is deeper than a text in a struct.
    return {.traversalLimitInWords = 2 * words, .nestingLimit = 4};
  }

  alignas(8) std::uint64_t storage_[limits::header_bytes_max / 8];  // only words_ of them are set
  std::size_t words_;
  kj::ArrayPtr<const capnp::word> segment_;
  capnp::SegmentArrayMessageReader reader_;
};

[[nodiscard]] inline std::string_view view(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}
/// A text for people, without what they should not see.
[[nodiscard]] std::string cleaned(capnp::Text::Reader text, std::size_t bytes_max);
/// A text that decides something.
[[nodiscard]] std::string plain(const char* field, capnp::Text::Reader text, Check& check);

/// The payload frame is there exactly when the encoding says so; its bytes are not looked at here.
[[nodiscard]] Payload payload_of(std::uint16_t encoding, const Bytes* frame, Check& check);
/// Of which nothing is here but the encoding.
[[nodiscard]] Payload payload_in_parts(std::uint16_t encoding, const Bytes* frame, Check& check);
void expect_no_payload(const Bytes* payload, Check& check);

/// What is wrong with the bytes of a header before anything of its kind is looked at.
[[nodiscard]] Status check_size(std::string_view bytes);
[[nodiscard]] Status check_prefix(const Header& header);
/// Error: malformed_message.
[[nodiscard]] Error malformed(const std::string& what);
[[nodiscard]] Error malformed(std::uint16_t kind, const kj::Exception& exception);
[[nodiscard]] Error malformed_root(std::uint64_t root);

/// `read(Header&, Check&)` gives the message of a header that is sound so far.
template <typename Message, typename Read>
Result<Message> read_header(std::string_view bytes, const Read& read) {
  if (const Status size = check_size(bytes); !size.ok()) return size.error();
  Header header(bytes);
  if (const Status prefix = check_prefix(header); !prefix.ok()) return prefix.error();
  const std::uint16_t kind = header.prefix(2);
  Check check(kind);
  try {
    Message message = read(header, check);
    if (check.failed()) return malformed(check.fault());
    return message;
  } catch (const kj::Exception& exception) {
    return malformed(kind, exception);
  }
}

}  // namespace fanmill::codec
