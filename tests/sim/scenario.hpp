// What one seed draws: the farm, its work and the faults that it meets. Drawn before the run
// starts, so that a failing scenario can be read as a whole; what chance decides later (latencies,
// lies) is drawn by the parts themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/job.hpp"
#include "core/manager.hpp"
#include "rng.hpp"
#include "tally.hpp"
#include "work.hpp"

namespace fanmill::sim {

struct WorkerPlan {
  enum class Model : std::uint8_t {
    core,   // core::Worker with executors
    plain,  // a single thread without heartbeats, kills and memory: what a worker in 100 lines is
    liar,   // an accepted peer that tells lies
  };
  Model model = Model::core;
  Duration joins{};
  std::uint16_t slots = 1;
  std::uint32_t prefetch = 0;
  std::uint32_t ahead_max = 0;  // tasks that its executor takes beyond those that run
  Duration ahead_time{};        // and how long they may take
  bool begins_told = false;     // it begins those in any order, and tells which
  core::FeatureSet features = 0;
  bool monitored = false;
  bool same_host = true;
  std::vector<std::string> functions;
  Duration latency{};          // of its connections, one way, at least
  Duration jitter{};           // and at most so much more
  std::uint32_t repeats = 0;   // permille of its messages that arrive twice
  Duration stop_delay{};       // from StopTask to the end of the executor
  bool failing = false;        // whatever it runs fails or crashes
  bool stops_by_death = true;  // a stopped executor is killed; else its function returns
};

struct ItemPlan {
  core::Policy policy;
  std::vector<Work> tasks;
  std::uint32_t tasks_max = 0;  // policy client: how far the callback may grow the group
};

struct JobPlan {
  core::JobOptions options;
  bool ordered = false;
  std::size_t lookahead_tasks = 16;
  std::size_t result_bytes_max = limits::result_bytes_waiting_max;
  std::vector<ItemPlan> items;
  bool after_previous = false;  // one run after another, else at once
  std::optional<Duration> cancelled;
  std::optional<Duration> drained;
  Duration callback_delay{};  // how long the user's functions take, at most
  bool lazy = false;          // the input is slow
};

struct FaultPlan {
  enum class Kind : std::uint8_t {
    worker_crash,
    worker_hang,
    worker_pause,
    worker_leave,  // StopRequested{drain}
    worker_stop,   // StopRequested
    connection_cut,
    partition,
    garbage,
    manager_stall,
    manager_restart,
    drain_requested,
  };
  Kind kind = Kind::worker_crash;
  Duration at{};
  std::uint32_t worker = 0;
  Duration length{};  // of a pause, partition, stall or the time until a new life
  bool comes_back =
      false;  // a crashed or stopped worker is started again; a partition ends without a loss
};

struct Scenario {
  std::uint64_t seed = 0;
  core::ManagerOptions manager;
  std::vector<WorkerPlan> workers;  // the last one is the healer, joining when the faults end
  std::vector<JobPlan> jobs;
  std::vector<FaultPlan> faults;
  Duration healed{};      // when the faults end
  Duration finish_max{};  // after that everything must end within this
  bool shutdown_at_end = false;
};

/// The same seed always gives the same scenario.
Scenario draw_scenario(std::uint64_t seed);
/// Counts what it contains.
void tally(const Scenario& scenario, Tally& tally);

}  // namespace fanmill::sim
