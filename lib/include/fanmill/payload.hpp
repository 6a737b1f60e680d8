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

/// A value: copies share the bytes, and nothing is checked before somebody reads them. A task's or
/// a result's may have as many as ManagerOptions::payload_bytes_max.
struct Payload {
  Bytes bytes;                         ///< none if the encoding is none
  Encoding encoding = Encoding::none;  ///< what the bytes are

  /// Copies one JSON text. Whether it is one, its reader finds out.
  static Payload json(std::string_view text) { return {Bytes(text), Encoding::json}; }
  /// Copies bytes that only the two ends of a task understand.
  static Payload raw(std::string_view bytes) { return {Bytes(bytes), Encoding::raw}; }

  friend bool operator==(const Payload&, const Payload&) = default;
};

}  // namespace fanmill::inline v0
