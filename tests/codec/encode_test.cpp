#include "catch.hpp"
#include "codec/samples.hpp"

namespace fanmill::codec_test {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

core::Hello hello() { return std::get<core::Hello>(sample("hello")); }

std::string refusal_of(const core::Message& message) {
  codec::HeaderBuffer buffer;
  const auto frames = codec::encode(message, 1, buffer);
  if (frames) return "sent";
  CHECK(frames.error().code == ErrorCode::invalid_argument);
  return frames.error().message;
}

template <typename Body>
Body round_trip(const Body& body) {
  const OwnedFrames frames = encoded(body);
  CHECK(frames.header.size() <= limits::header_bytes_max);
  return std::get<Body>(decoded(frames).value_or_raise().message);
}

std::vector<std::string> names_of(std::size_t count, std::size_t bytes_each) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    std::string name = "f" + std::to_string(i);
    name.resize(bytes_each, '-');
    names.push_back(name);
  }
  return names;
}

}  // namespace

TEST_CASE("a Hello with as many names as the limits allow is sent whole", "[unit][codec]") {
  core::Hello full = hello();
  full.functions = names_of(256, 7);  // 2047 bytes with the newlines
  full.labels = names_of(64, 20);
  const core::Hello read = round_trip(full);
  CHECK(read.functions == full.functions);
  CHECK(read.labels == full.labels);
  CHECK(read.software == full.software);
}

// Nobody who keeps to the limits can make such ones: a text is told to be a byte longer, and a name is
// cut in two.
TEST_CASE("a Hello with a longer text or list than the limits allow is refused", "[unit][codec]") {
  const auto size_word = [](std::uint32_t bytes) {
    const std::uint32_t word = bytes << 3U | 2U;  // of a list of bytes
    return std::string(reinterpret_cast<const char*>(&word), sizeof word);
  };
  const auto fault_after = [](const core::Hello& said, const std::string& from,
                              const std::string& to) {
    OwnedFrames frames = encoded(said);
    const std::size_t place = frames.header.find(from);
    REQUIRE(place != std::string::npos);
    frames.header.replace(place, from.size(), to);
    const auto read = decoded(frames);
    return read.ok() ? "no error" : read.error().message;
  };
  core::Hello said = hello();
  said.functions = {std::string(limits::text_bytes_max, 'f')};
  CHECK(fault_after(said, size_word(limits::text_bytes_max + 1),
                    size_word(limits::text_bytes_max + 2)) ==
        "Hello: functions is 2049, expected 0 to 2048 (its length in bytes)");
  said.functions = names_of(limits::functions_max, 7);
  CHECK(fault_after(said, "f255---", "f25\nf-8") ==
        "Hello: functions: 257 names, expected at most 256");
}

TEST_CASE("software and host are cut so that the header is never over 4096 bytes",
          "[unit][codec]") {
  core::Hello full = hello();
  full.functions = names_of(256, 7);
  full.labels = names_of(88, 20);  // leaves a few dozen bytes
  full.host = std::string(300, 'h');
  full.software = std::string(300, 's');
  const OwnedFrames frames = encoded(full);
  CHECK(frames.header.size() <= 4096);
  CHECK(frames.header.size() > 4080);
  const core::Hello read = round_trip(full);
  CHECK(read.labels == full.labels);
  CHECK(read.host.size() < 255);
}

TEST_CASE("a long host is cut between characters", "[unit][codec]") {
  core::Hello full = hello();
  for (int i = 0; i < 200; ++i) full.host += "ö";
  const core::Hello read = round_trip(full);
  CHECK(read.host.size() % 2 == 1);  // "alder" and whole characters of two bytes
  CHECK(read.host.size() == 255);
}

TEST_CASE("a worker's only function needs no name", "[unit][codec]") {
  core::Hello nameless = hello();
  nameless.functions = {""};
  CHECK(round_trip(nameless).functions == std::vector<std::string>{""});
  nameless.functions = {"", "other"};
  CHECK(round_trip(nameless).functions == nameless.functions);
  nameless.functions = {};
  CHECK(refusal_of(nameless) == "functions: there is none");
}

TEST_CASE("functions that don't fit are an error, not cut", "[unit][codec]") {
  core::Hello too_long = hello();
  too_long.functions = {std::string(2049, 'f')};
  CHECK(refusal_of(too_long) == "functions: 2049 bytes of names, at most 2048 fit in a Hello");
  too_long.functions = names_of(257, 5);
  CHECK(refusal_of(too_long) == "functions: 257 names, expected at most 256");
}

TEST_CASE("functions and labels that fit alone but not together are an error", "[unit][codec]") {
  core::Hello too_long = hello();
  too_long.functions = {std::string(2048, 'f')};
  too_long.labels = {std::string(2048, 'l')};
  CHECK_THAT(refusal_of(too_long),
             ContainsSubstring("functions, labels and cookie need 4112 bytes"));
}

TEST_CASE("what can't be said in a Hello is an error that names it", "[unit][codec]") {
  core::Hello bad = hello();
  bad.functions = {"a", "a"};
  CHECK(refusal_of(bad) == "functions: \"a\" stands there twice");
  bad = hello();
  bad.labels = {"two\nlines"};
  CHECK_THAT(refusal_of(bad), ContainsSubstring("labels: name 0 is not UTF-8"));
  bad = hello();
  bad.cookie = "\xff";
  CHECK_THAT(refusal_of(bad), ContainsSubstring("cookie"));
  bad = hello();
  bad.slots = 0;
  CHECK(refusal_of(bad) == "slots: 0, expected 1 to 4096");
  bad = hello();
  bad.holdings.resize(limits::holdings_max + 1);
  CHECK_THAT(refusal_of(bad), ContainsSubstring("holdings: 65537"));
}

TEST_CASE("a failed task's texts are cleaned and cut to fit", "[unit][codec]") {
  core::Result failed{.attempt = AttemptId{1}, .outcome = core::AttemptOutcome::failed};
  failed.error_type = std::string(1000, 't');
  failed.error_text = "\x1b[1mfirst\r\nsecond\xff" + std::string(5000, 'x');
  const core::Result read = round_trip(failed);
  CHECK(read.error_type.size() == limits::error_type_max);
  CHECK(read.error_text.size() == limits::error_text_max);
  CHECK(read.error_text.str().starts_with(" [1mfirst \nsecond?xxx"));
}

// Frozen bytes, and a Result of a worker that measures nothing, stay as they were.
TEST_CASE("a Result carries what was measured, and has no room for it if nothing was",
          "[unit][codec]") {
  const auto data_words = [](const core::Result& result) {
    return static_cast<int>(encoded(result).header[4]);
  };
  const core::Result plain{.attempt = AttemptId{1}, .busy = 5ms};
  CHECK(data_words(plain) == 4);
  core::Result measured = plain;
  measured.cpu = 7us;
  CHECK(data_words(measured) == 6);
  CHECK(round_trip(measured) == measured);
  measured.cpu = 1ns;
  CHECK(round_trip(measured).cpu == 1us);
  measured.cpu = Duration::zero();
  measured.memory = ~std::uint64_t{0};
  measured.error_type = "exit 3";
  measured.error_text = "tail";
  measured.payload = Payload::json("1");
  CHECK(round_trip(measured) == measured);
  measured.memory = 0;
  measured.cpu = -5ms;
  CHECK(data_words(measured) == 4);
}

TEST_CASE("a failure may tell an exit status as a crash does", "[unit][codec]") {
  for (const auto outcome : {core::AttemptOutcome::failed, core::AttemptOutcome::crashed}) {
    const core::Result ended{.attempt = AttemptId{1}, .outcome = outcome, .detail = 256 + 3};
    CHECK(round_trip(ended) == ended);
  }
}

TEST_CASE("words of Refuse and Goodbye are cut to one text's limit", "[unit][codec]") {
  core::Refuse refuse{.words = std::string(10000, 'w')};
  CHECK(round_trip(refuse).words.size() == limits::text_bytes_max);
  core::Goodbye goodbye{.session = session, .words = std::string(10000, 'w')};
  CHECK(round_trip(goodbye).words.size() == limits::text_bytes_max);
}

// 0 means "none" in a Task and "never again" in a Refuse: a short time must not become that.
TEST_CASE("times are rounded up to the unit of the wire", "[unit][codec]") {
  core::Task task = std::get<core::Task>(sample("task"));
  task.time_limit = 1ns;
  CHECK(round_trip(task).time_limit == 1ms);
  task.time_limit = 1001us;
  CHECK(round_trip(task).time_limit == 2ms);
  task.time_limit = std::chrono::hours(24 * 365);
  CHECK(round_trip(task).time_limit == std::chrono::milliseconds(0xffffffff));
  core::Killed killed{.attempt = AttemptId{1}, .busy = -5ms};
  CHECK(round_trip(killed).busy == 0ms);
}

TEST_CASE("the session's version stands in word 0, but for the four frozen kinds",
          "[unit][codec]") {
  const auto version_in = [](const core::Message& message) {
    return static_cast<int>(encoded(message, 9).header[10]);
  };
  core::Hello newer = hello();
  newer.protocol_max = 4;
  CHECK(version_in(newer) == 4);
  CHECK(version_in(core::Welcome{.version = 3, .session = session, .greeting = 1}) == 3);
  CHECK(version_in(core::Refuse{.protocol_min = 1, .protocol_max = 5}) == 5);
  CHECK(version_in(core::Who{1, 6}) == 6);
  CHECK(version_in(sample("task")) == 9);
  CHECK(version_in(sample("heartbeat-worker")) == 9);
}

TEST_CASE("a buffer used for a long header leaves nothing in a later short one", "[unit][codec]") {
  codec::HeaderBuffer buffer;
  const auto encode_here = [&](const core::Message& message) {
    return std::string(codec::encode(message, 1, buffer).value_or_raise().header);
  };
  encode_here(core::Refuse{.words = std::string(2000, '\x7e')});
  CHECK(encode_here(sample("heartbeat-worker")) == encoded(sample("heartbeat-worker")).header);
  encode_here(sample("hello-resume"));
  CHECK(encode_here(sample("task")) == encoded(sample("task")).header);
}

TEST_CASE("a payload is shared, not copied", "[unit][codec]") {
  const core::Task task = std::get<core::Task>(sample("task-raw"));
  codec::HeaderBuffer buffer;
  const codec::Frames frames = codec::encode(task, 1, buffer).value_or_raise();
  CHECK(frames.payload.data() == task.payload.bytes.data());
  const auto read = codec::decode(frames.header, &frames.payload);
  CHECK(std::get<core::Task>(read.value().message).payload.bytes.data() ==
        task.payload.bytes.data());
}

}  // namespace fanmill::codec_test
