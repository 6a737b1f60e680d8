// One message of each kind, and variants where flags or fields matter: what is frozen, mutated and
// told about in docs/protocol.md.
#pragma once

#include <fanmill/bytes.hpp>
#include <optional>
#include <string>
#include <vector>

#include "codec/codec.hpp"
#include "core/message.hpp"

namespace fanmill::codec_test {

/// Frames with an owner, for tests that keep or change them.
struct OwnedFrames {
  std::string header;
  std::optional<std::string> payload;
  bool operator==(const OwnedFrames&) const = default;
};

struct Sample {
  std::string name;    // the frozen file's
  std::string remark;  // what it stands for
  core::Message message;
};
std::vector<Sample> samples();
core::Message sample(const std::string& name);

// The session, attempts and groups that the samples speak of, as incarnation 3 would have made
// them.
inline constexpr SessionId session{(std::uint64_t{3} << 40) + 1};
inline constexpr std::uint64_t attempt_1 = (std::uint64_t{3} << 40) + 101;
inline constexpr std::uint64_t group_1 = (std::uint64_t{3} << 40) + 11;
inline constexpr std::uint64_t task_1 = (std::uint64_t{3} << 40) + 51;

OwnedFrames encoded(const core::Message& message, std::uint16_t version = 1);
Result<codec::Decoded> decoded(const OwnedFrames& frames);

/// The error's text, or "no error".
std::string fault_of(const OwnedFrames& frames);

/// `header` with the little-endian `number` put at `offset`.
template <typename Number>
std::string poked(std::string header, std::size_t offset, Number number) {
  for (std::size_t i = 0; i < sizeof number; ++i) {
    header.at(offset + i) = static_cast<char>(number >> (8 * i));
  }
  return header;
}

/// The root of the source tree.
std::string source_tree();
/// The whole file, or nothing if there is none.
std::optional<std::string> file_text(const std::string& path);
/// Whether missing frozen files and the transcript of docs/protocol.md are to be written.
bool freezing();

}  // namespace fanmill::codec_test
