#include "session_oracle.hpp"

#include <algorithm>

namespace fanmill::sim {
namespace {

std::uint64_t serial(std::uint64_t id) { return id & ((std::uint64_t{1} << serial_bits) - 1); }

}  // namespace

SessionOracle::Session* SessionOracle::session_of(PeerId peer) {
  const auto found = session_of_peer_.find(peer);
  if (found == session_of_peer_.end()) return nullptr;
  Session& session = sessions_[found->second];
  return session.open && !session.lost ? &session : nullptr;
}

SessionOracle::Attempt* SessionOracle::find(AttemptId id) {
  const std::uint64_t number = serial(id.value);
  if (incarnation_of(id) != options_.incarnation || number == 0 || number > attempts_.size())
    return nullptr;
  return &attempts_[number - 1];
}

void SessionOracle::release(Attempt& attempt) {
  if (attempt.session == nobody) return;
  std::erase(sessions_[attempt.session].held, attempt.id);
  attempt.session = nobody;
}

// Facts.

void SessionOracle::received(Instant now, PeerId peer, const core::Message& message) {
  if (const auto* hello = std::get_if<core::Hello>(&message)) {
    on_hello(peer, *hello);
    return;
  }
  Session* session = session_of(peer);
  if (session == nullptr) return;
  session->heard = attentive(now);
  if (const auto* result = std::get_if<core::Result>(&message)) {
    on_result(*session, *result);
  } else if (const auto* results = std::get_if<core::Results>(&message)) {
    if (results->session != session->id) return;
    tally_.add(Count::results_batched);
    for (const core::Result& each : results->results) {
      on_result(*session, each);
      answered_together_.insert(each.attempt);
    }
    session->claimed_started = std::max(session->claimed_started, results->started);
  } else if (const auto* killed = std::get_if<core::Killed>(&message)) {
    on_killed(*session, *killed);
  } else if (const auto* output = std::get_if<core::Output>(&message)) {
    on_output(*session, *output);
  } else if (const auto* part = std::get_if<core::Part>(&message)) {
    on_part(*session, *part);
  } else if (const auto* taken = std::get_if<core::PartTaken>(&message)) {
    on_part_taken(*session, *taken);
  } else if (const auto* goodbye = std::get_if<core::Goodbye>(&message)) {
    if (goodbye->session != session->id) return;
    session->draining = true;
    leaving_.insert(session->hello.uuid);
    session->may_end = session->left = !goodbye->drain;
  } else if (const auto* heartbeat = std::get_if<core::Heartbeat>(&message)) {
    if (heartbeat->session == session->id)
      session->claimed_started = std::max(session->claimed_started, heartbeat->started);
  } else if (!std::holds_alternative<core::Unknown>(message)) {
    session->may_end = true;  // what only managers say
  }
}

void SessionOracle::on_hello(PeerId peer, const core::Hello& hello) {
  hellos_[peer] = hello;
  greeted_ = hello.uuid;
  // Two workers on one connection: that is nobody's right.
  Session* session = session_of(peer);
  if (session != nullptr && session->hello.uuid != hello.uuid) session->may_end = true;
}

void SessionOracle::on_result(Session& session, const core::Result& result) {
  // Who is not trusted may not have sent them; of an attempt that it claimed without having had it, too.
  const bool doubtful = result.in_parts && distrusted_.count(session.hello.uuid) != 0;
  session.may_end = session.may_end || doubtful;
  Attempt* attempt = find(result.attempt);
  if (attempt == nullptr || attempt->session == nobody || &sessions_[attempt->session] != &session)
    return;
  core::Result whole = result;
  if (result.in_parts) {
    tally_.add(Count::result_in_parts);
    if (doubtful) return;
    whole.payload.bytes = Bytes(attempt->result_parts);
  }
  if (result.error_type == "payload_too_large") tally_.add(Count::result_too_large);
  release(*attempt);
  attempt->answered = attempt->result_delivered = true;
  if (result.nothing) tally_.add(Count::task_nothing);
  if (result.outcome == core::AttemptOutcome::time_limit) tally_.add(Count::time_limit);
  if (result.outcome == core::AttemptOutcome::ok)
    failed_row_[session.hello.uuid] = 0;
  else
    failed(*attempt, session);
  if (!attempt->killing) groups_.result(attempt->task, whole, session.id);
}

void SessionOracle::failed(Attempt& attempt, Session& session) {
  failed_row_[session.hello.uuid] += 1;
  if (!attempt.killing) failed_at_[attempt.task] = session.hello.uuid;
}

void SessionOracle::on_killed(Session& session, const core::Killed& killed) {
  Attempt* attempt = find(killed.attempt);
  if (attempt == nullptr || attempt->session == nobody || &sessions_[attempt->session] != &session)
    return;
  release(*attempt);
  attempt->answered = true;
  if (!attempt->result_parts.empty()) tally_.add(Count::result_cut_short);
  if (attempt->killing || attempt->recalled || session.draining) return;
  failed(*attempt, session);
  groups_.given_up(attempt->task);
}

void SessionOracle::on_output(Session& session, const core::Output& output) {
  Attempt* attempt = find(output.attempt);
  if (attempt == nullptr || attempt->session == nobody || &sessions_[attempt->session] != &session)
    return;
  const std::uint64_t end = output.offset + output.bytes.size();
  const bool has_gap = output.offset > attempt->output_received;
  if (has_gap && distrusted_.count(session.hello.uuid) != 0) session.may_end = true;
  attempt->output_received = std::max(attempt->output_received, end);
}

void SessionOracle::on_part(Session& session, const core::Part& part) {
  const bool takes = (session.features & core::feature::parts) != 0;
  if (!takes || distrusted_.count(session.hello.uuid) != 0) session.may_end = true;
  Attempt* attempt = find(part.attempt);
  if (attempt == nullptr || attempt->session == nobody || &sessions_[attempt->session] != &session)
    return;
  if (part.offset == attempt->result_parts.size()) attempt->result_parts += part.bytes.view();
}

void SessionOracle::on_part_taken(Session& session, const core::PartTaken& taken) {
  if ((session.features & core::feature::parts) == 0) session.may_end = true;
  Attempt* attempt = find(taken.attempt);
  if (attempt == nullptr || attempt->session == nobody || &sessions_[attempt->session] != &session)
    return;
  for (const AttemptId id : session.held) {
    Attempt& before = *find(id);
    const bool is_it = before.id == attempt->id && taken.offset == before.bytes;
    const bool is_unwanted = before.killing || before.recalled;
    if ((before.id < attempt->id || is_it) && before.parts_sent == before.bytes && !is_unwanted)
      before.whole = true;
  }
}

void SessionOracle::sent_part(const Session& session, const core::Part& part) {
  demand((session.features & core::feature::parts) != 0, "parts go to who takes them",
         part.attempt);
  Attempt* attempt = find(part.attempt);
  demand(
      attempt != nullptr && attempt->session != nobody && &sessions_[attempt->session] == &session,
      "a part is of a task that the session holds", part.attempt, session.id);
  demand(!attempt->killing && !attempt->recalled, "no part of a task follows its kill",
         part.attempt);
  demand(attempt->in_parts && part.offset == attempt->parts_sent && part.total == attempt->bytes &&
             part.bytes.view() == attempt->payload.view().substr(part.offset, part.bytes.size()),
         "parts follow each other without a gap", part.attempt, part.offset);
  demand(part.bytes.size() <= limits::part_bytes(options_.frame_bytes_max),
         "a part fits in a frame", part.attempt);
  attempt->parts_sent += part.bytes.size();
}

void SessionOracle::sent_part_taken(const Session& session, const core::PartTaken& taken) {
  demand((session.features & core::feature::parts) != 0, "parts are taken from who sends them",
         taken.attempt);
  const Attempt* attempt = find(taken.attempt);
  const bool is_held =
      attempt != nullptr && attempt->session != nobody && &sessions_[attempt->session] == &session;
  demand(!is_held || distrusted_.count(session.hello.uuid) != 0 ||
             taken.offset <= attempt->result_parts.size(),
         "only parts that came are taken", taken.attempt, taken.offset);
}

void SessionOracle::output_delivered(const core::DeliverOutput& output) {
  Attempt* attempt = find(output.attempt);
  const std::uint64_t end = output.offset + output.bytes.size();
  demand(attempt != nullptr && end <= attempt->output_received,
         "output is delivered as it was sent", output.attempt);
  attempt->output_delivered = end;
}

void SessionOracle::output_consumed(const core::OutputConsumed& consumed) {
  if (Attempt* attempt = find(consumed.attempt)) attempt->output_consumed = consumed.offset;
}

void SessionOracle::sent_taken(Session& session, const core::OutputTaken& taken) {
  tally_.add(Count::output_told);
  demand((session.features & core::feature::output) != 0, "output is taken from who passes it on",
         taken.attempt);
  const Attempt* attempt = find(taken.attempt);
  if (attempt == nullptr) return;  // of an older manager: nobody listens to it
  demand(taken.offset <= attempt->output_received, "only what was sent is taken", taken.attempt,
         taken.offset);
  // A worker that can't end a task is not kept waiting by one that nobody needs.
  const bool listened = attempt->output_delivered > attempt->output_consumed && !attempt->killing &&
                        groups_.is_open(attempt->task) &&
                        (session.features & core::feature::kill) != 0;
  demand(!listened || taken.offset <= attempt->output_consumed,
         "output is taken when its client has taken it", taken.attempt, taken.offset, "of",
         attempt->output_consumed);
}

void SessionOracle::malformed(PeerId peer) {
  if (Session* session = session_of(peer)) session->may_end = true;
}

void SessionOracle::connection_lost(Instant now, PeerId peer) {
  if (Session* session = session_of(peer)) session->lost = attentive(now);
}

void SessionOracle::drain_requested(SessionId id) {
  for (Session& session : sessions_) {
    if (session.id != id) continue;
    session.draining = true;
    leaving_.insert(session.hello.uuid);
  }
}

void SessionOracle::shutdown() {
  shut_ = true;
  for (Session& session : sessions_) session.may_end = session.left = true;
}

// Who is still there.

void SessionOracle::sessions_seen(Instant now, const std::vector<core::WorkerInfo>& workers) {
  for (SessionIndex index = 0; index < sessions_.size(); ++index) {
    Session& session = sessions_[index];
    if (!session.open || session.ending) continue;
    const bool there =
        std::any_of(workers.begin(), workers.end(),
                    [&](const core::WorkerInfo& worker) { return worker.session == session.id; });
    if (there) continue;
    session.ending = true;
    if (greeted_ == session.hello.uuid)
      continue;  // it goes on under a newer session: the welcome tells
    const Duration grace =
        session.hello.boot == options_.boot ? options_.grace_same_host : options_.grace_remote;
    const bool grace_passed = session.lost && attentive(now) - *session.lost >= grace;
    const bool silent = attentive(now) - session.heard >= options_.dead;
    demand(session.may_end || grace_passed || silent, "no worker is given up without cause",
           session.id, "of worker pid", session.hello.pid, "silent for",
           (attentive(now) - session.heard).count(), "ns; lost", session.lost.has_value());
    end_session(index);
  }
}

/// Its attempts become orphans: the worker may come back with them.
void SessionOracle::end_session(SessionIndex index) {
  Session& session = sessions_[index];
  const std::vector<AttemptId> held = session.held;
  std::size_t place = 0;
  bool waits = false;  // for the parts of a payload, and so does all that follows
  for (const AttemptId id : held) {
    Attempt& attempt = *find(id);
    waits = waits || (attempt.in_parts && !attempt.whole);
    release(attempt);
    attempt.lost_by = index;
    // Whoever left, or broke the rules, has no claim to what it was given. If its connection was lost, too,
    // the manager may have ended the session for that alone.
    if (session.may_end && session.lost) attempt.claim_is_doubtful = true;
    if (session.may_end && !session.lost) attempt.worker = core::Uuid{};
    if (attempt.killing) continue;
    if (waits) tally_.add(Count::lost_between_parts);
    // A worker with a free slot starts at once, so its first tasks count as started.
    const bool first = place++ < session.hello.slots && !waits;
    const bool started = first || attempt.started || attempt.sequence <= session.claimed_started ||
                         distrusted_.count(session.hello.uuid) != 0;
    if (!session.left) groups_.lost(attempt.task, started);
    failed_at_.erase(attempt.task);  // who is avoided from now on is not known for sure
  }
}

// Orders.

void SessionOracle::sent(Instant now, PeerId peer, const core::Message& message) {
  if (const auto* welcome = std::get_if<core::Welcome>(&message)) {
    sent_welcome(now, peer, *welcome);
    return;
  }
  if (std::holds_alternative<core::Who>(message)) return;
  const auto found = session_of_peer_.find(peer);
  if (std::holds_alternative<core::Refuse>(message)) return;
  demand(found != session_of_peer_.end(), "only sessions are spoken to", peer, message.index());
  Session& session = sessions_[found->second];
  demand(session.open && !session.lost && session.peer == peer,
         "nothing is sent to a session that is gone", session.id, message.index());
  if (const auto* goodbye = std::get_if<core::Goodbye>(&message)) sent_goodbye(session, *goodbye);
  if (const auto* task = std::get_if<core::Task>(&message)) {
    const std::size_t bytes = limits::batched_bytes(task->payload.bytes.size());
    demand((session.features & core::feature::batch) == 0 || task->in_parts ||
               task->payload.bytes.size() > limits::batched_payload_bytes_max ||
               bytes > limits::batch_bytes_in(options_.frame_bytes_max),
           "what fits in a batch goes in one", task->attempt);
    check_acknowledged(session, task->acknowledged);
    sent_task(now, session, *task);
  }
  if (const auto* tasks = std::get_if<core::Tasks>(&message)) sent_tasks(now, session, *tasks);
  if (const auto* kill = std::get_if<core::Kill>(&message)) sent_kill(now, session, *kill);
  if (const auto* taken = std::get_if<core::OutputTaken>(&message)) sent_taken(session, *taken);
  if (const auto* part = std::get_if<core::Part>(&message)) sent_part(session, *part);
  if (const auto* taken = std::get_if<core::PartTaken>(&message)) sent_part_taken(session, *taken);
  if (const auto* heartbeat = std::get_if<core::Heartbeat>(&message)) {
    demand(heartbeat->session == session.id, "a heartbeat names its session", session.id);
    check_acknowledged(session, heartbeat->acknowledged);
  }
}

void SessionOracle::sent_goodbye(Session& session, const core::Goodbye& goodbye) {
  session.told_closed |= goodbye.closed;
  if (!goodbye.drain) return;
  const bool asked = !leaving_.insert(session.hello.uuid).second;
  session.draining = true;
  if (asked) return;
  demand(failed_row_[session.hello.uuid] >= options_.failing.tasks_min,
         "a worker is only drained on request, or if all its tasks fail", session.id);
  const bool others = std::any_of(sessions_.begin(), sessions_.end(), [&](const Session& other) {
    return other.id != session.id && other.open && !other.lost && !other.draining;
  });
  demand(others, "the last worker that takes tasks is not drained for its failures", session.id);
}

/// From here on in the list of orders the connection is nobody's.
void SessionOracle::forgotten(PeerId peer) {
  if (Session* session = session_of(peer)) session->peer = PeerId{};
}

void SessionOracle::sent_welcome(Instant now, PeerId peer, const core::Welcome& welcome) {
  const auto hello = hellos_.find(peer);
  demand(hello != hellos_.end() && hello->second.greeting == welcome.greeting,
         "a welcome answers a hello", peer);
  demand(serial(welcome.session.value) == sessions_.size() + 1 &&
             incarnation_of(welcome.session) == options_.incarnation,
         "session ids are never used again", welcome.session);
  const auto index = static_cast<SessionIndex>(sessions_.size());
  sessions_.push_back(
      {.id = welcome.session, .peer = peer, .hello = hello->second, .heard = attentive(now)});
  Session& session = sessions_.back();
  session.features = welcome.features;
  demand((welcome.features & ~session.hello.features) == 0, "only offered features are in force",
         welcome.session);
  const std::uint32_t prefetch = session.hello.prefetch != 0
                                     ? session.hello.prefetch
                                     : (beats(session) ? options_.prefetch : 0);
  const bool adapts = session.hello.prefetch == 0 && beats(session);
  session.tasks_max =
      session.hello.slots * (1 + (adapts ? std::max(prefetch, options_.prefetch_most) : prefetch));
  demand(welcome.judgements.size() == session.hello.holdings.size(),
         "a welcome judges all that a hello names", welcome.session);
  for (std::size_t i = 0; i < welcome.judgements.size(); ++i) {
    demand(welcome.judgements[i].attempt == session.hello.holdings[i].attempt,
           "a welcome judges all that a hello names", welcome.session);
    judged(index, welcome.judgements[i], session.hello.holdings[i].state);
  }

  const auto former = session_of_worker_.find(session.hello.uuid);
  if (former != session_of_worker_.end() && sessions_[former->second].open) {
    // What the worker did not name never reached it.
    const std::vector<AttemptId> held = sessions_[former->second].held;
    for (const AttemptId id : held) {
      release(*find(id));
      find(id)->worker = core::Uuid{};  // and it has no claim to it later
    }
    sessions_[former->second].open = false;
  }
  session_of_worker_[session.hello.uuid] = index;
  session_of_peer_[peer] = index;
}

void SessionOracle::judged(SessionIndex session, const core::Judgement& judgement,
                           core::HoldingState state) {
  Attempt* attempt = find(judgement.attempt);
  const bool may_be_mine = attempt != nullptr && attempt->worker == sessions_[session].hello.uuid;
  const bool mine = may_be_mine && !attempt->claim_is_doubtful;
  switch (judgement.verdict) {
    case core::Verdict::keep:
      tally_.add(Count::keep_judged);
      demand(may_be_mine, "only attempts that the worker was given are kept", judgement.attempt);
      attempt->claim_is_doubtful = false;
      demand(!attempt->answered && !attempt->killing,
             "only attempts that are still wanted are kept", judgement.attempt);
      demand(groups_.is_open(attempt->task), "only attempts of open tasks are kept",
             judgement.attempt);
      release(*attempt);
      attempt->in_parts = false;  // what is named is whole
      attempt->result_parts.clear();
      attempt->spare = std::any_of(attempts_.begin(), attempts_.end(), [&](const Attempt& other) {
        return other.task == attempt->task && other.session != nobody && !other.killing;
      });
      attempt->session = session;
      attempt->recalled = false;
      attempt->sent = sessions_[session].heard;
      sessions_[session].held.push_back(attempt->id);
      return;
    case core::Verdict::drop:
      tally_.add(Count::drop_judged);
      demand(state == core::HoldingState::result || attempt == nullptr || !mine ||
                 attempt->answered || !groups_.is_open(attempt->task),
             "nothing that is wanted is dropped", judgement.attempt);
      demand(!mine || attempt->answered || attempt->killing || attempt->session == session ||
                 groups_.may_have_ended(attempt->task),
             "a result that is wanted is asked for", judgement.attempt);
      return;
    case core::Verdict::kill:
      tally_.add(Count::kill_judged);
      if (!mine || attempt->answered || attempt->session == session) return;
      release(*attempt);
      attempt->session = session;
      attempt->killing = true;
      attempt->in_parts = false;
      attempt->result_parts.clear();
      sessions_[session].held.push_back(attempt->id);
  }
}

void SessionOracle::sent_tasks(Instant now, Session& session, const core::Tasks& tasks) {
  tally_.add(Count::tasks_batched);
  demand((session.features & core::feature::batch) != 0 && tasks.session == session.id,
         "a batch goes to a session that takes it", session.id);
  check_acknowledged(session, tasks.acknowledged);
  for (const core::Task& task : tasks.tasks) sent_task(now, session, task);
}

void SessionOracle::sent_task(Instant now, Session& session, const core::Task& task) {
  Payload payload = task.payload;
  if (task.in_parts) {
    tally_.add(Count::task_in_parts);
    demand((session.features & core::feature::parts) != 0, "parts go to who takes them",
           task.attempt);
    payload = assigned_[task.attempt];
  }
  demand(task.in_parts == (payload.bytes.size() > options_.frame_bytes_max),
         "what fits in a frame goes in one", task.attempt, payload.bytes.size());
  const std::optional<Work> work = work_of(payload);
  demand(work.has_value(), "payloads arrive as they were submitted", task.attempt);
  // Those of a turn are made in their order, but sent by batches, one to each worker.
  const std::uint64_t number = serial(task.attempt.value);
  if (number > attempts_.size()) attempts_.resize(number);
  demand(number > 0 && !attempts_[number - 1].id.valid() &&
             incarnation_of(task.attempt) == options_.incarnation,
         "attempt ids are never used again", task.attempt);
  demand(task.attempt > session.newest, "attempt ids grow within a session", task.attempt,
         session.newest);
  session.newest = task.attempt;
  demand(!session.draining, "a worker that leaves gets no work", session.id, task.attempt);
  // Who claims to run something, and beats no heart, is believed to compute.
  const bool judged_by_silence =
      beats(session) || (session.held.empty() && distrusted_.count(session.hello.uuid) == 0);
  demand(!judged_by_silence || attentive(now) - session.heard <= options_.suspect,
         "a suspect gets no work", session.id, task.attempt, "silent for",
         (attentive(now) - session.heard).count(), "ns");
  demand(task.function < session.hello.functions.size(), "a task names a function of its worker",
         task.attempt);

  std::uint32_t active = 0;
  std::size_t bytes = 0;
  for (const AttemptId id : session.held) {
    const Attempt& held = *find(id);
    if (held.killing) continue;
    active += 1;
    bytes += held.bytes;
  }
  demand(active < session.tasks_max, "credit in tasks is kept", session.id, task.attempt, "active",
         active);
  demand(active == 0 || bytes < options_.credit_bytes, "credit in bytes is kept", session.id,
         task.attempt, bytes);

  const TaskIndex index = groups_.find(*work);
  for (const Attempt& other : attempts_) {
    if (other.task != index || other.session == nobody || other.killing || other.spare) continue;
    demand(false, "a task has one attempt at a time", task.attempt, "and", other.id);
  }
  groups_.sent(index, task);
  check_tried_elsewhere(now, session, task, index);
  attempts_[number - 1] = {.id = task.attempt,
                           .task = index,
                           .worker = session.hello.uuid,
                           .session = static_cast<SessionIndex>(&session - sessions_.data()),
                           .sent = attentive(now),
                           .bytes = payload.bytes.size(),
                           .sequence = ++session.tasks_sent,
                           .payload = payload.bytes,
                           .in_parts = task.in_parts};
  attempts_sent_ += 1;
  session.held.push_back(task.attempt);
}

/// Only idle workers of which nothing is doubtful are looked at.
void SessionOracle::check_tried_elsewhere(Instant now, const Session& session,
                                          const core::Task& task, TaskIndex index) {
  const auto failed = failed_at_.find(index);
  if (failed == failed_at_.end() || failed->second != session.hello.uuid) return;
  const std::string& function = session.hello.functions[task.function];
  for (const Session& other : sessions_) {
    const bool there = other.open && !other.ending && !other.lost && !other.draining &&
                       !other.told_closed && other.peer.valid();
    if (!there || &other == &session || !other.held.empty()) continue;
    if (!other.hello.holdings.empty()) continue;  // it may be held up by what nobody asked of it
    if (attentive(now) - other.heard >= options_.suspect) continue;
    if (task.in_parts && (other.features & core::feature::parts) == 0) continue;
    const std::vector<std::string>& functions = other.hello.functions;
    if (std::count(functions.begin(), functions.end(), function) == 0) continue;
    idle_then_.push_back({.attempt = task.attempt,
                          .tried = session.id,
                          .idle = static_cast<SessionIndex>(&other - sessions_.data())});
  }
}

void SessionOracle::sent_kill(Instant now, Session& session, const core::Kill& kill) {
  // A result before it in the same batch decided its group.
  if (answered_together_.count(kill.attempt) != 0) return;
  Attempt* attempt = find(kill.attempt);
  // The session may have ended after the kill, in the same step.
  const SessionIndex holder = attempt == nullptr           ? nobody
                              : attempt->session != nobody ? attempt->session
                                                           : attempt->lost_by;
  demand(holder != nobody && &sessions_[holder] == &session,
         "a kill names an attempt that the session holds", kill.attempt, session.id);
  tally_.add(kill.if_unstarted ? Count::recall_sent : Count::kill_sent);
  if (attempt->in_parts && !attempt->whole) tally_.add(Count::killed_between_parts);
  const bool can_kill = (session.features & core::feature::kill) != 0;
  demand(can_kill || kill.if_unstarted, "a worker that can't kill is not asked to", kill.attempt);
  if (!groups_.is_open(attempt->task)) {
    demand(!attempt->killing, "an attempt is killed once", kill.attempt);
    attempt->killing = true;
    return;
  }
  // The manager waits a while for a worker that does not keep the time limit itself. At a worker
  // that can't kill, its order then looks like a recall; its counters tell which it was.
  const Duration limit = std::chrono::milliseconds(groups_.work(attempt->task).time_limit_ms) +
                         limits::time_limit_slack;
  const bool too_long = limit > limits::time_limit_slack && attentive(now) - attempt->sent >= limit;
  // Both in one step: then by what is likely.
  const bool seems_kill = kills_ && (!recalls_ || (too_long && attempt->started));
  const bool recall = kill.if_unstarted && (can_kill || !seems_kill);
  if (recall) {
    attempt->recalled = true;
    return;
  }
  attempt->killing = true;
  if (too_long) {
    const bool heard = attentive(now) - session.heard <= options_.suspect || !beats(session);
    demand(heard || groups_.may_have_ended(attempt->task),
           "no time limit counts against a worker that can't be heard", kill.attempt, session.id);
    groups_.time_limit(attempt->task);
    failed_at_.erase(attempt->task);
    return;
  }
  // The task may be over in a way that only its delivery, later in this step, tells.
  demand(groups_.may_have_ended(attempt->task), "no kill comes before its cause", kill.attempt,
         session.id);
}

void SessionOracle::check_acknowledged(Session& session, std::uint32_t count) {
  demand(count >= session.acknowledged, "acknowledgements do not go back", session.id, count);
  session.acknowledged = count;
  const auto voice = voices_.find(session.hello.uuid);
  if (voice == voices_.end() || voice->second.greeting != session.hello.greeting)
    return;  // it has moved on
  const std::vector<AttemptId>& results = voice->second.results;
  demand(count <= results.size(), "only results that came are acknowledged", session.id, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Attempt* attempt = find(results[i]);
    demand(attempt == nullptr || attempt->result_delivered,
           "only results that came are acknowledged", session.id, results[i], count);
  }
}

void SessionOracle::step_ended() {
  greeted_.reset();
  answered_together_.clear();
  assigned_.clear();
  for (Session& session : sessions_) {
    demand(!shut_ || !session.open || session.lost || session.told_closed,
           "a manager that shuts down says so to every worker", session.id);
    if (session.ending) session.open = session.ending = false;
  }
  for (const TaskIndex task : groups_.take_ended()) {
    for (const Attempt& attempt : attempts_)
      if (attempt.task == task && attempt.session != nobody) must_be_killed_.push_back(attempt.id);
  }
}

void SessionOracle::turn_ended() {
  // Orders to one worker stand together, so one that idled may have been given a task before.
  for (const IdleThen& then : idle_then_) {
    const std::vector<AttemptId>& held = sessions_[then.idle].held;
    const bool was_busy =
        std::any_of(held.begin(), held.end(), [&](AttemptId each) { return each < then.attempt; });
    demand(was_busy, "a failed task is tried on another worker that idles", then.attempt,
           then.tried, sessions_[then.idle].id);
  }
  idle_then_.clear();
  demand(attempts_sent_ == attempts_.size(), "no attempt id is left out", attempts_sent_,
         attempts_.size());
  for (const AttemptId id : must_be_killed_) {
    const Attempt& attempt = *find(id);
    if (attempt.session == nobody || attempt.killing) continue;
    const Session& session = sessions_[attempt.session];
    demand(!session.open || session.lost || shut_,
           "what a decision ends is killed in the same turn", id, session.id);
  }
  must_be_killed_.clear();
}

// The truth about workers.

void SessionOracle::worker_sent(const core::Uuid& worker, const core::Message& message) {
  if (const auto* hello = std::get_if<core::Hello>(&message))
    voices_[worker] = {.greeting = hello->greeting, .results = {}};
  if (const auto* result = std::get_if<core::Result>(&message))
    voices_[worker].results.push_back(result->attempt);
  if (const auto* results = std::get_if<core::Results>(&message)) {
    for (const core::Result& each : results->results)
      voices_[worker].results.push_back(each.attempt);
  }
}

void SessionOracle::task_started(AttemptId id) {
  if (Attempt* attempt = find(id)) attempt->started = true;
}

bool SessionOracle::was_given(const core::Uuid& worker, AttemptId id) const {
  const Attempt* attempt = const_cast<SessionOracle*>(this)->find(id);
  return attempt != nullptr && attempt->worker == worker;
}

std::string SessionOracle::leftovers() const {
  for (const Session& session : sessions_) {
    if (!session.open || session.held.empty()) continue;
    return assert_context(session.id, "of worker pid", session.hello.pid, "still holds",
                          session.held.front());
  }
  return {};
}

}  // namespace fanmill::sim
