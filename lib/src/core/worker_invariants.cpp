#include "core/worker_invariants.hpp"

#include <algorithm>

#include "core/worker_state.hpp"

namespace fanmill::core {
namespace {

class Statements {
 public:
  void that(bool holds, const char* statement) {
    if (!holds) violated_.emplace_back(statement);
  }
  std::vector<std::string> take() { return std::move(violated_); }

 private:
  std::vector<std::string> violated_;
};

void check_slots(const WorkerState& state, Statements& statements) {
  std::set<std::pair<Instant, std::uint32_t>> due;
  std::size_t known = 0;
  std::size_t retries = 0;
  bool found = true;
  bool listed = true;
  bool limits_fit = true;
  bool output_heard = true;
  bool output_fits = true;
  state.slots.for_each([&](std::uint32_t slot, const RunningTask& task) {
    listed = listed && task.in_order.linked();
    retries += task.number > 1 ? 1 : 0;
    if (task.fate != Fate::forgotten) {
      known += 1;
      found = found && state.attempts.find(task.attempt.value) == slot;
    }
    if (task.due) due.emplace(*task.due, slot);
    const bool may_be_due = state.goes_on(task) || task.fate == Fate::time_limit;
    if (task.due && (!may_be_due || !task.started || task.time_limit <= Duration::zero()))
      limits_fit = false;
    const bool can_pass = state.is_open() && state.has_feature(feature::output);
    if (task.passes_output && !can_pass) output_heard = false;
    if (task.output_taken > task.output_sent ||
        task.output_sent > task.output_taken + limits::output_window_bytes)
      output_fits = false;
  });
  bool started = true;
  state.running.for_each(state.slots,
                         [&](std::uint32_t slot) { started &= state.slots[slot].started; });
  state.ahead.for_each(state.slots,
                       [&](std::uint32_t slot) { started &= !state.slots[slot].started; });
  statements.that(
      state.running.size() <= state.options.slots && state.ahead.size() <= state.options.ahead_max,
      "no more tasks are at the executor than it takes");
  statements.that(state.ahead.empty() || state.options.begins_told ||
                      state.running.size() == state.options.slots,
                  "tasks wait at the executor only while its slots are busy");
  statements.that(listed && state.running.size() + state.ahead.size() == state.slots.size(),
                  "each task at the executor runs or waits there");
  statements.that(started, "those that run have started, those that wait have not");
  statements.that(found && known + state.result_count() == state.attempts.size(),
                  "the slot of each attempt that is not forgotten is known");
  statements.that(retries == state.retries_begun, "retries at the executor are counted");
  statements.that(due == state.due_slots, "the order of time limits is that of the running tasks");
  statements.that(
      limits_fit,
      "only a task with a time limit, not told to stop for another reason, has one running");
  statements.that(output_heard, "output is passed on in a session that takes it");
  statements.that(output_fits, "what is under way of a task's output fits in the window");
}

void check_held(const WorkerState& state, Statements& statements) {
  std::set<AttemptId> held;
  bool known = true;
  state.slots.for_each([&](std::uint32_t, const RunningTask& task) {
    if (task.fate != Fate::forgotten) held.insert(task.attempt);
  });
  std::uint32_t before = 0;
  bool in_order = true;
  std::size_t queued_count = 0;
  AttemptId last;
  state.queue.for_each([&](const QueuedTask& queued) {
    held.insert(queued.task.attempt);
    queued_count += 1;
    in_order = in_order && last < queued.task.attempt &&
               (queued.sequence == 0 ? before == 0 : queued.sequence > before);
    before = std::max(before, queued.sequence);
    last = queued.task.attempt;
  });
  const auto look_at = [&](const KeptResult& kept) {
    held.insert(kept.result.attempt);
    known = known && state.attempts.find(kept.result.attempt.value) == is_result;
  };
  for (std::size_t i = 0; i < state.results.size(); ++i) look_at(state.results[i]);
  for (const KeptResult& kept : state.large) look_at(kept);
  statements.that(in_order && queued_count == state.queue.size(),
                  "tasks wait in the order in which they came");
  statements.that(held.size() == state.held_count(),
                  "each attempt is held once: running, waiting or as a result");
  statements.that(state.held_count() <= limits::holdings_max, "what is held fits into one hello");
  statements.that(known, "the attempts of the results are known");
  statements.that(held.empty() || !state.is_open() || *held.rbegin() <= state.newest,
                  "no attempt that is held is newer than the newest");
  statements.that(state.tasks_passed <= state.tasks_taken,
                  "no task was started that was not taken");
}

void check_parts(const WorkerState& state, Statements& statements) {
  const bool takes = state.takes_parts();
  statements.that(takes || (state.large.empty() && state.part_out.empty()),
                  "results are on their way in parts only in a session that takes them");
  bool sent = true;
  for (const KeptResult& kept : state.large)
    sent = sent && state.part_out.sends(kept.result.attempt);
  statements.that(sent, "of each large result some parts are still to be sent");
  statements.that(state.part_out.under_way() <= state.part_out.window(),
                  "parts under way fit in the window");
  statements.that(state.part_out.unsent() == 0 || state.part_out.under_way() > 0,
                  "parts wait only for others to be told of");
  bool whole = true;
  bool expected = !state.part_in.attempt().valid();
  state.queue.for_each([&](const QueuedTask& queued) {
    whole = whole && (!queued.task.in_parts || takes);
    expected = expected || (queued.task.in_parts && queued.task.attempt == state.part_in.attempt());
  });
  statements.that(whole, "tasks wait for parts only in a session that takes them");
  statements.that(expected, "the parts that came are of a task that waits for more");
}

void check_link(const WorkerState& state, Statements& statements) {
  const bool open = state.is_open();
  statements.that(state.seeks_session() == state.hello_at.has_value(),
                  "the next hello has its time exactly while a session is sought");
  const bool all_sent = state.results_sent == (open ? state.results.size() : 0);
  statements.that(all_sent || (open && state.results_wait),
                  "every result was sent in the open session, or waits for the end of the turn; "
                  "without one, none counts as sent");
  statements.that(!state.results_wait || (open && state.has_feature(feature::batch)),
                  "results wait for each other only in a session that takes batches");
  statements.that(!open || state.session.valid(), "an open session has an id");
  statements.that(!open || !state.lost_at, "an open session is not lost");
  statements.that(!open || (state.terms.features & ~state.options.features) == 0,
                  "no feature is in force that was not offered");
  statements.that(!open || !state.may_start(state.ahead_most()), "no task waits that could run");
  statements.that(state.link == Link::fresh || state.greeting > 0 || state.link == Link::closed,
                  "whoever has a manager has said hello");
}

void check_leaving(const WorkerState& state, Statements& statements) {
  const bool leaves = state.intent == Intent::leave;
  bool all_stopped = true;
  bool any_given_back = false;
  state.slots.for_each([&](std::uint32_t, const RunningTask& task) {
    if (!task.stopped || task.fate == Fate::result) all_stopped = false;
    if (task.fate == Fate::given_back) any_given_back = true;
  });
  statements.that(!leaves || all_stopped, "whoever leaves has told every task to stop");
  statements.that(leaves || !any_given_back, "no task is given back by who stays");
  statements.that(state.link != Link::closed || state.intent != Intent::stay,
                  "whoever wants no session leaves");
  statements.that(state.intent == Intent::stay || state.has_work() || state.wait != Wait::nothing,
                  "whoever leaves works, waits with a limit, or has ended");
  statements.that(state.wait == Wait::nothing || state.intent != Intent::stay,
                  "only who leaves waits to leave");
}

}  // namespace

std::vector<std::string> WorkerInvariants::check(const Worker& worker) {
  std::vector<std::string> violated = check(*worker.state_);
  const WorkerState& state = *worker.state_;
  const bool has_deadline = worker.next_deadline().has_value();
  const bool may_idle = state.link == Link::fresh || state.is_open();
  if (state.ended && has_deadline) violated.emplace_back("an ended worker waits for nothing");
  if (!state.ended && !may_idle && !has_deadline) {
    violated.emplace_back("whoever waits for somebody has a limit");
  }
  return violated;
}

std::vector<std::string> WorkerInvariants::check(const WorkerState& state) {
  Statements statements;
  // What an ended worker held does not matter any more; its process goes.
  if (state.ended) return {};
  check_slots(state, statements);
  check_held(state, statements);
  check_link(state, statements);
  check_parts(state, statements);
  check_leaving(state, statements);
  return statements.take();
}

}  // namespace fanmill::core
