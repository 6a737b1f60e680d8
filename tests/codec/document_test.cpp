// docs/protocol.md must be enough to write a worker. What can be compared with the schema and the codec
// is compared: offsets, constants, and the transcript, which FANMILL_FREEZE=1 writes.
#include <capnp/schema.h>
#include <channel.capnp.h>
#include <fanmill.capnp.h>

#include <fstream>
#include <sstream>

#include "catch.hpp"
#include "codec/hex_text.hpp"
#include "codec/samples.hpp"

namespace fanmill::codec_test {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string begin_mark = "<!-- transcript: begin -->\n";
const std::string end_mark = "<!-- transcript: end -->";

std::string document_path() { return source_tree() + "/docs/protocol.md"; }

std::string document() {
  const auto text = file_text(document_path());
  REQUIRE(text);
  return *text;
}

// What stands below the heading "### name".
std::string section(const std::string& text, const std::string& name) {
  const std::string heading = "\n### " + name + "\n";
  const std::size_t begin = text.find(heading);
  REQUIRE(begin != std::string::npos);
  return text.substr(begin, text.find("\n##", begin + heading.size()) - begin);
}

std::size_t bytes_of(capnp::schema::Type::Reader type) {
  switch (type.which()) {
    case capnp::schema::Type::INT8:
    case capnp::schema::Type::UINT8:
      return 1;
    case capnp::schema::Type::UINT16:
      return 2;
    case capnp::schema::Type::UINT32:
      return 4;
    case capnp::schema::Type::UINT64:
    case capnp::schema::Type::TEXT:
      return 8;
    default:
      FAIL("a type that headers may not have");
      return 0;
  }
}

// The row's beginning, as the tables of section 6 have it. `data_at`: where the numbers begin, behind the
// root pointer; records have none.
std::string row(capnp::StructSchema schema, capnp::StructSchema::Field field,
                std::size_t data_at = 8) {
  const auto slot = field.getProto().getSlot();
  const std::size_t bytes = bytes_of(slot.getType());
  const std::size_t offset =
      slot.getType().isText()
          ? 8 + 8 * (schema.getProto().getStruct().getDataWordCount() + slot.getOffset())
          : data_at + bytes * slot.getOffset();
  return "| " + std::to_string(offset) + " | " + std::to_string(bytes) + " | `" +
         field.getProto().getName().cStr() + "` |" + (slot.getType().isText() ? " Text: " : "");
}

template <typename Schema>
void check_section(const std::string& text, std::uint16_t kind) {
  const auto schema = capnp::Schema::from<Schema>();
  const auto shape = schema.getProto().getStruct();
  const std::string name = schema.getShortDisplayName().cStr();
  CAPTURE(name);
  const std::string body = section(text, name);
  for (const auto field : schema.getFields()) {
    const bool of_prefix = field.getIndex() < 4;
    CHECK_THAT(of_prefix ? section(text, "The common prefix") : body,
               ContainsSubstring(row(schema, field)));
  }
  CHECK_THAT(body, ContainsSubstring("Kind " + std::to_string(kind) + ", root pointer"));
  char root[32];
  std::snprintf(root, sizeof root, "`00 00 00 00 %02x 00 %02x 00`",
                unsigned{shape.getDataWordCount()}, unsigned{shape.getPointerCount()});
  CHECK_THAT(body, ContainsSubstring(root));
  CHECK_THAT(body, ContainsSubstring("(D = " + std::to_string(shape.getDataWordCount()) +
                                     ", P = " + std::to_string(shape.getPointerCount()) + ")"));
}

// A record of a batch, whose table stands in the section of its message.
template <typename Schema>
void check_record(const std::string& text, const std::string& message) {
  const auto schema = capnp::Schema::from<Schema>();
  const std::string body = section(text, message);
  const std::string name = schema.getShortDisplayName().cStr();
  const std::size_t begin = body.find("(" + name);
  CAPTURE(name);
  REQUIRE(begin != std::string::npos);
  const std::string table = body.substr(begin, body.find("\n\n", body.find("|---", begin)) - begin);
  for (const auto field : schema.getFields())
    CHECK_THAT(table, ContainsSubstring(row(schema, field, 0)));
}

struct Step {
  std::string heading;
  core::Message message;
};

std::vector<Step> transcript_steps() {
  const AttemptId first{attempt_1};
  const AttemptId second{attempt_1 + 1};
  core::Hello hello = std::get<core::Hello>(sample("hello"));
  hello.features = core::feature::kill;
  core::Welcome welcome = std::get<core::Welcome>(sample("welcome"));
  welcome.features = core::feature::kill;
  core::Task task = std::get<core::Task>(sample("task-json"));
  task.payload = Payload::json("12");
  core::Task raced{.attempt = second,
                   .group = GroupId{group_1 + 1},
                   .acknowledged = 1,
                   .item = 1,
                   .task = TaskId{task_1 + 1},
                   .payload = Payload::json("13")};
  return {
      {"Worker: Hello. It serves one function, square, takes JSON, and can end a running task.",
       hello},
      {"Manager: Welcome. The session is open; the feature kill is in force.", welcome},
      {"Manager: Task of item 0 with the payload 12.", task},
      {"Worker: Result of it, 144, after 1.5 ms.",
       core::Result{.attempt = first, .busy = 1500us, .payload = Payload::json("144")}},
      {"Manager: Task of item 1, one of a group that races. It acknowledges the result.", raced},
      {"Manager: Kill of the group: another worker had the answer.",
       core::Kill{.session = session, .group = raced.group}},
      {"Worker: Killed. It had run for 20 ms.", core::Killed{second, false, 20ms}},
      {"Manager: Heartbeat, please answer. One result is recorded, which the worker knows already.",
       core::Heartbeat{session, 0, 1, true}},
      {"Worker: Heartbeat. It has started two tasks in this session.",
       core::Heartbeat{.session = session, .started = 2}},
      {"Worker: Goodbye. It ends with status 5.",
       core::Goodbye{.session = session, .detail = 5, .words = "SIGTERM"}},
  };
}

std::string transcript() {
  std::ostringstream text;
  for (const Step& step : transcript_steps()) {
    const OwnedFrames frames = encoded(step.message);
    text << "\n**" << step.heading.substr(0, step.heading.find(':')) << "**"
         << step.heading.substr(step.heading.find(':')) << "\n\n```\n"
         << hex_dump(frames.header);
    if (frames.payload) text << "\n" << hex_dump(*frames.payload);
    text << "```\n";
  }
  text << "\n";
  return text.str();
}

}  // namespace

TEST_CASE("the document's tables have the schema's offsets and sizes", "[unit][codec]") {
  const std::string text = document();
  check_section<schema::Hello>(text, schema::KIND_HELLO);
  check_section<schema::Welcome>(text, schema::KIND_WELCOME);
  check_section<schema::Refuse>(text, schema::KIND_REFUSE);
  check_section<schema::Who>(text, schema::KIND_WHO);
  check_section<schema::Task>(text, schema::KIND_TASK);
  check_section<schema::Result>(text, schema::KIND_RESULT);
  check_section<schema::Kill>(text, schema::KIND_KILL);
  check_section<schema::Killed>(text, schema::KIND_KILLED);
  check_section<schema::Heartbeat>(text, schema::KIND_HEARTBEAT);
  check_section<schema::Goodbye>(text, schema::KIND_GOODBYE);
  check_section<schema::Output>(text, schema::KIND_OUTPUT);
  check_section<schema::OutputTaken>(text, schema::KIND_OUTPUT_TAKEN);
  check_section<schema::Part>(text, schema::KIND_PART);
  check_section<schema::PartTaken>(text, schema::KIND_PART_TAKEN);
  check_section<schema::Tasks>(text, schema::KIND_TASKS);
  check_record<schema::TaskRecord>(text, "Tasks");
  check_record<schema::ShortTaskRecord>(text, "Tasks");
  check_section<schema::Results>(text, schema::KIND_RESULTS);
  check_record<schema::ResultRecord>(text, "Results");
  check_record<schema::ShortResultRecord>(text, "Results");
  check_section<schema::Open>(text, schema::KIND_OPEN);
  check_section<schema::Opened>(text, schema::KIND_OPENED);
  check_section<schema::Object>(text, schema::KIND_OBJECT);
  check_section<schema::Taken>(text, schema::KIND_TAKEN);
}

TEST_CASE("every constant of the schema stands in a table of the document", "[unit][codec]") {
  const std::string text = document();
  const auto definition = file_text(source_tree() + "/schemas/fanmill.capnp");
  const auto of_channels = file_text(source_tree() + "/schemas/channel.capnp");
  REQUIRE(definition);
  REQUIRE(of_channels);
  std::size_t found = 0;
  std::istringstream lines(*definition + *of_channels);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("const ") || line.starts_with("const magic ")) continue;
    CAPTURE(line);
    std::istringstream words(line.substr(6));
    std::string name;
    std::string type;
    std::string equals;
    unsigned number = 0;
    words >> name >> type >> equals >> number;
    REQUIRE(equals == "=");
    const std::string cell = "| " + std::to_string(number) + " | ";
    if (name.starts_with("kind")) {
      // With or without a link to its section.
      const std::string kind = name.substr(4);
      const bool listed = text.find(cell + kind + " |") != std::string::npos ||
                          text.find(cell + "[" + kind + "]") != std::string::npos;
      CHECK(listed);
    } else {
      CHECK_THAT(text, ContainsSubstring(cell + "`" + name + "` |"));
    }
    ++found;
  }
  CHECK(found > 40);
}

TEST_CASE("the document's examples of bytes are what the codec writes", "[unit][codec]") {
  const std::string text = document();
  const auto check_example = [](const std::string& where, const core::Message& message) {
    const std::string header = encoded(message).header;
    for (std::size_t at = 0; at < header.size(); at += 8) {
      std::string bytes = hex_lines(header.substr(at, 8));
      bytes.pop_back();
      std::string offset = std::to_string(at);
      offset.resize(8, ' ');
      CHECK_THAT(where, ContainsSubstring("    " + offset + bytes + "   "));
    }
  };
  check_example(section(text, "Text"),
                core::Goodbye{.session = SessionId{5}, .detail = 5, .words = "SIGTERM"});
  const core::Task task{.attempt = AttemptId{9},
                        .group = GroupId{3},
                        .item = 7,
                        .task = TaskId{4},
                        .payload = Payload::json("12")};
  const core::Task next{.attempt = AttemptId{10},
                        .group = GroupId{4},
                        .item = 8,
                        .task = TaskId{5},
                        .payload = Payload::json("[1,2,3,4]")};
  check_example(section(text, "Tasks"),
                core::Tasks{.session = SessionId{5}, .tasks = {task, next}});
}

TEST_CASE("the document's transcript is what the codec writes", "[unit][codec]") {
  std::string text = document();
  const std::size_t mark = text.find(begin_mark);
  const std::size_t end = text.find(end_mark);
  REQUIRE(mark < end);
  const std::size_t begin = mark + begin_mark.size();
  if (freezing() && text.substr(begin, end - begin) != transcript()) {
    text.replace(begin, end - begin, transcript());
    std::ofstream(document_path(), std::ios::binary) << text;
  } else {
    CHECK(text.substr(begin, end - begin) == transcript());
  }
  for (const Step& step : transcript_steps()) {
    CHECK(decoded(encoded(step.message)).value().message == step.message);
  }
}

}  // namespace fanmill::codec_test
