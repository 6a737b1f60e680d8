// The simulated world of one seed: a manager, workers, clients, the network between them, and what
// goes wrong.
//
// Two phases. In the first, faults happen as drawn. Then all is healed: hung, lying and parted
// workers are gone, a healthy one joins, and everything must end within bounded time. After that
// nothing may be left anywhere.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "client_host.hpp"
#include "oracle.hpp"
#include "process.hpp"

namespace fanmill::sim {

struct RunReport {
  std::optional<Violation> violation;
  std::uint64_t trace_hash = 0;
  std::uint64_t steps = 0;
  std::vector<std::string> last_lines;  // if the trace was kept
};

class World {
 public:
  World(const Scenario& scenario, Trace& trace, Tally& tally);
  ~World();
  /// Throws Violation.
  void run();
  [[nodiscard]] std::uint64_t steps() const { return agenda_.events_taken(); }

 private:
  struct Host {
    std::unique_ptr<Process> process;
    std::uint32_t lives = 0;
    bool hung = false;
    bool paused = false;
    bool gone = false;  // it never comes back
    Instant paused_at;
    std::vector<Event> waiting;  // what happened while it was paused
  };

  // world.cpp: time passes
  void happen(const Event& event);
  void at_worker(const Event& event);
  void tell_process(Process& process, const Event& event);
  void after_worker_turn(std::uint32_t worker);
  void start_worker(std::uint32_t worker);
  void resume(std::uint32_t worker);
  void reach_manager(LinkIndex link);
  void start_clients();
  void collect(ClientHost& client);
  [[nodiscard]] bool all_finished() const;
  void finish();

  // world_manager.cpp: the manager's shell
  void start_manager();
  void stop_manager(Duration away);
  void put_to_manager(core::ManagerEvent event);
  void manager_turn();
  void step_manager(core::ManagerEvent event);
  void note_actions(std::size_t first);
  void carry_out();
  void on(core::Send& order);
  void on(core::ForgetPeer&) {}
  void on(core::DeliverTaskEnd& order);
  void on(core::DeliverGroupEnd& order);
  void on(core::DeliverOutput& order);
  void on(core::DeliverJobEnd& order);
  void on(core::Observation&) {}
  void plan_manager_wake();
  void tally_manager();
  ClientHost* client_of(JobId job);

  // world_faults.cpp: what goes wrong
  void inject(const FaultPlan& fault);
  void cut(std::uint32_t worker);
  void heal();
  void kill(std::uint32_t worker, bool comes_back, Duration after);

  const Scenario& scenario_;
  Agenda agenda_;
  Trace& trace_;
  Tally& tally_;
  Rng rng_;
  Network network_;
  WireWriter writer_;
  Oracle oracle_;
  Surroundings around_;

  std::optional<core::Manager> manager_;
  std::vector<core::ManagerEvent> inbox_;
  core::ManagerActions actions_;
  bool turn_planned_ = false;
  std::optional<Instant> manager_wake_;
  Instant stalled_from_;
  Instant stalled_until_;
  bool healed_ = false;
  bool shut_down_ = false;

  std::vector<Host> hosts_;
  std::vector<std::unique_ptr<ClientHost>> clients_;  // by job; null: not yet started
  std::vector<bool> jobs_done_;                       // in an earlier or this incarnation
  std::uint64_t jobs_started_ = 0;
};

/// From now on a broken assertion fails its seed like any oracle. Before any run, and before
/// threads start.
void make_assertions_violations();
/// Draws the scenario of the seed, runs it, and tells. Never throws.
RunReport run_seed(std::uint64_t seed, Trace::Mode mode, Tally& tally);

}  // namespace fanmill::sim
