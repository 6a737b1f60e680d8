// Payloads in parts: those of tasks behind their Task, as far as the window of their session has
// room; those of results before their Result.
//
// A task of which something is still on its way has not started, nor has any behind it, so none of
// them is blamed when its worker is lost, and none is asked back for another worker as long as a
// slot is free for it where it is.
#include "core/manager_state.hpp"
#include "core/plant.hpp"

namespace fanmill::core {

void ManagerState::push_parts(SessionRecord& session) {
  if (session.lost || !session.peer.valid()) return;
  while (std::optional<Part> part = session.parts->out.next()) send(session, std::move(*part));
}

/// Nobody needs the rest of its payload, nor what came of its result. What is on its way is still told
/// of.
void ManagerState::stop_parts(const AttemptRecord& attempt) {
  SessionRecord& session = sessions[attempt.session];
  const bool is_answered = session.parts != nullptr && session.parts->in.attempt() == attempt.id;
  if (is_answered && !attempt.has_task()) session.parts->in.forget_bytes();
  if (!extra_of(attempt).in_parts || FANMILL_PLANTED(parts_go_on)) return;
  session.parts->out.drop(attempt.id);
  push_parts(session);
}

/// Its session does not hold it any more.
void ManagerState::part_with(AttemptRecord& attempt) {
  SessionRecord& session = sessions[attempt.session];
  if (session.parts == nullptr) return;
  stop_parts(attempt);
  if (extra_of(attempt).in_parts) make_extra(attempt).in_parts = false;
  if (session.parts->in.attempt() == attempt.id) session.parts->in.clear();
}

void ManagerState::on_session_message(std::uint32_t index, PartTaken&& taken) {
  SessionRecord& session = sessions[index];
  if (session.parts == nullptr) {
    violation(index, RefuseCode::protocol,
              "a worker told of parts that it took, and the feature parts is not in force");
    return;
  }
  PartSender& sender = session.parts->out;
  if (!sender.taken(taken.attempt, taken.offset)) return;  // late, or repeated
  while (const auto whole = sender.next_whole()) {
    const std::uint32_t attempt = attempt_of_id.find(whole->value);
    const bool is_held = attempt != no_index && attempts[attempt].session == index;
    if (is_held) make_extra(attempts[attempt]).in_parts = false;
  }
  fill_running(index);
  refresh_backlog(index);
  push_parts(session);
}

void ManagerState::on_session_message(std::uint32_t index, Part&& part) {
  SessionRecord& session = sessions[index];
  const std::uint32_t attempt_index = attempt_of_id.find(part.attempt.value);
  const bool is_held = attempt_index != no_index && attempts[attempt_index].session == index;
  const std::string fault = part_fault(session, is_held ? &attempts[attempt_index] : nullptr, part);
  if (!fault.empty()) {
    violation(index, RefuseCode::protocol, fault);
    return;
  }
  PartReceiver& in = session.parts->in;
  if (!is_held || in.is_repeated(part)) {
    counters.parts_unknown += 1;
    // Whoever sent it need not wait for it. Of what came twice it knows.
    if (!is_held)
      send(session, PartTaken{.attempt = part.attempt, .offset = part.offset + part.bytes.size()});
    return;
  }
  AttemptRecord& attempt = attempts[attempt_index];
  // Its function has returned; how long the result takes on its way is not the function's time.
  stop_timer(attempt);
  in.take(part, attempt.has_task());
  if (const auto offset = in.to_tell(options.frame_bytes_max);
      offset && !FANMILL_PLANTED(parts_untold))
    send(session, PartTaken{.attempt = part.attempt, .offset = *offset});
}

/// `attempt`: null if the session doesn't hold it.
std::string ManagerState::part_fault(const SessionRecord& session, const AttemptRecord* attempt,
                                     const Part& part) const {
  if (session.parts == nullptr)
    return "a worker sent a payload in parts, and the feature parts is not in force";
  if (part.total > options.payload_bytes_max) {
    return "a worker sends a payload of " + std::to_string(part.total) + " bytes, at most " +
           std::to_string(options.payload_bytes_max) + " are allowed (payload_bytes_max)";
  }
  if (attempt == nullptr) return {};  // late: it was killed, or answered
  return session.parts->in.fault_of(part, options.frame_bytes_max);
}

/// Puts into the result what came in parts for it. False if it was not that: its session is closed.
bool ManagerState::take_parts(std::uint32_t index, const AttemptRecord& attempt, Result& result) {
  SessionRecord& session = sessions[index];
  const bool is_whole = session.parts != nullptr && session.parts->in.attempt() == attempt.id &&
                        session.parts->in.is_whole();
  if (!is_whole && !FANMILL_PLANTED(half_results_taken)) {
    violation(index, RefuseCode::protocol,
              "a worker sent a result whose payload did not come before it in parts");
    return false;
  }
  result.payload.bytes = session.parts->in.finish();
  return true;
}

}  // namespace fanmill::core
