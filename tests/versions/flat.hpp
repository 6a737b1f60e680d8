// Flat headers (one segment, no segment table) as Cap'n Proto's own classes write and read them.
#pragma once

#include <capnp/message.h>
#include <kj/exception.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "versions/peer.hpp"

namespace fanmill_test {

class FlatWriter {
 public:
  template <typename Schema>
  typename Schema::Builder start(std::uint16_t magic, std::uint16_t version, std::uint16_t kind,
                                 unsigned flags = 0) {
    auto out = builder_.initRoot<Schema>();
    out.setMagic(magic);
    out.setVersion(version);
    out.setKind(kind);
    out.setFlags(static_cast<std::uint16_t>(flags));
    return out;
  }
  Frames finish(std::optional<std::string> payload = {}) {
    const auto segments = builder_.getSegmentsForOutput();
    if (segments.size() != 1) throw std::logic_error("a header of more than one segment");
    const auto bytes = segments[0].asBytes();
    return {{reinterpret_cast<const char*>(bytes.begin()), bytes.size()}, std::move(payload)};
  }

 private:
  capnp::MallocMessageBuilder builder_{1024};
};

// Calls `read` with the root; nothing if the header is of another kind or breaks a rule of Cap'n
// Proto.
template <typename Schema, typename Read>
auto read_flat(std::string_view header, std::uint16_t kind, Read read)
    -> std::optional<decltype(read(std::declval<typename Schema::Reader>()))> {
  if (kind_of(header) != kind || header.size() % 8 != 0) return {};
  std::vector<std::uint64_t> words(header.size() / 8);
  std::memcpy(words.data(), header.data(), header.size());
  const kj::ArrayPtr<const capnp::word> segment(reinterpret_cast<const capnp::word*>(words.data()),
                                                words.size());
  try {
    capnp::SegmentArrayMessageReader reader(kj::arrayPtr(&segment, 1));
    return read(reader.getRoot<Schema>());
  } catch (const kj::Exception&) {
    return {};
  }
}

inline std::string str(capnp::Text::Reader text) { return {text.begin(), text.size()}; }

}  // namespace fanmill_test
