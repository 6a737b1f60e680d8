// What every Task and every Result must keep to, alone or in a batch.
#pragma once

#include <limits>

#include "codec/check.hpp"
#include "core/limits.hpp"
#include "core/message.hpp"

namespace fanmill::codec {

/// Of a kind that belongs to a session.
inline void check_version(std::uint16_t version, Check& check) {
  check.range("version", version, limits::protocol_min, limits::protocol_max,
              "a version of this build, for this kind is read in the session's version only");
}

inline void check_task(const core::Task& task, Check& check) {
  check.nonzero("attempt", task.attempt.value);
  check.nonzero("group", task.group.value);
  check.nonzero("task", task.task.value);
  check.range("function", task.function, 0, limits::functions_max - 1);
  check.range("number", task.number, 1, std::numeric_limits<std::uint32_t>::max());
}

inline void check_result(const core::Result& result, Check& check) {
  check.nonzero("attempt", result.attempt.value);
  check.range("outcome", static_cast<std::uint16_t>(result.outcome), 0,
              static_cast<std::uint16_t>(core::AttemptOutcome::rejected));
  check.that(!result.nothing || result.outcome == core::AttemptOutcome::ok, "flags",
             "flagNothing with an outcome other than 0 (ok)");
}

}  // namespace fanmill::codec
