// Event: something that a manager wants to tell people about. Observer: a callback that is told.
//
// Events are told on a thread of their own, one at a time, in the order in which they happened. If
// the observer is too slow, events are left out rather than kept: the next one says how many, and
// Counters::lines_dropped counts them.
#pragma once

#include <chrono>
#include <cstdint>
#include <fanmill/export.hpp>
#include <fanmill/payload.hpp>
#include <functional>
#include <string>

namespace fanmill::inline v0 {

/// One thing that happened, and what is known of it. Fields that its kind has no use for are empty.
struct Event {
  /// What happened, and what `text`, `payload` and the counts tell then.
  enum class Kind : std::uint8_t {
    worker_joined,     ///< text: its software, slots and functions
    worker_returned,   ///< after a lost connection; text: the same
    worker_suspect,    ///< silent for a while; it gets no new tasks
    worker_recovered,  ///< heard again
    worker_left,       ///< text: why
    worker_refused,    ///< text: why
    task_assigned,     ///< payload: the task's input
    task_ended,        ///< text: how; payload: the result
    task_requeued,     ///< text: why
    group_ended,       ///< killed, dropped; text: why it was given up, if it was
    function_missing,  ///< text: tasks that none of the workers takes, and what workers offer
    worker_failing,  ///< drained, because all its tasks fail; text: how many, beside others' results
    warning,  ///< text: endpoints without keys, a file of keys that can't be used, or how many
              ///< connections did not get in (at most every ten seconds)
    events_dropped,  ///< dropped: how many events were left out before this one
  };
  Kind kind = Kind::worker_joined;  ///< what happened
  int level = 1;  ///< 0: what somebody should see to, 1: workers, 2: tasks and groups
  std::chrono::system_clock::time_point time;  ///< when it happened, for people
  std::string worker;         ///< "host:pid at address" of a worker; of a task's only "host:pid"
  std::string text;           ///< what Kind says, in words for people
  std::uint64_t item = 0;     ///< index of the item in its run's input, from 0
  std::uint32_t task = 0;     ///< the task within its item's group, from 0
  std::uint64_t attempt = 0;  ///< task_assigned, task_ended: id of the sending; never used again
  std::uint32_t killed = 0;   ///< group_ended: workers freed from its tasks
  std::uint32_t dropped = 0;  ///< group_ended: its tasks that no worker had yet
  Payload payload;            ///< task_assigned, task_ended: as Kind says
};

/// The event's name as it stands above; "unknown" for a number that is none.
FANMILL_EXPORT const char* to_string(Event::Kind kind) noexcept;

/// Runs on the thread that tells events; of the manager it may call what any thread may. An
/// exception ends the program.
using Observer = std::function<void(const Event&)>;

/// The event in one line, without a newline: "group 1 complete, ending 0 other workers". Items
/// count from 1 here, as people do. Payloads are shown as JSON text, cut at 200 characters.
/// `timestamp`: begins with the local time.
FANMILL_EXPORT std::string to_line(const Event& event, bool timestamp = false);

}  // namespace fanmill::inline v0
