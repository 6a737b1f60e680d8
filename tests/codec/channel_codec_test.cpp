// The messages of channels: frozen bytes, round trips, and everything that may arrive instead.
#include "codec/channel_codec.hpp"

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "catch.hpp"
#include "codec/hex_text.hpp"
#include "codec/samples.hpp"

namespace fanmill::codec_test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

constexpr SessionId channel{0x1122334455667701};

struct ChannelSample {
  std::string name;  // the frozen file's
  core::ChannelMessage message;
};

core::ChannelTerms terms() {
  return {.window_objects = 1024,
          .window_bytes = 16U << 20,
          .object_bytes_max = 64U << 20,
          .silence = 20s};
}

std::vector<ChannelSample> channel_samples() {
  return {
      {"open", core::ChannelOpen{.terms = terms(),
                                 .speech_min = 2,
                                 .speech_max = 3,
                                 .software = "fanmill 0.1.0",
                                 .speech = "ring"}},
      {"open-bare", core::ChannelOpen{.terms = terms()}},
      {"opened",
       core::ChannelOpened{
           .channel = channel, .terms = terms(), .speech = 3, .software = "fanmill 0.1.0"}},
      {"object", core::ChannelObject{.channel = channel,
                                     .sequence = 5,
                                     .taken = {7, 4000},
                                     .payload = Payload::json("[1,2,3]")}},
      {"object-null", core::ChannelObject{.channel = channel, .sequence = 1}},
      {"taken", core::ChannelTaken{channel, {9, 70'000}}},
      {"goodbye", core::Goodbye{.session = channel}},
      {"refuse", core::Refuse{.session = channel,
                              .code = core::RefuseCode::protocol,
                              .protocol_min = 1,
                              .protocol_max = 1,
                              .words = "object 2 behind object 0"}},
  };
}

OwnedFrames encoded_channel(const core::ChannelMessage& message) {
  codec::HeaderBuffer buffer;
  const codec::Frames frames = codec::encode_channel(message, 1, buffer).value_or_raise();
  OwnedFrames owned{std::string(frames.header), {}};
  if (frames.has_payload) owned.payload = frames.payload.str();
  return owned;
}

Result<core::ChannelMessage> decoded_channel(const OwnedFrames& frames) {
  if (!frames.payload) return codec::decode_channel(frames.header, nullptr);
  const Bytes payload{std::string_view(*frames.payload)};
  return codec::decode_channel(frames.header, &payload);
}

std::string channel_fault(const OwnedFrames& frames) {
  const auto result = decoded_channel(frames);
  return result ? "no error" : result.error().message;
}

std::string fault_of_message(const core::ChannelMessage& message) {
  return channel_fault(encoded_channel(message));
}

std::string frozen_folder() { return source_tree() + "/schemas/frozen/channel-v1"; }

}  // namespace

TEST_CASE("every message of a channel has its frozen bytes, read and written", "[unit][codec]") {
  std::set<std::string> names;
  for (const ChannelSample& sample : channel_samples()) {
    const std::string path = frozen_folder() + "/" + sample.name + ".hex";
    CAPTURE(path);
    names.insert(sample.name + ".hex");
    const OwnedFrames frames = encoded_channel(sample.message);
    if (freezing() && !std::filesystem::exists(path)) {
      std::ofstream(path, std::ios::binary)
          << frozen_text({.name = "channel, " + sample.name, .remark = {}, .message = {}}, frames);
    }
    const auto text = file_text(path);
    REQUIRE(text);
    const OwnedFrames frozen = parse_frozen(*text);
    CHECK(hex_lines(frames.header) == hex_lines(frozen.header));
    CHECK(frames == frozen);
    REQUIRE(channel_fault(frozen) == "no error");
    CHECK(decoded_channel(frozen).value() == sample.message);
  }
  for (const auto& entry : std::filesystem::directory_iterator(frozen_folder())) {
    CHECK(names.count(entry.path().filename().string()) == 1);
  }
}

TEST_CASE("faults in the messages of a channel are named", "[unit][codec]") {
  core::ChannelOpen open{.terms = terms()};
  open.terms.window_objects = 0;
  CHECK_THAT(fault_of_message(open), ContainsSubstring("Open: windowObjects is 0, expected 1"));
  open.terms = terms();
  open.terms.silence = 99ms;
  CHECK_THAT(fault_of_message(open), ContainsSubstring("silenceMs is 99, expected 100 to 3600000"));
  open.terms = terms();
  open.speech_min = 3;
  open.speech_max = 2;
  CHECK_THAT(fault_of_message(open), ContainsSubstring("speechMin is 3"));
  CHECK_THAT(fault_of_message(core::ChannelOpened{.terms = terms()}),
             ContainsSubstring("Opened: channel is 0"));
  CHECK_THAT(fault_of_message(core::ChannelObject{.channel = channel, .sequence = 0}),
             ContainsSubstring("Object: sequence is 0"));
  CHECK_THAT(fault_of_message(core::ChannelTaken{}), ContainsSubstring("Taken: channel is 0"));

  OwnedFrames frames = encoded_channel(core::ChannelTaken{channel, {}});
  CHECK_THAT(channel_fault({poked<std::uint16_t>(frames.header, 10, 9), {}}),
             ContainsSubstring("version is 9"));
  frames.payload = "x";
  CHECK_THAT(channel_fault(frames), ContainsSubstring("Taken: payload"));
  CHECK_THAT(channel_fault({"abc", {}}), ContainsSubstring("a header of 3 bytes"));
}

TEST_CASE("what only workers and managers say is no message of a channel", "[unit][codec]") {
  CHECK_THAT(channel_fault(encoded(sample("task"))),
             ContainsSubstring("Task: of workers and managers"));
  CHECK_THAT(channel_fault(encoded(sample("heartbeat-worker"))), ContainsSubstring("Heartbeat"));
  // These may come by mistake, and are answered as such.
  CHECK(std::holds_alternative<core::Hello>(decoded_channel(encoded(sample("hello"))).value()));
  CHECK(std::holds_alternative<core::Who>(decoded_channel(encoded(sample("who"))).value()));
  // And the other way round: a manager counts them.
  const auto read = decoded(encoded_channel(core::ChannelOpen{.terms = terms()}));
  CHECK(std::get<core::Unknown>(read.value().message).kind == 16);
}

TEST_CASE("an Open of another version is read as far as its range", "[unit][codec]") {
  const auto read = decoded_channel(
      encoded_channel(core::ChannelOpen{.protocol_min = 5, .protocol_max = 6, .terms = {}}));
  CHECK(std::get<core::ChannelOpen>(read.value()).protocol_max == 6);
}

TEST_CASE("mutated messages of a channel are errors, or mean what they say", "[unit][codec]") {
  std::mt19937_64 random(11);
  std::size_t errors = 0;
  for (int i = 0; i < 40'000; ++i) {
    const auto samples = channel_samples();
    OwnedFrames frames = encoded_channel(samples[random() % samples.size()].message);
    for (std::size_t n = 1 + random() % 3; n > 0; --n) {
      const std::size_t at = random() % frames.header.size();
      frames.header[at] = static_cast<char>(random() % 3 == 0 ? 0xff : random());
    }
    if (random() % 8 == 0) frames.header.resize(random() % (frames.header.size() + 1));
    if (random() % 8 == 0) frames.payload.reset();
    const auto read = decoded_channel(frames);
    if (!read.ok()) {
      errors += 1;
      REQUIRE(read.error().code == ErrorCode::malformed_message);
      continue;
    }
    const auto* open = std::get_if<core::ChannelOpen>(&read.value());
    const bool is_refused = open != nullptr && (open->protocol_min > 1 || open->protocol_max < 1);
    if (is_refused || std::holds_alternative<core::Hello>(read.value())) continue;
    codec::HeaderBuffer buffer;
    const auto again = codec::encode_channel(read.value(), 1, buffer);
    REQUIRE(again.ok());
  }
  CHECK(errors > 5'000);
  CHECK(errors < 39'000);
}

}  // namespace fanmill::codec_test
