// Each field is changed to something wrong at the offset that docs/protocol.md gives it.
#include "catch.hpp"
#include "codec/samples.hpp"

namespace fanmill::codec_test {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

// What is said of the sample `name` if `number` stands at `offset` of its header.
template <typename Number>
std::string fault_with(const std::string& name, std::size_t offset, Number number) {
  OwnedFrames frames = encoded(sample(name));
  frames.header = poked(frames.header, offset, number);
  return fault_of(frames);
}

std::string header_of(const std::string& name) { return encoded(sample(name)).header; }

// A text field of the first `hello` sample replaced by as long a one.
std::string fault_with_text(const std::string& name, const std::string& old_text,
                            const std::string& new_text) {
  OwnedFrames frames = encoded(sample(name));
  const std::size_t at = frames.header.find(old_text);
  REQUIRE(at != std::string::npos);
  REQUIRE(old_text.size() == new_text.size());
  frames.header.replace(at, old_text.size(), new_text);
  return fault_of(frames);
}

constexpr std::uint64_t u64 = 0;
constexpr std::uint16_t u16(int number) { return static_cast<std::uint16_t>(number); }
constexpr std::uint32_t u32(std::uint64_t number) { return static_cast<std::uint32_t>(number); }

}  // namespace

TEST_CASE("a header has 16 to 4096 bytes in whole words", "[unit][codec]") {
  CHECK_THAT(fault_of({"", {}}), ContainsSubstring("a header of 0 bytes"));
  CHECK_THAT(fault_of({std::string(8, '\0'), {}}), ContainsSubstring("a header of 8 bytes"));
  CHECK_THAT(fault_of({header_of("kill").substr(0, 31), {}}), ContainsSubstring("31 bytes"));
  CHECK_THAT(fault_of({std::string(4104, '\0'), {}}), ContainsSubstring("4104 bytes"));
  CHECK(fault_of({header_of("kill") + std::string(4096 - 32, 'x'), {}}) == "no error");
}

TEST_CASE("the root is a struct right behind its pointer, and whole", "[unit][codec]") {
  const auto says_root = ContainsSubstring("a root pointer that is not");
  CHECK_THAT(fault_with("kill", 0, u64), says_root);              // null
  CHECK_THAT(fault_with("kill", 0, std::uint8_t{1}), says_root);  // a list
  CHECK_THAT(fault_with("kill", 0, std::uint8_t{2}), says_root);  // far
  CHECK_THAT(fault_with("kill", 0, std::uint8_t{4}), says_root);  // a word further on
  CHECK_THAT(fault_with("kill", 4, u16(4)), says_root);           // more data than there is
  CHECK_THAT(fault_with("kill", 6, u16(1)), says_root);           // more pointers than there are
  CHECK_THAT(fault_with("kill", 4, u16(0)), says_root);           // no word 0
}

TEST_CASE("magic and kind are checked before anything else", "[unit][codec]") {
  CHECK(fault_with("kill", 8, u16(0x6d67)) == "the magic is 0x6d67, expected 0x6d66");
  CHECK(fault_with("kill", 12, u16(0)) == "the kind is 0, which is never valid");
}

TEST_CASE("a header may have any alignment", "[unit][codec]") {
  for (std::size_t shift = 0; shift < 8; ++shift) {
    const std::string shifted = std::string(shift, 'x') + header_of("hello");
    CHECK(codec::decode(std::string_view(shifted).substr(shift), nullptr).ok());
  }
}

TEST_CASE("a section that is smaller than this version's reads as zero", "[unit][codec]") {
  // A Goodbye of two data words and no pointers: only the prefix and the session.
  std::string header = poked(header_of("goodbye-status").substr(0, 24), 4, u16(2));
  header = poked(header, 6, u16(0));
  const auto read = decoded({header, {}});
  REQUIRE(read);
  CHECK(std::get<core::Goodbye>(read.value().message) == core::Goodbye{.session = session});
  // One word is enough for Who.
  CHECK(fault_of({poked(header_of("who").substr(0, 16), 4, u16(1)), {}}) == "no error");
}

TEST_CASE("an unknown kind is passed on as Unknown, whatever its version and payload",
          "[unit][codec]") {
  OwnedFrames frames = encoded(core::Unknown{.kind = 200, .id = 5}, 77);
  frames.payload = "anything";
  const auto read = decoded(frames);
  REQUIRE(read);
  CHECK(read.value().version == 77);
  CHECK(read.value().message == core::Message{core::Unknown{.kind = 200, .id = 5}});
  constexpr std::uint16_t channels = 16;  // Open, which is no message of a farm
  CHECK(std::holds_alternative<core::Unknown>(
      decoded(encoded(core::Unknown{.kind = channels, .id = 1})).value().message));
}

TEST_CASE("only the four frozen kinds are read in every version", "[unit][codec]") {
  for (const char* name : {"hello", "welcome", "refuse-version", "who"}) {
    CAPTURE(name);
    CHECK(fault_with(name, 10, u16(99)) == "no error");
  }
  for (const char* name : {"task", "result", "kill", "killed", "heartbeat-worker", "goodbye"}) {
    CAPTURE(name);
    CHECK_THAT(fault_with(name, 10, u16(2)), ContainsSubstring("version is 2, expected 1"));
    CHECK_THAT(fault_with(name, 10, u16(0)), ContainsSubstring("version is 0, expected 1"));
  }
}

TEST_CASE("each field of Hello is checked", "[unit][codec]") {
  CHECK(fault_with("hello", 24, u16(2)) == "Hello: protocolMin is 2, expected 0 to 1");
  CHECK(fault_with("hello", 28, u16(0)) == "Hello: slots is 0, expected 1 to 4096");
  CHECK(fault_with("hello", 28, u16(4097)) == "Hello: slots is 4097, expected 1 to 4096");
  CHECK(fault_with("hello", 30, u16(6)) == "Hello: containment is 6, expected 0 to 5");
  CHECK(fault_with("hello", 92, u32(0)) == "Hello: greeting is 0, expected 1 to 4294967295");
  CHECK(fault_with("hello", 96, u32(1 << 24)) ==
        "Hello: incarnation is 16777216, expected 0 to 16777215");
  CHECK(fault_with("hello", 100, u32(4097)) == "Hello: prefetch is 4097, expected 0 to 4096");
  OwnedFrames no_uuid = encoded(sample("hello"));
  no_uuid.header = poked(poked(no_uuid.header, 48, u64), 56, u64);
  CHECK(fault_of(no_uuid) == "Hello: uuid is 0, expected 128 random bits");
}

TEST_CASE("each text of Hello is checked", "[unit][codec]") {
  CHECK_THAT(fault_with_text("hello", "alder", "al\ner"), ContainsSubstring("Hello: host is not"));
  CHECK_THAT(fault_with_text("hello", "plain.py", "plain\xffpy"),
             ContainsSubstring("Hello: software is not UTF-8"));
  CHECK(fault_with_text("hello", "square", "squar\n") == "Hello: functions: name 1 is empty");
  CHECK(fault_with_text("hello", "square", "squ\nre") == "no error");
  CHECK_THAT(fault_with_text("hello", "square", "sq\nsq\xc3"), ContainsSubstring("name 1 is not"));
  CHECK(fault_with_text("hello", "square", "ab\nab\n") == "Hello: functions: name 2 is empty");
  CHECK(fault_with_text("hello-resume", "gpu\nmem", "mem\nmem") == "no error");
  CHECK_THAT(fault_with_text("hello-resume", "not a", "not\ta"), ContainsSubstring("cookie"));
  CHECK_THAT(fault_with_text("hello", std::string("square\0", 7), "square!"),
             ContainsSubstring("NUL"));
}

TEST_CASE("a Hello of another version range is not judged by anything else", "[unit][codec]") {
  OwnedFrames frames = encoded(sample("hello"));
  frames.header = poked(poked(frames.header, 24, u16(7)), 26, u16(9));
  frames.header = poked(frames.header, 28, u16(0));  // no slots: wrong in version 1
  const auto read = decoded(frames);
  REQUIRE(read);
  CHECK(std::get<core::Hello>(read.value().message).protocol_min == 7);
  CHECK(std::get<core::Hello>(read.value().message).functions.empty());
}

TEST_CASE("each field of Welcome is checked", "[unit][codec]") {
  CHECK(fault_with("welcome", 16, u64) == "Welcome: session is 0, which is no id");
  CHECK_THAT(fault_with("welcome", 44, u32(0)), ContainsSubstring("greeting"));
  CHECK(fault_with("welcome", 48, u32(9)) == "Welcome: heartbeatMs is 9, expected 10 to 3600000");
  CHECK_THAT(fault_with("welcome", 48, u32(3600001)), ContainsSubstring("heartbeatMs"));
  CHECK_THAT(fault_with("welcome", 52, u32(1999)), ContainsSubstring("suspectMs is 1999"));
  CHECK_THAT(fault_with("welcome", 56, u32(5999)), ContainsSubstring("deadMs is 5999"));
  CHECK_THAT(fault_with("welcome", 60, u32(4095)), ContainsSubstring("frameBytesMax is 4095"));
  CHECK_THAT(fault_with("welcome", 64, u32(0)), ContainsSubstring("unacknowledgedMax is 0"));
  OwnedFrames odd = encoded(sample("welcome-verdicts"));
  odd.payload->pop_back();
  CHECK_THAT(fault_of(odd), ContainsSubstring("Welcome records: the frame has 47 bytes"));
}

TEST_CASE("a reason to refuse that has no name here is still a refusal", "[unit][codec]") {
  OwnedFrames frames = encoded(sample("refuse-version"));
  frames.header = poked(frames.header, 24, u16(500));
  const auto read = decoded(frames);
  REQUIRE(read);
  const auto& refuse = std::get<core::Refuse>(read.value().message);
  CHECK(refuse.code == core::RefuseCode::protocol);
  CHECK(refuse.words == std::get<core::Refuse>(sample("refuse-version")).words);
  CHECK_THAT(fault_with("refuse-version", 24, u16(0)), ContainsSubstring("code is 0"));
}

TEST_CASE("each field of Task is checked", "[unit][codec]") {
  CHECK(fault_with("task", 16, u64) == "Task: attempt is 0, which is no id");
  CHECK(fault_with("task", 24, u64) == "Task: group is 0, which is no id");
  CHECK(fault_with("task", 32, u16(256)) == "Task: function is 256, expected 0 to 255");
  CHECK(fault_with("task-json", 34, u16(4)) == "Task: encoding is 4, expected 0 to 3");
  CHECK(fault_with("task", 44, u32(0)) == "Task: number is 0, expected 1 to 4294967295");
  CHECK(fault_with("task", 56, u64) == "Task: task is 0, which is no id");
}

TEST_CASE("a payload frame is there exactly when the encoding says so", "[unit][codec]") {
  for (const char* name : {"task", "result"}) {
    OwnedFrames too_many = encoded(sample(name));
    too_many.payload = "";
    CHECK_THAT(fault_of(too_many), ContainsSubstring("but there is a payload frame"));
  }
  for (const char* name : {"task-json", "result-json"}) {
    OwnedFrames too_few = encoded(sample(name));
    too_few.payload.reset();
    CHECK_THAT(fault_of(too_few), ContainsSubstring("but there is no payload frame"));
  }
  for (const char* name : {"kill", "killed", "heartbeat-worker", "goodbye"}) {
    OwnedFrames too_many = encoded(sample(name));
    too_many.payload = "x";
    CHECK_THAT(fault_of(too_many), ContainsSubstring("payload is a second frame"));
  }
}

TEST_CASE("each field of Result is checked", "[unit][codec]") {
  CHECK(fault_with("result", 16, u64) == "Result: attempt is 0, which is no id");
  CHECK(fault_with("result", 24, u16(5)) == "Result: outcome is 5, expected 0 to 4");
  CHECK_THAT(fault_with("result-json", 26, u16(9)), ContainsSubstring("encoding is 9"));
  CHECK_THAT(fault_with("result-failed", 14, u16(1)), ContainsSubstring("flagNothing"));
}

// Closing the session for it would make the worker come back, send the same result again, and so
// on.
TEST_CASE("a worker's stray bytes in an error text are cleaned, not refused", "[unit][codec]") {
  OwnedFrames frames = encoded(sample("result-failed"));
  const std::size_t at = frames.header.find("not a number");
  frames.header.replace(at, 5, "\xff\x1b\r\n\t");
  const auto read = decoded(frames);
  REQUIRE(read);
  CHECK(std::get<core::Result>(read.value().message).error_text.str().starts_with("?  \n\t"));
}

TEST_CASE("an absurd running time is read as a very long one", "[unit][codec]") {
  const std::uint64_t most = ~std::uint64_t{0};
  const auto read = decoded({poked(header_of("killed"), 24, most), {}});
  REQUIRE(read);
  CHECK(std::get<core::Killed>(read.value().message).busy > std::chrono::hours(24 * 365 * 200));
}

TEST_CASE("each field of Kill, Killed and Heartbeat is checked", "[unit][codec]") {
  CHECK(fault_with("kill", 16, u64) == "Kill: attempt is 0, which is no id");
  CHECK(fault_with("kill", 24, std::uint64_t{7}) ==
        "Kill: group is 7, expected 0 (without flagGroup)");
  CHECK(fault_with("kill-group", 16, u64) ==
        "Kill: attempt (here the session) is 0, which is no id");
  CHECK(fault_with("kill-group", 24, u64) == "Kill: group is 0, which is no id");
  CHECK(fault_with("killed", 16, u64) == "Killed: attempt is 0, which is no id");
  CHECK(fault_with("heartbeat-worker", 16, u64) == "Heartbeat: session is 0, which is no id");
}

TEST_CASE("each field of Output and OutputTaken is checked", "[unit][codec]") {
  CHECK(fault_with("output", 16, u64) == "Output: attempt is 0, which is no id");
  CHECK_THAT(fault_with("output", 24, ~std::uint64_t{0}), ContainsSubstring("Output: offset is"));
  CHECK(fault_with("output-taken", 16, u64) == "OutputTaken: attempt is 0, which is no id");
}

namespace {

// A batch, whose records a test changes.
struct BatchFrame {
  explicit BatchFrame(const std::string& name) : frame(header_of(name)) {}
  [[nodiscard]] std::string header() const { return frame.substr(0, limits::batch_header_bytes); }
  [[nodiscard]] std::string records() const { return frame.substr(limits::batch_header_bytes); }
  [[nodiscard]] std::string fault_with(const std::string& records) const {
    return fault_of({header() + records, {}});
  }
  template <typename Number>
  [[nodiscard]] std::string fault(std::size_t offset, Number number) const {
    return fault_with(poked(records(), offset, number));
  }
  std::string frame;
};

constexpr std::size_t whole_record = limits::batch_record_bytes;
constexpr std::size_t short_record = limits::batch_short_record_bytes;

}  // namespace

TEST_CASE("each field of Tasks and its records is checked", "[unit][codec]") {
  const BatchFrame batch("tasks");
  constexpr std::size_t second = whole_record + 8;  // behind the payload of the first
  constexpr std::size_t fourth = second + 2 * whole_record;
  CHECK(fault_with("tasks", 16, u64) == "Tasks: session is 0, which is no id");
  CHECK(fault_with("tasks", 24, u32(0)) ==
        "Tasks: count is 0, expected 1 to 22 (as many records as fit in the frame)");
  CHECK(fault_with("tasks", 24, u32(4)) == "Tasks: 8 bytes behind the last record");
  CHECK(fault_with("tasks", 24, u32(6)) ==
        "Tasks: 0 bytes are left, which are no record (record 5)");
  CHECK(fault_with("tasks", 24, u32(23)) ==
        "Tasks: count is 23, expected 1 to 22 (as many records as fit in the frame)");
  CHECK(batch.fault(8, u64) == "Tasks: attempt is 0, which is no id (record 0)");
  CHECK(batch.fault(second + 16, u64) == "Tasks: group is 0, which is no id (record 1)");
  CHECK(batch.fault(second + 24, u64) == "Tasks: task is 0, which is no id (record 1)");
  CHECK(batch.fault(second + 2, u16(256)) ==
        "Tasks: function is 256, expected 0 to 255 (record 1)");
  CHECK(batch.fault(second + 1, std::uint8_t{4}) ==
        "Tasks: encoding is 4, expected 0 to 3 (record 1)");
  CHECK(batch.fault(second + 44, u32(0)) ==
        "Tasks: number is 0, expected 1 to 4294967295 (record 1)");
  CHECK(batch.fault(1, std::uint8_t{0}) ==
        "Tasks: payloadBytes is not 0, but the encoding is 0 (none) (record 0)");
  CHECK(batch.fault(4, ~std::uint32_t{0}) ==
        "Tasks: payloadBytes is 4294967295, expected 0 to 128 (what is left of the frame) "
        "(record 0)");
  // The second record is read where the first one's payload would end.
  CHECK(batch.fault(4, u32(128)) == "Tasks: 0 bytes are left, which are no record (record 1)");
  // Of short records:
  CHECK(batch.fault(0, std::uint8_t{1}) ==
        "Tasks: step is not 0, and there is no record before (record 0)");
  CHECK(batch.fault(fourth + 1, std::uint8_t{4}) ==
        "Tasks: encoding is 4, expected 0 to 3 (record 3)");
  CHECK(batch.fault(fourth + 2, u16(256)) ==
        "Tasks: function is 256, expected 0 to 255 (record 3)");
  CHECK(batch.fault(fourth + 4, u32(17)) ==
        "Tasks: payloadBytes is 17, expected 0 to 16 (what is left of the frame) "
        "(record 3)");
  CHECK(batch.fault(fourth + 4, u32(16)) ==
        "Tasks: 0 bytes are left, which are no record (record 4)");
  CHECK(batch.fault(fourth + 16 + 4, u32(1)) ==
        "Tasks: payloadBytes is 1, expected 0 (what is left of the frame) (record 4)");
}

TEST_CASE("the frame of a batch ends with its last record", "[unit][codec]") {
  const BatchFrame batch("tasks");
  const std::string records = batch.records();
  CHECK(batch.fault_with(records.substr(0, records.size() - 8)) ==
        "Tasks: 0 bytes are left, which are no record (record 4)");
  // A whole record of which only the beginning is there.
  CHECK(batch.fault_with(records.substr(0, 8 + whole_record) + std::string(40, '\0')) ==
        "Tasks: 40 bytes are left, which are no record (record 1)");
  CHECK(batch.fault_with(records + std::string(8, '\0')) ==
        "Tasks: 8 bytes behind the last record");
  CHECK(batch.fault_with(records + "x") ==
        "Tasks: bytes of the frame is 1, expected 0 (beyond a multiple of 8)");
  CHECK(batch.fault_with("") ==
        "Tasks: count is 5, expected 1 to 0 (as many records as fit in the frame)");
}

TEST_CASE("a batch is one frame, whose header says where its records begin", "[unit][codec]") {
  for (const char* name : {"tasks", "results"}) {
    CAPTURE(name);
    const BatchFrame batch(name);
    CHECK_THAT(fault_of({batch.frame, ""}),
               ContainsSubstring("payload is a second frame, which this kind never has"));
    CHECK_THAT(
        fault_with(name, 6, u16(1)),
        ContainsSubstring("pointers is 1, expected 0 (behind the numbers begin the records)"));
    CHECK_THAT(fault_with(name, 10, u16(2)), ContainsSubstring("version is 2, expected 1"));
    CHECK(fault_with(name, 8, u16(0x6d67)) == "the magic is 0x6d67, expected 0x6d66");
    const auto says_root = ContainsSubstring("a root pointer that is not");
    CHECK_THAT(fault_with(name, 0, std::uint8_t{4}), says_root);
    CHECK_THAT(fault_with(name, 4, u16(0)), says_root);
    CHECK_THAT(fault_with(name, 4, u16(0xffff)), says_root);
    CHECK_THAT(fault_of({batch.frame.substr(0, 24), {}}), says_root);
    // Of a header that says less; of a longer one, whose last word nobody knows yet.
    CHECK_THAT(fault_of({poked(batch.frame.substr(0, 16), 4, u16(1)), {}}),
               ContainsSubstring("session is 0, which is no id"));
    const std::string longer = poked(batch.header(), 4, u16(4)) + "a number";
    const auto read = decoded({longer + batch.records(), {}});
    REQUIRE(read);
    CHECK(read.value().message == sample(name));
  }
}

TEST_CASE("a batch may have any alignment", "[unit][codec]") {
  for (std::size_t shift = 0; shift < 8; ++shift) {
    const std::string shifted = std::string(shift, 'x') + header_of("results");
    CHECK(codec::decode(std::string_view(shifted).substr(shift), nullptr).ok());
  }
}

TEST_CASE("each field of Results and its records is checked", "[unit][codec]") {
  const BatchFrame batch("results");
  constexpr std::size_t second = whole_record + 8;
  constexpr std::size_t fourth = second + 2 * whole_record + 8;
  constexpr std::size_t fifth = fourth + whole_record;
  CHECK(fault_with("results", 16, u64) == "Results: session is 0, which is no id");
  CHECK(batch.fault(8, u64) == "Results: attempt is 0, which is no id (record 0)");
  CHECK(batch.fault(2, u16(5)) == "Results: outcome is 5, expected 0 to 4 (record 0)");
  CHECK(batch.fault(2, u16(1)) == "no error");
  CHECK(batch.fault(second + 2, u16(1)) ==
        "Results: flags is flagNothing with an outcome other than 0 (ok) (record 1)");
  CHECK(batch.fault(second + 44, u32(0xfffffffc)) == "no error");  // flags of tomorrow
  CHECK(batch.fault(second + 44, u32(2)) ==
        "Results: flags is flagResultParts, which only a Result alone may have (record 1)");
  // Of short records:
  CHECK(batch.fault(0, std::uint8_t{255}) ==
        "Results: step is not 0, and there is no record before (record 0)");
  CHECK(batch.fault(fourth + 8, std::uint64_t(-127)) ==
        "Results: attempt is 0, which is no id (record 4)");
  CHECK(batch.fault(fifth + 1, std::uint8_t{4}) ==
        "Results: encoding is 4, expected 0 to 3 (record 4)");
  CHECK(batch.fault(fifth + 1, std::uint8_t{0}) ==
        "Results: payloadBytes is not 0, but the encoding is 0 (none) (record 4)");
  CHECK(batch.fault(fifth + 6, u16(17)) ==
        "Results: payloadBytes is 17, expected 0 to 16 (what is left of the frame) "
        "(record 4)");
}

TEST_CASE("a short record is the one before it, further on", "[unit][codec]") {
  const auto read = decoded(encoded(sample("tasks")));
  REQUIRE(read);
  const auto& tasks = std::get<core::Tasks>(read.value().message).tasks;
  CHECK(tasks.at(3).attempt.value == tasks.at(2).attempt.value + 1);
  CHECK(tasks.at(4).attempt.value == tasks.at(3).attempt.value + 255);
  CHECK(tasks.at(4).item == tasks.at(3).item + 255);
  // Numbers go round.
  const BatchFrame batch("tasks");
  constexpr std::size_t third = 2 * whole_record + 8;
  const auto round = decoded(
      {batch.header() + poked(batch.records(), third + 32, ~std::uint64_t{0}), {}});  // its item
  REQUIRE(round);
  CHECK(std::get<core::Tasks>(round.value().message).tasks.at(3).item == 0);
  CHECK(batch.fault(third + 16, ~std::uint64_t{0}) ==
        "Tasks: group is 0, which is no id (record 3)");
}

TEST_CASE("payloads of a batch are their own bytes", "[unit][codec]") {
  const auto read = decoded(encoded(sample("tasks")));
  REQUIRE(read);
  const auto& batch = std::get<core::Tasks>(read.value().message);
  CHECK(batch.tasks.at(0).payload == Payload::json("[1,2,3]"));
  CHECK(batch.tasks.at(1).payload == Payload{});
  CHECK(batch.tasks.at(2).payload == Payload::raw(""));
  CHECK(batch.tasks.at(3).payload == Payload::raw("8 bytes."));
}

TEST_CASE("no batch has more than 8192 records", "[unit][codec]") {
  const auto faults_of = [](std::uint32_t count) {
    const BatchFrame batch("tasks");
    std::string records = batch.records().substr(0, whole_record + 8);
    for (std::uint32_t i = 1; i < count; ++i) records += std::string("\1\0\0\0\0\0\0\0", 8);
    return fault_of({poked(batch.header(), 24, count) + records, {}});
  };
  CHECK(faults_of(8192) == "no error");
  CHECK_THAT(faults_of(8193), ContainsSubstring("Tasks: count is 8193, expected 1 to 8192"));
}

TEST_CASE("an Output has 1 to 65536 bytes", "[unit][codec]") {
  const std::string header = header_of("output");
  const std::string expected = ", expected 1 to 65536";
  const std::string name = "Output: bytes of the payload frame is ";
  CHECK(fault_of({header, {}}) == name + "0" + expected);
  CHECK(fault_of({header, ""}) == name + "0" + expected);
  CHECK(fault_of({header, std::string(65537, 'x')}) == name + "65537" + expected);
  CHECK(fault_of({header, std::string(65536, 'x')}) == "no error");
}

TEST_CASE("an OutputTaken has no payload", "[unit][codec]") {
  CHECK_THAT(fault_of({header_of("output-taken"), "x"}), ContainsSubstring("OutputTaken: "));
}

// A worker may leave before it was welcomed, and has no session to name then.
TEST_CASE("a Goodbye needs no session", "[unit][codec]") {
  CHECK(fault_with("goodbye", 16, u64) == "no error");
}

TEST_CASE("flag bits without a meaning are ignored", "[unit][codec]") {
  OwnedFrames frames = encoded(sample("heartbeat-worker"));
  frames.header = poked(frames.header, 14, u16(0xfffe));
  CHECK(decoded(frames).value().message == sample("heartbeat-worker"));
}

TEST_CASE("texts that share their bytes are refused as amplification", "[unit][codec]") {
  // Functions, labels and cookie of 2000 bytes each, in 2 KiB: read three times over.
  core::Hello hello = std::get<core::Hello>(sample("hello"));
  hello.functions = {std::string(2000, 'f')};
  std::string header = encoded(hello).header;
  const std::size_t pointer_at = 104 + 2 * 8;
  for (std::size_t i = 1; i <= 2; ++i) {
    std::uint64_t pointer = 0;
    for (std::size_t b = 0; b < 8; ++b) {
      pointer |= std::uint64_t{static_cast<unsigned char>(header[pointer_at + b])} << (8 * b);
    }
    // A pointer counts from its own end: i words further on, the same text is i words nearer.
    header = poked(header, pointer_at + 8 * i, pointer - 4 * i);
  }
  CHECK_THAT(fault_of({header, {}}), ContainsSubstring("Hello: "));
  CHECK_THAT(fault_of({header, {}}), ContainsSubstring("limit"));
}

TEST_CASE("pointers that lead elsewhere are errors", "[unit][codec]") {
  const std::size_t words_pointer = 8 + 32;  // of Refuse
  const std::uint64_t text_at_0 = 1 | (2ULL << 32) | (9ULL << 35);
  CHECK_THAT(fault_with("refuse-limit", words_pointer, text_at_0 | 4000ULL << 2),
             ContainsSubstring("out-of-bounds"));
  CHECK_THAT(fault_with("refuse-limit", words_pointer, text_at_0 | 0x3ffffff0ULL << 2),
             ContainsSubstring("Refuse: "));  // backwards
  CHECK_THAT(fault_with("refuse-limit", words_pointer, std::uint64_t{2}),
             ContainsSubstring("Refuse: "));  // far
  CHECK_THAT(fault_with("refuse-limit", words_pointer, std::uint64_t{3}),
             ContainsSubstring("Refuse: "));  // a capability
  CHECK_THAT(fault_with("refuse-limit", words_pointer, std::uint64_t{1} << 32),
             ContainsSubstring("Refuse: "));  // a struct
}

}  // namespace fanmill::codec_test
