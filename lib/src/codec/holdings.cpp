#include "codec/holdings.hpp"

#include <algorithm>

#include "codec/little_endian.hpp"
#include "core/limits.hpp"

namespace fanmill::codec {
namespace {

static_assert(record_bytes == limits::holding_bytes);

// `number_of` is the member that the record's number stands for.
template <typename Record, typename Enum>
Bytes write(std::span<const Record> records, Enum Record::*number_of) {
  return Bytes::make(records.size() * record_bytes, [&](char* to) {
    for (const Record& record : records) {
      put_little_endian<std::uint64_t>(to, record.attempt.value);
      put_little_endian<std::uint32_t>(to + 8, static_cast<std::uint32_t>(record.*number_of));
      put_little_endian<std::uint32_t>(to + 12, 0);
      to += record_bytes;
    }
  });
}

template <typename Record>
bool names_an_attempt_twice(const std::vector<Record>& records) {
  const auto before = [](const Record& a, const Record& b) { return a.attempt < b.attempt; };
  const auto not_before = [&](const Record& a, const Record& b) { return !before(a, b); };
  // Mostly they come in the order in which the attempts were made, which needs no sorting.
  if (std::adjacent_find(records.begin(), records.end(), not_before) == records.end()) return false;
  std::vector<AttemptId> attempts;
  attempts.reserve(records.size());
  for (const Record& record : records) attempts.push_back(record.attempt);
  std::sort(attempts.begin(), attempts.end());
  return std::adjacent_find(attempts.begin(), attempts.end()) != attempts.end();
}

template <typename Record, typename Enum>
Result<std::vector<Record>> read(std::string_view frame, Enum Record::*number_of,
                                 std::string_view kind) {
  const auto malformed = [&](const std::string& what) {
    return Error{ErrorCode::malformed_message, std::string(kind) + " records: " + what};
  };
  if (frame.size() % record_bytes != 0) {
    return malformed("the frame has " + std::to_string(frame.size()) +
                     " bytes, expected a multiple of 16");
  }
  if (frame.size() / record_bytes > limits::holdings_max) {
    return malformed(std::to_string(frame.size() / record_bytes) + " of them, expected at most " +
                     std::to_string(limits::holdings_max));
  }
  std::vector<Record> records(frame.size() / record_bytes);
  const char* from = frame.data();
  for (std::size_t i = 0; i < records.size(); ++i, from += record_bytes) {
    const auto number = get_little_endian<std::uint32_t>(from + 8);
    records[i].attempt = AttemptId{get_little_endian<std::uint64_t>(from)};
    records[i].*number_of = static_cast<Enum>(number);
    if (!records[i].attempt.valid()) {
      return malformed("the attempt of record " + std::to_string(i) + " is 0, which is no id");
    }
    if (number < 1 || number > 3) {
      return malformed("the state of record " + std::to_string(i) + " is " +
                       std::to_string(number) + ", expected 1 to 3");
    }
  }
  if (names_an_attempt_twice(records)) return malformed("an attempt is named twice");
  return records;
}

}  // namespace

Bytes write_records(std::span<const core::Holding> holdings) {
  return write(holdings, &core::Holding::state);
}

Bytes write_records(std::span<const core::Judgement> judgements) {
  return write(judgements, &core::Judgement::verdict);
}

Result<std::vector<core::Holding>> read_holdings(std::string_view frame) {
  return read(frame, &core::Holding::state, "Hello");
}

Result<std::vector<core::Judgement>> read_judgements(std::string_view frame) {
  return read(frame, &core::Judgement::verdict, "Welcome");
}

}  // namespace fanmill::codec
