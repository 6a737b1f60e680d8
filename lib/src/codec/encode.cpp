// Core structs to frames. Headers are built by Cap'n Proto in the caller's buffer.
#include <capnp/message.h>
#include <fanmill.capnp.h>
#include <kj/exception.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "codec/batches.hpp"
#include "codec/codec.hpp"
#include "codec/header_writer.hpp"
#include "codec/holdings.hpp"
#include "codec/text.hpp"

namespace fanmill::codec {
namespace {

// The enumerations of core/ are the numbers of the wire.
static_assert(static_cast<unsigned>(core::HoldingState::result) == schema::HOLDING_RESULT);
static_assert(static_cast<unsigned>(core::Verdict::kill) == schema::VERDICT_KILL);
static_assert(static_cast<unsigned>(core::RefuseCode::replaced) == schema::REFUSE_REPLACED);
static_assert(static_cast<unsigned>(core::RefuseCode::key) == schema::REFUSE_KEY);
static_assert(static_cast<unsigned>(core::AttemptOutcome::rejected) == schema::OUTCOME_REJECTED);
static_assert(static_cast<unsigned>(Encoding::raw) == schema::ENCODING_RAW);
static_assert(core::feature::time_limit == schema::FEATURE_TIME_LIMIT);
static_assert(core::feature::output == schema::FEATURE_OUTPUT);
static_assert(core::feature::batch == schema::FEATURE_BATCH);
static_assert(core::feature::parts == schema::FEATURE_PARTS);

constexpr std::size_t software_bytes_max = 128;
constexpr std::size_t host_bytes_max = 255;  // the longest name that the DNS has

// A Result as it was before it could tell what was measured: what says no more is no longer.
constexpr StructWords result_unmeasured{.data = 4, .pointers = 2};
// A Welcome to a worker that is given no parts, as it was before there were any.
constexpr StructWords welcome_without_parts{.data = 8, .pointers = 0};

std::size_t words_of(std::string_view text) { return text.empty() ? 0 : text.size() / 8 + 1; }

unsigned flag_if(bool is_set, unsigned flag) { return is_set ? flag : 0; }

Error unsendable(const std::string& what) { return {ErrorCode::invalid_argument, what}; }

std::string too_many(const char* what, std::size_t count, std::size_t count_max, const char* kind) {
  return std::string(what) + ": " + std::to_string(count) + ", at most " +
         std::to_string(count_max) + " fit in a " + kind;
}

// Empty if these names can be sent.
std::string fault(const char* what, std::string_view text, const std::vector<std::string>& names,
                  bool first_may_be_empty) {
  if (text.size() > limits::text_bytes_max) {
    return std::string(what) + ": " + std::to_string(text.size()) + " bytes of names, at most " +
           std::to_string(limits::text_bytes_max) + " fit in a Hello";
  }
  const std::string wrong = names_fault(names, limits::functions_max, first_may_be_empty);
  return wrong.empty() ? wrong : std::string(what) + ": " + wrong;
}

// Empty if this Hello can be sent; what decides something is never cut to fit.
std::string fault(const core::Hello& hello, std::string_view functions, std::string_view labels) {
  if (hello.functions.empty()) return "functions: there is none";
  if (auto wrong = fault("functions", functions, hello.functions, true); !wrong.empty()) {
    return wrong;
  }
  if (auto wrong = fault("labels", labels, hello.labels, false); !wrong.empty()) return wrong;
  if (!is_plain(hello.cookie)) return "cookie: not UTF-8 without control characters";
  if (hello.slots < 1 || hello.slots > limits::slots_max) {
    return "slots: " + std::to_string(hello.slots) + ", expected 1 to " +
           std::to_string(limits::slots_max);
  }
  if (hello.holdings.size() > limits::holdings_max) {
    return too_many("holdings", hello.holdings.size(), limits::holdings_max, "Hello");
  }
  return {};
}

Result<Frames> write(const core::Hello& hello, std::uint16_t, HeaderBuffer& buffer) {
  FANMILL_ASSERT(hello.uuid.valid() && hello.greeting > 0, hello.greeting);
  const std::string functions = join_names(hello.functions);
  const std::string labels = join_names(hello.labels);
  if (auto wrong = fault(hello, functions, labels); !wrong.empty()) return unsendable(wrong);

  HeaderWriter<schema::Hello> header(buffer, schema::KIND_HELLO, hello.protocol_max);
  header->setSession(hello.resume.value);
  header->setProtocolMin(hello.protocol_min);
  header->setProtocolMax(hello.protocol_max);
  header->setSlots(hello.slots);
  header->setContainment(static_cast<std::uint16_t>(hello.containment));
  header->setFeatures(hello.features);
  header->setEncodings(hello.encodings);
  header->setUuidLow(hello.uuid.low);
  header->setUuidHigh(hello.uuid.high);
  header->setBootLow(hello.boot.low);
  header->setBootHigh(hello.boot.high);
  header->setFarm(hello.farm);
  header->setPid(hello.pid);
  header->setGreeting(hello.greeting);
  header->setIncarnation(hello.incarnation);
  header->setPrefetch(hello.prefetch);

  // What decides something gets its room first; what is for people is cut to what is left.
  const std::size_t words_needed = words_of(functions) + words_of(labels) + words_of(hello.cookie);
  const std::size_t room = header.text_room();
  if (words_needed * 8 > room + 1) {
    return unsendable("functions, labels and cookie need " + std::to_string(words_needed * 8) +
                      " bytes, a Hello has room for " + std::to_string(room + 1));
  }
  std::size_t spare = room + 1 - words_needed * 8;
  const auto take = [&spare](std::string_view text, std::size_t bytes_max, std::string& scratch) {
    text = clean(text, std::min(bytes_max, spare == 0 ? 0 : spare - 1), scratch, keep_nothing);
    spare -= words_of(text) * 8;
    return text;
  };
  using Out = schema::Hello::Builder;
  std::string host_scratch;
  std::string software_scratch;
  const std::string_view host = take(hello.host, host_bytes_max, host_scratch);
  const std::string_view software = take(hello.software, software_bytes_max, software_scratch);
  header.put(&Out::initSoftware, software);
  header.put(&Out::initHost, host);
  header.put(&Out::initFunctions, functions);
  header.put(&Out::initLabels, labels);
  header.put(&Out::initCookie, hello.cookie);
  return header.finish(write_records(hello.holdings), !hello.holdings.empty());
}

Result<Frames> write(const core::Welcome& welcome, std::uint16_t, HeaderBuffer& buffer) {
  FANMILL_ASSERT(welcome.session.valid() && welcome.greeting > 0, welcome.session);
  if (welcome.judgements.size() > limits::holdings_max) {
    return unsendable(
        too_many("judgements", welcome.judgements.size(), limits::holdings_max, "Welcome"));
  }
  const bool takes_parts = welcome.payload_bytes_max != 0;
  HeaderWriter<schema::Welcome> header(
      buffer, schema::KIND_WELCOME, welcome.version, 0,
      takes_parts ? whole<schema::Welcome> : welcome_without_parts);
  header->setSession(welcome.session.value);
  header->setFeatures(welcome.features);
  header->setFarm(welcome.farm);
  header->setIncarnation(welcome.incarnation);
  header->setGreeting(welcome.greeting);
  header->setHeartbeatMs(milliseconds_of(welcome.heartbeat));
  header->setSuspectMs(milliseconds_of(welcome.suspect));
  header->setDeadMs(milliseconds_of(welcome.dead));
  header->setFrameBytesMax(welcome.frame_bytes_max);
  header->setUnacknowledgedMax(welcome.unacknowledged_max);
  if (takes_parts) header->setPayloadBytesMax(welcome.payload_bytes_max);
  return header.finish(write_records(welcome.judgements), !welcome.judgements.empty());
}

Result<Frames> write(const core::Refuse& refuse, std::uint16_t, HeaderBuffer& buffer) {
  HeaderWriter<schema::Refuse> header(buffer, schema::KIND_REFUSE, refuse.protocol_max);
  header->setSession(refuse.session.value);
  header->setCode(static_cast<std::uint16_t>(refuse.code));
  header->setProtocolMin(refuse.protocol_min);
  header->setProtocolMax(refuse.protocol_max);
  header->setGreeting(refuse.greeting);
  header->setRetryMs(milliseconds_of(refuse.retry));
  header.put_clean(&schema::Refuse::Builder::initWords, refuse.words, limits::text_bytes_max);
  return header.finish();
}

Result<Frames> write(const core::Who& who, std::uint16_t, HeaderBuffer& buffer) {
  HeaderWriter<schema::Who> header(buffer, schema::KIND_WHO, who.protocol_max);
  header->setProtocolMin(who.protocol_min);
  header->setProtocolMax(who.protocol_max);
  return header.finish();
}

Result<Frames> write(const core::Task& task, std::uint16_t version, HeaderBuffer& buffer) {
  const std::string_view header = encode_header(task, version, buffer);
  const bool has_payload = !task.in_parts && task.payload.encoding != Encoding::none;
  return Frames{header, has_payload ? task.payload.bytes : Bytes(), has_payload};
}

Result<Frames> write(const core::Result& result, std::uint16_t version, HeaderBuffer& buffer) {
  FANMILL_ASSERT(result.attempt.valid(), result.attempt);
  FANMILL_ASSERT(!result.in_parts ||
                     (result.payload.bytes.empty() && result.payload.encoding != Encoding::none),
                 result.attempt);
  const std::uint64_t cpu_us = microseconds_of(result.cpu);
  const bool measured = cpu_us != 0 || result.memory != 0;
  HeaderWriter<schema::Result> header(buffer, schema::KIND_RESULT, version,
                                      flag_if(result.nothing, schema::FLAG_NOTHING) |
                                          flag_if(result.in_parts, schema::FLAG_RESULT_PARTS),
                                      measured ? whole<schema::Result> : result_unmeasured);
  header->setAttempt(result.attempt.value);
  header->setOutcome(static_cast<std::uint16_t>(result.outcome));
  header->setEncoding(static_cast<std::uint16_t>(result.payload.encoding));
  header->setDetail(result.detail);
  header->setBusyUs(microseconds_of(result.busy));
  if (measured) {
    header->setCpuUs(cpu_us);
    header->setMemoryBytes(result.memory);
  }
  using Out = schema::Result::Builder;
  header.put_clean(&Out::initErrorType, result.error_type, limits::error_type_max);
  header.put_clean(&Out::initErrorText, result.error_text, limits::error_text_max);
  return result.in_parts ? header.finish() : header.finish(result.payload);
}

Result<Frames> write(const core::Kill& kill, std::uint16_t version, HeaderBuffer& buffer) {
  const bool of_group = kill.group.valid();
  FANMILL_ASSERT(of_group ? kill.session.valid() : kill.attempt.valid(), kill.attempt, kill.group);
  HeaderWriter<schema::Kill> header(buffer, schema::KIND_KILL, version,
                                    flag_if(kill.if_unstarted, schema::FLAG_IF_UNSTARTED) |
                                        flag_if(of_group, schema::FLAG_GROUP));
  header->setAttempt(of_group ? kill.session.value : kill.attempt.value);
  header->setGroup(kill.group.value);
  return header.finish();
}

Result<Frames> write(const core::Killed& killed, std::uint16_t version, HeaderBuffer& buffer) {
  FANMILL_ASSERT(killed.attempt.valid(), killed.attempt);
  HeaderWriter<schema::Killed> header(buffer, schema::KIND_KILLED, version,
                                      flag_if(killed.unstarted, schema::FLAG_UNSTARTED));
  header->setAttempt(killed.attempt.value);
  header->setBusyUs(microseconds_of(killed.busy));
  return header.finish();
}

Result<Frames> write(const core::Heartbeat& beat, std::uint16_t version, HeaderBuffer& buffer) {
  FANMILL_ASSERT(beat.session.valid(), beat.session);
  HeaderWriter<schema::Heartbeat> header(buffer, schema::KIND_HEARTBEAT, version,
                                         flag_if(beat.echo, schema::FLAG_ECHO));
  header->setSession(beat.session.value);
  header->setStarted(beat.started);
  header->setAcknowledged(beat.acknowledged);
  return header.finish();
}

Result<Frames> write(const core::Goodbye& goodbye, std::uint16_t version, HeaderBuffer& buffer) {
  HeaderWriter<schema::Goodbye> header(
      buffer, schema::KIND_GOODBYE, version,
      flag_if(goodbye.drain, schema::FLAG_DRAIN) | flag_if(goodbye.closed, schema::FLAG_CLOSED));
  header->setSession(goodbye.session.value);
  header->setDetail(goodbye.detail);
  header.put_clean(&schema::Goodbye::Builder::initWords, goodbye.words, limits::text_bytes_max);
  return header.finish();
}

Result<Frames> write(const core::Output& output, std::uint16_t version, HeaderBuffer& buffer) {
  FANMILL_ASSERT(output.attempt.valid() && !output.bytes.empty() &&
                     output.bytes.size() <= limits::output_chunk_bytes_max,
                 output.attempt, output.bytes.size());
  HeaderWriter<schema::Output> header(buffer, schema::KIND_OUTPUT, version);
  header->setAttempt(output.attempt.value);
  header->setOffset(output.offset);
  return header.finish(output.bytes, true);
}

template <typename Schema, typename Taken>
Result<Frames> write_taken(const Taken& taken, std::uint16_t kind, std::uint16_t version,
                           HeaderBuffer& buffer) {
  FANMILL_ASSERT(taken.attempt.valid(), taken.attempt);
  HeaderWriter<Schema> header(buffer, kind, version);
  header->setAttempt(taken.attempt.value);
  header->setOffset(taken.offset);
  return header.finish();
}

Result<Frames> write(const core::OutputTaken& taken, std::uint16_t version, HeaderBuffer& buffer) {
  return write_taken<schema::OutputTaken>(taken, schema::KIND_OUTPUT_TAKEN, version, buffer);
}

Frames frames_of(Bytes batch) {
  Frames frames{.header = batch.view(), .payload = {}};
  frames.batch = std::move(batch);
  return frames;
}
Result<Frames> write(const core::Tasks& tasks, std::uint16_t version, HeaderBuffer&) {
  return frames_of(write_batch(tasks, version));
}
Result<Frames> write(const core::Results& results, std::uint16_t version, HeaderBuffer&) {
  return frames_of(write_batch(results, version));
}

Result<Frames> write(const core::Part& part, std::uint16_t version, HeaderBuffer& buffer) {
  FANMILL_ASSERT(part.attempt.valid() && !part.bytes.empty() && part.offset < part.total &&
                     part.bytes.size() <= part.total - part.offset,
                 part.attempt, part.offset, part.bytes.size(), part.total);
  HeaderWriter<schema::Part> header(buffer, schema::KIND_PART, version);
  header->setAttempt(part.attempt.value);
  header->setOffset(part.offset);
  header->setTotal(part.total);
  return header.finish(part.bytes, true);
}

Result<Frames> write(const core::PartTaken& taken, std::uint16_t version, HeaderBuffer& buffer) {
  return write_taken<schema::PartTaken>(taken, schema::KIND_PART_TAKEN, version, buffer);
}

// Nobody sends these but tests and the simulator's newer peers; the prefix is all that is known of
// it.
Result<Frames> write(const core::Unknown& unknown, std::uint16_t version, HeaderBuffer& buffer) {
  HeaderWriter<schema::Who> header(buffer, unknown.kind, version);
  header->setSession(unknown.id);
  return header.finish();
}

}  // namespace

Result<Frames> encode(const core::Message& message, std::uint16_t version, HeaderBuffer& buffer) {
  try {
    return std::visit([&](const auto& body) { return write(body, version, buffer); }, message);
  } catch (const kj::Exception& exception) {
    return unsendable(exception.getDescription().cStr());
  }
}

}  // namespace fanmill::codec
