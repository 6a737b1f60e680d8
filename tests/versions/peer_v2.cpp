#include <fanmill_v2.capnp.h>

#include "versions/flat.hpp"
#include "versions/peer.hpp"

namespace fanmill_test::v2 {
namespace wire = ::fanmill_v2;

namespace {

std::vector<Record> unpack(const std::optional<std::string>& payload) {
  std::vector<Record> records;
  if (!payload) return records;
  for (std::size_t at = 0; at + 16 <= payload->size(); at += 16) {
    Record record;
    for (unsigned i = 0; i < 8; ++i) {
      record.attempt |= std::uint64_t{static_cast<unsigned char>((*payload)[at + i])} << (8 * i);
    }
    for (unsigned i = 0; i < 4; ++i) {
      record.number |= std::uint32_t{static_cast<unsigned char>((*payload)[at + 8 + i])} << (8 * i);
    }
    records.push_back(record);
  }
  return records;
}

std::optional<std::string> pack_any(const std::vector<Record>& records) {
  if (records.empty()) return {};
  return pack(records);
}

}  // namespace

Frames hello(const Hello& options) {
  FlatWriter writer;
  auto out = writer.start<wire::Hello>(wire::MAGIC, options.protocol_max, wire::KIND_HELLO);
  out.setSession(options.session);
  out.setProtocolMin(options.protocol_min);
  out.setProtocolMax(options.protocol_max);
  out.setSlots(options.slots);
  out.setContainment(options.containment);
  out.setFeatures(options.features);
  out.setEncodings(options.encodings);
  out.setUuidLow(options.uuid_low);
  out.setUuidHigh(options.uuid_high);
  out.setGreeting(options.greeting);
  out.setPid(options.pid);
  out.setSoftware(options.software);
  out.setHost(options.host);
  out.setFunctions(options.functions);
  out.setLabels(options.labels);
  out.setCookie(options.cookie);
  out.setZone(options.zone);
  out.setMemoryBytes(options.memory_bytes);
  return writer.finish(pack_any(options.holdings));
}

Frames result(std::uint16_t version, const Result& options) {
  FlatWriter writer;
  auto out = writer.start<wire::Result>(wire::MAGIC, version, wire::KIND_RESULT, options.flags);
  out.setAttempt(options.attempt);
  out.setOutcome(options.outcome);
  out.setEncoding(options.encoding);
  out.setErrorType(options.error_type);
  out.setErrorText(options.error_text);
  out.setEvidence(options.evidence);
  out.setCoreBytes(options.core_bytes);
  return writer.finish(options.payload);
}

Frames killed(std::uint16_t version, std::uint64_t attempt, bool unstarted) {
  FlatWriter writer;
  auto out = writer.start<wire::Killed>(wire::MAGIC, version, wire::KIND_KILLED,
                                        unstarted ? wire::FLAG_UNSTARTED : 0U);
  out.setAttempt(attempt);
  return writer.finish();
}

Frames heartbeat(std::uint16_t version, std::uint64_t session, std::uint32_t started,
                 std::uint32_t acknowledged, bool echo) {
  FlatWriter writer;
  auto out = writer.start<wire::Heartbeat>(wire::MAGIC, version, wire::KIND_HEARTBEAT,
                                           echo ? wire::FLAG_ECHO : 0U);
  out.setSession(session);
  out.setStarted(started);
  out.setAcknowledged(acknowledged);
  return writer.finish();
}

Frames telemetry(std::uint16_t version, std::uint64_t session) {
  FlatWriter writer;
  auto out = writer.start<wire::Telemetry>(wire::MAGIC, version, wire::KIND_TELEMETRY);
  out.setSession(session);
  out.setLoadPerMille(1250);
  out.setFreeBytes(std::uint64_t{3} << 30);
  out.setWords("warm");
  return writer.finish();
}

Frames goodbye(std::uint16_t version, std::uint64_t session) {
  FlatWriter writer;
  auto out = writer.start<wire::Goodbye>(wire::MAGIC, version, wire::KIND_GOODBYE);
  out.setSession(session);
  return writer.finish();
}

Frames welcome(const Welcome& options) {
  FlatWriter writer;
  auto out = writer.start<wire::Welcome>(wire::MAGIC, options.version, wire::KIND_WELCOME);
  out.setSession(options.session);
  out.setFeatures(options.features);
  out.setFarm(options.farm);
  out.setIncarnation(options.incarnation);
  out.setGreeting(options.greeting);
  out.setHeartbeatMs(options.heartbeat_ms);
  out.setSuspectMs(options.suspect_ms);
  out.setDeadMs(options.dead_ms);
  out.setFrameBytesMax(options.frame_bytes_max);
  out.setUnacknowledgedMax(options.unacknowledged_max);
  out.setBudgetMs(options.budget_ms);
  out.setMotto(options.motto);
  return writer.finish(pack_any(options.judgements));
}

Frames task(std::uint16_t version, const Task& options) {
  FlatWriter writer;
  auto out = writer.start<wire::Task>(wire::MAGIC, version, wire::KIND_TASK);
  out.setAttempt(options.attempt);
  out.setGroup(options.group);
  out.setTask(options.task);
  out.setFunction(options.function);
  out.setEncoding(options.encoding);
  out.setAcknowledged(options.acknowledged);
  out.setTimeLimitMs(options.time_limit_ms);
  out.setNumber(options.number);
  out.setItem(options.item);
  out.setPriority(options.priority);
  out.setTraceId(options.trace_id);
  return writer.finish(options.payload);
}

Frames refuse(const Refuse& options) {
  FlatWriter writer;
  auto out = writer.start<wire::Refuse>(wire::MAGIC, wire::PROTOCOL_MAX, wire::KIND_REFUSE);
  out.setCode(options.code);
  out.setProtocolMin(options.protocol_min);
  out.setProtocolMax(options.protocol_max);
  out.setGreeting(options.greeting);
  out.setRetryMs(options.retry_ms);
  out.setWords(options.words);
  return writer.finish();
}

Frames who() {
  FlatWriter writer;
  auto out = writer.start<wire::Who>(wire::MAGIC, wire::PROTOCOL_MAX, wire::KIND_WHO);
  out.setProtocolMin(wire::PROTOCOL_MIN);
  out.setProtocolMax(wire::PROTOCOL_MAX);
  return writer.finish();
}

std::optional<Welcome> read_welcome(std::string_view header,
                                    const std::optional<std::string>& payload) {
  return read_flat<wire::Welcome>(header, wire::KIND_WELCOME, [&](wire::Welcome::Reader in) {
    return Welcome{.version = in.getVersion(),
                   .session = in.getSession(),
                   .features = in.getFeatures(),
                   .farm = in.getFarm(),
                   .incarnation = in.getIncarnation(),
                   .greeting = in.getGreeting(),
                   .heartbeat_ms = in.getHeartbeatMs(),
                   .suspect_ms = in.getSuspectMs(),
                   .dead_ms = in.getDeadMs(),
                   .frame_bytes_max = in.getFrameBytesMax(),
                   .unacknowledged_max = in.getUnacknowledgedMax(),
                   .budget_ms = in.getBudgetMs(),
                   .motto = str(in.getMotto()),
                   .judgements = unpack(payload)};
  });
}

std::optional<Task> read_task(std::string_view header, const std::optional<std::string>& payload) {
  return read_flat<wire::Task>(header, wire::KIND_TASK, [&](wire::Task::Reader in) {
    return Task{.attempt = in.getAttempt(),
                .group = in.getGroup(),
                .task = in.getTask(),
                .function = in.getFunction(),
                .encoding = in.getEncoding(),
                .acknowledged = in.getAcknowledged(),
                .time_limit_ms = in.getTimeLimitMs(),
                .number = in.getNumber(),
                .item = in.getItem(),
                .priority = in.getPriority(),
                .trace_id = in.getTraceId(),
                .payload = payload};
  });
}

std::optional<Refuse> read_refuse(std::string_view header) {
  return read_flat<wire::Refuse>(header, wire::KIND_REFUSE, [](wire::Refuse::Reader in) {
    return Refuse{.code = in.getCode(),
                  .protocol_min = in.getProtocolMin(),
                  .protocol_max = in.getProtocolMax(),
                  .greeting = in.getGreeting(),
                  .retry_ms = in.getRetryMs(),
                  .words = str(in.getWords())};
  });
}

std::optional<Kill> read_kill(std::string_view header) {
  return read_flat<wire::Kill>(header, wire::KIND_KILL, [](wire::Kill::Reader in) {
    return Kill{.attempt = in.getAttempt(), .group = in.getGroup(), .flags = in.getFlags()};
  });
}

std::optional<Heartbeat> read_heartbeat(std::string_view header) {
  return read_flat<wire::Heartbeat>(header, wire::KIND_HEARTBEAT, [](wire::Heartbeat::Reader in) {
    return Heartbeat{.session = in.getSession(),
                     .acknowledged = in.getAcknowledged(),
                     .echo = (in.getFlags() & wire::FLAG_ECHO) != 0};
  });
}

std::optional<Hello> read_hello(std::string_view header,
                                const std::optional<std::string>& payload) {
  return read_flat<wire::Hello>(header, wire::KIND_HELLO, [&](wire::Hello::Reader in) {
    return Hello{.session = in.getSession(),
                 .protocol_min = in.getProtocolMin(),
                 .protocol_max = in.getProtocolMax(),
                 .slots = in.getSlots(),
                 .containment = in.getContainment(),
                 .features = in.getFeatures(),
                 .encodings = in.getEncodings(),
                 .uuid_low = in.getUuidLow(),
                 .uuid_high = in.getUuidHigh(),
                 .greeting = in.getGreeting(),
                 .pid = in.getPid(),
                 .software = str(in.getSoftware()),
                 .host = str(in.getHost()),
                 .functions = str(in.getFunctions()),
                 .labels = str(in.getLabels()),
                 .cookie = str(in.getCookie()),
                 .zone = str(in.getZone()),
                 .memory_bytes = in.getMemoryBytes(),
                 .holdings = unpack(payload)};
  });
}

std::optional<Result> read_result(std::string_view header,
                                  const std::optional<std::string>& payload) {
  return read_flat<wire::Result>(header, wire::KIND_RESULT, [&](wire::Result::Reader in) {
    return Result{.attempt = in.getAttempt(),
                  .outcome = in.getOutcome(),
                  .encoding = in.getEncoding(),
                  .flags = in.getFlags(),
                  .error_type = str(in.getErrorType()),
                  .error_text = str(in.getErrorText()),
                  .evidence = str(in.getEvidence()),
                  .core_bytes = in.getCoreBytes(),
                  .payload = payload};
  });
}

}  // namespace fanmill_test::v2
