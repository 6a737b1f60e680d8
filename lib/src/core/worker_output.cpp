// What tasks write to their standard output, on its way to the manager. Nothing of it is kept here:
// the window is at the executor, which stops reading, and so stops its task.
#include <algorithm>

#include "base/assert.hpp"
#include "core/plant.hpp"
#include "core/worker_state.hpp"

namespace fanmill::core {

void WorkerState::on(Instant now, OutputWritten& fact, WorkerActions& out) {
  FANMILL_ASSERT(fact.slot < options.slots + options.ahead_max, fact.slot);
  RunningTask* task = slots.contains(fact.slot) ? &slots[fact.slot] : nullptr;
  // It was on its way here when the task was stopped, or its session was lost.
  const bool is_heard = task != nullptr && task->attempt == fact.attempt && task->passes_output &&
                        task->fate == Fate::result && is_open();
  if (!is_heard) {
    counters.outputs_dropped += 1;
    return;
  }
  FANMILL_ASSERT(
      task->output_sent + fact.bytes.size() <= task->output_taken + limits::output_window_bytes,
      task->attempt, task->output_sent, task->output_taken);
  const std::size_t most =
      std::min<std::size_t>(limits::output_chunk_bytes_max, terms.frame_bytes_max);
  const std::string_view bytes = fact.bytes.view();
  for (std::size_t at = 0; at < bytes.size(); at += most) {
    const std::string_view piece = bytes.substr(at, most);
    send(now,
         Output{.attempt = task->attempt,
                .offset = task->output_sent,
                .bytes = piece.size() == bytes.size() ? fact.bytes : Bytes(piece)},
         out);
    task->output_sent += piece.size();
  }
}

void WorkerState::on_message(Instant, OutputTaken& taken, WorkerActions& out) {
  const std::uint32_t slot = slot_of(taken.attempt);
  if (!is_open() || slot == no_index) {
    ignore_message();  // its result may have crossed it
    return;
  }
  RunningTask& task = slots[slot];
  const bool is_news =
      task.passes_output && taken.offset > task.output_taken && taken.offset <= task.output_sent;
  if (!is_news) {
    ignore_message();
    return;
  }
  task.output_taken = taken.offset;
  out.emplace_back(TakeOutput{.slot = slot, .attempt = taken.attempt, .taken = taken.offset});
}

/// The session is over, and with it what was under way in it: no later one could tell where to go
/// on. A task that waits for room in the window must not wait for ever.
void WorkerState::drop_outputs(WorkerActions& out) {
  if (FANMILL_PLANTED(output_undropped)) return;
  slots.for_each([&](std::uint32_t slot, RunningTask& task) {
    if (!std::exchange(task.passes_output, false)) return;
    if (task.fate != Fate::result) return;  // it is being ended
    out.emplace_back(DropOutput{.slot = slot, .attempt = task.attempt});
  });
}

}  // namespace fanmill::core
