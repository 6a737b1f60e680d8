// Who is there: liveness, credit given back, departure.
#include <algorithm>
#include <utility>

#include "core/manager_state.hpp"
#include "core/plant.hpp"

namespace fanmill::core {
namespace {

/// The last point of the clock that is not later and divides by `step`.
Instant rounded_down(Instant at, Duration step) {
  return at - at.time_since_epoch() % std::max(step, Duration(1));
}

}  // namespace

void ManagerState::on_message(std::uint32_t session, Message&& message) {
  heard(session);
  std::visit([&](auto& content) { on_session_message(session, std::move(content)); }, message);
}

void ManagerState::on_session_message(std::uint32_t session, Result&& result) {
  const std::uint32_t attempt = attempt_of_id.find(result.attempt.value);
  if (attempt == no_index || attempts[attempt].session != session) {
    // Repeated on the way, or about something that this session was never given. Not counted as a
    // result of the session: the worker's own count would run away from ours.
    counters.results_unknown += 1;
    if (FANMILL_PLANTED(acks_count_messages)) sessions[session].results_recorded += 1;
    return;
  }
  if (result.in_parts && !take_parts(session, attempts[attempt], result)) return;
  take_result(session, attempt, std::move(result));
}

void ManagerState::on_session_message(std::uint32_t index, Results&& results) {
  if (!names_current(index, results.session)) return;
  if ((sessions[index].features & feature::batch) == 0) {
    violation(index, RefuseCode::protocol, "a batch of results, without the feature for it");
    return;
  }
  if (FANMILL_PLANTED(batch_cut_short)) results.results.pop_back();
  for (Result& result : results.results) on_session_message(index, std::move(result));
  // After them: most that have started have ended, too.
  start_counted(index, std::min(results.started, sessions[index].tasks_sent));
}

void ManagerState::on_session_message(std::uint32_t session, Killed&& killed) {
  const std::uint32_t attempt = attempt_of_id.find(killed.attempt.value);
  if (attempt == no_index || attempts[attempt].session != session)
    return;  // its result came first, or it came twice
  take_killed(session, attempt, killed);
}

void ManagerState::on_session_message(std::uint32_t index, Heartbeat&& heartbeat) {
  if (!names_current(index, heartbeat.session)) return;
  SessionRecord& session = sessions[index];
  start_counted(index, std::min(heartbeat.started, session.tasks_sent));
  if (heartbeat.echo) {
    send(session, Heartbeat{.session = session.id, .acknowledged = session.results_recorded});
  }
}

void ManagerState::on_session_message(std::uint32_t index, Goodbye&& goodbye) {
  if (!names_current(index, goodbye.session)) return;
  if (goodbye.drain) {
    drain(index);
    return;
  }
  end_session(index, Departure::left, goodbye.words.empty() ? "it said goodbye" : goodbye.words);
}

/// Whether the worker means the session that its connection has here. If it names another one it
/// may be in that: its hello, repeated on the way after the session that it had opened was over,
/// opened one here that the worker knows nothing of. Who makes it greet anew. Once the worker has
/// named this session it is in it, and what names another is a replay of before.
bool ManagerState::names_current(std::uint32_t index, SessionId named) {
  SessionRecord& session = sessions[index];
  if (named == session.id) {
    session.named = true;
    return true;
  }
  counters.messages_unexpected += 1;
  // No endless game: a worker answers the first Who of its session with a hello, and ignores the
  // others until it is welcome; what it says then names the new session.
  if (!session.named) ask_who(session.peer);
  return false;
}

void ManagerState::ask_who(PeerId peer) {
  counters.whos_sent += 1;
  out->push_back(Send{
      .peer = peer,
      .message = Who{.protocol_min = limits::protocol_min, .protocol_max = limits::protocol_max}});
}

void ManagerState::on_session_message(std::uint32_t, Unknown&&) { counters.messages_unknown += 1; }

/// What only managers say.
template <typename Other>
void ManagerState::on_session_message(std::uint32_t session, Other&&) {
  violation(session, RefuseCode::protocol, "a worker sent a message that only managers send");
}

void ManagerState::violation(std::uint32_t index, RefuseCode code, const std::string& words) {
  if (code == RefuseCode::protocol) counters.messages_unexpected += 1;
  SessionRecord& session = sessions[index];
  send(session, Refuse{.session = session.id,
                       .code = code,
                       .protocol_min = limits::protocol_min,
                       .protocol_max = limits::protocol_max,
                       .words = words});
  end_session(index, Departure::refused, words);
}

void ManagerState::send(SessionRecord& session, Message message,
                        std::optional<Encoding> convert_to) {
  if (!session.peer.valid()) return;  // lost: it is told when it comes back
  session.sent = now;
  if (std::holds_alternative<Task>(message) || std::holds_alternative<Tasks>(message) ||
      std::holds_alternative<Heartbeat>(message)) {
    session.results_acknowledged = session.results_recorded;
  }
  session.batch.turn = 0;  // what follows must not overtake this
  out->push_back(Send{.peer = session.peer,
                      .version = session.version,
                      .message = std::move(message),
                      .convert_to = convert_to});
}

/// A worker that takes batches gets its tasks in them: those of a turn together, and a lone one, too,
/// which so is one frame in place of two. Not one whose payload is to be converted, which may fail, or
/// is large, which goes uncopied.
void ManagerState::send_task(SessionRecord& session, Task&& task,
                             std::optional<Encoding> convert_to) {
  const std::size_t payload = task.payload.bytes.size();
  const std::size_t bytes = limits::batched_bytes(payload);
  const std::size_t bytes_max = limits::batch_bytes_in(options.frame_bytes_max);
  const bool joins = (session.features & feature::batch) != 0 && !convert_to && !task.in_parts &&
                     payload <= limits::batched_payload_bytes_max && bytes <= bytes_max;
  if (!joins) {
    send(session, std::move(task), convert_to);
    return;
  }
  const std::uint32_t acknowledged = std::exchange(task.acknowledged, 0);
  if (session.batch.turn != turn || session.batch.bytes + bytes > bytes_max) {
    if (!session.peer.valid()) return;
    send(session, Tasks{.session = session.id, .acknowledged = acknowledged, .tasks = {}});
    session.batch = {.turn = turn, .order = out->size() - 1, .bytes = 0};
  }
  Tasks& batch = std::get<Tasks>(std::get<Send>((*out)[session.batch.order]).message);
  if (batch.tasks.size() == 1) {
    // No lone one. It is given as much as it may hold, and this one is counted.
    const std::size_t room = session.tasks_max - std::min(session.tasks_max, session.active);
    batch.tasks.reserve(2 + std::min(room, ready_total));
  }
  batch.tasks.push_back(std::move(task));
  session.batch.bytes += bytes;
}

void ManagerState::heard(std::uint32_t index) {
  SessionRecord& session = sessions[index];
  session.heard = now;
  if (!session.suspect) return;
  session.suspect = false;
  // The timer stands at its death by now; the next silence must be noticed as early as the first.
  if (!FANMILL_PLANTED(suspected_once))
    timers.move(session.silence_timer, look_due(now + options.suspect));
  refresh_room(index);
  refresh_backlog(index);
  observe(Observation::Kind::worker_recovered, session, "heard again");
}

/// When the session is to hear something again. Thousands of them, each at its own moment, would wake the
/// loop thousands of times a second; so it may be a little early, together with others.
Instant ManagerState::beat_due(const SessionRecord& session) const {
  return rounded_down(session.sent + options.heartbeat, options.heartbeat / limits::coarse_parts);
}

/// When to look whether a session has been silent until `silent`. Early as above, as long as it is far
/// off: most are heard meanwhile. What is near is looked at on time.
Instant ManagerState::look_due(Instant silent) const {
  const Duration step = options.heartbeat / limits::coarse_parts;
  return silent - now > 2 * step ? rounded_down(silent, step) : silent;
}

void ManagerState::silence_passed(std::uint32_t index) {
  SessionRecord& session = sessions[index];
  session.silence_timer = no_index;
  if (session.lost) {
    end_session(index, Departure::lost, "its connection was lost and it did not come back");
    return;
  }
  const Duration silence = now - session.heard;
  const bool beats = (session.features & feature::heartbeat) != 0;
  const bool computes = !session.running.empty() || !session.waiting.empty();
  if (!beats && computes) {
    // Its only thread computes: silence means nothing. Its connection, or the task's time limit,
    // ends it.
    session.silence_timer =
        timers.add(look_due(now + options.suspect), {Timer::Kind::silence, index});
    return;
  }
  if (silence >= options.dead) {
    if (FANMILL_PLANTED(death_unnoticed)) return;
    end_session(
        index, Departure::lost,
        "silent for " +
            std::to_string(std::chrono::duration_cast<std::chrono::seconds>(silence).count()) +
            " s");
    return;
  }
  if (silence >= options.suspect && !session.suspect) {
    session.suspect = true;
    counters.sessions_suspected += 1;
    refresh_room(index);
    refresh_backlog(index);
    observe(Observation::Kind::worker_suspect, session,
            "silent; it gets no new tasks until it is heard again");
  }
  const Duration threshold = silence >= options.suspect ? options.dead : options.suspect;
  session.silence_timer =
      timers.add(look_due(session.heard + threshold), {Timer::Kind::silence, index});
}

void ManagerState::send_passed(std::uint32_t index) {
  SessionRecord& session = sessions[index];
  session.send_timer = no_index;
  const bool beats = (session.features & feature::heartbeat) != 0;
  // A plain worker says nothing by itself while it idles: it is asked.
  const bool ask = !beats && session.running.empty() && session.waiting.empty();
  if (ask || now >= beat_due(session)) {
    if (FANMILL_PLANTED(acks_run_ahead))
      session.results_recorded += static_cast<std::uint32_t>(session.running.size());
    send(session,
         Heartbeat{.session = session.id, .acknowledged = session.results_recorded, .echo = ask});
  }
  session.send_timer = timers.add(beat_due(session), {Timer::Kind::send, index});
  recall_surplus(index);
  tell_unserved();
}

void ManagerState::ask_to_leave(std::uint32_t index, std::string words) {
  SessionRecord& session = sessions[index];
  if (session.draining) return;
  send(session, Goodbye{.session = session.id, .drain = true, .words = std::move(words)});
  drain(index);
}

void ManagerState::drain(std::uint32_t index) {
  SessionRecord& session = sessions[index];
  if (session.draining) return;
  session.draining = true;
  refresh_room(index);
  refresh_backlog(index);
  // What it has not started goes to others. A worker may answer by starting it all the same: then
  // it finishes it.
  std::vector<std::uint32_t> unstarted;
  session.waiting.for_each(attempts, [&](std::uint32_t attempt) { unstarted.push_back(attempt); });
  for (const std::uint32_t attempt : unstarted) {
    if (!attempts[attempt].killing && !attempts[attempt].recalled) recall(attempt);
  }
}

/// Called before the number of slots changes, so that it is exact.
void ManagerState::count_presence() {
  const Duration passed = now - presence_counted;
  const auto slots = static_cast<std::int64_t>(slots_present);
  const bool fits = slots == 0 || passed <= Duration::max() / slots;
  counters.slots_present =
      saturating_add(counters.slots_present, fits ? slots * passed : Duration::max());
  presence_counted = now;
}

void ManagerState::forget_peer(SessionRecord& session) {
  if (!session.peer.valid()) return;
  count_presence();
  slots_present -= session.slots;
  session_of_peer.erase(session.peer.value);
  out->push_back(ForgetPeer{session.peer});
  session.peer = PeerId{};
}

void ManagerState::end_session(std::uint32_t index, Departure departure, const std::string& why) {
  SessionRecord& session = sessions[index];
  // A monitored worker ends with the task that it was told to kill: that is no loss.
  bool killed_itself = false;
  session.running.for_each(
      attempts, [&](std::uint32_t attempt) { killed_itself |= attempts[attempt].killing; });
  killed_itself &= session.containment == Containment::process;
  const bool lost = departure == Departure::lost && !killed_itself;
  const bool retired =
      session_of_worker[session.worker] != index;  // it goes on under a newer session

  forget_peer(session);
  session.lost = true;  // so that what waits is not taken for started while the list empties
  refresh_room(index);
  // So that they are queued in their old order: those to blame queue up with other retries, the
  // rest goes to the front of the queue one by one.
  for (auto* list : {&session.waiting, &session.running}) {
    const bool started = list == &session.running;
    const bool blamed =
        (lost || FANMILL_PLANTED(leaving_blamed)) && (started || FANMILL_PLANTED(waiting_blamed));
    while (!list->empty()) {
      const std::uint32_t attempt = blamed ? list->front() : list->back();
      release_attempt(attempt);
      attempt_lost(attempt, session, blamed, departure == Departure::lost, why);
    }
  }
  refresh_backlog(index);
  if (!retired) {
    (lost ? counters.workers_lost : counters.workers_left) += 1;
    observe(departure == Departure::refused ? Observation::Kind::worker_refused
                                            : Observation::Kind::worker_left,
            session, killed_itself ? "it ended with the task that it was told to kill" : why);
    session_of_worker.erase(session.worker);
    if (departure == Departure::left) failing_workers.erase(session.worker);  // it has ended
  }
  if (session.owing.linked()) sessions_owing.erase(sessions, index);
  timers.cancel(session.silence_timer);
  timers.cancel(session.send_timer);
  session_of_id.erase(session.id.value);
  release_profile(session.profile);
  sessions.erase(index);
}

}  // namespace fanmill::core
