// One run of one list: core::Client with the user's side of it simulated (an input that may be
// slow, callbacks that take their time and answer by chance), and the oracle of what a client
// promises.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <variant>
#include <vector>

#include "core/client.hpp"
#include "process.hpp"

namespace fanmill::sim {

class ClientHost {
 public:
  ClientHost(Surroundings& around, const JobPlan& plan, std::uint32_t number, std::uint32_t run,
             JobId job, Rng rng);

  void open();
  void cancel();
  void drain();
  /// What the manager told this client.
  void receive(const core::DeliverTaskEnd& end);
  void receive(const core::DeliverGroupEnd& end);
  void receive(const core::DeliverOutput& output);
  void receive_job_end();
  /// The user's thread comes around: one callback, or one item pulled.
  void turn();

  [[nodiscard]] JobId job() const { return job_; }
  [[nodiscard]] bool finished() const { return finished_; }
  /// What the manager must be told, in order.
  std::vector<core::ManagerEvent> take_outbox() { return std::exchange(outbox_, {}); }

 private:
  struct Item {
    std::vector<Work> tasks;
    std::set<std::uint32_t> asked;     // tasks whose end was brought to the callback
    std::set<std::uint32_t> replaced;  // tasks that will never be
    std::set<std::uint32_t> ended;     // tasks whose end the manager has told
    bool over = false;                 // it has told the group's
    bool done = false;
    bool concluded = false;
    bool released = false;
  };
  void step(core::ClientEvent event);
  void on(core::TellManager& order) { outbox_.push_back(std::move(order.event)); }
  void on(core::CallUpdate& call);
  void on(core::CallConclude& call);
  void on(core::ReleaseItem& order);
  void on(core::RunFinished& order);
  void pull();
  void update(const core::CallUpdate& call);
  void conclude(const core::CallConclude& call);
  void wake_later();
  void check_answers(const Item& item, std::uint64_t index, const core::GroupResult& result) const;
  Work grown_task(const ItemPlan& plan, std::uint64_t item, std::uint32_t task);

  Surroundings& around_;
  const JobPlan& plan_;
  std::uint32_t number_;
  std::uint32_t run_;
  JobId job_;
  Rng rng_;
  core::Client client_;
  std::vector<core::ManagerEvent> outbox_;
  std::vector<Item> items_;
  std::deque<std::variant<core::CallUpdate, core::CallConclude>> calls_;
  std::deque<core::OutputConsumed> outputs_;        // delivered, not yet taken
  std::map<AttemptId, std::uint64_t> output_ends_;  // of what was delivered
  std::uint64_t released_count_ = 0;
  std::uint64_t next_in_order_ = 0;
  bool input_ended_ = false;
  bool cancelled_ = false;
  bool drained_ = false;
  bool finished_ = false;
  bool awake_ = false;  // a turn is on the agenda
};

}  // namespace fanmill::sim
