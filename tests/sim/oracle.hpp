// All oracles behind one door. It sees every fact that reaches a manager, every order that comes
// back, and what workers and clients really did; a broken promise throws Violation.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "core/manager.hpp"
#include "core/worker.hpp"
#include "group_oracle.hpp"
#include "process.hpp"
#include "session_oracle.hpp"

namespace fanmill::sim {

class Oracle {
 public:
  explicit Oracle(Tally& tally) : tally_(tally) {}

  /// A manager starts, empty: what was before it is forgotten, as it has forgotten it.
  void manager_started(const core::ManagerOptions& options);
  void before_step(Instant now, const core::ManagerEvent& event);
  /// After a step or a tick. `actions` are all of the turn; those from `first` on are new.
  void after_step(Instant now, const core::Manager& manager, const core::ManagerActions& actions,
                  std::size_t first);
  void turn_ended(const core::Manager& manager);
  /// Empty, or what is still under way.
  [[nodiscard]] std::string leftovers() const;
  /// At the end of a run: nothing may be left in any table.
  void check_empty(const core::Manager& manager) const;

  void worker_sent(const Process::Identity& who, const core::Message& message);
  void worker_received(const Process::Identity& who, const core::Message& message);
  /// The worker's executor has it, and may start it in whatever session.
  void handed_over(const Process::Identity& who, AttemptId attempt) {
    workers_[who.uuid].startable.insert(attempt);
  }
  void worker_received_garbage(const Process::Identity& who);
  void task_started(const Process::Identity& who, const WorkerPlan& plan, const core::Task& task,
                    const Work& work);
  /// The same of a worker that keeps no rules but that of its single thread.
  void plain_task_started(AttemptId attempt) { sessions_->task_started(attempt); }
  void worker_died(const Process::Identity& who) { workers_.erase(who.uuid); }
  void check_worker(const core::Worker& worker) const;

  // What a liar may use.
  void distrust(const Process::Identity& who) { sessions_->distrust(who.uuid); }
  [[nodiscard]] bool was_given(const Process::Identity& who, AttemptId attempt) const {
    return sessions_->was_given(who.uuid, attempt);
  }
  [[nodiscard]] std::uint64_t attempts_made() const { return sessions_->attempts_made(); }
  [[nodiscard]] const core::JobOptions& job_options(std::uint32_t job) const {
    return job_options_.at(job);
  }
  void job_known(std::uint32_t job, const core::JobOptions& options) {
    job_options_[job] = options;
  }

 private:
  /// What one process may start: what its open session brought or kept, once.
  struct WorkerTruth {
    std::uint32_t greeting = 0;
    std::set<AttemptId> startable;
    std::set<AttemptId> never;  // started before, or killed
    SessionId session;
    bool in_session = false;
    std::vector<AttemptId> session_results;  // in the order in which they were sent
    std::set<AttemptId> unacknowledged;
    void acknowledged(std::uint32_t count);
    /// An attempt's standard output.
    struct Stream {
      SessionId session;  // in which it is passed on
      std::uint64_t sent = 0;
      std::uint64_t taken = 0;
    };
    std::map<AttemptId, Stream> streams;
    void check_output(const core::Output& output);
  };
  void fact(Instant now, const core::ManagerEvent& event);

  Tally& tally_;
  std::unique_ptr<GroupOracle> groups_;
  std::unique_ptr<SessionOracle> sessions_;
  std::map<core::Uuid, WorkerTruth> workers_;
  std::map<std::uint32_t, core::JobOptions> job_options_;
  std::uint64_t sessions_changed_ = 0;
  std::uint64_t recalls_ = 0;
  std::uint64_t kills_ = 0;
};

}  // namespace fanmill::sim
