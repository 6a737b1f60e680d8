#include "codec/batches.hpp"

#include <fanmill.capnp.h>

#include <string>

#include "codec/check.hpp"
#include "codec/codec.hpp"
#include "codec/little_endian.hpp"
#include "codec/message_check.hpp"
#include "codec/units.hpp"
#include "core/limits.hpp"

namespace fanmill::codec {
namespace {

// Offsets within a record; the two kinds share the middle.
constexpr std::size_t at_encoding = 34;
constexpr std::size_t at_payload_bytes = 36;

static_assert(schema::TaskRecord::_capnpPrivate::dataWordSize * 8 == limits::batch_record_bytes);
static_assert(schema::ResultRecord::_capnpPrivate::dataWordSize * 8 == limits::batch_record_bytes);

void put(char* to, const core::Task& task) {
  put_little_endian<std::uint64_t>(to, task.attempt.value);
  put_little_endian<std::uint64_t>(to + 8, task.group.value);
  put_little_endian<std::uint64_t>(to + 16, task.task.value);
  put_little_endian<std::uint64_t>(to + 24, task.item);
  put_little_endian<std::uint16_t>(to + 32, task.function);
  put_little_endian<std::uint32_t>(to + 40, milliseconds_of(task.time_limit));
  put_little_endian<std::uint32_t>(to + 44, task.number);
}

void put(char* to, const core::Result& result) {
  put_little_endian<std::uint64_t>(to, result.attempt.value);
  put_little_endian<std::uint64_t>(to + 8, microseconds_of(result.busy));
  put_little_endian<std::uint64_t>(to + 16, microseconds_of(result.cpu));
  put_little_endian<std::uint64_t>(to + 24, result.memory);
  put_little_endian<std::uint16_t>(to + 32, static_cast<std::uint16_t>(result.outcome));
  put_little_endian<std::uint32_t>(to + 40, result.detail);
  put_little_endian<std::uint16_t>(
      to + 44, static_cast<std::uint16_t>(result.nothing ? schema::FLAG_NOTHING : 0));
  put_little_endian<std::uint16_t>(to + 46, 0);
}

void get(const char* from, core::Task& task, Check& check) {
  task.attempt = AttemptId{get_little_endian<std::uint64_t>(from)};
  task.group = GroupId{get_little_endian<std::uint64_t>(from + 8)};
  task.task = TaskId{get_little_endian<std::uint64_t>(from + 16)};
  task.item = get_little_endian<std::uint64_t>(from + 24);
  task.function = get_little_endian<std::uint16_t>(from + 32);
  task.time_limit = std::chrono::milliseconds(get_little_endian<std::uint32_t>(from + 40));
  task.number = get_little_endian<std::uint32_t>(from + 44);
  check_task(task, check);
}

void get(const char* from, core::Result& result, Check& check) {
  const auto outcome = get_little_endian<std::uint16_t>(from + 32);
  result.attempt = AttemptId{get_little_endian<std::uint64_t>(from)};
  result.busy = from_microseconds(get_little_endian<std::uint64_t>(from + 8));
  result.cpu = from_microseconds(get_little_endian<std::uint64_t>(from + 16));
  result.memory = get_little_endian<std::uint64_t>(from + 24);
  result.outcome = core::AttemptOutcome{outcome};
  result.detail = get_little_endian<std::uint32_t>(from + 40);
  result.nothing = (get_little_endian<std::uint16_t>(from + 44) & schema::FLAG_NOTHING) != 0;
  check_result(result, check);
}

template <typename Record>
Bytes write(std::span<const Record> records) {
  std::size_t size = 0;
  for (const Record& record : records) size += limits::batched_bytes(record.payload.bytes.size());
  return Bytes::make(size, [&](char* to) {
    for (const Record& record : records) {
      const std::string_view payload = record.payload.bytes.view();
      put(to, record);
      put_little_endian(to + at_encoding, static_cast<std::uint16_t>(record.payload.encoding));
      put_little_endian(to + at_payload_bytes, static_cast<std::uint32_t>(payload.size()));
      const std::size_t end = limits::batched_bytes(payload.size());
      if (!payload.empty()) {
        std::memset(to + end - 8, 0, 8);
        std::memcpy(to + limits::batch_record_bytes, payload.data(), payload.size());
      }
      to += end;
    }
  });
}

template <typename Record>
Result<std::vector<Record>> read(std::string_view frame, std::uint32_t count, std::uint16_t kind) {
  Check check(kind);
  check.range("count", count, 1, frame.size() / limits::batch_record_bytes,
              "as many records as fit in the payload frame");
  check.range("bytes of the payload frame", frame.size() % 8, 0, 0, "beyond a multiple of 8");
  std::vector<Record> records(check.failed() ? 0 : count);
  std::size_t at = 0;
  for (std::size_t i = 0; i < records.size() && !check.failed(); ++i) {
    const std::size_t left = frame.size() - at;
    if (left < limits::batch_record_bytes) {
      check.fail(kind_name(kind) + ": record " + std::to_string(i) +
                 " is cut off: " + std::to_string(left) + " bytes are left");
      break;
    }
    const char* from = frame.data() + at;
    const auto size = get_little_endian<std::uint32_t>(from + at_payload_bytes);
    const auto encoding = get_little_endian<std::uint16_t>(from + at_encoding);
    check.range("payloadBytes", size, 0, left - limits::batch_record_bytes,
                "what is left of the payload frame");
    check.range("encoding", encoding, 0, schema::ENCODING_RAW);
    check.that(encoding != schema::ENCODING_NONE || size == 0, "payloadBytes",
               "not 0, but the encoding is 0 (none)");
    Record& record = records[i];
    get(from, record, check);
    if (check.failed()) {
      check.append(" (record " + std::to_string(i) + ")");
      break;
    }
    record.payload = {Bytes(frame.substr(at + limits::batch_record_bytes, size)),
                      static_cast<Encoding>(encoding)};
    at += limits::batched_bytes(size);
  }
  if (!check.failed() && at != frame.size()) {
    check.fail(kind_name(kind) + ": " + std::to_string(frame.size() - at) +
               " bytes behind the last record");
  }
  if (check.failed()) return Error{ErrorCode::malformed_message, check.fault()};
  return records;
}

}  // namespace

Bytes write_records(std::span<const core::Task> tasks) { return write(tasks); }
Bytes write_records(std::span<const core::Result> results) { return write(results); }

Result<std::vector<core::Task>> read_tasks(std::string_view frame, std::uint32_t count) {
  return read<core::Task>(frame, count, schema::KIND_TASKS);
}

Result<std::vector<core::Result>> read_results(std::string_view frame, std::uint32_t count) {
  return read<core::Result>(frame, count, schema::KIND_RESULTS);
}

}  // namespace fanmill::codec
