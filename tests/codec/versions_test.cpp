// Peers of other versions, built by classes of their own schemas (tests/versions), meet this codec.
#include "catch.hpp"
#include "codec/samples.hpp"
#include "versions/peer.hpp"

namespace fanmill::codec_test {

namespace v0 = fanmill_test::v0;
namespace v2 = fanmill_test::v2;
using Catch::Matchers::ContainsSubstring;

namespace {

OwnedFrames owned(fanmill_test::Frames frames) {
  return {std::move(frames.header), std::move(frames.payload)};
}

template <typename Body>
Body read(fanmill_test::Frames frames) {
  return std::get<Body>(decoded(owned(std::move(frames))).value_or_raise().message);
}

}  // namespace

TEST_CASE("an older worker's Hello is read as far as its version range", "[unit][codec]") {
  const auto decoded_hello = decoded(owned(v0::hello()));
  REQUIRE(decoded_hello);
  CHECK(decoded_hello.value().version == 0);
  const auto& hello = std::get<core::Hello>(decoded_hello.value().message);
  CHECK(hello.protocol_min == 0);
  CHECK(hello.protocol_max == 0);
  CHECK(hello.greeting == 0);
}

TEST_CASE("an older worker's other messages are malformed here, and the text says why",
          "[unit][codec]") {
  CHECK_THAT(fault_of(owned(v0::result(5))), ContainsSubstring("Result: version is 0, expected 1"));
  CHECK_THAT(fault_of(owned(v0::heartbeat(5))), ContainsSubstring("Heartbeat: version is 0"));
  CHECK_THAT(fault_of(owned(v0::goodbye(5))), ContainsSubstring("Goodbye: version is 0"));
}

TEST_CASE("an older worker reads why it is refused", "[unit][codec]") {
  const auto refuse = v0::read_refuse(encoded(sample("refuse-version")).header);
  REQUIRE(refuse);
  CHECK(refuse->protocol_min == 1);
  CHECK(refuse->protocol_max == 1);
  CHECK(refuse->retry_ms == 0);
  CHECK(refuse->words == std::get<core::Refuse>(sample("refuse-version")).words);
  CHECK(v0::read_who(encoded(sample("who")).header));
}

TEST_CASE("a newer worker's Hello is read without the fields that are new", "[unit][codec]") {
  v2::Hello options;
  options.holdings = {{.attempt = 9, .number = 1}, {.attempt = 8, .number = 3}};
  options.labels = "gpu";
  const auto hello = read<core::Hello>(v2::hello(options));
  CHECK(hello.protocol_min == 1);
  CHECK(hello.protocol_max == 2);
  CHECK(hello.slots == 2);
  CHECK(hello.uuid == core::Uuid{0x3333, 0x4444});
  CHECK(hello.functions == std::vector<std::string>{"square", "cube"});
  CHECK(hello.labels == std::vector<std::string>{"gpu"});
  CHECK(hello.holdings.size() == 2);
  // Bits without a name are kept, for logs.
  CHECK((hello.features & v2::feature_migrate) != 0);
  CHECK((hello.encodings & v2::encoding_arrow) != 0);
  // Its way of containment has no name here: nothing is promised for it.
  CHECK(hello.containment == core::Containment::none);
}

TEST_CASE("a newer worker's Result in a session of version 1 is read", "[unit][codec]") {
  const auto result =
      read<core::Result>(v2::result(1, {.attempt = 9, .encoding = 2, .payload = "[true]"}));
  CHECK(result.attempt == AttemptId{9});
  CHECK(result.payload == Payload::json("[true]"));
  const auto failed = read<core::Result>(v2::result(
      1, {.attempt = 9, .outcome = 1, .error_type = "E", .error_text = "no", .payload = {}}));
  CHECK(failed.error_type == "E");
  CHECK(failed.error_text == "no");
}

TEST_CASE("a newer worker's message in its own version is malformed", "[unit][codec]") {
  CHECK_THAT(fault_of(owned(v2::result(2, {.attempt = 9, .payload = {}}))),
             ContainsSubstring("Result: version is 2, expected 1"));
}

TEST_CASE("a kind that only the newer version has is Unknown", "[unit][codec]") {
  for (const int version : {1, 2}) {
    CHECK(read<core::Unknown>(v2::telemetry(static_cast<std::uint16_t>(version), 5)) ==
          core::Unknown{.kind = v2::kind_telemetry, .id = 5});
  }
}

TEST_CASE("a newer manager's messages are read by a worker of this version", "[unit][codec]") {
  const auto welcome = read<core::Welcome>(
      v2::welcome({.session = 5, .greeting = 3, .judgements = {{.attempt = 9, .number = 2}}}));
  CHECK(welcome.version == 1);
  CHECK(welcome.session == SessionId{5});
  CHECK(welcome.greeting == 3);
  CHECK(welcome.judgements == std::vector<core::Judgement>{{AttemptId{9}, core::Verdict::drop}});

  const auto task = read<core::Task>(v2::task(
      1, {.attempt = 9, .group = 8, .task = 7, .function = 1, .encoding = 2, .payload = "1"}));
  CHECK(task.attempt == AttemptId{9});
  CHECK(task.task == TaskId{7});
  CHECK(task.payload == Payload::json("1"));

  const auto refuse = read<core::Refuse>(v2::refuse());
  CHECK(refuse.code == core::RefuseCode::protocol);
  CHECK_THAT(refuse.words, ContainsSubstring("budget"));
  CHECK(read<core::Who>(v2::who()).protocol_max == 2);
}

TEST_CASE("a newer peer reads what this version writes", "[unit][codec]") {
  const OwnedFrames welcome = encoded(sample("welcome-verdicts"));
  const auto read_welcome = v2::read_welcome(welcome.header, welcome.payload);
  REQUIRE(read_welcome);
  CHECK(read_welcome->session == session.value);
  CHECK(read_welcome->motto.empty());
  CHECK(read_welcome->budget_ms == 0);
  CHECK(read_welcome->judgements.size() == 3);

  const OwnedFrames task = encoded(sample("task-raw"));
  const auto read_task = v2::read_task(task.header, task.payload);
  REQUIRE(read_task);
  CHECK(read_task->time_limit_ms == 1500);
  CHECK(read_task->priority == 0);
  CHECK(read_task->payload->size() == 5);

  const OwnedFrames hello = encoded(sample("hello-resume"));
  const auto read_hello = v2::read_hello(hello.header, hello.payload);
  REQUIRE(read_hello);
  CHECK(read_hello->functions == "factor\nsolve\nüberprüfen");
  CHECK(read_hello->zone.empty());

  CHECK(v2::read_kill(encoded(sample("kill-group")).header)->group == group_1);
  CHECK(v2::read_heartbeat(encoded(sample("heartbeat-echo")).header)->echo);
  CHECK(v2::read_result(encoded(sample("result-failed")).header)->error_type == "ValueError");
}

}  // namespace fanmill::codec_test
