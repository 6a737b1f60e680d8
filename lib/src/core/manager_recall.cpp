// The recall: what waits at a busy worker is asked back when another one is free.
#include <algorithm>

#include "core/manager_state.hpp"

namespace fanmill::core {

/// When a worker is idle (so nothing is queued that it could take), what waits behind other tasks
/// elsewhere is asked back: from one worker for each that idles, half of what waits there, or as much
/// as the idle one would be given.
void ManagerState::recall_for_idle() {
  recalls_due.reset();
  if (backlog_total == 0) return;
  profiles.for_each([&](std::uint32_t, ProfileRecord& profile) {
    std::size_t looks = profile.backlog.size();
    while (looks-- > 0 && profile.recalls < profile.idle.size()) {
      const std::uint32_t session = profile.backlog.front();
      profile.backlog.erase(sessions, session);
      profile.backlog.push_back(sessions, session);  // the next recall asks another worker
      // Its slots are being freed by kills: what waits there is about to start.
      if (sessions[session].room == SessionRecord::Room::idle) continue;
      if (!is_worth_recalling(sessions[session])) continue;
      // What has a free slot there only waits for its payload.
      const std::size_t busy = sessions[session].running.size();
      const std::size_t free =
          sessions[session].slots - std::min<std::size_t>(sessions[session].slots, busy);
      if (sessions[session].waiting.size() <= free) continue;
      const std::size_t waiting = sessions[session].waiting.size() - free;
      const std::size_t room = sessions[profile.idle.front()].tasks_max;
      recall_some(profile, session, std::clamp<std::size_t>(waiting / 2, 1, room));
    }
  });
}

/// Not what will have begun before the question comes, by what tasks take there; unless they take
/// longer now.
bool ManagerState::is_worth_recalling(const SessionRecord& session) {
  if (session.mean_busy == Duration::zero()) return true;
  const auto waiting = static_cast<std::int64_t>(session.waiting.size());
  if (session.mean_busy >= limits::recall_worth * session.slots / waiting) return true;
  const Instant due = session.answered + limits::recall_worth;
  if (now >= due) return true;
  recalls_due = std::min(recalls_due.value_or(due), due);
  return false;
}

/// What was sent last first, so that most of it has not started.
void ManagerState::recall_some(const ProfileRecord& profile, std::uint32_t session,
                               std::size_t most) {
  for (std::uint32_t at = sessions[session].waiting.back(); at != no_index && most > 0; --most) {
    const AttemptRecord& attempt = attempts[at];
    const std::uint32_t before = attempt.in_session.previous;
    if (attempt.recalled || attempt.killing || waits_elsewhere(profile, attempt)) return;
    recall(at);
    at = before;
  }
}

/// What was given ahead because tasks were short does not wait behind one that is not, whoever is
/// free. Looked at with each heartbeat, and not before one has passed: over a long way answers come in
/// bursts.
void ManagerState::recall_surplus(std::uint32_t index) {
  const SessionRecord& session = sessions[index];
  const std::size_t held = session.running.size() + session.waiting.size();
  const bool has_surplus = !session.lost && held > session.tasks_least;
  if (!has_surplus || !is_held_up(session, options.heartbeat)) return;
  const std::size_t surplus = std::min(session.waiting.size(), held - session.tasks_least);
  recall_some(profiles[session.profile], index, surplus);
}

void ManagerState::recall(std::uint32_t index) {
  AttemptRecord& attempt = attempts[index];
  SessionRecord& session = sessions[attempt.session];
  attempt.recalled = true;
  make_extra(attempt).asked_back = true;
  profiles[session.profile].recalls += 1;
  counters.recalls_sent += 1;
  send(session, Kill{.attempt = attempt.id, .if_unstarted = true});
  stop_parts(attempt);
}

void ManagerState::end_recall(AttemptRecord& attempt) {
  if (!attempt.recalled) return;
  attempt.recalled = false;
  profiles[sessions[attempt.session].profile].recalls -= 1;
}

/// Whether the attempt, which waits at its worker, should stay there although a slot is free
/// elsewhere: the free slot is that of the worker to avoid.
bool ManagerState::waits_elsewhere(const ProfileRecord& profile,
                                   const AttemptRecord& attempt) const {
  if (attempt.lane != no_index) return false;  // nothing has happened to it
  const TaskRecord& task = tasks[attempt.task];
  return task.history != nullptr && now < task.history->avoided_until && profile.idle.size() == 1 &&
         sessions[profile.idle.front()].worker == task.history->avoided;
}

}  // namespace fanmill::core
