// Certificate: a key pair, or its public half, in the format of CZMQ's certificates, which pyzmq
// (zmq.auth.load_certificate) and others read, too.
//
//     metadata
//         name = "node3"
//     curve
//         public-key = "..."
//         secret-key = "..."
//         server-key = "..."
#pragma once

#include <optional>
#include <string>

#include "net/curve_key.hpp"

namespace fanmill::net {

struct Certificate {
  std::string name;  // for people; may be empty
  PublicKey public_key;
  std::optional<SecretKey> secret_key;
  std::optional<PublicKey> server_key;  // of whom the pair is for; other tools skip it

  /// Names that fanmill does not know are skipped. Error: invalid_argument, with the line; also if
  /// the two keys don't belong together.
  [[nodiscard]] static Result<Certificate> parse(std::string_view text,
                                                 const std::string& file_name);
  /// The caller wipes it. Quotes and line breaks in the name are left out.
  [[nodiscard]] std::string to_text() const;

  /// Reads a file with both keys, that only its owner can read. Error: as parse and
  /// read_private_file.
  [[nodiscard]] static Result<Certificate> load(const std::string& path);
  /// Error: io_error.
  [[nodiscard]] Status save(const std::string& path) const;
};

}  // namespace fanmill::net
