#include "work.hpp"

#include <cstring>

#include "rng.hpp"

namespace fanmill::sim {
namespace {

static_assert(std::is_trivially_copyable_v<Work>);
static_assert(std::has_unique_object_representations_v<Work>);

/// What is behind the first bytes of a payload that has more; of no two works alike.
std::string padding(std::uint64_t seed, std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) {
    if (i % 8 == 0) seed = mix(seed + 1);
    text[i] = static_cast<char>(seed >> i % 8 * 8);
  }
  return text;
}

Payload number_payload(std::uint64_t number, std::size_t extra) {
  std::string text(reinterpret_cast<const char*>(&number), sizeof number);
  return Payload::raw(text + padding(number, extra));
}

std::uint64_t digest(const Work& work) {
  std::uint64_t result = mix(work.run);
  for (std::uint64_t part : {work.job, work.item, work.task, work.micros})
    result = mix(result ^ part);
  return result;
}

}  // namespace

core::TaskSpec task_spec(const Work& work) {
  const std::string text(reinterpret_cast<const char*>(&work), sizeof work);
  return {.payload = Payload::raw(text + padding(digest(work), work.extra)),
          .function = work.function,
          .stage = work.stage,
          .time_limit = std::chrono::milliseconds(work.time_limit_ms)};
}

std::optional<Work> work_of(const Payload& payload) {
  Work work;
  if (payload.encoding != Encoding::raw || payload.bytes.size() < sizeof work) return std::nullopt;
  std::memcpy(&work, payload.bytes.data(), sizeof work);
  const std::string_view rest = payload.bytes.view().substr(sizeof work);
  if (rest.size() != work.extra || rest != padding(digest(work), work.extra)) return std::nullopt;
  return work;
}

Payload answer_of(const Work& work) { return number_payload(digest(work) | 1U, work.answer_extra); }

std::uint64_t output_size(const Work& work) {
  const std::uint64_t dice = mix(digest(work));
  // Most of it is nothing to speak of; now and then there is more than a window.
  if (dice % 8 != 0) return dice / 8 % 5000;
  return dice / 8 % (2 * limits::output_window_bytes);
}

std::string output_of(const Work& work, std::uint64_t offset, std::size_t size) {
  // Most of the simulator's bytes are these, so they are not computed one by one.
  static const std::string alphabets = [] {
    std::string text(limits::output_window_bytes, ' ');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 26);
    return text;
  }();
  return alphabets.substr((digest(work) % 26 + offset) % 26, size);
}

Payload lie_of(const Work& work) { return number_payload(digest(work) & ~std::uint64_t{1}, 0); }

}  // namespace fanmill::sim
