// Results by the short way: which of them it takes. That it reads them as the long way does is shown with
// mutations, too (mutation_test.cpp); the header of a Task is frozen as all are.
#include "catch.hpp"
#include "codec/samples.hpp"

namespace fanmill::codec_test {
namespace {

// Nothing if the short way leaves it.
std::optional<core::Result> read_lone(const OwnedFrames& frames) {
  Bytes payload(frames.payload.value_or(""));
  core::Result result;
  // Of a former message: whatever is not read would stay.
  result.error_text = "left over";
  result.cpu = std::chrono::seconds(1);
  result.memory = 7;
  result.in_parts = true;
  if (!codec::decode_lone(frames.header, frames.payload ? &payload : nullptr, result)) return {};
  return result;
}

}  // namespace

TEST_CASE(
    "results without words and parts are read by the short way, all else is left to the long one",
    "[unit][codec]") {
  std::size_t taken = 0;
  for (const Sample& sample : samples()) {
    CAPTURE(sample.name);
    const auto* result = std::get_if<core::Result>(&sample.message);
    const bool is_lone = result != nullptr && result->error_type.empty() &&
                         result->error_text.empty() && !result->in_parts;
    const std::optional<core::Result> lone = read_lone(encoded(sample.message));
    REQUIRE(lone.has_value() == is_lone);
    if (!is_lone) continue;
    CHECK(*lone == *result);
    ++taken;
  }
  CHECK(taken >= 6);
}

TEST_CASE("a result in the frame of its task is read by the short way", "[unit][codec]") {
  // Five words of data, as long as a Task: cpuUs is there, memoryBytes is not.
  OwnedFrames frames = encoded(sample("result-json"));
  const auto expected = std::get<core::Result>(sample("result-json"));
  frames.header = poked(frames.header, 0, std::uint64_t{5} << 32U | std::uint64_t{2} << 48U);
  frames.header.insert(40, 8, '\0');
  REQUIRE(decoded(frames));
  CHECK(read_lone(frames) == expected);
  frames.header = poked(frames.header, 40, std::uint64_t{42});
  CHECK(read_lone(frames)->cpu == std::chrono::microseconds(42));
}

TEST_CASE("a malformed result is left to the long way, which says why", "[unit][codec]") {
  const OwnedFrames sound = encoded(sample("result-json"));
  const auto left = [&](const std::string& header) {
    const OwnedFrames frames{header, sound.payload};
    return !read_lone(frames) && fault_of(frames) != "no error";
  };
  REQUIRE(read_lone(sound));
  CHECK(left(poked(sound.header, 8, std::uint16_t{1})));   // magic
  CHECK(left(poked(sound.header, 10, std::uint16_t{9})));  // version
  CHECK(left(poked(sound.header, 16, std::uint64_t{0})));  // attempt
  CHECK(left(poked(sound.header, 24, std::uint16_t{5})));  // outcome
  CHECK(left(poked(sound.header, 26, std::uint16_t{4})));  // encoding
  CHECK(left(poked(sound.header, 26, std::uint16_t{0})));  // none, but there is a payload
  CHECK(left(sound.header.substr(0, 48)));                 // cut off
  CHECK(left(poked(sound.header, 0, std::uint32_t{4})));   // the root lies elsewhere
  CHECK(left(
      poked(poked(sound.header, 14, std::uint16_t{1}), 24, std::uint16_t{1})));  // nothing, failed
  CHECK_FALSE(read_lone({sound.header, std::nullopt}));  // an encoding, but no payload
}

}  // namespace fanmill::codec_test
