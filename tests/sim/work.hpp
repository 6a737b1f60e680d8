// What a simulated task is told to do and what it must give: the payload says all, so that the
// oracle can compute the answer without having seen the worker.
#pragma once

#include <cstdint>
#include <fanmill/payload.hpp>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "core/job.hpp"

namespace fanmill::sim {

/// Fixed layout: it is copied to and from the payload byte by byte.
struct Work {
  enum class Behaviour : std::uint8_t {
    answers,         // gives f(work)
    finds_nothing,   // runs to its end and finds nothing
    fails,           // reports an error each time
    fails_at_first,  // reports an error in its first `fails` attempts
    crashes,         // its executor dies each time
    crashes_at_first,
    poisons,  // its whole worker dies each time
    hangs,    // never ends by itself
  };
  std::uint32_t run =
      0;  // counts the incarnations of the manager: the same item of a later run is another task
  std::uint32_t job = 0;
  std::uint32_t item = 0;
  std::uint32_t task = 0;    // index within the group
  std::uint32_t micros = 0;  // how long it runs
  std::uint32_t time_limit_ms = 0;
  std::uint32_t stage = 0;
  std::uint8_t function = 0;
  Behaviour behaviour = Behaviour::answers;
  std::uint8_t fails = 0;
  std::uint8_t deaf = 0;  // 1: does not stop when it is told to
  // What its payload and its answer have beyond the rest: what makes them large.
  std::uint16_t extra = 0;
  std::uint16_t answer_extra = 0;

  [[nodiscard]] Duration duration() const { return std::chrono::microseconds(micros); }
  /// Whether the attempt of this number gives an answer, for those that fail or crash at first.
  [[nodiscard]] bool succeeds_at(std::uint32_t number) const { return number > fails; }
  bool operator==(const Work&) const = default;
};

core::TaskSpec task_spec(const Work& work);
/// Nothing if these bytes are no Work.
std::optional<Work> work_of(const Payload& payload);
/// f(work): what the function gives.
Payload answer_of(const Work& work);
/// How much the function writes to its standard output, and what from `offset` on.
std::uint64_t output_size(const Work& work);
std::string output_of(const Work& work, std::uint64_t offset, std::size_t size);
/// What no honest worker ever gives.
Payload lie_of(const Work& work);

}  // namespace fanmill::sim
