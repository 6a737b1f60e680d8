// A worker as the product has it: core::Worker, driven by simulated executors.
#pragma once

#include <deque>
#include <vector>

#include "core/worker.hpp"
#include "process.hpp"

namespace fanmill::sim {

class CoreProcess : public Process {
 public:
  CoreProcess(Surroundings& around, const WorkerPlan& plan, Identity identity, Rng rng);
  ~CoreProcess() override;

  void start() override;
  void receive(const Wire& wire) override;
  void connection_lost() override;
  void executor_ended(std::uint64_t detail) override;
  void stop_requested(bool drain) override;
  void stalled(Duration gap) override { step(core::WorkerLoopStalled{gap}); }
  void finish_turn() override;
  [[nodiscard]] std::string leftovers() const override;

 private:
  struct Executor {
    bool held = false;  // has a task, which may wait
    bool busy = false;  // it runs
    bool stopped = false;
    std::uint32_t task_count = 0;  // tells a later end from one that was called off
    Instant started;
    Instant ends;
    core::Task task;
    Work work;
    bool stop_asked = false;
    bool passes_output = false;
    std::uint64_t output_written = 0;
    std::uint64_t output_taken = 0;
    /// How much it has to write, and has room for.
    [[nodiscard]] std::uint64_t output_ready() const;
  };
  void step(core::WorkerEvent event);
  void carry_out();
  void on(const core::OpenConnection&);
  void on(const core::WorkerSend& order);
  void on(const core::StartTask& order);
  void on(const core::StopTask& order);
  void on(const core::RevokeTask& order);
  void on(const core::TakeOutput& order);
  void on(const core::DropOutput& order);
  void on(const core::EndWorker& order);
  void on(const core::WorkerNote& note);
  void begin_waiting();
  void tell_begun();
  void begin(std::uint32_t slot);
  bool revoke(std::uint32_t slot);
  [[nodiscard]] bool was_revoked(std::uint32_t slot) const;
  void finish(core::TaskFinished end);
  void tell_ends();
  [[nodiscard]] bool has_ended(std::uint32_t slot) const;
  void schedule_end(std::uint32_t slot, Instant at);
  void write_output(std::uint32_t slot);
  bool is_held_back(std::uint32_t slot);

  core::Worker worker_;
  core::WorkerActions actions_;
  struct Revoked {
    std::uint32_t slot;
    AttemptId attempt;
    Instant told;
  };
  std::vector<Executor> executors_;    // slots, and those ahead
  std::deque<std::uint32_t> waiting_;  // for a slot
  std::uint32_t busy_count_ = 0;
  std::vector<Revoked> revoked_;  // not yet told
  struct Begun {
    std::uint32_t slot;
    AttemptId attempt;
    Instant told;
  };
  std::vector<Begun> begun_;     // not yet told; in the order in which they were begun
  core::TasksFinished unheard_;  // that the loop will hear of at that time, or with another
  Instant heard_at_;
};

}  // namespace fanmill::sim
