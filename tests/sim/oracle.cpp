#include "oracle.hpp"

#include <algorithm>

#include "core/manager_invariants.hpp"
#include "core/worker_invariants.hpp"

namespace fanmill::sim {
namespace {

/// Changes whenever a session comes or goes.
std::uint64_t session_changes(const core::Manager& manager) {
  const core::Counters& counters = manager.counters();
  return counters.sessions_opened + counters.workers_lost + counters.workers_left +
         counters.sessions_resumed;
}

}  // namespace

void Oracle::manager_started(const core::ManagerOptions& options) {
  groups_ = std::make_unique<GroupOracle>();
  sessions_ = std::make_unique<SessionOracle>(options, *groups_, tally_);
  sessions_changed_ = 0;
  recalls_ = kills_ = 0;
}

void Oracle::before_step(Instant now, const core::ManagerEvent& event) { fact(now, event); }

void Oracle::fact(Instant now, const core::ManagerEvent& event) {
  using namespace core;
  if (const auto* e = std::get_if<MessageReceived>(&event))
    sessions_->received(now, e->peer, e->message);
  if (const auto* e = std::get_if<MalformedReceived>(&event)) sessions_->malformed(e->peer);
  if (const auto* e = std::get_if<ConnectionLost>(&event)) sessions_->connection_lost(now, e->peer);
  if (const auto* e = std::get_if<DrainRequested>(&event)) sessions_->drain_requested(e->session);
  if (const auto* e = std::get_if<LoopStalled>(&event)) sessions_->stalled(e->gap);
  if (const auto* e = std::get_if<JobOpened>(&event)) groups_->opened(*e);
  if (const auto* e = std::get_if<GroupSubmitted>(&event)) groups_->submitted(*e);
  if (const auto* e = std::get_if<GroupUpdated>(&event)) groups_->updated(*e);
  if (const auto* e = std::get_if<OutputConsumed>(&event)) sessions_->output_consumed(*e);
  if (const auto* e = std::get_if<JobClosed>(&event)) groups_->closed(e->job);
  if (const auto* e = std::get_if<JobCancelled>(&event)) groups_->cancelled(e->job);
  if (const auto* e = std::get_if<JobDrained>(&event)) groups_->drained(e->job);
  if (std::holds_alternative<ShutdownRequested>(event)) {
    sessions_->shutdown();
    groups_->cancelled_all();
  }
}

namespace {

bool anybody_connected(const core::Manager& manager) {
  const std::vector<core::WorkerInfo> workers = manager.workers();
  return std::any_of(workers.begin(), workers.end(), [](const core::WorkerInfo& worker) {
    return worker.state != core::WorkerInfo::State::lost;
  });
}

}  // namespace

void Oracle::after_step(Instant now, const core::Manager& manager,
                        const core::ManagerActions& actions, std::size_t first) {
  if (const std::uint64_t changes = session_changes(manager); changes != sessions_changed_) {
    sessions_changed_ = changes;
    sessions_->sessions_seen(now, manager.workers());
  }
  const core::Counters& counters = manager.counters();
  sessions_->orders_sent(counters.recalls_sent != recalls_, counters.kills_sent != kills_);
  kills_ = counters.kills_sent;
  recalls_ = counters.recalls_sent;
  for (std::size_t i = first; i < actions.size(); ++i) {
    const auto* seen = std::get_if<core::Observation>(&actions[i]);
    if (seen != nullptr && seen->kind == core::Observation::Kind::task_assigned)
      sessions_->assigned(seen->attempt, seen->payload);
  }
  for (std::size_t i = first; i < actions.size(); ++i) {
    if (const auto* send = std::get_if<core::Send>(&actions[i]))
      sessions_->sent(now, send->peer, send->message);
    if (const auto* forget = std::get_if<core::ForgetPeer>(&actions[i]))
      sessions_->forgotten(forget->peer);
    if (const auto* output = std::get_if<core::DeliverOutput>(&actions[i]))
      sessions_->output_delivered(*output);
    if (const auto* end = std::get_if<core::DeliverTaskEnd>(&actions[i])) groups_->delivered(*end);
    if (const auto* end = std::get_if<core::DeliverGroupEnd>(&actions[i]))
      groups_->delivered(*end, anybody_connected(manager));
    if (const auto* end = std::get_if<core::DeliverJobEnd>(&actions[i])) groups_->delivered(*end);
  }
  groups_->step_ended();
  sessions_->step_ended();
  const std::vector<std::string> broken = core::ManagerInvariants::check(manager);
  demand(broken.empty(), "the manager's tables agree", broken.empty() ? "" : broken.front());
}

void Oracle::turn_ended(const core::Manager& manager) {
  sessions_->turn_ended();
  const std::vector<std::string> broken = core::ManagerInvariants::check_handed_out(manager);
  demand(broken.empty(), "a free slot gets a task that waits",
         broken.empty() ? "" : broken.front());
}

std::string Oracle::leftovers() const { return groups_->leftovers() + sessions_->leftovers(); }

void Oracle::check_empty(const core::Manager& manager) const {
  const core::Counters& counters = manager.counters();
  demand(groups_->leftovers().empty(), "at the end nothing is left", groups_->leftovers());
  demand(sessions_->leftovers().empty(), "at the end nothing is left", sessions_->leftovers());
  demand(counters.groups_submitted == counters.groups_ended, "at the end nothing is left",
         counters.groups_submitted, "groups submitted,", counters.groups_ended, "ended");
  const std::uint64_t ended = counters.tasks_ok + counters.tasks_failed +
                              counters.tasks_quarantined + counters.tasks_killed +
                              counters.tasks_dropped;
  demand(counters.tasks_submitted == ended, "every task has one outcome", counters.tasks_submitted,
         "submitted,", ended, "ended");
  demand(manager.ready_count() == 0, "at the end nothing is left", manager.ready_count(),
         "tasks are ready");
  for (const core::WorkerInfo& worker : manager.workers())
    demand(worker.held == 0, "at the end nothing is left", worker.session, "holds", worker.held);
}

void Oracle::WorkerTruth::acknowledged(std::uint32_t count) {
  for (std::uint32_t i = 0; i < count && i < session_results.size(); ++i)
    unacknowledged.erase(session_results[i]);
}

void Oracle::WorkerTruth::check_output(const core::Output& output) {
  Stream& stream = streams.try_emplace(output.attempt, Stream{.session = session}).first->second;
  demand(in_session && stream.session == session, "output is passed on in one session",
         output.attempt);
  demand(output.offset == stream.sent, "output leaves its worker without a gap", output.attempt,
         output.offset, "after", stream.sent);
  stream.sent += output.bytes.size();
  demand(stream.sent <= stream.taken + limits::output_window_bytes,
         "output under way fits in the window", output.attempt, stream.sent, stream.taken);
  demand(std::count(session_results.begin(), session_results.end(), output.attempt) == 0,
         "output leaves its worker before the result", output.attempt);
}

void Oracle::worker_sent(const Process::Identity& who, const core::Message& message) {
  sessions_->worker_sent(who.uuid, message);
  WorkerTruth& truth = workers_[who.uuid];
  const auto ended = [&](const core::Result& result) {
    truth.session_results.push_back(result.attempt);
    truth.unacknowledged.insert(result.attempt);
  };
  if (const auto* result = std::get_if<core::Result>(&message)) ended(*result);
  if (const auto* results = std::get_if<core::Results>(&message)) {
    demand(truth.in_session && truth.session == results->session,
           "a batch of results names its session", who.worker, results->session);
    for (const core::Result& each : results->results) ended(each);
  }
  if (const auto* output = std::get_if<core::Output>(&message)) truth.check_output(*output);
  if (const auto* hello = std::get_if<core::Hello>(&message)) {
    truth.greeting = hello->greeting;
    truth.startable.clear();
    for (const AttemptId attempt : truth.unacknowledged) {
      const core::Holding kept{.attempt = attempt, .state = core::HoldingState::result};
      demand(std::count(hello->holdings.begin(), hello->holdings.end(), kept) == 1,
             "a result is kept until it is acknowledged", who.worker, attempt);
    }
  }
}

void Oracle::worker_received(const Process::Identity& who, const core::Message& message) {
  WorkerTruth& truth = workers_[who.uuid];
  if (const auto* welcome = std::get_if<core::Welcome>(&message)) {
    if (welcome->greeting != truth.greeting || welcome->session == truth.session) return;
    truth.session = welcome->session;
    truth.in_session = true;
    truth.session_results.clear();
    for (const core::Judgement& judgement : welcome->judgements) {
      if (judgement.verdict == core::Verdict::keep)
        truth.startable.insert(judgement.attempt);
      else
        truth.unacknowledged.erase(judgement.attempt);
    }
  } else if (const auto* task = std::get_if<core::Task>(&message)) {
    truth.startable.insert(task->attempt);
    truth.acknowledged(task->acknowledged);
  } else if (const auto* tasks = std::get_if<core::Tasks>(&message)) {
    if (tasks->session != truth.session) return;
    for (const core::Task& each : tasks->tasks) truth.startable.insert(each.attempt);
    truth.acknowledged(tasks->acknowledged);
  } else if (const auto* heartbeat = std::get_if<core::Heartbeat>(&message)) {
    if (heartbeat->session == truth.session) truth.acknowledged(heartbeat->acknowledged);
  } else if (const auto* kill = std::get_if<core::Kill>(&message)) {
    if (truth.in_session) truth.never.insert(kill->attempt);
  } else if (const auto* taken = std::get_if<core::OutputTaken>(&message)) {
    const auto stream = truth.streams.find(taken->attempt);
    if (stream != truth.streams.end())
      stream->second.taken = std::max(stream->second.taken, taken->offset);
  }
}

void Oracle::worker_received_garbage(const Process::Identity& who) {
  // It ends its session. What the manager says in that one until it notices has no meaning any more:
  // the next hello names what is held, and the welcome judges it.
  workers_[who.uuid].in_session = false;
}

void Oracle::task_started(const Process::Identity& who, const WorkerPlan& plan,
                          const core::Task& task, const Work& work) {
  WorkerTruth& truth = workers_[who.uuid];
  demand(truth.startable.count(task.attempt) != 0,
         "a worker runs only what its open session brought", who.worker, task.attempt);
  demand(truth.never.insert(task.attempt).second,
         "an attempt is started once, and not after its kill", who.worker, task.attempt);
  demand(plan.functions.at(task.function) == job_options(work.job).functions.at(work.function),
         "a task runs the function that was asked for", who.worker, task.attempt);
  sessions_->task_started(task.attempt);
}

void Oracle::check_worker(const core::Worker& worker) const {
  const std::vector<std::string> broken = core::WorkerInvariants::check(worker);
  demand(broken.empty(), "the worker's tables agree", broken.empty() ? "" : broken.front());
}

}  // namespace fanmill::sim
