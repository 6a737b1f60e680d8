// Payload: the bytes of a task or a result and the encoding they are in.
//
// Typed programs never meet one: `encode` and `decode` (object.hpp) make and read it. It is public
// for those who want to send their own bytes (`Encoding::raw`) or ready JSON text
// (`Encoding::json`).
#pragma once

#include <cstdint>
#include <fanmill/bytes.hpp>
#include <string_view>

namespace fanmill::inline v0 {

/// How payload bytes are to be read. The numbers are those of the wire (docs/protocol.md, "Payload
/// encodings").
enum class Encoding : std::uint16_t {
  none = 0,    ///< no payload at all
  object = 1,  ///< schemas/object.capnp: self-describing values, what typed tasks and results use
  json = 2,    ///< one JSON text, UTF-8
  raw = 3,     ///< bytes that only the user understands
};

struct Payload {
  Bytes bytes;
  Encoding encoding = Encoding::none;

  static Payload json(std::string_view text) { return {Bytes(text), Encoding::json}; }
  static Payload raw(std::string_view bytes) { return {Bytes(bytes), Encoding::raw}; }

  friend bool operator==(const Payload&, const Payload&) = default;
};

}  // namespace fanmill::inline v0
