// The headers that come once for each task where there are no batches, by their offsets, which are those
// of docs/protocol.md: a Task on its way out and a Result on its way in. Cap'n Proto's builder and reader
// of messages cost several times as much as what is written and read.
#include <fanmill.capnp.h>

#include <algorithm>

#include "codec/codec.hpp"
#include "codec/little_endian.hpp"
#include "codec/units.hpp"

namespace fanmill::codec {
namespace {

constexpr std::size_t word_bytes = 8;
// The root pointer's two numbers of words, behind an offset of 0.
constexpr std::uint64_t root_pointer(std::size_t data, std::size_t pointers) {
  return std::uint64_t{data} << 32U | std::uint64_t{pointers} << 48U;
}

constexpr std::size_t task_words = schema::Task::_capnpPrivate::dataWordSize;
static_assert(task_words == 7 && schema::Task::_capnpPrivate::pointerCount == 0);
// A Result has had so many words of data, and may leave out those of what was measured.
constexpr std::size_t result_words_min = 4;
constexpr std::size_t result_words_max = schema::Result::_capnpPrivate::dataWordSize;
static_assert(result_words_max == 6);
constexpr std::size_t result_texts = schema::Result::_capnpPrivate::pointerCount;

}  // namespace

std::string_view encode_header(const core::Task& task, std::uint16_t version,
                               HeaderBuffer& buffer) {
  FANMILL_ASSERT(task.attempt.valid() && task.group.valid() && task.task.valid(), task.attempt);
  FANMILL_ASSERT(
      !task.in_parts || (task.payload.bytes.empty() && task.payload.encoding != Encoding::none),
      task.attempt);
  constexpr std::size_t words = 1 + task_words;
  auto& to = buffer.words_;
  for (std::size_t i = words; i < buffer.words_used_; ++i) to[i] = 0;
  buffer.words_used_ = words;
  const std::uint64_t flags = task.in_parts ? schema::FLAG_TASK_PARTS : 0;
  to[0] = root_pointer(task_words, 0);
  to[1] = schema::MAGIC | std::uint64_t{version} << 16U | std::uint64_t{schema::KIND_TASK} << 32U |
          flags << 48U;
  to[2] = task.attempt.value;
  to[3] = task.group.value;
  to[4] = task.function | static_cast<std::uint64_t>(task.payload.encoding) << 16U |
          std::uint64_t{task.acknowledged} << 32U;
  to[5] = milliseconds_of(task.time_limit) | std::uint64_t{task.number} << 32U;
  to[6] = task.item;
  to[7] = task.task.value;
  return {reinterpret_cast<const char*>(to.data()), words * word_bytes};
}

bool decode_lone(std::string_view header, Bytes* payload, core::Result& result) {
  if (header.size() < (1 + result_words_min) * word_bytes) return false;
  const auto word = [at = header.data()](std::size_t index) {
    return get_little_endian<std::uint64_t>(at + index * word_bytes);
  };
  const std::uint64_t root = word(0);
  const std::uint64_t prefix = word(1);
  const std::size_t data = root >> 32U & 0xffffU;
  const std::size_t pointers = root >> 48U;
  const std::uint64_t version = prefix >> 16U & 0xffffU;
  const std::uint64_t flags = prefix >> 48U;
  const bool is_result = (root & 0xffffffffU) == 0 && (prefix & 0xffffU) == schema::MAGIC &&
                         (prefix >> 32U & 0xffffU) == schema::KIND_RESULT &&
                         version >= limits::protocol_min && version <= limits::protocol_max;
  const bool is_whole = data >= result_words_min && data <= result_words_max &&
                        pointers <= result_texts &&
                        header.size() == (1 + data + pointers) * word_bytes;
  if (!is_result || !is_whole || (flags & schema::FLAG_RESULT_PARTS) != 0) return false;
  for (std::size_t i = 0; i < pointers; ++i) {
    if (word(1 + data + i) != 0) return false;  // a text
  }
  const std::uint64_t how = word(3);
  const auto outcome = static_cast<core::AttemptOutcome>(how & 0xffffU);
  const auto encoding = static_cast<std::uint16_t>(how >> 16U & 0xffffU);
  result.attempt = AttemptId{word(2)};
  result.outcome = outcome;
  result.nothing = (flags & schema::FLAG_NOTHING) != 0;
  if (!result.attempt.valid() || outcome > core::AttemptOutcome::rejected ||
      (result.nothing && outcome != core::AttemptOutcome::ok) || encoding > schema::ENCODING_RAW ||
      (encoding == schema::ENCODING_NONE) != (payload == nullptr))
    return false;  // `decode` has the words for it
  result.detail = static_cast<std::uint32_t>(how >> 32U);
  result.busy = from_microseconds(word(4));
  result.cpu = from_microseconds(data > 4 ? word(5) : 0);
  result.memory = data > 5 ? word(6) : 0;
  result.in_parts = false;
  result.error_type.clear();
  result.error_text.clear();
  result.payload.encoding = static_cast<Encoding>(encoding);
  result.payload.bytes = payload == nullptr ? Bytes() : std::move(*payload);
  return true;
}

}  // namespace fanmill::codec
