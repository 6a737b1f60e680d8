// The manager's state machine: who is there, what is to be done, who does it, what is decided.
//
// A value: it reads no clock, touches no socket and starts no thread. The shell (net/) and the
// simulator (tests/sim) drive it alike:
//
//   for each event: manager.step(now, event, actions);   then once per turn: manager.tick(now,
//   actions);
//
// and carry out the actions in order. `step` takes facts in and decides groups at once (so kills
// leave in the turn in which their cause arrived); `tick` looks at deadlines and hands out ready
// tasks. Every operation costs O(1) per task event, O(log n) where a deadline moves; nothing scans
// all tasks or all workers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/counters.hpp"
#include "core/limits.hpp"
#include "core/manager_actions.hpp"
#include "core/manager_events.hpp"

namespace fanmill::core {

/// What makes a failing worker; limits.hpp has the reasons.
struct FailingRule {
  std::uint32_t tasks_min = limits::failing_tasks_min;
  std::uint32_t rounds_min = limits::failing_rounds_min;
  std::uint32_t groups_min = limits::failing_groups_min;
  std::uint64_t results_min = limits::failing_results_min;
  std::uint64_t results_per_failure = limits::failing_results_per_failure;
};

struct ManagerOptions {
  std::uint64_t farm = 1;  // not 0
  std::uint32_t incarnation =
      1;               // 1 to incarnation_max; higher at each start of a manager of this farm
  Uuid boot;           // of this host; a worker with the same one is on the same host
  std::string cookie;  // workers must show the same one; empty: any
  Duration heartbeat = limits::heartbeat_interval;
  Duration suspect = limits::silence_suspect;
  Duration dead = limits::silence_dead;
  Duration grace_same_host = limits::grace_same_host;
  Duration grace_remote = limits::grace_remote;
  Duration retry_elsewhere = limits::retry_elsewhere_wait;
  FailingRule failing;
  std::uint32_t prefetch = limits::prefetch_default;
  // Up to so many where tasks are short; not above `prefetch`: never more than that.
  std::uint32_t prefetch_most = 0;
  std::size_t credit_bytes = limits::credit_bytes;
  std::uint32_t frame_bytes_max = limits::frame_bytes_max;  // at least header_bytes_max
  // Of one task or result that travels in parts; not below frame_bytes_max. A task may be larger: it
  // is for the client not to submit it.
  std::uint64_t payload_bytes_max = limits::payload_bytes_max;
  // At least 1; workers are told less if a hello of frame_bytes_max could not name so many.
  std::uint32_t unacknowledged_max = limits::unacknowledged_results_max;
  // How long a result may wait for a task to carry its acknowledgement; 0: not at all.
  Duration acknowledge_wait = limits::acknowledge_wait;
  std::uint32_t sessions_max = 65536;
  // What this manager speaks.
  FeatureSet features = feature::heartbeat | feature::kill | feature::batch | feature::parts |
                        feature::time_limit | feature::output;
  int observe_level = 0;  // 0: no Observation actions, 1: workers, 2: also tasks and groups
};

/// What can be told about one worker.
struct WorkerInfo {
  enum class State : std::uint8_t { live, suspect, lost, draining };
  SessionId session;
  PeerId peer;
  std::string name;     // "host:pid"
  std::string address;  // where its connection comes from
  std::string software;
  State state = State::live;
  std::uint32_t slots = 0;
  std::uint32_t held = 0;  // attempts that it has been given and has not answered
  std::uint64_t tasks_done = 0;
  Containment containment = Containment::none;
  Duration busy{};
};

class ManagerInvariants;
struct ManagerState;

class Manager {
 public:
  explicit Manager(ManagerOptions options);
  ~Manager();
  Manager(Manager&&) noexcept;
  Manager& operator=(Manager&&) noexcept;

  /// Takes in one fact. Appends to `out`. `now` must not go backwards.
  void step(Instant now, ManagerEvent&& event, ManagerActions& out);
  void step(Instant now, const ManagerEvent& event, ManagerActions& out) {
    step(now, ManagerEvent(event), out);
  }
  /// Once per turn, after the facts: passed deadlines and the hand-out of ready tasks.
  void tick(Instant now, ManagerActions& out);
  /// When `tick` next has something to do even if nothing happens; nothing if no deadline is
  /// running.
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  [[nodiscard]] const ManagerOptions& options() const;
  [[nodiscard]] const Counters& counters() const;
  /// Sessions that are open (live, suspect, draining, or lost and within their grace). O(1).
  [[nodiscard]] std::size_t worker_count() const;
  /// Sum of the slots of sessions that take tasks now. O(1).
  [[nodiscard]] std::size_t slot_count() const;
  /// How many tasks those may hold. O(1).
  [[nodiscard]] std::size_t credit_count() const;
  [[nodiscard]] std::size_t ready_count() const;
  /// Jobs that are open. O(1).
  [[nodiscard]] std::size_t job_count() const;
  /// A list for people. O(workers).
  [[nodiscard]] std::vector<WorkerInfo> workers() const;
  /// Of the worker with this session, for words; empty if it has gone.
  [[nodiscard]] std::string worker_name(SessionId session) const;

 private:
  friend class ManagerInvariants;
  std::unique_ptr<ManagerState> state_;
};

}  // namespace fanmill::core
