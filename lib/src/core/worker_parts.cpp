// Payloads in parts: those of tasks, which wait in the queue until they are whole, and those of
// results, which wait until all of their parts are sent.
//
// A Result is said behind its last part. So small results overtake a large one, and what the manager
// acknowledges, so many Results in the order in which they were said, never waits for parts.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.hpp"
#include "core/plant.hpp"
#include "core/worker_state.hpp"

namespace fanmill::core {

bool WorkerState::takes_parts() const { return is_open() && has_feature(feature::parts); }

std::uint64_t WorkerState::result_bytes_max() const {
  const std::uint64_t in_parts = takes_parts() ? terms.payload_bytes_max : 0;
  return std::max<std::uint64_t>(terms.frame_bytes_max, in_parts);
}

bool WorkerState::is_large(const KeptResult& kept) const {
  return kept.result.payload.bytes.size() > terms.frame_bytes_max;
}

void WorkerState::on_message(Instant now, Part& part, WorkerActions& out) {
  if (!takes_parts()) {
    ignore_message();
    return;
  }
  Task* task = queue.find_task(part.attempt);
  if (task == nullptr || !task->in_parts || part_in.is_repeated(part)) {
    // It was killed meanwhile, or rejected, and what is on its way still comes; or it came twice.
    counters.parts_unknown += 1;
    if (task == nullptr || !task->in_parts) tell_part(now, part, out);
    return;
  }
  if (part.total > options.payload_bytes_max) {
    counters.tasks_rejected += 1;
    std::string words = "its payload has " + std::to_string(part.total) +
                        " bytes; this worker takes " + std::to_string(options.payload_bytes_max);
    const GroupId group = task->group;
    queue.erase(part.attempt);
    tell_part(now, part, out);
    keep_result(now,
                Result{.attempt = part.attempt,
                       .outcome = AttemptOutcome::rejected,
                       .error_text = std::move(words)},
                group, out);
    return;
  }
  if (const std::string fault = part_in.fault_of(part, terms.frame_bytes_max); !fault.empty()) {
    // As with what can't be read: nobody can tell what the manager means, and the next hello does not
    // name a task that is not whole.
    note(0, "closed the session: " + fault, out);
    close_session(out);
    greet_again(now, out);
    return;
  }
  take_part(now, *task, part, out);
}

void WorkerState::take_part(Instant now, Task& task, const Part& part, WorkerActions& out) {
  part_in.take(part, true);
  if (const auto offset = part_in.to_tell(terms.frame_bytes_max))
    send(now, PartTaken{.attempt = part.attempt, .offset = *offset}, out);
  if (!part_in.is_whole()) return;
  task.payload.bytes = part_in.finish();
  task.in_parts = false;
}

/// Nobody waits for it here, so it is out of the way.
void WorkerState::tell_part(Instant now, const Part& part, WorkerActions& out) {
  send(now, PartTaken{.attempt = part.attempt, .offset = part.offset + part.bytes.size()}, out);
}

void WorkerState::on_message(Instant now, PartTaken& taken, WorkerActions& out) {
  if (!takes_parts() || !part_out.taken(taken.attempt, taken.offset)) {
    ignore_message();
    return;
  }
  while (part_out.next_whole()) {  // its Result was said behind its last part
  }
  // Whoever leaves waits for results as long as they move.
  if (wait == Wait::acknowledgements && intent != Intent::leave)
    await(after(now, terms.dead), Wait::acknowledgements);
  if (results_wait) send_unsent(now, out);
  push_parts(now, out);
}

void WorkerState::send_large(KeptResult&& kept) {
  part_out.add(kept.result.attempt, kept.result.payload.bytes);
  large.push_back(std::move(kept));
}

/// Behind all results that were kept before.
void WorkerState::push_parts(Instant now, WorkerActions& out) {
  FANMILL_ASSERT(results_sent == results.size(), results_sent, results.size());
  while (std::optional<Part> part = part_out.next()) {
    const bool is_last = part->offset + part->bytes.size() == part->total;
    const AttemptId attempt = part->attempt;
    emit(now, std::move(*part), out);
    if (!is_last) continue;
    FANMILL_ASSERT(!large.empty() && large.front().result.attempt == attempt, attempt);
    KeptResult kept = std::move(large.front());
    large.pop_front();
    (kept.repeated ? counters.results_repeated : counters.results_sent) += 1;
    Result said = kept.result;
    said.payload.bytes = {};
    said.in_parts = true;
    emit(now, std::move(said), out);
    results.push_back(std::move(kept));
    results_sent += 1;
  }
}

bool WorkerState::drop_large(Instant now, AttemptId attempt, WorkerActions& out) {
  if ((options.features & feature::kill) == 0) return false;
  const auto found = std::find_if(large.begin(), large.end(), [&](const KeptResult& each) {
    return each.result.attempt == attempt;
  });
  if (found == large.end()) return false;
  const Duration busy = found->result.busy;
  counters.kills += 1;
  large.erase(found);
  attempts.erase(attempt.value);
  part_out.drop(attempt);
  answer_killed(now, attempt, false, busy, out);
  push_parts(now, out);
  return true;
}

void WorkerState::drop_large_of(Instant now, GroupId group, WorkerActions& out) {
  std::vector<AttemptId> dropped;
  for (const KeptResult& each : large)
    if (each.group == group) dropped.push_back(each.result.attempt);
  for (const AttemptId attempt : dropped) (void)drop_large(now, attempt, out);
}

/// Its task was killed, or given back.
void WorkerState::forget_unwanted_part() {
  if (part_in.attempt().valid() && !queue.contains(part_in.attempt())) part_in.clear();
}

/// The session is over. What came half is sent again if the manager still wants it done: the next
/// hello does not name such a task.
void WorkerState::drop_parts() {
  part_out.clear();
  if (!FANMILL_PLANTED(large_result_lost))
    for (KeptResult& each : large) results.push_back(std::move(each));
  large.clear();
  if (FANMILL_PLANTED(parts_survive_session)) return;
  part_in.clear();
  queue.erase_if([](const QueuedTask& queued) { return queued.task.in_parts; });
}

}  // namespace fanmill::core
