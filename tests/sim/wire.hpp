// A message as bytes: every message of a simulated run passes through codec::encode and
// codec::decode.
#pragma once

#include <ostream>
#include <string>

#include "codec/codec.hpp"

namespace fanmill::sim {

struct Wire {
  std::string header;
  Bytes payload;
  bool has_payload = false;
};

/// One per run: it keeps the buffer that encoding writes to.
class WireWriter {
 public:
  /// A message that can't be encoded is a bug of its sender: it fails the assertion.
  Wire write(const core::Message& message, std::uint16_t version);

 private:
  codec::HeaderBuffer buffer_;
};

Result<codec::Decoded> read(const Wire& wire);
/// A hello or a welcome.
bool opens_session(const Wire& wire);

/// For the trace: kind and ids.
std::string describe(const core::Message& message);

/// Described only if it is printed.
struct Lazy {
  const core::Message& message;
  friend std::ostream& operator<<(std::ostream& out, const Lazy& lazy) {
    return out << describe(lazy.message);
  }
};

}  // namespace fanmill::sim
