#include "core/worker.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.hpp"
#include "core/plant.hpp"
#include "core/worker_state.hpp"

namespace fanmill::core {

WorkerState::WorkerState(WorkerOptions given) : options(std::move(given)), farm(options.farm) {
  FANMILL_ASSERT(options.uuid.valid());
  FANMILL_ASSERT(options.slots >= 1 && options.slots <= limits::slots_max, options.slots);
  FANMILL_ASSERT(options.functions.size() <= limits::functions_max, options.functions.size());
  FANMILL_ASSERT(options.hello_repeat > Duration::zero());
  FANMILL_ASSERT(options.payload_bytes_max <= limits::payload_bytes_max, options.payload_bytes_max);
  FANMILL_ASSERT(options.ahead_max == 0 || !options.monitored,
                 "a monitored worker dies with a task");
  terms.dead = limits::silence_dead;
}

Worker::Worker(WorkerOptions options) : state_(std::make_unique<WorkerState>(std::move(options))) {}
Worker::~Worker() = default;
Worker::Worker(Worker&&) noexcept = default;
Worker& Worker::operator=(Worker&&) noexcept = default;

void Worker::step(Instant now, WorkerEvent&& event, WorkerActions& out) {
  if (state_->ended) return;
  std::visit([&](auto& fact) { state_->on(now, fact, out); }, event);
  state_->settle(now, out);
}

void Worker::tick(Instant now, WorkerActions& out) {
  WorkerState& state = *state_;
  const auto passed = [&](std::optional<Instant> deadline) {
    return !state.ended && deadline && now >= *deadline;
  };
  while (!state.due_slots.empty() && passed(state.due_slots.begin()->first)) {
    state.pass_time_limit(now, state.due_slots.begin()->second, out);
  }
  // Before anything new is begun with a manager that this worker does not wait for any more.
  if (passed(state.wait_deadline())) state.pass_wait(now, out);
  // A manager that went silent may be given up for lost in the same turn.
  if (passed(state.silence_deadline())) {
    state.lose_session(now, "no word from the manager for " + in_words(state.terms.dead), out);
  }
  if (passed(state.manager_lost_deadline())) {
    state.end(ExitStatus::manager_lost, true, "the manager was lost while a task ran", out);
  }
  // A fresh connection will take the place of the one that stands.
  if (passed(state.hello_at)) state.was_connected = std::exchange(state.is_connected, false);
  if (passed(state.give_up_deadline())) {
    state.close_session(out);
    state.link = Link::closed;
    const std::string words = "no manager for " + in_words(state.options.give_up_after);
    note(0, words, out);
    state.leave(now, words, out);
  }
  if (passed(state.hello_at)) {
    if (state.link == Link::greeting) {
      state.repeats += 1;
      if (state.repeats == 1) note(1, "no manager has answered yet; goes on trying", out);
    }
    state.connect(now, out);
  }
  if (passed(state.heartbeat_deadline())) state.send_heartbeat(now, false, out);
  state.settle(now, out);
  if (!state.ended && state.results_wait) state.send_unsent(now, out);
}

std::optional<Instant> Worker::next_deadline() const {
  const WorkerState& state = *state_;
  if (state.ended) return std::nullopt;
  std::optional<Instant> earliest = state.hello_at;
  const auto consider = [&](std::optional<Instant> deadline) {
    if (deadline && (!earliest || *deadline < *earliest)) earliest = deadline;
  };
  if (!state.due_slots.empty()) consider(state.due_slots.begin()->first);
  consider(state.silence_deadline());
  consider(state.heartbeat_deadline());
  consider(state.manager_lost_deadline());
  consider(state.give_up_deadline());
  consider(state.wait_deadline());
  return earliest;
}

const WorkerCounters& Worker::counters() const { return state_->counters; }
bool Worker::ended() const { return state_->ended; }
bool Worker::is_welcome() const { return !state_->ended && state_->is_open(); }
std::size_t Worker::running_count() const { return state_->running_count(); }
std::size_t Worker::unacknowledged_count() const { return state_->result_count(); }

void WorkerState::on(Instant now, WorkerStarted&, WorkerActions& out) {
  if (link != Link::fresh) return;
  heard_at = now;
  connect(now, out);
}

void WorkerState::on(Instant /*now*/, WorkerConnected&, WorkerActions& /*out*/) {
  is_connected = true;
}

void WorkerState::on(Instant now, WorkerConnectionLost&, WorkerActions& out) {
  is_connected = was_connected = false;
  if (link == Link::open) {
    lose_session(now, "the connection was lost", out);
  } else if (link == Link::greeting) {
    // Never at once: a manager that is not there refuses connections as fast as they are made.
    lost_at = lost_at.value_or(now);
    back_off(now);
  }
}

void WorkerState::on(Instant now, WorkerMessageReceived& fact, WorkerActions& out) {
  if (link == Link::fresh || link == Link::closed) {
    ignore_message();
    return;
  }
  heard_at = now;
  std::visit(
      [&](auto& message) {
        if constexpr (requires { on_message(now, message, out); }) {
          on_message(now, message, out);
        } else {
          // What only workers send, or a kind that a newer manager knows.
          ignore_message();
        }
      },
      fact.message);
}

void WorkerState::on(Instant now, WorkerMalformedReceived& fact, WorkerActions& out) {
  counters.messages_malformed += 1;
  // The first is news; a manager that sends one in every session would fill the log.
  const int level = counters.messages_malformed == 1 ? 0 : 2;
  if (!is_open()) {
    // Of a session that is over, or no answer to the hello, which is repeated anyway.
    note(level, "ignored a malformed message: " + fact.reason, out);
    return;
  }
  // It may have been a Task, for whose answer the manager would wait as long as this session lasts.
  // The next hello names what is held, and that it is not.
  note(level, "closed the session for a malformed message: " + fact.reason, out);
  close_session(out);
  greet_again(now, out);
}

void WorkerState::on(Instant now, TaskFinished& fact, WorkerActions& out) {
  const std::optional<EndedTask> task = release_slot(fact.slot, fact.attempt);
  if (!task) return;
  newest_started = std::max(newest_started, task->unheard);
  fill_slots(now, out);
  take_end(now, *task, fact.result, out);
}

void WorkerState::on(Instant now, TasksFinished& fact, WorkerActions& out) {
  for (TaskFinished& each : fact.tasks) {
    if (FANMILL_PLANTED(row_cut_short) && &each != &fact.tasks.front() &&
        &each == &fact.tasks.back())
      break;
    if (const std::optional<EndedTask> task = release_slot(each.slot, each.attempt))
      take_end(now, *task, each.result, out);
  }
  fill_slots(now, out);
}

void WorkerState::on(Instant now, TaskBegun& fact, WorkerActions& out) {
  // Told once more of one that was given to a free slot, or of one that has ended meanwhile.
  if (!options.begins_told || !slots.contains(fact.slot)) return;
  if (FANMILL_PLANTED(begun_unheard)) return;
  const RunningTask& task = slots[fact.slot];
  if (task.attempt != fact.attempt || task.started) return;
  ahead.erase(slots, fact.slot);
  set_started(now, fact.slot);
  if (task.asked_back && is_open()) send_heartbeat(now, false, out);
}

void WorkerState::on(Instant now, TaskRevoked& fact, WorkerActions& out) {
  const std::optional<EndedTask> task = release_slot(fact.slot, fact.attempt);
  if (!task) return;
  fill_slots(now, out);
  if (task->fate == Fate::result) attempts.erase(task->attempt.value);
  if (FANMILL_PLANTED(revoke_unanswered)) return;
  if (task->fate == Fate::result) {
    counters.kills += 1;
    answer_killed(now, task->attempt, true, {}, out);
  } else {
    answer_end(now, *task, Result{.attempt = task->attempt}, out);
  }
}

void WorkerState::on(Instant now, ExecutorDied& fact, WorkerActions& out) {
  const std::optional<EndedTask> task = release_slot(fact.slot, fact.attempt);
  if (!task) return;
  newest_started = std::max(newest_started, task->unheard);
  fill_slots(now, out);
  answer_end(now, *task,
             Result{.attempt = fact.attempt,
                    .outcome = AttemptOutcome::crashed,
                    .detail = fact.detail,
                    .busy = fact.busy,
                    .error_type = std::move(fact.type),
                    .error_text = std::move(fact.text),
                    .cpu = fact.cpu,
                    .memory = fact.memory},
             out);
}

void WorkerState::on(Instant, WorkerLoopStalled& fact, WorkerActions&) {
  FANMILL_ASSERT(fact.gap >= Duration::zero());
  // Whoever waits for the manager's word waits for it so much longer. Tasks ran meanwhile, or were
  // suspended as well: their time limits, and what this worker owes the manager, stay where they
  // are.
  heard_at = after(heard_at, fact.gap);
  if (link == Link::greeting) hello_at = after(*hello_at, fact.gap);
  if (lost_at) lost_at = after(*lost_at, fact.gap);
  wait_until = after(wait_until, fact.gap);
}

void WorkerState::settle(Instant now, WorkerActions& out) {
  if (ended) return;
  forget_unwanted_part();
  start_ready(now, out);
  end_if_done(now, out);
}

Instant after(Instant from, Duration duration) {
  if (duration > Instant::max() - std::max(from, Instant{})) return Instant::max();
  return from + duration;
}

std::string in_words(Duration duration) {
  using std::chrono::duration_cast;
  if (duration % std::chrono::seconds(1) == Duration::zero()) {
    return std::to_string(duration_cast<std::chrono::seconds>(duration).count()) + " s";
  }
  return std::to_string(duration_cast<std::chrono::milliseconds>(duration).count()) + " ms";
}

void note(int level, std::string text, WorkerActions& out) {
  out.emplace_back(WorkerNote{.level = level, .text = std::move(text)});
}

}  // namespace fanmill::core
