// How tasks end: the words that every part of fanmill uses for it.
//
// A task ends in exactly one outcome. A task that fails is data, not an exception, until a `run`
// that was not told what to do with failures throws ItemFailed.
#pragma once

#include <chrono>
#include <cstdint>
#include <fanmill/export.hpp>
#include <fanmill/payload.hpp>
#include <string>
#include <vector>

namespace fanmill::inline v0 {

/// Why one attempt of a task gave no result.
struct TaskError {
  /// What became of the attempt.
  enum class Kind : std::uint8_t {
    failed,       ///< the function threw, or reported an error: `type` and `text` are its own
    crashed,      ///< the process that ran it died; `detail` and `text` tell of what
    lost_worker,  ///< the worker that had started it vanished
    time_limit,   ///< it ran longer than its time limit and was ended
    rejected,     ///< the worker could not run it at all (unknown function, payload encoding)
  };
  Kind kind = Kind::failed;  ///< tells a function's own error from trouble with its worker
  std::string type;    ///< of an exception: its class, as far as the worker's language names one
  std::string text;    ///< what happened, in words
  std::string worker;  ///< where: "host:pid" of the worker
  std::uint32_t attempt = 0;  ///< which attempt of the task, from 1
  std::uint32_t detail =
      0;  ///< how its process ended: the signal, or 256 + exit status; 0: unknown
  std::chrono::nanoseconds wall{0};  ///< how long it ran; 0: unknown
  std::chrono::nanoseconds cpu{0};   ///< processor time that its process used; 0: unknown
  std::uint64_t memory = 0;          ///< bytes that its process had resident at most; 0: unknown

  friend bool operator==(const TaskError&, const TaskError&) = default;
};

/// The kind's name as it stands above, for logs; "unknown" for a number that is none.
FANMILL_EXPORT const char* to_string(TaskError::Kind kind) noexcept;
/// One line: "attempt 2 on node7:4711 failed after 1.5 s, 1.4 s of cpu, at most 312 MiB: ValueError:
/// negative size". What was not measured is not said, nor are times below a millisecond.
FANMILL_EXPORT std::string to_string(const TaskError& error);

/// How a task ended.
enum class OutcomeKind : std::uint8_t {
  result,       ///< its function returned; there may be "nothing" in it
  failed,       ///< its function reported an error, and its retries are used up
  quarantined,  ///< too many workers died on it; it is not tried again
  killed,       ///< its group was decided without it, or its run was ended
};

/// The kind's name as it stands above, for logs; "unknown" for a number that is none.
FANMILL_EXPORT const char* to_string(OutcomeKind kind) noexcept;

/// All that is known of a task that has ended. Runs make of it what callbacks see, the items'
/// results and ItemFailed.
struct Outcome {
  OutcomeKind kind = OutcomeKind::result;  ///< says which of the fields below mean something
  bool nothing = false;  ///< a result: the function ran to its end and found nothing
  Payload payload;       ///< a result's value
  std::vector<TaskError>
      errors;  ///< one for each attempt that gave no result, oldest first: the last few; if
               ///< quarantined, all those that led to it
  std::chrono::nanoseconds busy{0};  ///< time that the function ran, over all attempts that told it

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

}  // namespace fanmill::inline v0
