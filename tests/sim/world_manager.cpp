// The manager's shell, simulated: facts are gathered until the loop comes around, then told one by
// one, then one tick, then the orders are carried out.
#include "core/manager.hpp"

#include "world.hpp"

namespace fanmill::sim {

void World::start_manager() {
  core::ManagerOptions options = scenario_.manager;
  options.incarnation = around_.incarnation;
  trace_.note(agenda_.now(), "the manager starts, incarnation ", options.incarnation);
  manager_.emplace(options);
  oracle_.manager_started(options);
  if (agenda_.now() > Instant{}) start_clients();
}

/// Killed, and started anew without a memory: one incarnation higher. Its clients begin again.
void World::stop_manager(Duration away) {
  if (!manager_) return;
  tally_.add(Count::manager_restart);
  trace_.note(agenda_.now(), "the manager is killed");
  tally_manager();
  manager_.reset();
  inbox_.clear();
  manager_wake_.reset();
  turn_planned_ = false;
  stalled_until_ = Instant{};
  for (std::unique_ptr<ClientHost>& client : clients_) client.reset();
  const std::uint32_t old = around_.incarnation;
  around_.incarnation += 1;
  for (std::uint32_t worker = 0; worker < hosts_.size(); ++worker) {
    Process* process = hosts_[worker].process.get();
    if (process == nullptr || process->ended() || !process->link()) continue;
    const LinkIndex link = *process->link();
    if (!network_.link(link).up || network_.link(link).incarnation != old) continue;
    if (rng_.percent(40)) {
      tally_.add(Count::replay_into_restart);
      process->set_link(network_.replace(link, around_.incarnation, rng_.percent(50)));
    } else {
      network_.cut(link, false);
    }
  }
  agenda_.add(agenda_.now() + away, Event::Kind::manager_started);
}

void World::put_to_manager(core::ManagerEvent event) {
  if (!manager_) return;
  inbox_.push_back(std::move(event));
  if (turn_planned_) return;
  turn_planned_ = true;
  const Duration delay =
      rng_.percent(60) ? Duration{} : rng_.duration(Duration{}, std::chrono::milliseconds(1));
  agenda_.add(agenda_.now() + delay, Event::Kind::manager_turn);
}

void World::manager_turn() {
  if (!manager_) return;
  const Instant now = agenda_.now();
  if (now < stalled_until_) {
    turn_planned_ = true;
    agenda_.add(stalled_until_, Event::Kind::manager_turn);
    return;
  }
  turn_planned_ = false;
  if (stalled_until_ > Instant{}) {
    step_manager(core::LoopStalled{now - stalled_from_});
    stalled_until_ = Instant{};
  }
  for (core::ManagerEvent& event : std::exchange(inbox_, {})) step_manager(std::move(event));
  const std::size_t before = actions_.size();
  manager_->tick(now, actions_);
  note_actions(before);
  oracle_.after_step(now, *manager_, actions_, before);
  oracle_.turn_ended(*manager_);
  carry_out();
  plan_manager_wake();
}

void World::step_manager(core::ManagerEvent event) {
  const Instant now = agenda_.now();
  if (trace_.wants_text()) {
    if (const auto* message = std::get_if<core::MessageReceived>(&event))
      trace_.note(now, "manager hears ", message->peer, ": ", Lazy{message->message});
    else if (const auto* lost = std::get_if<core::ConnectionLost>(&event))
      trace_.note(now, "manager hears that ", lost->peer, " is lost");
    else if (const auto* stalled = std::get_if<core::LoopStalled>(&event))
      trace_.note(now, "manager was stalled for ", stalled->gap.count(), " ns");
    else
      trace_.note(now, "manager is told fact ", event.index());
  }
  oracle_.before_step(now, event);
  const std::size_t before = actions_.size();
  manager_->step(now, std::move(event), actions_);
  note_actions(before);
  oracle_.after_step(now, *manager_, actions_, before);
}

/// Before the oracle looks at them, so that the last line of a trace is the one that it objects to.
void World::note_actions(std::size_t first) {
  if (!trace_.wants_text()) return;
  const Instant now = agenda_.now();
  for (std::size_t i = first; i < actions_.size(); ++i) {
    if (const auto* send = std::get_if<core::Send>(&actions_[i]))
      trace_.note(now, "manager tells ", send->peer, ": ", Lazy{send->message});
    if (const auto* end = std::get_if<core::DeliverTaskEnd>(&actions_[i]))
      trace_.note(now, "manager tells the client: task ", end->task, " of item ", end->item,
                  " ended: ", to_string(end->outcome.kind));
    if (const auto* end = std::get_if<core::DeliverGroupEnd>(&actions_[i]))
      trace_.note(now, "manager tells the client: ", end->group, " of item ", end->item, " ended, ",
                  end->result.decided ? "decided" : "undecided",
                  ", answers: ", end->result.answers.size());
    if (const auto* output = std::get_if<core::DeliverOutput>(&actions_[i]))
      trace_.note(now, "manager tells the client: output of ", output->attempt, " from ",
                  output->offset);
    if (const auto* end = std::get_if<core::DeliverJobEnd>(&actions_[i]))
      trace_.note(now, "manager tells the client: ", end->job, " ended");
  }
}

void World::carry_out() {
  core::ManagerActions actions = std::exchange(actions_, {});
  for (core::ManagerAction& action : actions)
    std::visit([this](auto& order) { on(order); }, action);
  actions.clear();
  std::swap(actions, actions_);  // keeps the capacity
  start_clients();
}

void World::on(core::Send& order) {
  FANMILL_ASSERT(!order.convert_to, "every simulated worker takes raw payloads");
  network_.send_to_worker(order.peer, writer_.write(order.message, order.version));
}

ClientHost* World::client_of(JobId job) {
  for (const std::unique_ptr<ClientHost>& client : clients_)
    if (client && client->job() == job) return client.get();
  return nullptr;
}

void World::on(core::DeliverTaskEnd& order) {
  if (ClientHost* client = client_of(order.job)) {
    client->receive(order);
    collect(*client);
  }
}

void World::on(core::DeliverOutput& order) {
  if (ClientHost* client = client_of(order.job)) {
    client->receive(order);
    collect(*client);
  }
}

void World::on(core::DeliverGroupEnd& order) {
  if (ClientHost* client = client_of(order.job)) {
    client->receive(order);
    collect(*client);
  }
}

void World::on(core::DeliverJobEnd& order) {
  if (ClientHost* client = client_of(order.job)) {
    client->receive_job_end();
    collect(*client);
  }
}

void World::plan_manager_wake() {
  const std::optional<Instant> next = manager_->next_deadline();
  if (!next || (manager_wake_ && *manager_wake_ <= *next)) return;
  manager_wake_ = *next;
  agenda_.add(*next, Event::Kind::manager_due);
}

void World::tally_manager() {
  const core::Counters& counters = manager_->counters();
  tally_.add(Count::task_ok, counters.tasks_ok);
  tally_.add(Count::task_failed, counters.tasks_failed);
  tally_.add(Count::quarantined, counters.tasks_quarantined);
  tally_.add(Count::result_late, counters.results_late);
  tally_.add(Count::result_unknown, counters.results_unknown);
  tally_.add(Count::requeued, counters.tasks_requeued);
  tally_.add(Count::session_opened, counters.sessions_opened);
  tally_.add(Count::session_resumed, counters.sessions_resumed);
  tally_.add(Count::session_suspected, counters.sessions_suspected);
  tally_.add(Count::worker_lost, counters.workers_lost);
  tally_.add(Count::worker_left, counters.workers_left);
  tally_.add(Count::worker_failing, counters.workers_failing);
  tally_.add(Count::hello_refused, counters.hellos_refused);
  tally_.add(Count::hello_stale, counters.hellos_stale);
  tally_.add(Count::who_sent, counters.whos_sent);
  tally_.add(Count::malformed, counters.messages_malformed);
  tally_.add(Count::unexpected, counters.messages_unexpected);
  tally_.add(Count::unknown_kind, counters.messages_unknown);
  tally_.add(Count::claim_refused, counters.claims_refused);
}

}  // namespace fanmill::sim
