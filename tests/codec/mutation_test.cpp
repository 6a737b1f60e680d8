// Anything may arrive. Whatever it is, decoding ends with a message or an error; and what was taken
// for a message can be sent again and then means the same.
#include <random>

#include "catch.hpp"
#include "codec/samples.hpp"

namespace fanmill::codec_test {
namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t limit) { return random() % limit; }

// Words that Cap'n Proto gives a meaning: pointers of every sort, near and far, small and huge.
std::uint64_t telling_word(Random& random) {
  const std::uint64_t sort = below(random, 4);
  const std::uint64_t offset = random() % 2 == 0 ? below(random, 16) : random() & 0x3fffffffU;
  const std::uint64_t element = below(random, 8);
  const std::uint64_t count = random() % 2 == 0 ? below(random, 4200) : random() & 0x1fffffffU;
  return sort | offset << 2U | element << 32U | count << 35U;
}

void mutate(std::string& bytes, Random& random) {
  if (bytes.empty()) return;
  const std::size_t at = below(random, bytes.size());
  switch (below(random, 7)) {
    case 0:
    case 1:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(random, 8)));
      return;
    case 2:
      bytes[at] = static_cast<char>(random());
      return;
    case 3:
      if (bytes.size() >= 8)
        bytes = poked(bytes, at / 8 * 8 % (bytes.size() - 7), telling_word(random));
      return;
    case 4:
      bytes.resize(random() % 4 == 0 ? at : at / 8 * 8);
      return;
    case 5:
      bytes.append(8 * below(random, 5), static_cast<char>(random()));
      return;
    default:
      bytes[at] = static_cast<char>(random() % 2 == 0 ? 0 : 0xff);
  }
}

bool refused_for_its_version(const core::Message& message) {
  const auto* hello = std::get_if<core::Hello>(&message);
  return hello != nullptr &&
         (hello->protocol_max < limits::protocol_min || hello->protocol_min > limits::protocol_max);
}

struct Tally {
  std::size_t messages = 0;
  std::size_t errors = 0;
  std::size_t lone = 0;
};

// What the short way reads the long one reads, too, and as the same. What it leaves is untouched.
std::string try_lone(const std::string& header, const Bytes* payload,
                     const Result<codec::Decoded>& decoded, Tally& tally) {
  Bytes given = payload == nullptr ? Bytes() : *payload;
  core::Result lone;
  if (!codec::decode_lone(header, payload == nullptr ? nullptr : &given, lone))
    return payload == nullptr || given == *payload ? "" : "took a payload that it did not read";
  ++tally.lone;
  if (!decoded) return "read as a lone result, but refused: " + decoded.error().message;
  const auto* result = std::get_if<core::Result>(&decoded.value().message);
  return result != nullptr && *result == lone ? "" : "means something else as a lone result";
}

// Returns what went wrong, an empty text if nothing did.
std::string try_frames(const std::string& header, const Bytes* payload, codec::HeaderBuffer& buffer,
                       Tally& tally) {
  const auto first = codec::decode(header, payload);
  if (std::string wrong = try_lone(header, payload, first, tally); !wrong.empty()) return wrong;
  if (!first) {
    ++tally.errors;
    if (first.error().code != ErrorCode::malformed_message) return "another code";
    return first.error().message.empty() ? "an error without words" : "";
  }
  ++tally.messages;
  if (refused_for_its_version(first.value().message)) return "";
  const auto frames = codec::encode(first.value().message, first.value().version, buffer);
  if (!frames) return "can't be sent again: " + frames.error().message;
  const Bytes& again = frames.value().payload;
  const auto second =
      codec::decode(frames.value().header, frames.value().has_payload ? &again : nullptr);
  if (!second) return "can't be read again: " + second.error().message;
  return second.value().message == first.value().message ? "" : "means something else";
}

}  // namespace

TEST_CASE("no mutation of a frozen message does anything but decode or fail", "[unit][codec]") {
  constexpr std::size_t rounds = 4500;  // times the number of samples: about 160,000
  Random random(20261120);              // fixed: a failure must come again
  codec::HeaderBuffer buffer;
  Tally tally;
  for (const Sample& sample : samples()) {
    const OwnedFrames original = encoded(sample.message);
    for (std::size_t round = 0; round < rounds; ++round) {
      OwnedFrames frames = original;
      for (std::size_t i = 0; i <= below(random, 3); ++i) mutate(frames.header, random);
      if (random() % 8 == 0) frames.payload = frames.payload ? std::nullopt : std::optional("x");
      if (frames.payload && random() % 2 == 0) mutate(*frames.payload, random);
      const Bytes payload{std::string_view(frames.payload.value_or(""))};
      const std::string wrong =
          try_frames(frames.header, frames.payload ? &payload : nullptr, buffer, tally);
      if (!wrong.empty()) {
        CAPTURE(sample.name, round, wrong);
        REQUIRE(wrong.empty());
      }
    }
  }
  // A mutation test whose mutants all die at the first check tests nothing.
  CHECK(tally.messages > 20000);
  CHECK(tally.errors > 20000);
  CHECK(tally.lone > 2000);
}

TEST_CASE("no random bytes do anything but decode or fail", "[unit][codec]") {
  Random random(7);
  codec::HeaderBuffer buffer;
  Tally tally;
  for (std::size_t round = 0; round < 30000; ++round) {
    std::string header(8 * below(random, 40), '\0');
    for (std::size_t at = 0; at < header.size(); at += 8) {
      header = poked(std::move(header), at, random() % 2 == 0 ? telling_word(random) : random());
    }
    if (header.size() >= 16) {
      // Past the first checks: a root of some size and the frozen word.
      header =
          poked(std::move(header), 0,
                std::uint64_t{below(random, 14)} << 32U | std::uint64_t{below(random, 6)} << 48U);
      header = poked(std::move(header), 8, 0x00016d66U);
      header = poked(std::move(header), 12, static_cast<std::uint16_t>(below(random, 17)));
    }
    const std::string wrong = try_frames(header, nullptr, buffer, tally);
    CAPTURE(round, wrong);
    if (!wrong.empty()) REQUIRE(wrong.empty());
  }
  CHECK(tally.errors > 1000);
  CHECK(tally.messages > 1000);
}

}  // namespace fanmill::codec_test
