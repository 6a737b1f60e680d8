// What must hold between the manager and each worker's session: credit, ids, kills and their
// causes, who may be given up, what may be acknowledged. Fed with what was delivered to the manager
// and what it sent.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "core/manager.hpp"
#include "group_oracle.hpp"
#include "scenario.hpp"
#include "tally.hpp"
#include "violation.hpp"

namespace fanmill::sim {

class SessionOracle {
 public:
  SessionOracle(core::ManagerOptions options, GroupOracle& groups, Tally& tally)
      : options_(std::move(options)), groups_(groups), tally_(tally) {}

  // Facts, before the manager steps.
  void received(Instant now, PeerId peer, const core::Message& message);
  void malformed(PeerId peer);
  void connection_lost(Instant now, PeerId peer);
  void drain_requested(SessionId session);
  void shutdown();
  void stalled(Duration gap) { stalled_ += gap; }

  // After the manager's step: who it still knows, before its orders are looked at.
  void sessions_seen(Instant now, const std::vector<core::WorkerInfo>& workers);
  /// Whether the step sends recalls (tasks that have not started are asked back), and kills.
  void orders_sent(bool recalls, bool kills) {
    recalls_ = recalls;
    kills_ = kills;
  }
  /// What the task of an attempt has for a payload, where that is observed.
  void assigned(AttemptId attempt, const Payload& payload) { assigned_[attempt] = payload; }
  void sent(Instant now, PeerId peer, const core::Message& message);
  void forgotten(PeerId peer);
  /// All orders of the step were looked at.
  void step_ended();
  /// All orders of the turn were looked at: what had to be killed was.
  void turn_ended();

  // The truth about workers.
  void worker_sent(const core::Uuid& worker, const core::Message& message);
  void task_started(AttemptId attempt);
  void output_delivered(const core::DeliverOutput& output);
  void output_consumed(const core::OutputConsumed& consumed);
  /// Nothing that this worker says about what it has started is to be believed.
  void distrust(const core::Uuid& worker) { distrusted_.insert(worker); }
  [[nodiscard]] bool was_given(const core::Uuid& worker, AttemptId attempt) const;
  [[nodiscard]] std::uint64_t attempts_made() const { return attempts_.size(); }

  /// Empty, or what is left over.
  [[nodiscard]] std::string leftovers() const;

 private:
  using SessionIndex = std::uint32_t;
  static constexpr SessionIndex nobody = ~SessionIndex{0};

  struct Attempt {
    AttemptId id;
    TaskIndex task = 0;
    core::Uuid worker;
    SessionIndex session = nobody;  // that holds it, as far as the manager can know
    SessionIndex lost_by = nobody;  // that held it and ended
    Instant sent;
    std::size_t bytes = 0;
    std::uint32_t sequence = 0;      // which Task of its session it was
    bool started = false;            // the truth
    bool claim_is_doubtful = false;  // its session may have ended as one that has no claim
    bool killing = false;
    bool recalled = false;
    bool spare = false;     // taken back though another is expected to answer
    bool answered = false;  // its result or its Killed was delivered
    bool result_delivered = false;
    std::uint64_t output_received = 0;
    std::uint64_t output_delivered = 0;
    std::uint64_t output_consumed = 0;
    Bytes payload;
    bool in_parts = false;
    bool whole = false;  // its worker told to have all of them
    std::uint64_t parts_sent = 0;
    std::string result_parts;  // as they came
  };
  struct Session {
    SessionId id;
    PeerId peer;
    core::Hello hello;
    core::FeatureSet features = 0;
    std::uint32_t tasks_max = 1;
    bool open = true;
    bool ending = false;   // the manager ended it in this step
    bool may_end = false;  // it gave cause: goodbye, or a message that it may not send
    bool left = false;     // that cause was a goodbye
    bool draining = false;
    bool told_closed = false;
    std::optional<Instant> lost;
    Instant heard;
    AttemptId newest;
    std::vector<AttemptId> held;
    std::uint32_t tasks_sent = 0;
    std::uint32_t claimed_started = 0;  // by heartbeats, true or not
    std::uint32_t acknowledged = 0;
  };
  /// What a worker's process has said since its latest hello.
  struct Voice {
    std::uint32_t greeting = 0;
    std::vector<AttemptId> results;
  };

  void failed(Attempt& attempt, Session& session);
  void check_tried_elsewhere(Instant now, const Session& session, const core::Task& task,
                             TaskIndex index);
  void sent_goodbye(Session& session, const core::Goodbye& goodbye);
  [[nodiscard]] Instant attentive(Instant now) const { return now - stalled_; }
  Session* session_of(PeerId peer);
  Attempt* find(AttemptId id);
  void release(Attempt& attempt);
  void end_session(SessionIndex index);
  void on_hello(PeerId peer, const core::Hello& hello);
  void on_result(Session& session, const core::Result& result);
  void on_killed(Session& session, const core::Killed& killed);
  void on_output(Session& session, const core::Output& output);
  void sent_taken(Session& session, const core::OutputTaken& taken);
  void on_part(Session& session, const core::Part& part);
  void on_part_taken(Session& session, const core::PartTaken& taken);
  void sent_part(const Session& session, const core::Part& part);
  void sent_part_taken(const Session& session, const core::PartTaken& taken);
  void sent_welcome(Instant now, PeerId peer, const core::Welcome& welcome);
  void judged(SessionIndex session, const core::Judgement& judgement, core::HoldingState state);
  void sent_task(Instant now, Session& session, const core::Task& task);
  void sent_tasks(Instant now, Session& session, const core::Tasks& tasks);
  void sent_kill(Instant now, Session& session, const core::Kill& kill);
  void check_acknowledged(Session& session, std::uint32_t count);
  [[nodiscard]] bool beats(const Session& session) const {
    return (session.features & core::feature::heartbeat) != 0;
  }

  core::ManagerOptions options_;
  GroupOracle& groups_;
  Tally& tally_;
  Duration stalled_{};
  bool shut_ = false;
  bool recalls_ = false;
  bool kills_ = false;
  std::vector<Attempt> attempts_;  // by serial number
  std::size_t attempts_sent_ = 0;
  /// A task was given back to the worker that it failed at, though another one seemed to idle.
  struct IdleThen {
    AttemptId attempt;
    SessionId tried;
    SessionIndex idle;
  };
  std::vector<IdleThen> idle_then_;        // of this turn
  std::set<AttemptId> answered_together_;  // by the batch of this step
  std::vector<Session> sessions_;          // by serial number
  std::map<PeerId, SessionIndex> session_of_peer_;
  std::map<core::Uuid, SessionIndex> session_of_worker_;
  std::map<PeerId, core::Hello> hellos_;  // the latest on each connection
  std::optional<core::Uuid> greeted_;     // whose hello this step brought
  std::map<core::Uuid, Voice> voices_;
  std::set<core::Uuid> distrusted_;
  std::vector<AttemptId> must_be_killed_;
  std::map<AttemptId, Payload> assigned_;           // of this step
  std::map<TaskIndex, core::Uuid> failed_at_;       // the worker that told the latest failure
  std::map<core::Uuid, std::uint32_t> failed_row_;  // tasks that ended there without a result
  std::set<core::Uuid> leaving_;
};

}  // namespace fanmill::sim
