// Core structs to frames. Headers are built by Cap'n Proto in the caller's buffer.
#include <capnp/message.h>
#include <fanmill.capnp.h>
#include <kj/exception.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "codec/codec.hpp"
#include "codec/holdings.hpp"
#include "codec/text.hpp"

namespace fanmill::codec {

// One header in the making, in somebody's HeaderBuffer.
class HeaderWriter {
 public:
  explicit HeaderWriter(HeaderBuffer& buffer) : buffer_(buffer), builder_(cleared(buffer)) {}

  template <typename Schema>
  typename Schema::Builder start(std::uint16_t kind, std::uint16_t version, unsigned flags = 0) {
    auto out = builder_.initRoot<Schema>();
    out.setMagic(schema::MAGIC);
    out.setVersion(version);
    out.setKind(kind);
    out.setFlags(static_cast<std::uint16_t>(flags));
    return out;
  }

  // How long a text may be that is put next.
  [[nodiscard]] std::size_t text_room() {
    const std::size_t bytes = (buffer_.words_.size() - words_used()) * 8;
    return bytes == 0 ? 0 : bytes - 1;  // each text ends with a NUL
  }

  // `init` makes room for the text. An empty one stays a null pointer, which costs nothing.
  template <typename Init>
  static void put_text(std::string_view text, Init&& init) {
    if (text.empty()) return;
    auto to = init(static_cast<unsigned>(text.size()));
    std::memcpy(to.begin(), text.data(), text.size());
  }

  Frames finish(Bytes payload = {}, bool has_payload = false) {
    buffer_.words_used_ = words_used();
    const auto* begin = reinterpret_cast<const char*>(buffer_.words_.data());
    return {{begin, buffer_.words_used_ * 8}, std::move(payload), has_payload};
  }

 private:
  // Zeroed as Cap'n Proto wants it. Until finish() nobody knows how much of it was written.
  static kj::ArrayPtr<capnp::word> cleared(HeaderBuffer& buffer) {
    static_assert(sizeof(capnp::word) == sizeof(std::uint64_t));
    std::fill_n(buffer.words_.begin(), buffer.words_used_, 0);
    buffer.words_used_ = buffer.words_.size();
    return {reinterpret_cast<capnp::word*>(buffer.words_.data()), buffer.words_.size()};
  }
  std::size_t words_used() { return builder_.getSegmentsForOutput()[0].size(); }

  HeaderBuffer& buffer_;
  // Not MallocMessageBuilder: that one wipes its scratch space when it goes, before it could be
  // sent.
  capnp::FlatMessageBuilder builder_;
};

namespace {

// The enumerations of core/ are the numbers of the wire.
static_assert(static_cast<unsigned>(core::HoldingState::result) == schema::HOLDING_RESULT);
static_assert(static_cast<unsigned>(core::Verdict::kill) == schema::VERDICT_KILL);
static_assert(static_cast<unsigned>(core::RefuseCode::replaced) == schema::REFUSE_REPLACED);
static_assert(static_cast<unsigned>(core::AttemptOutcome::rejected) == schema::OUTCOME_REJECTED);
static_assert(static_cast<unsigned>(Encoding::raw) == schema::ENCODING_RAW);
static_assert(core::feature::time_limit == schema::FEATURE_TIME_LIMIT);

constexpr std::size_t software_bytes_max = 128;
constexpr std::size_t host_bytes_max = 255;  // the longest name that the DNS has

std::size_t words_of(std::string_view text) { return text.empty() ? 0 : text.size() / 8 + 1; }

// In whole Units, rounded up so that a short time never becomes 0, which means "none" in most
// fields.
template <typename Number, typename Unit>
Number count_of(Duration duration) {
  const auto count = std::max<std::int64_t>(std::chrono::ceil<Unit>(duration).count(), 0);
  const std::uint64_t limit = std::numeric_limits<Number>::max();
  return static_cast<Number>(std::min(static_cast<std::uint64_t>(count), limit));
}
std::uint32_t milliseconds_of(Duration duration) {
  return count_of<std::uint32_t, std::chrono::milliseconds>(duration);
}
std::uint64_t microseconds_of(Duration duration) {
  return count_of<std::uint64_t, std::chrono::microseconds>(duration);
}

Error unsendable(const std::string& what) { return {ErrorCode::invalid_argument, what}; }

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
    return "holdings: " + std::to_string(hello.holdings.size()) + ", at most " +
           std::to_string(limits::holdings_max) + " fit in a Hello";
  }
  return {};
}

Result<Frames> write(const core::Hello& hello, std::uint16_t, HeaderBuffer& buffer) {
  FANMILL_ASSERT(hello.uuid.valid() && hello.greeting > 0, hello.greeting);
  const std::string functions = join_names(hello.functions);
  const std::string labels = join_names(hello.labels);
  if (auto wrong = fault(hello, functions, labels); !wrong.empty()) return unsendable(wrong);

  HeaderWriter header(buffer);
  auto out = header.start<schema::Hello>(schema::KIND_HELLO, hello.protocol_max);
  out.setSession(hello.resume.value);
  out.setProtocolMin(hello.protocol_min);
  out.setProtocolMax(hello.protocol_max);
  out.setSlots(hello.slots);
  out.setContainment(static_cast<std::uint16_t>(hello.containment));
  out.setFeatures(hello.features);
  out.setEncodings(hello.encodings);
  out.setUuidLow(hello.uuid.low);
  out.setUuidHigh(hello.uuid.high);
  out.setBootLow(hello.boot.low);
  out.setBootHigh(hello.boot.high);
  out.setFarm(hello.farm);
  out.setPid(hello.pid);
  out.setGreeting(hello.greeting);
  out.setIncarnation(hello.incarnation);
  out.setPrefetch(hello.prefetch);

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
  std::string host_scratch;
  std::string software_scratch;
  const std::string_view host = take(hello.host, host_bytes_max, host_scratch);
  const std::string_view software = take(hello.software, software_bytes_max, software_scratch);
  HeaderWriter::put_text(software, [&](unsigned size) { return out.initSoftware(size); });
  HeaderWriter::put_text(host, [&](unsigned size) { return out.initHost(size); });
  HeaderWriter::put_text(functions, [&](unsigned size) { return out.initFunctions(size); });
  HeaderWriter::put_text(labels, [&](unsigned size) { return out.initLabels(size); });
  HeaderWriter::put_text(hello.cookie, [&](unsigned size) { return out.initCookie(size); });
  return header.finish(write_records(hello.holdings), !hello.holdings.empty());
}

Result<Frames> write(const core::Welcome& welcome, std::uint16_t, HeaderBuffer& buffer) {
  FANMILL_ASSERT(welcome.session.valid() && welcome.greeting > 0, welcome.session);
  if (welcome.judgements.size() > limits::holdings_max) {
    return unsendable("judgements: " + std::to_string(welcome.judgements.size()) + ", at most " +
                      std::to_string(limits::holdings_max) + " fit in a Welcome");
  }
  HeaderWriter header(buffer);
  auto out = header.start<schema::Welcome>(schema::KIND_WELCOME, welcome.version);
  out.setSession(welcome.session.value);
  out.setFeatures(welcome.features);
  out.setFarm(welcome.farm);
  out.setIncarnation(welcome.incarnation);
  out.setGreeting(welcome.greeting);
  out.setHeartbeatMs(milliseconds_of(welcome.heartbeat));
  out.setSuspectMs(milliseconds_of(welcome.suspect));
  out.setDeadMs(milliseconds_of(welcome.dead));
  out.setFrameBytesMax(welcome.frame_bytes_max);
  out.setUnacknowledgedMax(welcome.unacknowledged_max);
  return header.finish(write_records(welcome.judgements), !welcome.judgements.empty());
}

Result<Frames> write(const core::Refuse& refuse, std::uint16_t, HeaderBuffer& buffer) {
  HeaderWriter header(buffer);
  auto out = header.start<schema::Refuse>(schema::KIND_REFUSE, refuse.protocol_max);
  out.setSession(refuse.session.value);
  out.setCode(static_cast<std::uint16_t>(refuse.code));
  out.setProtocolMin(refuse.protocol_min);
  out.setProtocolMax(refuse.protocol_max);
  out.setGreeting(refuse.greeting);
  out.setRetryMs(milliseconds_of(refuse.retry));
  std::string scratch;
  HeaderWriter::put_text(clean(refuse.words, limits::text_bytes_max, scratch),
                         [&](unsigned size) { return out.initWords(size); });
  return header.finish();
}

Result<Frames> write(const core::Who& who, std::uint16_t, HeaderBuffer& buffer) {
  HeaderWriter header(buffer);
  auto out = header.start<schema::Who>(schema::KIND_WHO, who.protocol_max);
  out.setProtocolMin(who.protocol_min);
  out.setProtocolMax(who.protocol_max);
  return header.finish();
}

Result<Frames> write(const core::Task& task, std::uint16_t version, HeaderBuffer& buffer) {
  FANMILL_ASSERT(task.attempt.valid() && task.group.valid() && task.task.valid(), task.attempt);
  HeaderWriter header(buffer);
  auto out = header.start<schema::Task>(schema::KIND_TASK, version);
  out.setAttempt(task.attempt.value);
  out.setGroup(task.group.value);
  out.setFunction(task.function);
  out.setEncoding(static_cast<std::uint16_t>(task.payload.encoding));
  out.setAcknowledged(task.acknowledged);
  out.setTimeLimitMs(milliseconds_of(task.time_limit));
  out.setNumber(task.number);
  out.setItem(task.item);
  out.setTask(task.task.value);
  return header.finish(task.payload.bytes, task.payload.encoding != Encoding::none);
}

Result<Frames> write(const core::Result& result, std::uint16_t version, HeaderBuffer& buffer) {
  FANMILL_ASSERT(result.attempt.valid(), result.attempt);
  HeaderWriter header(buffer);
  auto out = header.start<schema::Result>(schema::KIND_RESULT, version,
                                          result.nothing ? schema::FLAG_NOTHING : 0U);
  out.setAttempt(result.attempt.value);
  out.setOutcome(static_cast<std::uint16_t>(result.outcome));
  out.setEncoding(static_cast<std::uint16_t>(result.payload.encoding));
  out.setDetail(result.detail);
  out.setBusyUs(microseconds_of(result.busy));
  std::string scratch;
  HeaderWriter::put_text(clean(result.error_type, limits::error_type_max, scratch),
                         [&](unsigned size) { return out.initErrorType(size); });
  HeaderWriter::put_text(clean(result.error_text, limits::error_text_max, scratch),
                         [&](unsigned size) { return out.initErrorText(size); });
  return header.finish(result.payload.bytes, result.payload.encoding != Encoding::none);
}

Result<Frames> write(const core::Kill& kill, std::uint16_t version, HeaderBuffer& buffer) {
  const bool of_group = kill.group.valid();
  FANMILL_ASSERT(of_group ? kill.session.valid() : kill.attempt.valid(), kill.attempt, kill.group);
  HeaderWriter header(buffer);
  auto out = header.start<schema::Kill>(
      schema::KIND_KILL, version,
      (kill.if_unstarted ? schema::FLAG_IF_UNSTARTED : 0U) | (of_group ? schema::FLAG_GROUP : 0U));
  out.setAttempt(of_group ? kill.session.value : kill.attempt.value);
  out.setGroup(kill.group.value);
  return header.finish();
}

Result<Frames> write(const core::Killed& killed, std::uint16_t version, HeaderBuffer& buffer) {
  FANMILL_ASSERT(killed.attempt.valid(), killed.attempt);
  HeaderWriter header(buffer);
  auto out = header.start<schema::Killed>(schema::KIND_KILLED, version,
                                          killed.unstarted ? schema::FLAG_UNSTARTED : 0U);
  out.setAttempt(killed.attempt.value);
  out.setBusyUs(microseconds_of(killed.busy));
  return header.finish();
}

Result<Frames> write(const core::Heartbeat& beat, std::uint16_t version, HeaderBuffer& buffer) {
  FANMILL_ASSERT(beat.session.valid(), beat.session);
  HeaderWriter header(buffer);
  auto out = header.start<schema::Heartbeat>(schema::KIND_HEARTBEAT, version,
                                             beat.echo ? schema::FLAG_ECHO : 0U);
  out.setSession(beat.session.value);
  out.setStarted(beat.started);
  out.setAcknowledged(beat.acknowledged);
  return header.finish();
}

Result<Frames> write(const core::Goodbye& goodbye, std::uint16_t version, HeaderBuffer& buffer) {
  HeaderWriter header(buffer);
  auto out = header.start<schema::Goodbye>(
      schema::KIND_GOODBYE, version,
      (goodbye.drain ? schema::FLAG_DRAIN : 0U) | (goodbye.closed ? schema::FLAG_CLOSED : 0U));
  out.setSession(goodbye.session.value);
  out.setDetail(goodbye.detail);
  std::string scratch;
  HeaderWriter::put_text(clean(goodbye.words, limits::text_bytes_max, scratch),
                         [&](unsigned size) { return out.initWords(size); });
  return header.finish();
}

// Nobody sends these but tests and the simulator's newer peers; the prefix is all that is known of
// it.
Result<Frames> write(const core::Unknown& unknown, std::uint16_t version, HeaderBuffer& buffer) {
  HeaderWriter header(buffer);
  auto out = header.start<schema::Who>(unknown.kind, version);
  out.setSession(unknown.id);
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
