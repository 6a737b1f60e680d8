// Counters: what a manager has seen since it started, as numbers.
#pragma once

#include <chrono>
#include <cstdint>

namespace fanmill::inline v0 {

/// A copy as of one moment (`Manager::counters`). Every count begins at 0 with the manager and only
/// grows.
struct Counters {
  std::uint64_t items_started = 0;  ///< items (groups) given to the manager
  std::uint64_t items_ended = 0;    ///< of those: decided, out of tasks, or given up
  std::uint64_t tasks = 0;          ///< tasks of those items, also the ones that callbacks added
  std::uint64_t results = 0;        ///< tasks that ended with a result
  std::uint64_t failed = 0;         ///< tasks whose function reported an error, after their retries
  std::uint64_t quarantined = 0;    ///< tasks given up because too many workers died on them
  std::uint64_t killed = 0;   ///< tasks on a worker when their group was decided or their run ended
  std::uint64_t dropped = 0;  ///< the same for tasks that no worker had yet
  std::uint64_t attempts = 0;  ///< sendings of tasks; more than `tasks` when some were sent again
  std::uint64_t requeued = 0;  ///< attempts given back to the queue: lost worker, retry, recall
  std::uint64_t late_results = 0;      ///< results of tasks that had ended already; dropped
  std::uint64_t workers_joined = 0;    ///< sessions opened, without those of workers that came back
  std::uint64_t workers_returned = 0;  ///< sessions resumed after a lost connection
  std::uint64_t workers_left = 0;      ///< with a goodbye
  std::uint64_t workers_lost = 0;      ///< without one
  std::uint64_t workers_failing = 0;   ///< told to leave because all their tasks failed
  std::uint64_t workers_refused = 0;   ///< wrong version, cookie or farm
  std::uint64_t messages_malformed = 0;  ///< from peers that do not speak this protocol
  std::uint64_t lines_dropped = 0;       ///< events not shown in time
  std::chrono::nanoseconds busy{0};      ///< time that functions ran, over all workers
  /// How long workers were connected, each times its slots: busy / present is how well they were
  /// used (functions also run while a connection is lost, so it may pass 1).
  std::chrono::nanoseconds present{0};
};

}  // namespace fanmill::inline v0
