// Headers by Cap'n Proto in the caller's buffer: for the sources that encode messages.
#pragma once

#include <capnp/any.h>
#include <capnp/message.h>
#include <fanmill.capnp.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "codec/codec.hpp"
#include "codec/text.hpp"
#include "codec/units.hpp"

namespace fanmill::codec {

// How large the sections of a header's struct are.
struct StructWords {
  std::uint16_t data;
  std::uint16_t pointers;
};
template <typename Schema>
inline constexpr StructWords whole{Schema::_capnpPrivate::dataWordSize,
                                   Schema::_capnpPrivate::pointerCount};

// One header in the making, in somebody's HeaderBuffer.
template <typename Schema>
class HeaderWriter {
 public:
  using Builder = typename Schema::Builder;
  using InitText = capnp::Text::Builder (Builder::*)(unsigned size);

  // `size`: less than the whole struct if fields that came later are left out. They must not be set
  // then.
  HeaderWriter(HeaderBuffer& buffer, std::uint16_t kind, std::uint16_t version, unsigned flags = 0,
               StructWords size = whole<Schema>)
      : buffer_(buffer),
        message_(cleared(buffer)),
        out_(message_.getRoot<capnp::AnyPointer>()
                 .initAsAnyStruct(size.data, size.pointers)
                 .template as<Schema>()) {
    out_.setMagic(schema::MAGIC);
    out_.setVersion(version);
    out_.setKind(kind);
    out_.setFlags(static_cast<std::uint16_t>(flags));
  }

  Builder* operator->() { return &out_; }

  // How long a text may be that is put next.
  [[nodiscard]] std::size_t text_room() {
    const std::size_t bytes = (buffer_.words_.size() - words_used()) * 8;
    return bytes == 0 ? 0 : bytes - 1;  // each text ends with a NUL
  }

  // `init` makes room for the text. An empty one stays a null pointer, which costs nothing.
  void put(InitText init, std::string_view text) {
    if (text.empty()) return;
    auto to = (out_.*init)(static_cast<unsigned>(text.size()));
    std::memcpy(to.begin(), text.data(), text.size());
  }
  // A text for people.
  void put_clean(InitText init, std::string_view text, std::size_t bytes_max) {
    std::string scratch;
    put(init, clean(text, bytes_max, scratch));
  }

  Frames finish(Bytes payload = {}, bool has_payload = false) {
    buffer_.words_used_ = words_used();
    const auto* begin = reinterpret_cast<const char*>(buffer_.words_.data());
    return {{begin, buffer_.words_used_ * 8}, std::move(payload), has_payload};
  }
  Frames finish(const Payload& payload) {
    return finish(payload.bytes, payload.encoding != Encoding::none);
  }

 private:
  // Zeroed as Cap'n Proto wants it. Until finish() nobody knows how much of it was written.
  static kj::ArrayPtr<capnp::word> cleared(HeaderBuffer& buffer) {
    static_assert(sizeof(capnp::word) == sizeof(std::uint64_t));
    std::fill_n(buffer.words_.begin(), buffer.words_used_, 0);
    buffer.words_used_ = buffer.words_.size();
    return {reinterpret_cast<capnp::word*>(buffer.words_.data()), buffer.words_.size()};
  }
  std::size_t words_used() { return message_.getSegmentsForOutput()[0].size(); }

  HeaderBuffer& buffer_;
  // Not MallocMessageBuilder: that one wipes its scratch space when it goes, before it could be
  // sent.
  capnp::FlatMessageBuilder message_;
  Builder out_;
};

}  // namespace fanmill::codec
