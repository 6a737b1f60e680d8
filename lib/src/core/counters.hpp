// What happened so far, as numbers. Outcomes that are normal but worth knowing (late, twice,
// refused) are counted here.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace fanmill::core {

struct Counters {
  std::uint64_t groups_submitted = 0;
  std::uint64_t groups_ended = 0;
  std::uint64_t tasks_submitted = 0;
  std::uint64_t tasks_ok = 0;      // ended with a result
  std::uint64_t tasks_failed = 0;  // ended failed
  std::uint64_t tasks_quarantined = 0;
  std::uint64_t tasks_killed = 0;    // ended by a decision while on a worker
  std::uint64_t tasks_dropped = 0;   // ended by a decision while queued
  std::uint64_t tasks_requeued = 0;  // given back to the queue: lost worker, recall, retry
  std::uint64_t attempts = 0;        // tasks sent
  std::uint64_t kills_sent = 0;
  std::uint64_t kills_confirmed = 0;  // answered by Killed
  std::uint64_t recalls_sent = 0;
  std::uint64_t results_late = 0;  // of tasks that had ended: acknowledged and dropped
  std::uint64_t results_unknown =
      0;  // of attempts that the sender was not given, or answered before
  std::uint64_t outputs_unknown = 0;  // as results_unknown, or repeated
  std::uint64_t parts_unknown = 0;    // the same
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_resumed = 0;
  std::uint64_t sessions_suspected = 0;
  std::uint64_t workers_lost = 0;     // sessions that ended without a goodbye
  std::uint64_t workers_left = 0;     // sessions that ended with one
  std::uint64_t workers_failing = 0;  // drained because all their tasks failed
  std::uint64_t hellos_refused = 0;
  std::uint64_t hellos_stale = 0;  // replayed from an older connection, or repeated
  std::uint64_t whos_sent = 0;
  std::uint64_t messages_malformed = 0;
  std::uint64_t messages_unexpected =
      0;  // well-formed, but not what a worker sends, or about a session that is gone
  std::uint64_t messages_unknown = 0;  // of a kind that this build does not know
  std::uint64_t claims_refused = 0;    // attempts in a hello that its worker was never given
  Duration busy{};                     // what workers said that their functions ran
  Duration slots_present{};            // how long slots of connected workers were there, summed up
};

}  // namespace fanmill::core
