// Who comes, and with what. A hello is answered by a welcome, which judges every attempt that the
// worker says it holds, or by a refusal in words.
#include <algorithm>

#include "core/manager_state.hpp"
#include "core/plant.hpp"

namespace fanmill::core {
namespace {

std::string range(std::uint16_t low, std::uint16_t high) {
  return std::to_string(low) + " to " + std::to_string(high);
}

std::string name_of(const Hello& hello) {
  return (hello.host.empty() ? std::string("unknown host") : hello.host) + ":" +
         std::to_string(hello.pid);
}

std::string functions_of(const Hello& hello) {
  std::string list;
  for (const std::string& function : hello.functions) {
    if (function.empty()) continue;
    if (!list.empty()) list += ", ";
    list += function;
  }
  return list.empty() ? "its only function" : list;
}

}  // namespace

void ManagerState::on_hello(PeerId peer, Hello&& hello, std::string&& address) {
  const auto known = session_of_worker.find(hello.uuid);
  const std::uint32_t former = known == session_of_worker.end() ? no_index : known->second;
  if (former != no_index && hello.greeting <= sessions[former].greeting &&
      !FANMILL_PLANTED(stale_hello_taken)) {
    // Replayed from a connection that this worker has left, or repeated on the way: its newer hello
    // was answered.
    counters.hellos_stale += 1;
    return;
  }
  const std::uint32_t on_peer = session_of_peer.find(peer.value);
  if (on_peer != no_index && on_peer != former) {
    violation(on_peer, RefuseCode::protocol, "a second worker said hello on this connection");
    return;
  }
  if (std::optional<Refuse> refusal = reason_to_refuse(hello)) {
    refuse(peer, std::move(*refusal), name_of(hello) + " at " + address);
    if (on_peer != no_index) end_session(on_peer, Departure::refused, "its new hello was refused");
    return;
  }

  const std::uint16_t version = std::min(hello.protocol_max, limits::protocol_max);
  const std::uint32_t index = open_session(peer, hello, std::move(address), version);
  const bool drains =
      (former != no_index && sessions[former].draining) || failing_workers.contains(hello.uuid);
  if (former != no_index) {
    counters.sessions_resumed += 1;
    sessions[former].lost = true;  // nothing starts there any more
    refresh_room(former);
  }

  Welcome welcome{.version = version,
                  .session = sessions[index].id,
                  .features = sessions[index].features,
                  .farm = options.farm,
                  .incarnation = options.incarnation,
                  .greeting = hello.greeting,
                  .heartbeat = options.heartbeat,
                  .suspect = options.suspect,
                  .dead = options.dead,
                  .frame_bytes_max = options.frame_bytes_max,
                  .unacknowledged_max = unacknowledged_max(),
                  .payload_bytes_max = sessions[index].parts ? options.payload_bytes_max : 0,
                  .judgements = judge_holdings(index, hello)};
  if (former != no_index) retire_session(former, peer);
  SessionRecord& session = sessions[index];
  send(session, std::move(welcome));
  fill_running(index);
  refresh_room(index);
  refresh_backlog(index);
  // It may not have heard of the drain, or have forgotten it with the session.
  if (drains) ask_to_leave(index, "drained before");
  observe(
      former == no_index ? Observation::Kind::worker_joined : Observation::Kind::worker_returned,
      session,
      hello.software + ", " + counted(session.slots, "slot") + ", " + functions_of(hello) +
          ", kills reach " + in_words(hello.containment));
}

std::optional<Refuse> ManagerState::reason_to_refuse(const Hello& hello) const {
  using namespace std::chrono_literals;
  Refuse refusal{.session = hello.resume, .greeting = hello.greeting};
  if (hello.protocol_max < limits::protocol_min || hello.protocol_min > limits::protocol_max) {
    const bool worker_is_older = hello.protocol_max < limits::protocol_min;
    refusal.code = RefuseCode::version;
    refusal.words = "this manager speaks protocol versions " +
                    range(limits::protocol_min, limits::protocol_max) + ", the worker " +
                    range(hello.protocol_min, hello.protocol_max) +
                    ": they have none in common; upgrade the " +
                    (worker_is_older ? "worker" : "manager");
  } else if (hello.farm != 0 && hello.farm != options.farm) {
    refusal.code = RefuseCode::farm;
    refusal.words = "the worker wants farm " + std::to_string(hello.farm) +
                    ", this is the manager of farm " + std::to_string(options.farm) +
                    "; start it with this farm's join file";
  } else if (!options.cookie.empty() && hello.cookie != options.cookie) {
    refusal.code = RefuseCode::cookie;
    refusal.words = "the worker's cookie is not this farm's; start it with this farm's join file";
  } else if (hello.incarnation > options.incarnation && hello.farm == options.farm) {
    refusal.code = RefuseCode::old_manager;
    refusal.retry = 1s;
    refusal.words = "the worker has seen incarnation " + std::to_string(hello.incarnation) +
                    " of this farm's manager, this is the older incarnation " +
                    std::to_string(options.incarnation);
  } else if (sessions.size() >= options.sessions_max && !session_of_worker.contains(hello.uuid)) {
    refusal.code = RefuseCode::limit;
    refusal.retry = 5s;
    refusal.words = "this manager takes at most " + counted(options.sessions_max, "worker");
  } else {
    return std::nullopt;
  }
  return refusal;
}

void ManagerState::refuse(PeerId peer, Refuse refusal, const std::string& who) {
  counters.hellos_refused += 1;
  if (observes(1)) {
    out->push_back(Observation{
        .kind = Observation::Kind::worker_refused, .worker = who, .text = refusal.words});
  }
  refusal.protocol_min = limits::protocol_min;
  refusal.protocol_max = limits::protocol_max;
  out->push_back(Send{.peer = peer, .message = std::move(refusal)});
  // A session that this peer has is about to end, and forgets it then.
  if (session_of_peer.find(peer.value) == no_index) out->push_back(ForgetPeer{peer});
}

std::uint32_t ManagerState::open_session(PeerId peer, const Hello& hello, std::string&& address,
                                         std::uint16_t version) {
  counters.sessions_opened += 1;
  count_presence();
  const std::uint32_t profile = use_profile(hello);
  const std::uint32_t index = sessions.insert(SessionRecord{});
  SessionRecord& session = sessions[index];
  session.id = session_ids.next();
  session.peer = peer;
  session.worker = hello.uuid;
  session.version = version;
  session.greeting = hello.greeting;
  session.features = hello.features & options.features;
  if ((session.features & feature::parts) != 0) {
    session.parts = std::make_unique<SessionParts>();
    session.parts->out.set_frame_limit(options.frame_bytes_max);
  }
  session.encodings = hello.encodings;
  session.containment = hello.containment;
  session.slots = hello.slots;
  // A worker without heartbeats computes on its only thread: what waits at it would wait for
  // nothing.
  const bool plain = (session.features & feature::heartbeat) == 0;
  const std::uint32_t prefetch = hello.prefetch != 0
                                     ? std::min(hello.prefetch, limits::prefetch_max)
                                     : (plain ? 0 : options.prefetch);
  const bool adapts = hello.prefetch == 0 && !plain;
  const auto tasks_for = [&](std::uint32_t each) {
    const std::size_t wanted = std::size_t{session.slots} * (1 + each);
    return static_cast<std::uint32_t>(
        std::min(wanted, limits::tasks_held_in(options.frame_bytes_max)));
  };
  session.tasks_max = session.tasks_least = tasks_for(prefetch);
  session.tasks_most = tasks_for(adapts ? std::max(prefetch, options.prefetch_most) : prefetch);
  session.profile = profile;
  session.same_host = options.boot.valid() && hello.boot == options.boot;
  session.name = name_of(hello);
  session.address = std::move(address);
  session.software = hello.software;
  session.heard = now;
  session.sent = now;
  session.silence_timer =
      timers.add(look_due(now + options.suspect), {Timer::Kind::silence, index});
  session.send_timer = timers.add(beat_due(session), {Timer::Kind::send, index});
  session_of_id.insert(session.id.value, index);
  if (const std::uint32_t before = session_of_peer.find(peer.value); before != no_index) {
    session_of_peer.erase(peer.value);
    slots_present -= sessions[before].slots;
    sessions[before].peer = PeerId{};
  }
  session_of_peer.insert(peer.value, index);
  slots_present += session.slots;
  session_of_worker[hello.uuid] = index;
  return index;
}

std::vector<Judgement> ManagerState::judge_holdings(std::uint32_t session, const Hello& hello) {
  std::vector<Judgement> judgements;
  judgements.reserve(hello.holdings.size());
  for (const Holding& holding : hello.holdings) {
    judgements.push_back({holding.attempt, judge(session, hello, holding)});
  }
  return judgements;
}

Verdict ManagerState::judge(std::uint32_t session, const Hello& hello, const Holding& holding) {
  const bool has_result = holding.state == HoldingState::result;
  const Verdict not_needed = has_result ? Verdict::drop : Verdict::kill;
  const std::uint32_t index = attempt_of_id.find(holding.attempt.value);
  if (index == no_index) {
    if (holding.state == HoldingState::running) hold_stranger(session, holding);
    return not_needed;
  }
  AttemptRecord& attempt = attempts[index];
  if (worker_of(attempt) != hello.uuid && !FANMILL_PLANTED(foreign_claim_kept)) {
    counters.claims_refused += 1;
    return not_needed;
  }
  if (attempt.session == session) {
    // Named twice: a worker that obeys the last word must not throw away what the first one kept.
    return attempt.killing ? not_needed : Verdict::keep;
  }

  if (attempt.killing) {
    // Its task went on without it. What still runs is held until the worker has answered for it.
    if (has_result) {
      if (attempt.session != no_index) release_attempt(index);
      erase_attempt(index);
    } else {
      hold_again(session, index, holding);
    }
    return not_needed;
  }

  make_records_of(index);
  TaskRecord& task = tasks[attempt.task];
  if (task.live == no_index) {
    // The task went back to the queue when its worker was given up; here it is again.
    FANMILL_ASSERT(task.state == TaskRecord::State::ready);
    unqueue(attempt.task);
    task.state = TaskRecord::State::assigned;
    task.live = index;
  } else if (task.live != index && !has_result) {
    // It runs elsewhere by now. One of the two is enough.
    detach_from_task(index);
    hold_again(session, index, holding);
    kill_attempt(index, false);
    return Verdict::kill;
  }
  hold_again(session, index, holding);
  return Verdict::keep;
}

/// A task of the past (its group ended while the worker was away, or an older manager sent it) that
/// still runs. Its slot is busy until the worker has answered, and that answer will be counted:
/// otherwise new tasks would wait behind it unseen, and its result would never be acknowledged.
void ManagerState::hold_stranger(std::uint32_t session, const Holding& holding) {
  // Ids that were not given out yet must stay free for those who will get them.
  if (FANMILL_PLANTED(stranger_unheld)) return;
  if (holding.attempt.value >= attempt_ids.peek().value) {
    counters.claims_refused += 1;
    return;
  }
  const std::uint32_t index = attempts.insert(AttemptRecord{.id = holding.attempt, .sequence = 1});
  attempt_of_id.insert(holding.attempt.value, index);
  hold(session, index, true);
  kill_attempt(index, false);  // the welcome tells it
}

void ManagerState::hold_again(std::uint32_t session, std::uint32_t index, const Holding& holding) {
  AttemptRecord& attempt = attempts[index];
  if (attempt.session != no_index) release_attempt(index);
  const bool killing = attempt.killing;
  attempt.killing = false;
  // Kept tasks precede the first Task of the new session, so they have started once that has.
  attempt.sequence = 1;
  hold(session, index, holding.state != HoldingState::unstarted);
  if (killing) kill_attempt(index, false);  // the welcome tells it
}

void ManagerState::retire_session(std::uint32_t former, PeerId successor) {
  SessionRecord& session = sessions[former];
  if (session.peer.valid() && session.peer != successor) {
    out->push_back(
        Send{.peer = session.peer,
             .version = session.version,
             .message = Refuse{.session = session.id,
                               .code = RefuseCode::replaced,
                               .protocol_min = limits::protocol_min,
                               .protocol_max = limits::protocol_max,
                               .words = "the same worker said hello on another connection"}});
  }
  SessionRecord& current = sessions[session_of_worker[session.worker]];
  current.tasks_done += session.tasks_done;
  current.busy += session.busy;
  if (current.profile == session.profile) current.failures = session.failures;
  // What the worker did not name never reached it, or its Killed was lost on the way: nobody is to
  // blame.
  end_session(former, Departure::left, "its worker does not hold it");
}

}  // namespace fanmill::core
