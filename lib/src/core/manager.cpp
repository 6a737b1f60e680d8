#include "core/manager.hpp"

#include "core/manager_state.hpp"
#include "core/plant.hpp"

namespace fanmill::core {

ManagerState::ManagerState(ManagerOptions given)
    : options(std::move(given)),
      group_ids(options.incarnation),
      task_ids(options.incarnation),
      attempt_ids(options.incarnation),
      session_ids(options.incarnation) {
  FANMILL_ASSERT(options.incarnation >= 1 && options.incarnation <= incarnation_max,
                 options.incarnation);
  FANMILL_ASSERT(options.farm != 0);
  FANMILL_ASSERT(options.suspect >= options.heartbeat && options.dead > options.suspect);
  // Else no worker would take a welcome.
  FANMILL_ASSERT(options.frame_bytes_max >= limits::header_bytes_max, options.frame_bytes_max);
  FANMILL_ASSERT(options.unacknowledged_max >= 1);
  FANMILL_ASSERT(options.payload_bytes_max >= options.frame_bytes_max, options.payload_bytes_max);
}

Manager::Manager(ManagerOptions options)
    : state_(std::make_unique<ManagerState>(std::move(options))) {}
Manager::~Manager() = default;
Manager::Manager(Manager&&) noexcept = default;
Manager& Manager::operator=(Manager&&) noexcept = default;

void Manager::step(Instant now, ManagerEvent&& event, ManagerActions& out) {
  ManagerState& state = *state_;
  state.out = &out;
  state.turn += 1;
  state.now = std::max(state.now, now - state.stalled);
  std::visit([&](auto& fact) { state.on(std::move(fact)); }, event);
  state.out = nullptr;
}

void Manager::tick(Instant now, ManagerActions& out) {
  ManagerState& state = *state_;
  state.out = &out;
  state.turn += 1;
  state.now = std::max(state.now, now - state.stalled);
  while (const std::optional<Timer> due = state.timers.pop_due(state.now)) {
    switch (due->kind) {
      case Timer::Kind::silence:
        state.silence_passed(due->index);
        break;
      case Timer::Kind::send:
        state.send_passed(due->index);
        break;
      case Timer::Kind::time_limit:
        state.time_limit_passed(due->index);
        break;
    }
  }
  state.count_presence();
  state.withdraw_stranded();
  state.dispatch();
  state.recall_for_idle();
  state.acknowledge_owed();
  state.out = nullptr;
}

std::optional<Instant> Manager::next_deadline() const {
  std::optional<Instant> earliest = state_->timers.earliest();
  for (const auto& due : {state_->recalls_due, state_->acknowledgement_due()}) {
    if (due && (!earliest || *due < *earliest)) earliest = due;
  }
  if (!earliest) return std::nullopt;
  return *earliest + state_->stalled;
}

const ManagerOptions& Manager::options() const { return state_->options; }
const Counters& Manager::counters() const { return state_->counters; }
std::size_t Manager::worker_count() const { return state_->sessions.size(); }
std::size_t Manager::slot_count() const { return state_->slots_total; }
std::size_t Manager::credit_count() const { return state_->credit_total; }
std::size_t Manager::job_count() const { return state_->jobs.size(); }
std::size_t Manager::ready_count() const { return state_->ready_total; }

std::vector<WorkerInfo> Manager::workers() const {
  std::vector<WorkerInfo> list;
  state_->sessions.for_each([&](std::uint32_t, const SessionRecord& session) {
    using State = WorkerInfo::State;
    const State state = session.lost       ? State::lost
                        : session.suspect  ? State::suspect
                        : session.draining ? State::draining
                                           : State::live;
    list.push_back(
        {.session = session.id,
         .peer = session.peer,
         .name = session.name,
         .address = session.address,
         .software = session.software,
         .state = state,
         .slots = session.slots,
         .held = static_cast<std::uint32_t>(session.running.size() + session.waiting.size()),
         .tasks_done = session.tasks_done,
         .containment = session.containment,
         .busy = session.busy});
  });
  return list;
}

std::string Manager::worker_name(SessionId session) const {
  const std::uint32_t index = state_->session_of_id.find(session.value);
  return index == no_index ? std::string() : state_->sessions[index].name;
}

void ManagerState::on(MessageReceived&& event) {
  if (shut) return;
  if (Hello* hello = std::get_if<Hello>(&event.message)) {
    on_hello(event.peer, std::move(*hello), std::move(event.address));
    return;
  }
  const std::uint32_t session = session_of_peer.find(event.peer.value);
  if (session == no_index) {
    // A connection that has not said hello, or whose session has ended: a worker that comes back
    // repeats under its new session whatever matters, so nothing that it says now is needed.
    ask_who(event.peer);
    return;
  }
  on_message(session, std::move(event.message));
}

void ManagerState::on(MalformedReceived&& event) {
  counters.messages_malformed += 1;
  if (shut) return;
  const std::uint32_t session = session_of_peer.find(event.peer.value);
  if (session != no_index) {
    violation(session, RefuseCode::malformed, event.reason);
    return;
  }
  refuse(event.peer, Refuse{.code = RefuseCode::malformed, .words = event.reason},
         "peer " + std::to_string(event.peer.value));
}

void ManagerState::on(ConnectionLost&& event) {
  const std::uint32_t index = session_of_peer.find(event.peer.value);
  if (index == no_index) return;  // it had no session, or has said hello elsewhere since
  SessionRecord& session = sessions[index];
  const Duration grace = session.same_host ? options.grace_same_host : options.grace_remote;
  if (grace <= Duration::zero() || FANMILL_PLANTED(grace_ignored)) {
    end_session(index, Departure::lost, "its connection was lost");
    return;
  }
  forget_peer(session);
  session.lost = true;
  timers.cancel(session.send_timer);
  timers.move(session.silence_timer, now + grace);
  refresh_room(index);
  refresh_backlog(index);
}

void ManagerState::on(DrainRequested&& event) {
  const std::uint32_t index = session_of_id.find(event.session.value);
  if (index != no_index) ask_to_leave(index, "drained on request");
}

void ManagerState::on(ShutdownRequested&&) {
  if (shut) return;
  shut = true;
  std::vector<std::uint32_t> open;
  jobs.for_each([&](std::uint32_t index, const JobRecord&) { open.push_back(index); });
  for (const std::uint32_t job : open) cancel_job(job);
  open.clear();
  sessions.for_each([&](std::uint32_t index, const SessionRecord&) { open.push_back(index); });
  for (const std::uint32_t session : open) {
    if (!FANMILL_PLANTED(farewell_forgotten))
      send(sessions[session],
           Goodbye{.session = sessions[session].id, .closed = true, .words = "the farm is closed"});
    end_session(session, Departure::left, "the farm is closed");
  }
}

void ManagerState::on(LoopStalled&& event) {
  FANMILL_ASSERT(event.gap >= Duration::zero());
  if (FANMILL_PLANTED(stall_ignored)) return;
  stalled += event.gap;
  // This step was already told the later time; attentive time goes on from where it stood before
  // the stall.
  now = now - std::min(event.gap, now.time_since_epoch());
  presence_counted = std::min(presence_counted, now);
  // What came at the later time would wait for as long as the stall was.
  sessions_owing.for_each(sessions, [&](std::uint32_t each) {
    Instant& until = sessions[each].owing_until;
    until = std::min(until, now + options.acknowledge_wait);
  });
}

void ManagerState::observe(Observation::Kind kind, const SessionRecord& session, std::string text) {
  if (!observes(1)) return;
  out->push_back(Observation{.kind = kind,
                             .level = 1,
                             .worker = session.name + " at " + session.address,
                             .text = std::move(text)});
}

void ManagerState::observe_task(Observation::Kind kind, const TaskRecord& task,
                                const SessionRecord* session, const AttemptRecord* attempt,
                                std::string text, const Payload& payload) {
  if (!observes(2)) return;
  out->push_back(Observation{.kind = kind,
                             .level = 2,
                             .worker = session == nullptr ? "" : session->name,
                             .text = std::move(text),
                             .item = groups[task.group].item,
                             .task = task.number,
                             .attempt = attempt == nullptr ? AttemptId{} : attempt->id,
                             .payload = payload});
}

std::string counted(std::uint64_t count, const char* thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

}  // namespace fanmill::core
