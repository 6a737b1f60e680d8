// Frames to core structs: where everything that a peer says is checked.
#include <fanmill.capnp.h>

#include <limits>

#include "codec/batches.hpp"
#include "codec/codec.hpp"
#include "codec/header_reader.hpp"
#include "codec/holdings.hpp"
#include "codec/message_check.hpp"
#include "codec/text.hpp"
#include "codec/units.hpp"

namespace fanmill::codec {
namespace {

std::vector<std::string> names(const char* field, capnp::Text::Reader text, Check& check,
                               bool first_may_be_empty) {
  check.range(field, text.size(), 0, limits::text_bytes_max, "its length in bytes");
  if (check.failed()) return {};
  std::vector<std::string> list = split_names(view(text));
  const std::string fault = names_fault(list, limits::functions_max, first_may_be_empty);
  if (!fault.empty()) check.fail(std::string("Hello: ") + field + ": " + fault);
  return list;
}

template <typename Record>
void take(Result<std::vector<Record>> records, std::vector<Record>& to, Check& check) {
  if (records) {
    to = std::move(records).value();
  } else {
    check.fail(records.error().message);
  }
}

core::Containment containment(std::uint16_t number, std::uint16_t version, Check& check) {
  // A newer worker may have a way that this build has no name for; nothing is promised for it then.
  if (version > limits::protocol_max && number > 5) return core::Containment::none;
  check.range("containment", number, 0, 5);
  return static_cast<core::Containment>(number);
}

core::Hello read(schema::Hello::Reader in, const Bytes* payload, Check& check) {
  core::Hello hello;
  hello.resume = SessionId{in.getSession()};
  hello.protocol_min = in.getProtocolMin();
  hello.protocol_max = in.getProtocolMax();
  hello.slots = in.getSlots();
  hello.features = in.getFeatures();
  hello.encodings = in.getEncodings();
  hello.uuid = {.low = in.getUuidLow(), .high = in.getUuidHigh()};
  hello.boot = {.low = in.getBootLow(), .high = in.getBootHigh()};
  hello.farm = in.getFarm();
  hello.pid = in.getPid();
  hello.greeting = in.getGreeting();
  hello.incarnation = in.getIncarnation();
  hello.prefetch = in.getPrefetch();
  check.range("protocolMin", hello.protocol_min, 0, hello.protocol_max);
  // It will be refused for its version; whatever else it lacks must not be the reason.
  if (hello.protocol_max < limits::protocol_min || hello.protocol_min > limits::protocol_max) {
    return hello;
  }
  check.range("slots", hello.slots, 1, limits::slots_max);
  hello.containment = containment(in.getContainment(), in.getVersion(), check);
  check.that(hello.uuid.valid(), "uuid", "0, expected 128 random bits");
  check.range("greeting", hello.greeting, 1, std::numeric_limits<std::uint32_t>::max());
  check.range("incarnation", hello.incarnation, 0, incarnation_max);
  check.range("prefetch", hello.prefetch, 0, limits::prefetch_max);
  hello.software = plain("software", in.getSoftware(), check);
  hello.host = plain("host", in.getHost(), check);
  // A worker that names nothing has one function, without a name.
  hello.functions = names("functions", in.getFunctions(), check, true);
  if (in.getLabels().size() > 0) hello.labels = names("labels", in.getLabels(), check, false);
  hello.cookie = plain("cookie", in.getCookie(), check);
  if (payload != nullptr && !check.failed()) {
    take(read_holdings(payload->view()), hello.holdings, check);
  }
  return hello;
}

core::Welcome read(schema::Welcome::Reader in, const Bytes* payload, Check& check) {
  core::Welcome welcome;
  welcome.version = in.getVersion();
  welcome.session = SessionId{in.getSession()};
  welcome.features = in.getFeatures();
  welcome.farm = in.getFarm();
  welcome.incarnation = in.getIncarnation();
  welcome.greeting = in.getGreeting();
  welcome.frame_bytes_max = in.getFrameBytesMax();
  welcome.unacknowledged_max = in.getUnacknowledgedMax();
  welcome.payload_bytes_max = in.getPayloadBytesMax();
  welcome.heartbeat = std::chrono::milliseconds(in.getHeartbeatMs());
  welcome.suspect = std::chrono::milliseconds(in.getSuspectMs());
  welcome.dead = std::chrono::milliseconds(in.getDeadMs());

  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  constexpr auto milliseconds = [](Duration duration) {
    return static_cast<std::uint64_t>(duration / std::chrono::milliseconds(1));
  };
  check.nonzero("session", welcome.session.value);
  check.range("incarnation", welcome.incarnation, 0, incarnation_max);
  check.range("greeting", welcome.greeting, 1, most);
  check.range("heartbeatMs", in.getHeartbeatMs(), milliseconds(limits::heartbeat_interval_min),
              milliseconds(limits::heartbeat_interval_max));
  check.range("suspectMs", in.getSuspectMs(), in.getHeartbeatMs(), most);
  check.range("deadMs", in.getDeadMs(), in.getSuspectMs(), most);
  check.range("frameBytesMax", welcome.frame_bytes_max, limits::header_bytes_max, most);
  check.range("unacknowledgedMax", welcome.unacknowledged_max, 1, most);
  if (payload != nullptr && !check.failed()) {
    take(read_judgements(payload->view()), welcome.judgements, check);
  }
  return welcome;
}

core::Refuse read(schema::Refuse::Reader in, Check& check) {
  core::Refuse refuse;
  check.range("code", in.getCode(), 1, std::numeric_limits<std::uint16_t>::max());
  // A newer manager may have reasons that this build has no name for. Its words tell them.
  refuse.code = in.getCode() > schema::REFUSE_KEY ? core::RefuseCode::protocol
                                                  : core::RefuseCode{in.getCode()};
  refuse.session = SessionId{in.getSession()};
  refuse.protocol_min = in.getProtocolMin();
  refuse.protocol_max = in.getProtocolMax();
  refuse.greeting = in.getGreeting();
  refuse.retry = std::chrono::milliseconds(in.getRetryMs());
  refuse.words = cleaned(in.getWords(), limits::text_bytes_max);
  return refuse;
}

core::Who read(schema::Who::Reader in) { return {in.getProtocolMin(), in.getProtocolMax()}; }

core::Task read(schema::Task::Reader in, const Bytes* payload, Check& check) {
  core::Task task;
  task.attempt = AttemptId{in.getAttempt()};
  task.group = GroupId{in.getGroup()};
  task.function = in.getFunction();
  task.acknowledged = in.getAcknowledged();
  task.time_limit = std::chrono::milliseconds(in.getTimeLimitMs());
  task.number = in.getNumber();
  task.item = in.getItem();
  task.task = TaskId{in.getTask()};
  check_task(task, check);
  task.in_parts = (in.getFlags() & schema::FLAG_TASK_PARTS) != 0;
  task.payload = task.in_parts ? payload_in_parts(in.getEncoding(), payload, check)
                               : payload_of(in.getEncoding(), payload, check);
  return task;
}

core::Result read(schema::Result::Reader in, const Bytes* payload, Check& check) {
  core::Result result;
  result.attempt = AttemptId{in.getAttempt()};
  result.outcome = core::AttemptOutcome{in.getOutcome()};
  result.nothing = (in.getFlags() & schema::FLAG_NOTHING) != 0;
  result.detail = in.getDetail();
  result.busy = from_microseconds(in.getBusyUs());
  result.cpu = from_microseconds(in.getCpuUs());
  result.memory = in.getMemoryBytes();
  result.error_type = cleaned(in.getErrorType(), limits::error_type_max);
  result.error_text = cleaned(in.getErrorText(), limits::error_text_max);
  check_result(result, check);
  result.in_parts = (in.getFlags() & schema::FLAG_RESULT_PARTS) != 0;
  result.payload = result.in_parts ? payload_in_parts(in.getEncoding(), payload, check)
                                   : payload_of(in.getEncoding(), payload, check);
  return result;
}

core::Kill read(schema::Kill::Reader in, Check& check) {
  core::Kill kill;
  kill.if_unstarted = (in.getFlags() & schema::FLAG_IF_UNSTARTED) != 0;
  if ((in.getFlags() & schema::FLAG_GROUP) != 0) {
    kill.session = SessionId{in.getAttempt()};
    kill.group = GroupId{in.getGroup()};
    check.nonzero("attempt (here the session)", kill.session.value);
    check.nonzero("group", kill.group.value);
  } else {
    kill.attempt = AttemptId{in.getAttempt()};
    check.nonzero("attempt", kill.attempt.value);
    check.range("group", in.getGroup(), 0, 0, "without flagGroup");
  }
  return kill;
}

core::Killed read(schema::Killed::Reader in, Check& check) {
  check.nonzero("attempt", in.getAttempt());
  return {.attempt = AttemptId{in.getAttempt()},
          .unstarted = (in.getFlags() & schema::FLAG_UNSTARTED) != 0,
          .busy = from_microseconds(in.getBusyUs())};
}

core::Heartbeat read(schema::Heartbeat::Reader in, Check& check) {
  check.nonzero("session", in.getSession());
  return {.session = SessionId{in.getSession()},
          .started = in.getStarted(),
          .acknowledged = in.getAcknowledged(),
          .echo = (in.getFlags() & schema::FLAG_ECHO) != 0};
}

core::Goodbye read(schema::Goodbye::Reader in) {
  return {.session = SessionId{in.getSession()},
          .drain = (in.getFlags() & schema::FLAG_DRAIN) != 0,
          .closed = (in.getFlags() & schema::FLAG_CLOSED) != 0,
          .detail = in.getDetail(),
          .words = cleaned(in.getWords(), limits::text_bytes_max)};
}

core::Output read(schema::Output::Reader in, const Bytes* payload, Check& check) {
  core::Output output{.attempt = AttemptId{in.getAttempt()}, .offset = in.getOffset(), .bytes = {}};
  check.nonzero("attempt", in.getAttempt());
  check.range("bytes of the payload frame", payload == nullptr ? 0 : payload->size(), 1,
              limits::output_chunk_bytes_max);
  // Its end has a position, too.
  check.range("offset", in.getOffset(), 0,
              std::numeric_limits<std::uint64_t>::max() - limits::output_chunk_bytes_max);
  if (!check.failed()) output.bytes = *payload;
  return output;
}

core::OutputTaken read(schema::OutputTaken::Reader in, Check& check) {
  check.nonzero("attempt", in.getAttempt());
  return {.attempt = AttemptId{in.getAttempt()}, .offset = in.getOffset()};
}

core::Part read(schema::Part::Reader in, const Bytes* payload, Check& check) {
  core::Part part{.attempt = AttemptId{in.getAttempt()},
                  .offset = in.getOffset(),
                  .total = in.getTotal(),
                  .bytes = {}};
  check.nonzero("attempt", in.getAttempt());
  const std::uint64_t bytes = payload == nullptr ? 0 : payload->size();
  check.that(bytes > 0, "bytes of the payload frame", "0, expected at least 1");
  check.range("total", part.total, bytes, std::numeric_limits<std::uint64_t>::max());
  if (!check.failed()) check.range("offset", part.offset, 0, part.total - bytes);
  if (!check.failed()) part.bytes = *payload;
  return part;
}

core::PartTaken read(schema::PartTaken::Reader in, Check& check) {
  check.nonzero("attempt", in.getAttempt());
  return {.attempt = AttemptId{in.getAttempt()}, .offset = in.getOffset()};
}

core::Message read_session_message(Header& header, std::uint16_t kind, std::uint16_t version,
                                   const Bytes* payload, Check& check) {
  check_version(version, check);
  if (check.failed()) return core::Unknown{};
  if (kind == schema::KIND_TASK) return read(header.as<schema::Task>(), payload, check);
  if (kind == schema::KIND_RESULT) return read(header.as<schema::Result>(), payload, check);
  if (kind == schema::KIND_OUTPUT) return read(header.as<schema::Output>(), payload, check);
  if (kind == schema::KIND_PART) return read(header.as<schema::Part>(), payload, check);
  expect_no_payload(payload, check);
  switch (kind) {
    case schema::KIND_KILL:
      return read(header.as<schema::Kill>(), check);
    case schema::KIND_KILLED:
      return read(header.as<schema::Killed>(), check);
    case schema::KIND_HEARTBEAT:
      return read(header.as<schema::Heartbeat>(), check);
    case schema::KIND_GOODBYE:
      return read(header.as<schema::Goodbye>());
    case schema::KIND_OUTPUT_TAKEN:
      return read(header.as<schema::OutputTaken>(), check);
    case schema::KIND_PART_TAKEN:
      return read(header.as<schema::PartTaken>(), check);
  }
  FANMILL_ASSERT(false, "not a kind of a session", kind);
  return core::Unknown{};
}

core::Message read_message(Header& header, std::uint16_t kind, std::uint16_t version,
                           const Bytes* payload, Check& check) {
  switch (kind) {
    case schema::KIND_HELLO:
      return read(header.as<schema::Hello>(), payload, check);
    case schema::KIND_WELCOME:
      return read(header.as<schema::Welcome>(), payload, check);
    case schema::KIND_REFUSE:
      return read(header.as<schema::Refuse>(), check);
    case schema::KIND_WHO:
      return read(header.as<schema::Who>());
    case schema::KIND_TASK:
    case schema::KIND_RESULT:
    case schema::KIND_KILL:
    case schema::KIND_KILLED:
    case schema::KIND_HEARTBEAT:
    case schema::KIND_GOODBYE:
    case schema::KIND_OUTPUT:
    case schema::KIND_OUTPUT_TAKEN:
    case schema::KIND_PART:
    case schema::KIND_PART_TAKEN:
      return read_session_message(header, kind, version, payload, check);
    default:
      // A newer peer's, or one of the reserved kinds: whatever its version, it is only counted.
      return core::Unknown{.kind = kind, .id = header.id()};
  }
}

}  // namespace

std::string kind_name(std::uint16_t kind) {
  static constexpr const char* names[] = {"Hello",  "Welcome", "Refuse", "Who",       "Task",
                                          "Result", "Kill",    "Killed", "Heartbeat", "Goodbye",
                                          "Tasks",  "Results", "Part",   "Output",    "OutputTaken",
                                          "Open",   "Opened",  "Object", "Taken",     "PartTaken"};
  if (kind >= 1 && kind <= std::size(names)) return names[kind - 1];
  return "kind " + std::to_string(kind);
}

Result<Decoded> decode(std::string_view bytes, const Bytes* payload) {
  if (is_batch(bytes)) return read_batch(bytes, payload);
  return read_header<Decoded>(bytes, [&](Header& header, Check& check) {
    const std::uint16_t version = header.prefix(1);
    core::Message message = read_message(header, header.prefix(2), version, payload, check);
    return Decoded{std::move(message), version};
  });
}

}  // namespace fanmill::codec
