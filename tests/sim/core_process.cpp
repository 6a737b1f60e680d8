#include "core_process.hpp"

#include <algorithm>

#include "oracle.hpp"

namespace fanmill::sim {
namespace {

// Until a program that is held back looks again.
constexpr Duration held_back_pause = std::chrono::milliseconds(50);
constexpr Duration revoke_delay_max = std::chrono::milliseconds(200);
constexpr Duration begun_delay_max = std::chrono::milliseconds(200);

core::WorkerOptions options_of(const WorkerPlan& plan, const Process::Identity& identity) {
  const core::Hello hello = hello_of(plan, identity);
  return {.uuid = hello.uuid,
          .boot = hello.boot,
          .pid = hello.pid,
          .slots = hello.slots,
          .prefetch = hello.prefetch,
          .ahead_max = plan.monitored ? 0 : plan.ahead_max,
          .ahead_time = plan.ahead_time,
          .begins_told = plan.begins_told,
          .containment = plan.monitored        ? core::Containment::process
                         : plan.stops_by_death ? core::Containment::process_group
                                               : core::Containment::stop_token,
          .features = hello.features,
          .encodings = hello.encodings,
          .software = hello.software,
          .host = hello.host,
          .functions = hello.functions,
          .monitored = plan.monitored,
          .manager_lost_after = plan.same_host ? Duration{} : limits::grace_remote};
}

}  // namespace

CoreProcess::CoreProcess(Surroundings& around, const WorkerPlan& plan, Identity identity, Rng rng)
    : Process(around, plan, identity, rng),
      worker_(options_of(plan, identity)),
      executors_(plan.slots + (plan.monitored ? 0 : plan.ahead_max)) {}

CoreProcess::~CoreProcess() {
  const core::WorkerCounters& counters = worker_.counters();
  around_.tally.add(Count::duplicate_ignored, counters.duplicates_ignored);
  around_.tally.add(Count::result_repeated, counters.results_repeated);
}

void CoreProcess::start() { step(core::WorkerStarted{}); }

void CoreProcess::receive(const Wire& wire) {
  Result<codec::Decoded> decoded = read(wire);
  if (!decoded.ok()) {
    around_.oracle.worker_received_garbage(identity_);
    step(core::WorkerMalformedReceived{decoded.error().message});
    return;
  }
  around_.oracle.worker_received(identity_, decoded.value().message);
  step(core::WorkerMessageReceived{std::move(decoded.value().message)});
}

void CoreProcess::connection_lost() {
  close_link(false);
  step(core::WorkerConnectionLost{});
}

void CoreProcess::stop_requested(bool drain) { step(core::StopRequested{drain}); }

void CoreProcess::step(core::WorkerEvent event) {
  worker_.step(around_.now(), std::move(event), actions_);
  around_.oracle.check_worker(worker_);
  carry_out();
}

/// The loop of a worker hears of some ends when it looks, and of those together.
void CoreProcess::finish(core::TaskFinished end) {
  const AttemptId attempt = end.attempt;
  if (unheard_.tasks.empty()) heard_at_ = around_.now() + limits::gather_time;
  unheard_.tasks.push_back(std::move(end));
  if (attempt.value % 2 == 0) {
    ask_wake(heard_at_);
  } else {
    tell_ends();
  }
}

void CoreProcess::tell_ends() {
  if (unheard_.tasks.empty()) return;
  if (unheard_.tasks.size() > 1) around_.tally.add(Count::row_ended);
  for (const core::TaskFinished& each : unheard_.tasks) executors_[each.slot].held = false;
  step(std::exchange(unheard_, {}));
}

bool CoreProcess::has_ended(std::uint32_t slot) const {
  return std::any_of(unheard_.tasks.begin(), unheard_.tasks.end(),
                     [&](const core::TaskFinished& each) { return each.slot == slot; });
}

/// The loop hears of an end before it hears what was begun since.
void CoreProcess::tell_begun() {
  for (const Begun& begun : std::exchange(begun_, {})) {
    if (ended()) return;
    if (begun.told > around_.now()) {
      begun_.push_back(begun);
      ask_wake(begun.told);
      continue;
    }
    step(core::TaskBegun{begun.slot, begun.attempt});
  }
}

void CoreProcess::finish_turn() {
  // Before a time limit is judged all that has ended is known.
  const std::optional<Instant> deadline = worker_.next_deadline();
  if (heard_at_ <= around_.now() || !begun_.empty() || (deadline && *deadline <= around_.now()))
    tell_ends();
  if (ended()) return;
  tell_begun();
  if (ended()) return;
  for (const Revoked& revoked : std::exchange(revoked_, {})) {
    if (ended()) return;
    if (revoked.told > around_.now()) {
      revoked_.push_back(revoked);
      ask_wake(revoked.told);
      continue;
    }
    around_.tally.add(Count::task_revoked);
    executors_[revoked.slot].held = false;
    step(core::TaskRevoked{revoked.slot, revoked.attempt});
  }
  for (std::uint32_t slot = 0; slot < executors_.size() && !ended(); ++slot) {
    const Executor& executor = executors_[slot];
    if (executor.busy && executor.output_ready() > 0 && rng_.percent(50)) write_output(slot);
  }
  if (ended()) return;
  worker_.tick(around_.now(), actions_);
  around_.oracle.check_worker(worker_);
  carry_out();
  if (ended()) return;
  if (const std::optional<Instant> next = worker_.next_deadline()) ask_wake(*next);
}

void CoreProcess::carry_out() {
  // Carrying out an order never steps the worker, so the list does not change under the loop.
  for (const core::WorkerAction& action : actions_) {
    if (ended()) break;
    std::visit([this](const auto& order) { on(order); }, action);
  }
  actions_.clear();
}

void CoreProcess::on(const core::OpenConnection&) { open_link(); }

void CoreProcess::on(const core::WorkerSend& order) {
  around_.oracle.worker_sent(identity_, order.message);
  // What waits at the executor is its own to start, whatever becomes of the session.
  if (std::holds_alternative<core::Hello>(order.message)) {
    for (const std::uint32_t slot : waiting_)
      around_.oracle.handed_over(identity_, executors_[slot].task.attempt);
  }
  send(order.message, order.version);
}

void CoreProcess::on(const core::StartTask& order) {
  Executor& executor = executors_.at(order.slot);
  FANMILL_ASSERT(!executor.held, "a slot is given a second task", order.task.attempt);
  const std::optional<Work> work = work_of(order.task.payload);
  FANMILL_ASSERT(work.has_value(), "a task arrives with another payload", order.task.attempt);
  executor.held = true;
  executor.passes_output = order.passes_output;
  executor.task = order.task;
  executor.work = *work;
  waiting_.push_back(order.slot);
  begin_waiting();
}

/// As the product's executors do: in the order of the orders, as many at once as there are slots. Processes
/// begin what waits at each of them, which may be any of those that wait.
void CoreProcess::begin_waiting() {
  while (!waiting_.empty() && busy_count_ < plan_.slots) {
    const std::uint32_t which =
        plan_.begins_told ? rng_.below(static_cast<std::uint32_t>(waiting_.size())) : 0;
    const std::uint32_t slot = waiting_[which];
    waiting_.erase(waiting_.begin() + which);
    begin(slot);
    if (!plan_.begins_told) continue;
    const Instant told = around_.now() + rng_.duration(Duration{}, begun_delay_max);
    begun_.push_back({slot, executors_[slot].task.attempt, told});
    ask_wake(told);
    if (which > 0) around_.tally.add(Count::task_overtook);
  }
}

void CoreProcess::begin(std::uint32_t slot) {
  Executor& executor = executors_[slot];
  const Work& work = executor.work;
  around_.oracle.task_started(identity_, plan_, executor.task, work);
  around_.tally.add(Count::task_started);
  if (work.deaf != 0) around_.tally.add(Count::deaf_to_stop);
  around_.trace.note(around_.now(), "worker ", identity_.worker, " starts ", executor.task.attempt);
  executor.busy = true;
  busy_count_ += 1;
  executor.stopped = executor.stop_asked = false;
  executor.output_written = executor.output_taken = 0;
  executor.started = around_.now();
  executor.ends = around_.now() + work.duration();
  if (work.behaviour == Work::Behaviour::hangs) {
    executor.task_count += 1;
    executor.ends = Instant::max();
    // Nobody could end it at a worker that can do neither: it is only very long there.
    if ((plan_.features & (core::feature::kill | core::feature::time_limit)) != 0) return;
    executor.ends = around_.now() + hang_length;
  }
  schedule_end(slot, executor.ends);
}

/// Whether it waited.
bool CoreProcess::revoke(std::uint32_t slot) {
  const auto found = std::find(waiting_.begin(), waiting_.end(), slot);
  if (found == waiting_.end()) return false;
  waiting_.erase(found);
  // The loop may do other things before it hears of it.
  const Instant told = around_.now() + rng_.duration(Duration{}, revoke_delay_max);
  revoked_.push_back({slot, executors_[slot].task.attempt, told});
  ask_wake(told);
  return true;
}

void CoreProcess::on(const core::RevokeTask& order) {
  const Executor& executor = executors_.at(order.slot);
  FANMILL_ASSERT(executor.task.attempt == order.attempt, "a task is asked back that is not there",
                 order.attempt);
  revoke(order.slot);
}

void CoreProcess::schedule_end(std::uint32_t slot, Instant at) {
  Executor& executor = executors_[slot];
  executor.task_count += 1;
  executor.ends = at;
  around_.agenda.add(
      at, Event::Kind::executor_ended, identity_.worker,
      (std::uint64_t{identity_.life} << 48U) | (std::uint64_t{slot} << 32U) | executor.task_count);
}

bool CoreProcess::was_revoked(std::uint32_t slot) const {
  return std::any_of(revoked_.begin(), revoked_.end(),
                     [&](const Revoked& revoked) { return revoked.slot == slot; });
}

void CoreProcess::on(const core::StopTask& order) {
  Executor& executor = executors_.at(order.slot);
  if (revoke(order.slot) || was_revoked(order.slot) || has_ended(order.slot)) return;
  FANMILL_ASSERT(executor.busy && executor.task.attempt == order.attempt,
                 "a task is stopped that does not run there", order.attempt);
  around_.tally.add(Count::task_stopped);
  around_.trace.note(around_.now(), "worker ", identity_.worker, " stops ", order.attempt);
  executor.stop_asked = true;
  if (executor.work.deaf != 0 && !plan_.stops_by_death) return;
  const Instant stopped = around_.now() + plan_.stop_delay;
  if (stopped >= executor.ends) return;  // it ends by itself before it notices
  executor.stopped = true;
  schedule_end(order.slot, stopped);
}

std::uint64_t CoreProcess::Executor::output_ready() const {
  if (!passes_output || stop_asked) return 0;
  const std::uint64_t room = output_taken + limits::output_window_bytes - output_written;
  return std::min(output_size(work) - output_written, room);
}

/// As the shell does: in pieces of a pipe, and never beyond the window.
void CoreProcess::write_output(std::uint32_t slot) {
  Executor& executor = executors_[slot];
  const std::uint64_t most = std::min<std::uint64_t>(executor.output_ready(), 65536);
  const auto size = static_cast<std::size_t>(1 + rng_.below(static_cast<std::uint32_t>(most)));
  const std::string text = output_of(executor.work, executor.output_written, size);
  executor.output_written += size;
  step(core::OutputWritten{slot, executor.task.attempt, Bytes(text)});
}

/// Writes the rest of its output, or as much as there is room for.
bool CoreProcess::is_held_back(std::uint32_t slot) {
  const Executor& executor = executors_[slot];
  while (!ended() && executor.busy && executor.output_ready() > 0) write_output(slot);
  return executor.passes_output && !executor.stop_asked &&
         executor.output_written < output_size(executor.work);
}

void CoreProcess::on(const core::TakeOutput& order) {
  Executor& executor = executors_.at(order.slot);
  if (has_ended(order.slot)) return;
  FANMILL_ASSERT(executor.busy && executor.task.attempt == order.attempt,
                 "output is taken of a task that does not run there", order.attempt);
  executor.output_taken = order.taken;
}

void CoreProcess::on(const core::DropOutput& order) {
  Executor& executor = executors_.at(order.slot);
  FANMILL_ASSERT(executor.held && executor.task.attempt == order.attempt,
                 "output is dropped of a task that is not there", order.attempt);
  if (executor.busy && executor.output_written < output_size(executor.work))
    around_.tally.add(Count::output_dropped);
  executor.passes_output = false;
}

void CoreProcess::executor_ended(std::uint64_t detail) {
  const auto slot = static_cast<std::uint32_t>((detail >> 32U) & 0xffffU);
  Executor& executor = executors_.at(slot);
  if (!executor.busy || executor.task_count != static_cast<std::uint32_t>(detail)) return;
  if (!executor.stopped && is_held_back(slot)) {
    around_.tally.add(Count::output_held_back);
    schedule_end(slot, around_.now() + held_back_pause);
    return;
  }
  executor.busy = false;
  busy_count_ -= 1;
  begin_waiting();  // before the loop knows
  const Duration busy = around_.now() - executor.started;
  const AttemptId attempt = executor.task.attempt;
  if (executor.stopped && plan_.stops_by_death) {
    executor.held = false;
    step(core::ExecutorDied{slot, attempt, 9, "killed", busy});
    return;
  }
  if (executor.stopped) {
    core::Result result{.attempt = attempt, .outcome = core::AttemptOutcome::failed, .busy = busy};
    result.error_type = "Stopped";
    finish({slot, attempt, std::move(result)});
    return;
  }
  if (plan_.failing && attempt.value % 2 == 0) {
    core::Result result{.attempt = attempt, .outcome = core::AttemptOutcome::failed, .busy = busy};
    result.error_type = "BadHost";
    finish({slot, attempt, std::move(result)});
    return;
  }
  if (executor.work.behaviour == Work::Behaviour::poisons) {
    around_.tally.add(Count::poison);
    around_.oracle.worker_died(identity_);
    die();
    return;
  }
  std::optional<core::Result> result = result_of(executor.task, executor.work);
  if (!result || plan_.failing) {
    around_.tally.add(Count::executor_crash);
    executor.held = false;
    step(core::ExecutorDied{.slot = slot,
                            .attempt = attempt,
                            .detail = 11,
                            .text = "crashed",
                            .busy = busy,
                            .type = "signal 11",
                            .cpu = busy / 2,
                            .memory = attempt.value});
    return;
  }
  finish({slot, attempt, std::move(*result)});
}

void CoreProcess::on(const core::EndWorker& order) {
  around_.trace.note(around_.now(), "worker ", identity_.worker, " is done: ", order.words);
  around_.oracle.worker_died(identity_);
  end(order.status != core::ExitStatus::do_not_restart, !order.at_once);
}

void CoreProcess::on(const core::WorkerNote& note) {
  around_.trace.note(around_.now(), "worker ", identity_.worker, " notes: ", note.text);
}

std::string CoreProcess::leftovers() const {
  if (ended()) return {};
  for (const Executor& executor : executors_)
    if (executor.held) return "an executor is still busy";
  if (worker_.running_count() != 0)
    return "running_count is " + std::to_string(worker_.running_count());
  if (worker_.unacknowledged_count() != 0)
    return "unacknowledged_count is " + std::to_string(worker_.unacknowledged_count());
  return {};
}

}  // namespace fanmill::sim
