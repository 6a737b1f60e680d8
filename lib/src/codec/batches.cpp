#include "codec/batches.hpp"

#include <fanmill.capnp.h>

#include <array>
#include <limits>
#include <string>
#include <type_traits>

#include "codec/check.hpp"
#include "codec/header_reader.hpp"
#include "codec/little_endian.hpp"
#include "codec/message_check.hpp"
#include "codec/units.hpp"
#include "core/limits.hpp"

namespace fanmill::codec {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t whole_bytes = limits::batch_record_bytes;
constexpr std::size_t short_bytes = limits::batch_short_record_bytes;
static_assert(schema::TaskRecord::_capnpPrivate::dataWordSize * 8 == whole_bytes);
static_assert(schema::ResultRecord::_capnpPrivate::dataWordSize * 8 == whole_bytes);
static_assert(schema::ShortTaskRecord::_capnpPrivate::dataWordSize * 8 == short_bytes);
static_assert(schema::ShortResultRecord::_capnpPrivate::dataWordSize * 8 == short_bytes);

// Headers are read and written by their offsets: Cap'n Proto's builder and reader take longer than both
// for a batch of a few records.
constexpr std::size_t header_words = 1 + schema::Tasks::_capnpPrivate::dataWordSize;
constexpr std::size_t header_bytes = 8 * header_words;
static_assert(header_bytes == limits::batch_header_bytes);
static_assert(schema::Tasks::_capnpPrivate::pointerCount == 0);
static_assert(schema::Results::_capnpPrivate::dataWordSize + 1 == header_words);
static_assert(schema::Results::_capnpPrivate::pointerCount == 0);

constexpr std::size_t few_bytes = 64;
constexpr std::size_t padded(std::size_t size) { return (size + 7) / 8 * 8; }

// What a short record's fields can say.
constexpr std::uint64_t task_step_max = std::numeric_limits<std::uint8_t>::max();
constexpr auto short_time_max = microseconds(std::numeric_limits<std::uint16_t>::max());
constexpr std::size_t short_result_bytes_max = std::numeric_limits<std::uint16_t>::max();

///@{
/// The step of a short record for `next`, behind the record of `before`; 0 if it takes a whole one.
/// Numbers go round: the sum of 64 bits is what counts.
std::uint8_t step_of(const core::Task& before, const core::Task& next) {
  const std::uint64_t step = next.attempt.value - before.attempt.value;
  const std::uint64_t others = (next.group.value - before.group.value - step) |
                               (next.task.value - before.task.value - step) |
                               (next.item - before.item - step) | (next.number ^ before.number);
  const bool is_short =
      step <= task_step_max && others == 0 && next.time_limit == before.time_limit;
  return is_short ? static_cast<std::uint8_t>(step) : std::uint8_t{0};
}
std::uint8_t step_of(const core::Result& before, const core::Result& next) {
  const std::uint64_t step = next.attempt.value - before.attempt.value;
  const auto as_written = static_cast<std::int8_t>(step);
  const bool is_short = static_cast<std::uint64_t>(std::int64_t{as_written}) == step &&
                        next.outcome == before.outcome && next.nothing == before.nothing &&
                        next.detail == before.detail && next.memory == before.memory &&
                        next.busy <= short_time_max && next.cpu <= short_time_max &&
                        next.payload.bytes.size() <= short_result_bytes_max;
  return is_short ? static_cast<std::uint8_t>(as_written) : std::uint8_t{0};
}
///@}

/// Of a time that a short record has room for; rounded up as all are.
std::uint16_t short_microseconds(Duration time) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
  return static_cast<std::uint16_t>((ns + 999) / 1000);
}

///@{
/// Write one record; give its size.
std::size_t put(char* to, const core::Task& task, std::size_t payload_bytes, std::uint8_t step) {
  put_little_endian<std::uint8_t>(to, step);
  put_little_endian(to + 1, static_cast<std::uint8_t>(task.payload.encoding));
  put_little_endian<std::uint16_t>(to + 2, task.function);
  put_little_endian(to + 4, static_cast<std::uint32_t>(payload_bytes));
  if (step != 0) return short_bytes;
  put_little_endian<std::uint64_t>(to + 8, task.attempt.value);
  put_little_endian<std::uint64_t>(to + 16, task.group.value);
  put_little_endian<std::uint64_t>(to + 24, task.task.value);
  put_little_endian<std::uint64_t>(to + 32, task.item);
  put_little_endian<std::uint32_t>(to + 40, milliseconds_of(task.time_limit));
  put_little_endian<std::uint32_t>(to + 44, task.number);
  return whole_bytes;
}
std::size_t put(char* to, const core::Result& result, std::size_t payload_bytes,
                std::uint8_t step) {
  put_little_endian<std::uint8_t>(to, step);
  put_little_endian(to + 1, static_cast<std::uint8_t>(result.payload.encoding));
  if (step != 0) {
    put_little_endian(to + 2, short_microseconds(result.busy));
    put_little_endian(to + 4, short_microseconds(result.cpu));
    put_little_endian(to + 6, static_cast<std::uint16_t>(payload_bytes));
    return short_bytes;
  }
  put_little_endian(to + 2, static_cast<std::uint16_t>(result.outcome));
  put_little_endian(to + 4, static_cast<std::uint32_t>(payload_bytes));
  put_little_endian<std::uint64_t>(to + 8, result.attempt.value);
  put_little_endian<std::uint64_t>(to + 16, microseconds_of(result.busy));
  put_little_endian<std::uint64_t>(to + 24, microseconds_of(result.cpu));
  put_little_endian<std::uint64_t>(to + 32, result.memory);
  put_little_endian<std::uint32_t>(to + 40, result.detail);
  put_little_endian<std::uint32_t>(to + 44, result.nothing ? schema::FLAG_NOTHING : 0);
  return whole_bytes;
}
///@}

/// The bytes, and zeros up to a multiple of 8; gives where they end.
char* put_padded(char* to, std::string_view bytes) {
  // Most have a few words, which are sooner copied than a function for it is called.
  while (bytes.size() >= 8 && bytes.size() <= few_bytes) {
    put_little_endian(to, get_little_endian<std::uint64_t>(bytes.data()));
    bytes.remove_prefix(8);
    to += 8;
  }
  const std::size_t size = padded(bytes.size());
  if (size == 0) return to;
  put_little_endian<std::uint64_t>(to + size - 8, 0);
  std::memcpy(to, bytes.data(), bytes.size());
  return to + size;
}

// What a header of this version tells beside the session.
struct Numbers {
  std::uint32_t count = 0;
  std::uint32_t last = 0;  // acknowledged or started
};

char* put_header(char* to, std::uint16_t kind, std::uint16_t version, SessionId session,
                 Numbers numbers) {
  put_little_endian<std::uint64_t>(to, std::uint64_t{header_words - 1} << 32U);  // a root pointer
  put_little_endian<std::uint16_t>(to + 8, schema::MAGIC);
  put_little_endian<std::uint16_t>(to + 10, version);
  put_little_endian<std::uint16_t>(to + 12, kind);
  put_little_endian<std::uint16_t>(to + 14, 0);
  put_little_endian<std::uint64_t>(to + 16, session.value);
  put_little_endian<std::uint32_t>(to + 24, numbers.count);
  put_little_endian<std::uint32_t>(to + 28, numbers.last);
  return to + header_bytes;
}

template <typename Record>
Bytes write(std::uint16_t kind, std::uint16_t version, SessionId session, std::uint32_t last,
            std::span<const Record> records) {
  FANMILL_ASSERT(session.valid() && !records.empty() && records.size() <= limits::batch_records_max,
                 session, records.size());
  // Only as many are set as there are records.
  std::array<std::uint8_t, limits::batch_records_max> steps;
  std::size_t size = header_bytes;
  for (std::size_t i = 0; i < records.size(); ++i) {
    steps[i] = i == 0 ? std::uint8_t{0} : step_of(records[i - 1], records[i]);
    size += (steps[i] == 0 ? whole_bytes : short_bytes) + padded(records[i].payload.bytes.size());
  }
  const Numbers numbers{.count = static_cast<std::uint32_t>(records.size()), .last = last};
  return Bytes::make(size, [&](char* to) {
    to = put_header(to, kind, version, session, numbers);
    for (std::size_t i = 0; i < records.size(); ++i) {
      const std::string_view payload = records[i].payload.bytes.view();
      to += put(to, records[i], payload.size(), steps[i]);
      to = put_padded(to, payload);
    }
  });
}

///@{
/// What a record says, but for its payload; `before` is the one before a short one. Members are set one
/// by one: of what `Record{...}` leaves out the compiler makes a clearing of all of it, which takes
/// longer than everything else.
core::Task whole(const char* from, std::type_identity<core::Task>) {
  core::Task task;
  task.attempt = AttemptId{get_little_endian<std::uint64_t>(from + 8)};
  task.group = GroupId{get_little_endian<std::uint64_t>(from + 16)};
  task.task = TaskId{get_little_endian<std::uint64_t>(from + 24)};
  task.item = get_little_endian<std::uint64_t>(from + 32);
  task.function = get_little_endian<std::uint16_t>(from + 2);
  task.time_limit = milliseconds(get_little_endian<std::uint32_t>(from + 40));
  task.number = get_little_endian<std::uint32_t>(from + 44);
  return task;
}
core::Task after(const core::Task& before, const char* from) {
  const auto step = get_little_endian<std::uint8_t>(from);
  core::Task task;
  task.attempt = AttemptId{before.attempt.value + step};
  task.group = GroupId{before.group.value + step};
  task.task = TaskId{before.task.value + step};
  task.item = before.item + step;
  task.function = get_little_endian<std::uint16_t>(from + 2);
  task.time_limit = before.time_limit;
  task.number = before.number;
  return task;
}
core::Result whole(const char* from, std::type_identity<core::Result>) {
  core::Result result;
  result.attempt = AttemptId{get_little_endian<std::uint64_t>(from + 8)};
  result.busy = from_microseconds(get_little_endian<std::uint64_t>(from + 16));
  result.cpu = from_microseconds(get_little_endian<std::uint64_t>(from + 24));
  result.memory = get_little_endian<std::uint64_t>(from + 32);
  result.outcome = core::AttemptOutcome{get_little_endian<std::uint16_t>(from + 2)};
  result.detail = get_little_endian<std::uint32_t>(from + 40);
  result.nothing = (get_little_endian<std::uint32_t>(from + 44) & schema::FLAG_NOTHING) != 0;
  return result;
}
core::Result after(const core::Result& before, const char* from) {
  const auto step = std::int64_t{get_little_endian<std::int8_t>(from)};
  core::Result result;
  result.attempt = AttemptId{before.attempt.value + static_cast<std::uint64_t>(step)};
  result.busy = microseconds(get_little_endian<std::uint16_t>(from + 2));
  result.cpu = microseconds(get_little_endian<std::uint16_t>(from + 4));
  result.memory = before.memory;
  result.outcome = before.outcome;
  result.detail = before.detail;
  result.nothing = before.nothing;
  return result;
}
///@}

/// What is whole here has no parts on their way, and their manager would wait for none.
template <typename Record>
bool says_parts(const char* from, bool is_short) {
  return std::is_same_v<Record, core::Result> && !is_short &&
         (get_little_endian<std::uint32_t>(from + 44) & schema::FLAG_RESULT_PARTS) != 0;
}

void check_record(const core::Task& task, Check& check) { check_task(task, check); }
void check_record(const core::Result& result, Check& check) { check_result(result, check); }

/// What `make` gives, made in its place in a list: emplace_back() alone would clear that first.
template <typename Make>
struct InPlace {
  const Make& make;
  operator std::invoke_result_t<const Make&>() const { return make(); }  // NOLINT: that is its use
};
template <typename Record>
std::size_t payload_bytes(const char* from, bool is_short) {
  if (std::is_same_v<Record, core::Result> && is_short)
    return get_little_endian<std::uint16_t>(from + 6);
  return get_little_endian<std::uint32_t>(from + 4);
}

/// Reads records, one after the other, from what follows the header.
template <typename Record>
class Reader {
 public:
  Reader(std::string_view records, std::uint16_t kind, Check& check)
      : rest_(records), kind_(kind), check_(check) {}

  std::vector<Record> read(std::uint32_t count) {
    check_.range("count", count, 1,
                 std::min<std::size_t>(rest_.size() / short_bytes, limits::batch_records_max),
                 "as many records as fit in the frame");
    if (!check_.failed()) records_.reserve(count);
    for (std::uint32_t i = 0; i < count && !check_.failed(); ++i) {
      read_one();
      if (check_.failed()) check_.append(" (record " + std::to_string(i) + ")");
    }
    if (!check_.failed() && !rest_.empty()) fail_for_rest(" bytes behind the last record");
    return std::move(records_);
  }

 private:
  void read_one() {
    const bool is_short = rest_.size() >= short_bytes && rest_.front() != 0;
    const std::size_t record_bytes = is_short ? short_bytes : whole_bytes;
    if (rest_.size() < record_bytes) return fail_for_rest(" bytes are left, which are no record");
    const char* from = rest_.data();
    const auto encoding = get_little_endian<std::uint8_t>(from + 1);
    const std::size_t size = payload_bytes<Record>(from, is_short);
    check_.that(!is_short || !records_.empty(), "step", "not 0, and there is no record before");
    check_.range("payloadBytes", size, 0, rest_.size() - record_bytes, "what is left of the frame");
    check_.range("encoding", encoding, 0, schema::ENCODING_RAW);
    check_.that(encoding != schema::ENCODING_NONE || size == 0, "payloadBytes",
                "not 0, but the encoding is 0 (none)");
    check_.that(!says_parts<Record>(from, is_short), "flags",
                "flagResultParts, which only a Result alone may have");
    if (check_.failed()) return;
    if (is_short) {
      add([&] { return after(records_.back(), from); });
    } else {
      add([&] { return whole(from, std::type_identity<Record>{}); });
    }
    records_.back().payload = {Bytes(rest_.substr(record_bytes, size)),
                               static_cast<Encoding>(encoding)};
    check_record(records_.back(), check_);
    // All of it is a multiple of 8, and so is each record.
    rest_.remove_prefix(record_bytes + padded(size));
  }
  template <typename Make>
  void add(const Make& make) {
    records_.emplace_back(InPlace<Make>{make});
  }
  [[gnu::cold]] void fail_for_rest(const char* what) {
    check_.fail(kind_name(kind_) + ": " + std::to_string(rest_.size()) + what);
  }

  std::string_view rest_;
  std::uint16_t kind_;
  Check& check_;
  std::vector<Record> records_;
};

/// The header in front of the records, which a peer of another build may have made longer.
class BatchHeader {
 public:
  explicit BatchHeader(std::string_view frame)
      : frame_(frame), root_(get_little_endian<std::uint64_t>(frame.data())) {}

  [[nodiscard]] std::uint64_t root() const { return root_; }
  [[nodiscard]] std::size_t bytes() const { return 8 + 8 * (root_ >> 32U & 0xffffU); }
  [[nodiscard]] bool is_whole() const {
    const bool is_struct_at_0 = (root_ & 0xffffffffU) == 0;
    return is_struct_at_0 && bytes() >= 16 && bytes() <= limits::header_bytes_max &&
           bytes() <= frame_.size();
  }
  [[nodiscard]] std::uint64_t texts() const { return root_ >> 48U; }
  // What the header has no room for is 0.
  template <typename Number>
  [[nodiscard]] Number number(std::size_t offset) const {
    return offset < bytes() ? get_little_endian<Number>(frame_.data() + offset) : Number{0};
  }
  [[nodiscard]] std::string_view records() const { return frame_.substr(bytes()); }

 private:
  std::string_view frame_;
  std::uint64_t root_;
};

}  // namespace

Bytes write_batch(const core::Tasks& tasks, std::uint16_t version) {
  return write<core::Task>(schema::KIND_TASKS, version, tasks.session, tasks.acknowledged,
                           tasks.tasks);
}
Bytes write_batch(const core::Results& results, std::uint16_t version) {
  return write<core::Result>(schema::KIND_RESULTS, version, results.session, results.started,
                             results.results);
}

bool is_batch(std::string_view frame) {
  if (frame.size() < 16) return false;
  const auto kind = get_little_endian<std::uint16_t>(frame.data() + 12);
  return get_little_endian<std::uint16_t>(frame.data() + 8) == schema::MAGIC &&
         (kind == schema::KIND_TASKS || kind == schema::KIND_RESULTS);
}

Result<Decoded> read_batch(std::string_view frame, const Bytes* payload) {
  const BatchHeader header(frame);
  if (!header.is_whole()) return malformed_root(header.root());
  const auto version = header.number<std::uint16_t>(10);
  const auto kind = header.number<std::uint16_t>(12);
  const SessionId session{header.number<std::uint64_t>(16)};
  const auto count = header.number<std::uint32_t>(24);
  const auto last = header.number<std::uint32_t>(28);
  Check check(kind);
  check_version(version, check);
  expect_no_payload(payload, check);
  check.range("bytes of the frame", frame.size() % 8, 0, 0, "beyond a multiple of 8");
  check.range("pointers", header.texts(), 0, 0, "behind the numbers begin the records");
  check.nonzero("session", session.value);
  const auto finish = [&](auto batch) -> Result<Decoded> {
    if (check.failed()) return malformed(check.fault());
    return Decoded{std::move(batch), version};
  };
  if (kind == schema::KIND_TASKS) {
    return finish(
        core::Tasks{.session = session,
                    .acknowledged = last,
                    .tasks = Reader<core::Task>(header.records(), kind, check).read(count)});
  }
  return finish(
      core::Results{.session = session,
                    .started = last,
                    .results = Reader<core::Result>(header.records(), kind, check).read(count)});
}

}  // namespace fanmill::codec
