// How attempts and tasks end. Every end of a task goes through finish_task (it has an outcome) or
// end_members (its group went on without it); both leave nothing of it behind but attempts whose
// workers still have to answer.
#include <algorithm>

#include "core/manager_state.hpp"
#include "core/plant.hpp"

namespace fanmill::core {
namespace {

TaskError::Kind kind_of(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::crashed:
      return TaskError::Kind::crashed;
    case AttemptOutcome::time_limit:
      return TaskError::Kind::time_limit;
    case AttemptOutcome::rejected:
      return TaskError::Kind::rejected;
    case AttemptOutcome::ok:
    case AttemptOutcome::failed:
      break;
  }
  return TaskError::Kind::failed;
}

std::string in_words(TaskError::Kind kind, const Result& result) {
  std::string words = to_string(kind);
  for (const std::string& part : {result.error_type, result.error_text}) {
    if (!part.empty()) words.append(": ").append(part);
  }
  return words;
}

std::string crash_text(const Result& result) {
  // What it died of may stand in the type, in better words.
  if (!result.error_text.empty() || !result.error_type.empty()) return result.error_text;
  if (result.detail == 0) return "its process ended";
  return result.detail >= 256 ? "exit status " + std::to_string(result.detail - 256)
                              : "signal " + std::to_string(result.detail);
}

}  // namespace

void ManagerState::take_result(std::uint32_t session_index, std::uint32_t index, Result&& result) {
  SessionRecord& session = sessions[session_index];
  owe_acknowledgement(session_index);
  session.tasks_done += 1;
  session.busy = saturating_add(session.busy, result.busy);
  counters.busy = saturating_add(counters.busy, result.busy);

  AttemptRecord& attempt = attempts[index];
  // Several of one turn came together.
  if (now > session.answered) {
    // A connection that is slow is so by parts of a heartbeat; the rest was something else.
    const Duration unexplained =
        std::clamp(now - session.answered - result.busy, Duration::zero(), options.heartbeat);
    session.lag += (unexplained - session.lag) / 8;
  }
  session.answered = now;
  // How soon something went wrong tells nothing of how long tasks take.
  if (result.outcome == AttemptOutcome::ok) adapt_credit(session, result.busy);
  release_attempt(index);
  if (result.outcome == AttemptOutcome::ok) count_result(session);
  if (!attempt.has_task()) {
    // Its group was decided, or the task was answered by another worker, while this result was
    // under way.
    counters.results_late += 1;
    erase_attempt(index);
    return;
  }
  if (attempt.lane != no_index && result.outcome == AttemptOutcome::ok) {
    finish_unrecorded(index,
                      Outcome{.nothing = result.nothing, .payload = std::move(result.payload)},
                      session.id);
    return;
  }
  make_records_of(index);
  TaskRecord& task = tasks[attempt.task];
  task.busy = saturating_add(task.busy, result.busy);
  if (result.outcome != AttemptOutcome::ok) {
    const TaskError::Kind kind = kind_of(result.outcome);
    if (kind == TaskError::Kind::crashed) result.error_text = crash_text(result);
    observe_task(Observation::Kind::task_ended, task, &session, &attempt, in_words(kind, result));
    count_failure(session, groups[task.group].id);
    attempt_failed(index, session,
                   TaskError{.kind = kind,
                             .type = std::move(result.error_type),
                             .text = std::move(result.error_text),
                             .worker = session.name,
                             .attempt = extra_of(attempt).number,
                             .detail = result.detail,
                             .wall = result.busy,
                             .cpu = result.cpu,
                             .memory = result.memory});
    drain_if_failing(session_index);
    return;
  }
  if (observes(2)) {
    observe_task(Observation::Kind::task_ended, task, &session, &attempt,
                 result.nothing ? "nothing found" : "result", result.payload);
  }
  finish_task(attempt.task,
              Outcome{.kind = OutcomeKind::result,
                      .nothing = result.nothing,
                      .payload = std::move(result.payload)},
              session.id);
}

void ManagerState::take_killed(std::uint32_t session_index, std::uint32_t index,
                               const Killed& killed) {
  SessionRecord& session = sessions[session_index];
  session.busy = saturating_add(session.busy, killed.busy);
  counters.busy = saturating_add(counters.busy, killed.busy);
  AttemptRecord& attempt = attempts[index];
  if (attempt.running && !killed.unstarted) session.answered = now;
  // Not only while it counts as recalled: a result that crossed the recall may have made it look
  // started.
  const bool asked = extra_of(attempt).asked_back || session.draining;
  release_attempt(index);
  make_records_of(index);
  if (attempt.task == no_index) {
    counters.kills_confirmed += 1;
    erase_attempt(index);
    return;
  }
  const std::uint32_t task = attempt.task;
  if (!asked) {
    count_failure(session, groups[tasks[task].group].id);
    attempt_failed(index, session,
                   TaskError{.kind = TaskError::Kind::crashed,
                             .text = "the worker gave the task up without being asked",
                             .worker = session.name,
                             .attempt = extra_of(attempt).number});
    drain_if_failing(session_index);
    return;
  }
  detach_from_task(index);
  erase_attempt(index);
  if (FANMILL_PLANTED(recall_loses_task)) return;
  judge_task(task, killed.unstarted ? "recalled before it started" : "its worker is leaving");
}

/// Out of its session's hands: the credit is free.
void ManagerState::release_attempt(std::uint32_t index) {
  AttemptRecord& attempt = attempts[index];
  const std::uint32_t session_index = attempt.session;
  SessionRecord& session = sessions[session_index];
  end_recall(attempt);
  stop_timer(attempt);
  part_with(attempt);
  (attempt.running ? session.running : session.waiting).erase(attempts, index);
  discount(attempt);
  attempt.running = false;
  if (attempt.extra != no_index) make_extra(attempt).asked_back = false;
  attempt.session = no_index;
  fill_running(session_index);
  refresh_room(session_index);
  refresh_backlog(session_index);
}

/// Takes the attempt out of its session's credit, if it is still in.
void ManagerState::discount(AttemptRecord& attempt) {
  if (!attempt.counted) return;
  attempt.counted = false;
  SessionRecord& session = sessions[attempt.session];
  session.active -= 1;
  session.active_bytes -= attempt.bytes;
}

void ManagerState::detach_from_task(std::uint32_t index) {
  AttemptRecord& attempt = attempts[index];
  TaskRecord& task = tasks[attempt.task];
  task.attempts.erase(attempts, index);
  if (task.live == index) task.live = no_index;
  attempt.task = no_index;
}

void ManagerState::erase_attempt(std::uint32_t index) {
  const AttemptRecord& attempt = attempts[index];
  attempt_of_id.erase(attempt.id.value);
  if (attempt.extra != no_index) extras.erase(attempt.extra);
  attempts.erase(index);
}

const AttemptExtra& ManagerState::extra_of(const AttemptRecord& attempt) const {
  static const AttemptExtra none;
  return attempt.extra == no_index ? none : extras[attempt.extra];
}

AttemptExtra& ManagerState::make_extra(AttemptRecord& attempt) {
  if (attempt.extra == no_index) attempt.extra = extras.insert();
  return extras[attempt.extra];
}

/// The worker that holds it, or may come back with it.
const Uuid& ManagerState::worker_of(const AttemptRecord& attempt) const {
  return attempt.session != no_index ? sessions[attempt.session].worker : extra_of(attempt).worker;
}

void ManagerState::stop_timer(const AttemptRecord& attempt) {
  if (attempt.extra != no_index) timers.cancel(extras[attempt.extra].time_limit);
}

/// The task goes on without any of its attempts: kills those that a worker holds, forgets the
/// others.
void ManagerState::settle_attempts(std::uint32_t task) {
  while (!tasks[task].attempts.empty()) {
    const std::uint32_t attempt = tasks[task].attempts.front();
    detach_from_task(attempt);
    if (attempts[attempt].session == no_index) {
      erase_attempt(attempt);
    } else {
      kill_attempt(attempt, true);
    }
  }
}

void ManagerState::kill_attempt(std::uint32_t index, bool tell) {
  AttemptRecord& attempt = attempts[index];
  FANMILL_ASSERT(!attempt.has_task() && attempt.session != no_index && !attempt.killing,
                 attempt.id);
  end_recall(attempt);
  stop_timer(attempt);
  SessionRecord& session = sessions[attempt.session];
  attempt.killing = true;
  // The next task travels with the kill; but a worker that can't end what runs is busy until it
  // says that it is not, and one that ends with it would take the next task along.
  const bool can_kill = (session.features & feature::kill) != 0;
  const bool goes_on = can_kill && session.containment != Containment::process;
  if (goes_on || !attempt.running) discount(attempt);
  // Else it goes on, and nobody will take what it writes.
  if (tell && !can_kill && !FANMILL_PLANTED(output_untaken))
    tell_taken(index, extra_of(attempt).output_received);
  if (FANMILL_PLANTED(sibling_survives) && attempt.id.value % 2 == 0) tell = false;
  if (tell) {
    counters.kills_sent += 1;
    // A worker that can't end what runs is asked for what does not run yet; the rest it answers
    // when it is done.
    send(session, Kill{.attempt = attempt.id, .if_unstarted = !can_kill});
  }
  stop_parts(attempt);
  refresh_room(attempt.session);
}

/// The attempt, already released, ended with its worker, which had this session. `may_return`: the worker may come back and
/// bring it.
void ManagerState::attempt_lost(std::uint32_t index, const SessionRecord& session, bool blamed,
                                bool may_return, const std::string& why) {
  make_records_of(index);
  AttemptRecord& attempt = attempts[index];
  if (attempt.task == no_index) {
    erase_attempt(index);
    return;
  }
  const std::uint32_t task_index = attempt.task;
  TaskRecord& task = tasks[task_index];
  if (blamed && !extra_of(attempt).blamed && !FANMILL_PLANTED(blame_ignored)) {
    make_extra(attempt).blamed = true;
    task.lost += 1;
    add_error(task,
              TaskError{.kind = TaskError::Kind::lost_worker,
                        .text = why,
                        .worker = session.name,
                        .attempt = extra_of(attempt).number},
              session.worker);
  }
  if (task.live == index) task.live = no_index;
  if (may_return) {
    make_extra(attempt).worker = session.worker;
  } else {
    detach_from_task(index);
    erase_attempt(index);
  }
  if (FANMILL_PLANTED(lost_task_forgotten) && may_return) return;
  if (FANMILL_PLANTED(goodbye_loses_tasks) && !may_return) return;
  judge_task(task_index, why.c_str());
}

/// The attempt, already released, gave an error in place of a result.
void ManagerState::attempt_failed(std::uint32_t index, const SessionRecord& session,
                                  TaskError error) {
  const std::uint32_t task_index = attempts[index].task;
  TaskRecord& task = tasks[task_index];
  (uses_up_retries(error.kind) ? task.failed : task.lost) += 1;
  add_error(task, std::move(error), session.worker);
  detach_from_task(index);
  erase_attempt(index);
  judge_task(task_index, "it failed");
}

/// After an attempt ended without a result: ends the task if a limit is reached, else queues it
/// again unless another attempt is still expected to answer.
void ManagerState::judge_task(std::uint32_t index, const char* why) {
  TaskRecord& task = tasks[index];
  const JobOptions& limits = jobs[groups[task.group].job].options;
  if (task.lost >= limits.lost_attempts_max) {
    finish_task(index, Outcome{.kind = OutcomeKind::quarantined});
  } else if (task.failed > limits.retries + (FANMILL_PLANTED(retries_one_more) ? 1 : 0)) {
    finish_task(index, Outcome{.kind = OutcomeKind::failed});
  } else if (task.live == no_index && task.state == TaskRecord::State::assigned) {
    counters.tasks_requeued += 1;
    observe_task(Observation::Kind::task_requeued, task, nullptr, nullptr, why);
    make_ready(index, true);
  }
}

/// `session`: of the worker that gave the result, if it is one.
void ManagerState::finish_task(std::uint32_t index, Outcome&& outcome, SessionId session) {
  TaskRecord& task = tasks[index];
  const std::uint32_t group = task.group;
  const std::uint32_t number = task.number;
  outcome.busy = task.busy;
  if (task.history) outcome.errors = std::move(task.history->errors);
  switch (outcome.kind) {
    case OutcomeKind::result:
      counters.tasks_ok += 1;
      break;
    case OutcomeKind::failed:
      counters.tasks_failed += 1;
      break;
    case OutcomeKind::quarantined:
      counters.tasks_quarantined += 1;
      break;
    case OutcomeKind::killed:
      FANMILL_ASSERT(false, "killed tasks end with their group");
      break;
  }
  erase_task(index);
  task_ended_in_group(group, number, std::move(outcome), session);
}

void ManagerState::erase_task(std::uint32_t index) {
  TaskRecord& task = tasks[index];
  settle_attempts(index);
  GroupRecord& group = groups[task.group];
  if (task.state == TaskRecord::State::waiting) {
    group.waiting.erase(tasks, index);
  } else {
    group.released -= 1;
    if (task.state == TaskRecord::State::ready) unqueue(index);
  }
  group.members.erase(tasks, index);
  tasks.erase(index);
}

void ManagerState::time_limit_passed(std::uint32_t index) {
  AttemptRecord& attempt = attempts[index];
  AttemptExtra& extra = make_extra(attempt);
  extra.time_limit = no_index;
  // A worker that is cut off may have ended the task in time, and can't say so: its silence
  // decides, or the grace of its connection, not the task's limit.
  const SessionRecord& session = sessions[attempt.session];
  const bool judged = FANMILL_PLANTED(cut_off_judged);
  if (session.lost && !judged) return;  // if it comes back, hold_again times the attempt anew
  if (session.suspect && !judged) {
    extra.time_limit = timers.add(now + limits::time_limit_slack, {Timer::Kind::time_limit, index});
    return;
  }
  make_records_of(index);
  const std::uint32_t task_index = attempt.task;
  TaskRecord& task = tasks[task_index];
  task.failed += 1;
  add_error(task,
            TaskError{.kind = TaskError::Kind::time_limit,
                      .text = "the worker did not end it at its time limit",
                      .worker = session.name,
                      .attempt = extra.number},
            session.worker);
  detach_from_task(index);
  kill_attempt(index, true);
  judge_task(task_index, "it ran longer than its time limit");
}

}  // namespace fanmill::core
