// What tasks write to their standard output, on its way to the client. Nothing of it is kept here:
// the window of each attempt bounds what is between its worker and its client.
#include "core/manager_state.hpp"
#include "core/plant.hpp"

namespace fanmill::core {

void ManagerState::on_session_message(std::uint32_t session, Output&& output) {
  const std::uint32_t index = attempt_of_id.find(output.attempt.value);
  const bool is_held = index != no_index && attempts[index].session == session;
  const std::uint64_t end = output.offset + output.bytes.size();
  const bool is_repeated = is_held && end <= extra_of(attempts[index]).output_received;
  if (!is_held || is_repeated) {
    counters.outputs_unknown += 1;
    return;
  }
  if (const std::string fault = output_fault(session, index, output); !fault.empty()) {
    violation(session, RefuseCode::protocol, fault);
    return;
  }
  make_records_of(index);
  AttemptRecord& attempt = attempts[index];
  make_extra(attempt).output_received = end;
  const TaskRecord* task = attempt.task == no_index ? nullptr : &tasks[attempt.task];
  const GroupRecord* group = task == nullptr ? nullptr : &groups[task->group];
  if (group == nullptr || !jobs[group->job].options.output) {
    // Nobody listens; it need not wait for that.
    take_output(index, end);
    return;
  }
  const JobRecord& job = jobs[group->job];
  out->push_back(DeliverOutput{.client = job.client,
                               .job = job.id,
                               .item = group->item,
                               .task = task->number,
                               .attempt = attempt.id,
                               .number = extra_of(attempt).number,
                               .offset = output.offset,
                               .bytes = std::move(output.bytes)});
  if (FANMILL_PLANTED(output_taken_early)) take_output(index, end);
}

/// What the worker must not have done; empty if all is well.
std::string ManagerState::output_fault(std::uint32_t session, std::uint32_t index,
                                       const Output& output) const {
  const AttemptExtra& attempt = extra_of(attempts[index]);
  if ((sessions[session].features & feature::output) == 0)
    return "a worker sent output of a task, and the feature output is not in force";
  if (output.offset != attempt.output_received) {
    return "a worker sent output of a task from byte " + std::to_string(output.offset) +
           " on, expected " + std::to_string(attempt.output_received);
  }
  const std::uint64_t under_way = output.offset + output.bytes.size() - attempt.output_taken;
  if (under_way > limits::output_window_bytes) {
    return "a worker sent " + std::to_string(under_way) +
           " bytes of a task's output beyond what "
           "was taken, at most " +
           std::to_string(limits::output_window_bytes) + " are allowed";
  }
  return {};
}

void ManagerState::on(OutputConsumed&& event) {
  const std::uint32_t index = attempt_of_id.find(event.attempt.value);
  // Its task has ended meanwhile. It may be held once more, as nobody's.
  if (index == no_index || !attempts[index].has_task()) return;
  const AttemptExtra& attempt = extra_of(attempts[index]);
  FANMILL_ASSERT(event.offset <= attempt.output_received, event.attempt, event.offset);
  if (event.offset <= attempt.output_taken) return;  // its worker was told not to wait for it
  take_output(index, event.offset);
}

/// One more message of the attempt's output is out of the way, which ends before `offset`.
void ManagerState::take_output(std::uint32_t index, std::uint64_t offset) {
  AttemptExtra& attempt = make_extra(attempts[index]);
  attempt.output_untold += 1;
  const bool is_due = offset - attempt.output_taken >= limits::output_taken_step ||
                      attempt.output_untold >= limits::output_messages_step;
  if (is_due) tell_taken(index, offset);
}

void ManagerState::tell_taken(std::uint32_t index, std::uint64_t offset) {
  AttemptRecord& attempt = attempts[index];
  if (attempt.session == no_index || offset <= extra_of(attempt).output_taken) return;
  AttemptExtra& extra = make_extra(attempt);
  extra.output_taken = offset;
  extra.output_untold = 0;
  send(sessions[attempt.session], OutputTaken{.attempt = attempt.id, .offset = offset});
}

}  // namespace fanmill::core
