// What is learnt from failures: a task that went wrong is tried elsewhere first, and a worker at
// which all goes wrong while others succeed gets no more tasks.
#include <algorithm>

#include "core/manager_state.hpp"
#include "core/plant.hpp"

namespace fanmill::core {

bool uses_up_retries(TaskError::Kind kind) {
  return kind == TaskError::Kind::failed || kind == TaskError::Kind::time_limit;
}

void keep_error(std::vector<TaskError>& errors, TaskError&& error,
                std::uint32_t lost_attempts_max) {
  const std::size_t room = std::max<std::size_t>(limits::errors_kept_max, lost_attempts_max);
  if (errors.size() >= room) {
    const auto oldest = std::find_if(errors.begin(), errors.end(), [](const TaskError& one) {
      return uses_up_retries(one.kind);
    });
    errors.erase(oldest == errors.end() ? errors.begin() : oldest);
  }
  errors.push_back(std::move(error));
}

void ManagerState::add_error(TaskRecord& task, TaskError error, const Uuid& worker) {
  if (!task.history) task.history = std::make_unique<TaskHistory>();
  keep_error(task.history->errors, std::move(error),
             jobs[groups[task.group].job].options.lost_attempts_max);
  task.history->avoided = worker;
  task.history->avoided_until = now + options.retry_elsewhere;
}

/// The kind's next task for a worker with such room, and the worker.
ManagerState::Match ManagerState::match(const KindRecord& kind, SessionRecord::Room room) const {
  const auto fits = [&](std::uint32_t task) {
    return room == SessionRecord::Room::idle || !races(tasks[task]);
  };
  if (const std::uint32_t task = kind.retried.front(); task != no_index) {
    if (!fits(task)) return {};  // no room is used up that may become a free slot
    const std::uint32_t session = session_for_retry(kind, tasks[task], room);
    if (session != no_index) return {.task = task, .session = session, .order = tasks[task].order};
    // It waits for another worker; the one that has room need not.
    if (FANMILL_PLANTED(retry_blocks)) return {};
  }
  const std::uint32_t task = kind.ready.front();
  if (!kind.lanes.empty()) {
    const std::uint32_t lane = kind.lanes.front();
    const std::int64_t order = order_of(lanes[lane].tasks.front().task);
    // What waits there is alone in its group, so it races with nobody.
    if (task == no_index || order < tasks[task].order)
      return {.lane = lane, .session = session_with_room(kind, room), .order = order};
  }
  if (task == no_index || !fits(task)) return {};
  return {.task = task, .session = session_with_room(kind, room), .order = tasks[task].order};
}

/// Another worker than the one to avoid, if one has room. If not, that one: at once if nobody else
/// takes such tasks, else when the time for others to get room is over. tick() comes around at
/// least once in a heartbeat, so that needs no deadline of its own.
std::uint32_t ManagerState::session_for_retry(const KindRecord& kind, const TaskRecord& task,
                                              SessionRecord::Room room) const {
  if (FANMILL_PLANTED(retried_in_place)) return session_with_room(kind, room);
  const std::uint32_t other = session_with_room(kind, room, task.history->avoided);
  if (other != no_index) return other;
  const std::uint32_t avoided = session_with_room(kind, room);
  if (avoided == no_index) return no_index;
  std::uint32_t takers = 0;
  for (const std::uint32_t profile : kind.profiles) takers += profiles[profile].takers;
  const bool others_may = now < task.history->avoided_until || FANMILL_PLANTED(retry_waits_on);
  return takers > 1 && others_may ? no_index : avoided;
}

void ManagerState::count_result(SessionRecord& session) {
  profiles[session.profile].results += 1;
  if (!FANMILL_PLANTED(failing_unreset)) session.failures = FailureRow{};
}

void ManagerState::count_failure(SessionRecord& session, GroupId group) {
  ProfileRecord& profile = profiles[session.profile];
  FailureRow& row = session.failures;
  if (row.tasks == 0) {
    row.results_before = profile.results;
    row.failures_before = profile.failures;
  }
  profile.failures += 1;
  row.tasks += 1;
  if (group <= row.newest_group) return;  // it may be another, but need not
  row.newest_group = group;
  row.groups += 1;
}

/// Only workers of the same profile are compared: what others succeed in may be easier.
bool ManagerState::is_failing(const SessionRecord& session) const {
  const FailingRule& rule = options.failing;
  const FailureRow& row = session.failures;
  const ProfileRecord& profile = profiles[session.profile];
  if (session.draining || !session.takes_tasks) return false;
  if (row.tasks < std::max(rule.tasks_min, rule.rounds_min * session.slots)) return false;
  if (row.groups < rule.groups_min) return false;
  const std::uint64_t results = profile.results - row.results_before;
  const std::uint64_t failures = profile.failures - row.failures_before - row.tasks;
  if (results < rule.results_min || results < failures * rule.results_per_failure) return false;
  // A bad worker is better than none.
  return profile.takers > 1 || FANMILL_PLANTED(failing_last);
}

void ManagerState::drain_if_failing(std::uint32_t index) {
  SessionRecord& session = sessions[index];
  if (!is_failing(session)) return;
  const FailureRow& row = session.failures;
  const std::string words = "its last " + counted(row.tasks, "task") +
                            " gave no result, while other workers gave " +
                            std::to_string(profiles[session.profile].results - row.results_before);
  counters.workers_failing += 1;
  if (failing_workers.size() >= limits::failing_workers_kept_max)
    failing_workers.erase(failing_workers.begin());
  failing_workers.insert(session.worker);
  if (observes(1)) {
    out->push_back(Observation{.kind = Observation::Kind::worker_failing,
                               .level = 0,
                               .worker = session.name + " at " + session.address,
                               .text = words});
  }
  ask_to_leave(index, words);
}

}  // namespace fanmill::core
