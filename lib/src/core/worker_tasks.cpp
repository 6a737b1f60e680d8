// Tasks: taken, started, killed, ended.
#include <algorithm>

#include "base/assert.hpp"
#include "core/plant.hpp"
#include "core/worker_state.hpp"

namespace fanmill::core {

void WorkerState::on_message(Instant now, Task& task, WorkerActions& out) {
  if (!is_open()) {
    ignore_message();
    return;
  }
  acknowledge(task.acknowledged, out);
  take_task(now, task, out);
}

void WorkerState::on_message(Instant now, Tasks& tasks, WorkerActions& out) {
  if (!is_open() || tasks.session != session) {
    ignore_message();
    return;
  }
  acknowledge(tasks.acknowledged, out);
  for (Task& task : tasks.tasks) {
    if (!is_open()) return;  // one too many closed the session
    take_task(now, task, out);
  }
}

void WorkerState::take_task(Instant now, Task& task, WorkerActions& out) {
  if (task.attempt <= newest &&
      !(FANMILL_PLANTED(duplicate_task_run) && attempts.find(task.attempt.value) == no_index &&
        task.attempt > queue.newest())) {
    counters.duplicates_ignored += 1;
    return;
  }
  newest = task.attempt;
  tasks_taken += 1;
  // What is held must fit into one hello, and a result that rejects the task would be held, too;
  // Killed, which nobody asked for, would count as a crash. So the next hello does not name it: it
  // goes to another worker, and nobody is to blame. No manager with sane credit comes near.
  if (held_count() >= limits::holdings_in(terms.frame_bytes_max)) {
    note(1,
         "closed the session: the manager sent a task beyond the " + std::to_string(held_count()) +
             " tasks and results that a hello can name",
         out);
    close_session(out);
    greet_again(now, out);
    return;
  }
  if (!can_run(task)) {
    counters.tasks_rejected += 1;
    keep_result(now,
                Result{.attempt = task.attempt,
                       .outcome = AttemptOutcome::rejected,
                       .error_text = reason_to_reject(task)},
                task.group, out);
    return;
  }
  // With so many before it no slot was free for it when it was sent.
  const bool gathers = queue.size() >= options.slots;
  queue.push(std::move(task), tasks_taken, gathers);
}

bool WorkerState::can_run(const Task& task) const {
  const Encoding encoding = task.payload.encoding;
  const bool can_read =
      encoding == Encoding::none || (options.encodings & encoding_bit(encoding)) != 0;
  return can_read && task.function < options.functions.size() && (!task.in_parts || takes_parts());
}

/// Of what can't be run.
std::string WorkerState::reason_to_reject(const Task& task) const {
  if (task.function >= options.functions.size()) {
    return "this worker has no function number " + std::to_string(task.function);
  }
  const Encoding encoding = task.payload.encoding;
  if (encoding != Encoding::none && (options.encodings & encoding_bit(encoding)) == 0) {
    return "this worker does not take payload encoding " +
           std::to_string(static_cast<unsigned>(encoding));
  }
  return "payloads in parts are not in force in this session";
}

/// `most_ahead`: what `ahead_most` says, which takes a division.
bool WorkerState::may_start(std::size_t most_ahead) const {
  const bool wants = intent == Intent::stay || intent == Intent::finish;
  if (!wants || !is_open() || queue.empty()) return false;
  const Task& next = queue.front().task;
  if (next.in_parts && !FANMILL_PLANTED(parts_unawaited)) return false;
  // What runs becomes a result, too.
  if (result_count() + running_count() >= unacknowledged_max()) return false;
  return has_free_slot() || (ahead.size() < most_ahead && may_go_ahead(next));
}

/// What the executor has not begun as far as was told may be begun already.
bool WorkerState::has_free_slot() const {
  const bool counts_waiting = options.begins_told && !FANMILL_PLANTED(waiting_forgotten);
  return running.size() + (counts_waiting ? ahead.size() : 0) < options.slots;
}

/// How many tasks may wait at the executor, by what the latest took.
std::size_t WorkerState::ahead_most() const {
  if (options.ahead_max == 0 || mean_busy == Duration::zero()) return 0;
  const std::int64_t fit = options.ahead_time / mean_busy * options.slots;
  return static_cast<std::size_t>(std::min<std::int64_t>(fit, options.ahead_max));
}

/// Not one that was given away before, nor behind one: it may have been lost with its worker, and
/// if it takes this process with it, those that only waited must not be taken for the cause.
bool WorkerState::may_go_ahead(const Task& task) const {
  return retries_begun == 0 && task.number <= 1;
}

/// An eighth of the way to each, all of it to the first: one long task among short ones ends all
/// haste, one short among long ones begins none.
void WorkerState::learn_busy(Duration busy) {
  busy = std::max(busy, Duration(1));
  mean_busy =
      mean_busy == Duration::zero() ? busy : std::max(Duration(1), (mean_busy * 7 + busy) / 8);
}

std::size_t WorkerState::unacknowledged_max() const {
  return std::min<std::size_t>(terms.unacknowledged_max,
                               limits::results_held_in(terms.frame_bytes_max));
}

void WorkerState::start_ready(Instant now, WorkerActions& out) {
  if (queue.empty()) return;
  const std::size_t most_ahead = ahead_most();
  while (may_start(most_ahead)) start_next(now, out);
}

void WorkerState::start_next(Instant now, WorkerActions& out) {
  QueuedTask& next = queue.front();
  Task& task = next.task;
  // If it takes the process with it, what ended before must be known.
  if (task.number > 1 && results_wait) send_unsent(now, out);
  const bool passes_output = has_feature(feature::output);
  const std::uint32_t slot = slots.insert_made([&] {
    return RunningTask{.attempt = task.attempt,
                       .group = task.group,
                       .number = task.number,
                       .sequence = next.sequence,
                       .time_limit = task.time_limit,
                       .passes_output = passes_output};
  });
  const bool has_free = has_free_slot();
  attempts.insert(task.attempt.value, slot);
  retries_begun += task.number > 1 ? 1 : 0;
  counters.tasks_started += 1;
  if (has_free) {
    set_started(now, slot);
  } else {
    ahead.push_back(slots, slot);
  }
  out.emplace_back(std::in_place_type<StartTask>, StartTask{.slot = slot,
                                                            .task = std::move(task),
                                                            .passes_output = passes_output,
                                                            .gathers = next.gathers});
  queue.pop_front();
}

/// Whether it runs to its end, or its time limit: nobody wants it stopped, or can.
bool WorkerState::goes_on(const RunningTask& task) const {
  return task.fate == Fate::result ||
         (task.fate == Fate::killed && (options.features & feature::kill) == 0);
}

void WorkerState::set_started(Instant now, std::uint32_t slot) {
  RunningTask& task = slots[slot];
  running.push_back(slots, slot);
  task.started = true;
  if (goes_on(task) && task.time_limit > Duration::zero() && has_feature(feature::time_limit)) {
    set_due(slot, after(now, task.time_limit));
  }
  newest_started = std::max(newest_started, task.sequence);
  count_passed();
}

/// Tasks that have begun before an older one are not told of yet: heartbeats count them in their order.
void WorkerState::count_passed() {
  std::uint32_t passed = newest_started;
  if (options.begins_told) {
    std::uint32_t waits = ahead.front();
    while (waits != no_index && slots[waits].sequence == 0) waits = ahead.next(slots, waits);
    if (waits != no_index) passed = std::min(passed, slots[waits].sequence - 1);
  }
  tasks_passed = std::max(tasks_passed, passed);
}

/// The executor begins what waited there as soon as a slot is free.
void WorkerState::fill_slots(Instant now, WorkerActions& out) {
  if (options.begins_told) return count_passed();
  bool too_late = false;
  while (running.size() < options.slots && !ahead.empty()) {
    const std::uint32_t slot = ahead.front();
    ahead.erase(slots, slot);
    set_started(now, slot);
    too_late |= slots[slot].asked_back;
  }
  // Too late for a recall: the manager learns what has started.
  count_passed();
  if (too_late && is_open()) send_heartbeat(now, false, out);
}

void WorkerState::on_message(Instant now, Kill& kill, WorkerActions& out) {
  if (!is_open() || (kill.group.valid() && kill.session != session)) {
    ignore_message();
    return;
  }
  if (kill.group.valid()) {
    kill_group(now, kill, out);
    return;
  }
  if (const std::uint32_t slot = slot_of(kill.attempt); slot != no_index) {
    if (!kill.if_unstarted) {
      kill_running(slot, out);
    } else if (!ask_back(slot, out)) {
      // Too late for a recall: the manager learns what has started.
      send_heartbeat(now, false, out);
    }
    return;
  }
  // Of a large result the rest need not be sent.
  if (!kill.if_unstarted && drop_large(now, kill.attempt, out)) return;
  // Its result is on its way; that is the answer.
  if (attempts.find(kill.attempt.value) != no_index) return;
  const bool unstarted = FANMILL_PLANTED(killed_task_run) ? queue.contains(kill.attempt)
                                                          : queue.erase(kill.attempt) != 0;
  if (unstarted) counters.kills += 1;
  answer_killed(now, kill.attempt, unstarted, {}, out);
}

void WorkerState::kill_group(Instant now, const Kill& kill, WorkerActions& out) {
  bool started = false;
  slots.for_each([&](std::uint32_t slot, const RunningTask& task) {
    if (ended || task.group != kill.group || task.fate == Fate::forgotten) return;
    if (!kill.if_unstarted) {
      kill_running(slot, out);
    } else if (!ask_back(slot, out)) {
      started = true;
    }
  });
  if (ended) return;
  queue.erase_if([&](const QueuedTask& queued) {
    if (queued.task.group != kill.group) return false;
    counters.kills += 1;
    answer_killed(now, queued.task.attempt, true, {}, out);
    return true;
  });
  if (!kill.if_unstarted) drop_large_of(now, kill.group, out);
  if (started) send_heartbeat(now, false, out);
}

bool WorkerState::ask_back(std::uint32_t slot, WorkerActions& out) {
  RunningTask& task = slots[slot];
  if (task.started) return false;
  if (!std::exchange(task.asked_back, true) && task.fate == Fate::result)
    out.emplace_back(RevokeTask{.slot = slot, .attempt = task.attempt});
  return true;
}

// The manager wants it ended and waits for the answer.
void WorkerState::kill_running(std::uint32_t slot, WorkerActions& out) {
  if ((options.features & feature::kill) == 0) {
    ignore_message();  // Not offered, so nobody should have asked. Its result is the answer.
    return;
  }
  if (slots[slot].fate == Fate::killed) return;
  counters.kills += 1;
  if (options.monitored) {
    end(ExitStatus::killed, true, "its task was killed", out);
    return;
  }
  stop_running(slot, Fate::killed, StopTask::Reason::killed, out);
}

// The manager does not know it, or does not need it: it ends without an answer.
void WorkerState::forget_running(std::uint32_t slot, WorkerActions& out) {
  counters.kills += 1;
  if (options.monitored && (options.features & feature::kill) != 0) {
    end(ExitStatus::killed, true, "the manager does not want its task any more", out);
    return;
  }
  attempts.erase(slots[slot].attempt.value);
  stop_running(slot, Fate::forgotten, StopTask::Reason::killed, out);
}

void WorkerState::stop_running(std::uint32_t slot, Fate fate, StopTask::Reason reason,
                               WorkerActions& out) {
  RunningTask& task = slots[slot];
  task.fate = fate;
  if (fate != Fate::time_limit) set_due(slot, std::nullopt);
  if (std::exchange(task.stopped, true)) return;
  out.emplace_back(StopTask{.slot = slot, .attempt = task.attempt, .reason = reason});
}

void WorkerState::pass_time_limit(Instant now, std::uint32_t slot, WorkerActions& out) {
  if (slots[slot].fate == Fate::time_limit) {
    end_with_deaf_task(now, slot, out);
    return;
  }
  if (slots[slot].fate == Fate::killed) {
    // It was not stopped for that, and how it ends tells the manager nothing.
    set_due(slot, std::nullopt);
    out.emplace_back(StopTask{
        .slot = slot, .attempt = slots[slot].attempt, .reason = StopTask::Reason::time_limit});
    return;
  }
  stop_running(slot, Fate::time_limit, StopTask::Reason::time_limit, out);
  // A function in the worker's own process may be deaf. A monitored worker is meant to be ended
  // then.
  set_due(slot, options.monitored ? std::optional(after(now, options.leave_grace)) : std::nullopt);
}

/// A monitored worker's function ignores its time limit: the manager is told of the limit, and that
/// the worker leaves, so that neither counts as a lost worker; then the process ends with it.
void WorkerState::end_with_deaf_task(Instant now, std::uint32_t slot, WorkerActions& out) {
  const EndedTask task = *release_slot(slot, slots[slot].attempt);
  fill_slots(now, out);
  std::string words = "its task ran past its time limit of " + in_words(task.time_limit) +
                      " and did not stop when told to";
  const bool can_tell = is_open();
  answer_end(now, task, Result{.busy = task.time_limit}, out);
  if (can_tell) {
    send(now,
         Goodbye{.session = session,
                 .detail = static_cast<std::uint32_t>(ExitStatus::killed),
                 .words = words},
         out);
  }
  end(ExitStatus::killed, !can_tell, std::move(words), out);
}

void WorkerState::set_due(std::uint32_t slot, std::optional<Instant> due) {
  RunningTask& task = slots[slot];
  if (task.due) due_slots.erase({*task.due, slot});
  task.due = due;
  if (due) due_slots.emplace(*due, slot);
}

// Nothing if this slot has another task or none: the end was told twice, say by a function that
// returned while its process was being killed.
// Its attempt stays known, for whoever answers its end.
std::optional<EndedTask> WorkerState::release_slot(std::uint32_t slot, AttemptId attempt) {
  FANMILL_ASSERT(slot < options.slots + options.ahead_max, slot);
  if (!slots.contains(slot) || slots[slot].attempt != attempt) {
    counters.duplicates_ignored += 1;
    return std::nullopt;
  }
  const RunningTask& task = slots[slot];
  if (task.due) set_due(slot, std::nullopt);
  const bool was_unheard = !task.started && !options.begins_told;
  const EndedTask over{.attempt = attempt,
                       .group = task.group,
                       .fate = task.fate,
                       .number = task.number,
                       .unheard = was_unheard ? task.sequence : 0,
                       .time_limit = task.time_limit};
  (task.started ? running : ahead).erase(slots, slot);
  retries_begun -= task.number > 1 ? 1 : 0;
  slots.erase(slot);
  return over;
}

void WorkerState::take_end(Instant now, const EndedTask& task, Result& result, WorkerActions& out) {
  newest_started = std::max(newest_started, task.unheard);
  if (task.fate == Fate::result && result.outcome == AttemptOutcome::ok) learn_busy(result.busy);
  result.attempt = task.attempt;
  answer_end(now, task, std::move(result), out);
}

// A task that was told to stop has no result, whatever its function returned: it may have returned
// early because of that, and it would be a different outcome each time.
void WorkerState::answer_end(Instant now, const EndedTask& task, Result&& result,
                             WorkerActions& out) {
  switch (task.fate) {
    case Fate::result:
      keep_result(now, std::move(result), task.group, out);
      break;
    case Fate::time_limit:
      keep_result(now,
                  Result{.attempt = task.attempt,
                         .outcome = AttemptOutcome::time_limit,
                         .busy = result.busy,
                         .error_text = "ended at its time limit of " + in_words(task.time_limit),
                         .cpu = result.cpu,
                         .memory = result.memory},
                  task.group, out);
      break;
    case Fate::killed:
      attempts.erase(task.attempt.value);
      answer_killed(now, task.attempt, false, result.busy, out);
      break;
    case Fate::given_back:
      attempts.erase(task.attempt.value);
      break;
    case Fate::forgotten:
      break;
  }
  // If what follows it takes the process with it, this must be known to have ended.
  if (task.number > 1 && results_wait) send_unsent(now, out);
}

// Not kept for a later session: hello does not name what is not held, and that says as much.
void WorkerState::answer_killed(Instant now, AttemptId attempt, bool unstarted, Duration busy,
                                WorkerActions& out) {
  if (!is_open()) return;
  if (FANMILL_PLANTED(kill_unanswered) && unstarted) return;
  send(now, Killed{.attempt = attempt, .unstarted = unstarted, .busy = busy}, out);
}

}  // namespace fanmill::core
