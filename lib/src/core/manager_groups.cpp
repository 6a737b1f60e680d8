// Jobs, groups and the policies that decide them.
#include <algorithm>

#include "core/manager_state.hpp"
#include "core/plant.hpp"

namespace fanmill::core {

void ManagerState::on(JobOpened&& event) {
  if (shut) {
    out->push_back(DeliverJobEnd{.client = event.client, .job = event.job});
    return;
  }
  FANMILL_ASSERT(job_of_id.find(event.job.value) == no_index, event.job);
  JobRecord job{.id = event.job, .client = event.client, .options = std::move(event.options)};
  for (const std::string& function : job.options.functions) {
    for (const PayloadFamily family : payload_families)
      job.kinds.push_back(use_kind(function, family));
  }
  job.lanes.resize(job.kinds.size(), no_index);
  job_of_id.insert(event.job.value, jobs.insert(std::move(job)));
}

void ManagerState::on(GroupSubmitted&& event) {
  const std::uint32_t job = job_of_id.find(event.job.value);
  if (job == no_index) return;  // cancelled while the group was under way
  counters.groups_submitted += 1;
  FANMILL_ASSERT(event.policy.kind != Policy::Kind::k_answers || event.policy.k >= 1);
  const GroupId id = group_ids.next();
  if (event.tasks.size() == 1 && enter_lane(job, id, event)) return;
  const std::uint32_t index =
      open_group(GroupRecord{.id = id, .item = event.item, .policy = event.policy, .job = job});
  GroupRecord& group = groups[index];
  const std::vector<std::uint32_t>& added = add_tasks(index, std::move(event.tasks));
  if (group.policy.kind == Policy::Kind::stages) {
    for (const std::uint32_t task : added) {
      tasks[task].state = TaskRecord::State::waiting;
      group.waiting.push_back(tasks, task);
    }
    release_stage(index, false);
  } else {
    for (const std::uint32_t task : added) {
      group.released += 1;
      make_ready(task, false);
    }
  }
  if (added.empty() && group.policy.kind != Policy::Kind::client) {
    end_group(index, group.policy.kind == Policy::Kind::all, {});
  }
}

void ManagerState::on(GroupUpdated&& event) {
  std::uint32_t index = group_of_id.find(event.group.value);
  if (index == no_index) {
    // Its job was cancelled, or the group ended, while the update was under way; or it stands in a lane,
    // and is not its client's to do more with than to end it.
    const bool has_ended = end_waiting(event.group);
    index = group_of_id.find(event.group.value);
    FANMILL_ASSERT(event.done || (!has_ended && index == no_index), event.group);
    if (index == no_index) return;
  }
  GroupRecord& group = groups[index];
  if ((event.replace && !FANMILL_PLANTED(replace_keeps_tasks)) || event.done) end_members(index);
  if (event.done) {
    close_group(index);
    return;
  }
  const std::vector<std::uint32_t>& added = add_tasks(index, std::move(event.add));
  // At the front, and there in their own order: a group that has begun is finished first.
  std::for_each(added.rbegin(), added.rend(), [&](std::uint32_t task) {
    group.released += 1;
    make_ready(task, true);
  });
}

void ManagerState::on(JobClosed&& event) {
  const std::uint32_t job = job_of_id.find(event.job.value);
  if (job == no_index) return;
  jobs[job].closed = true;
  end_job_if_done(job);
}

void ManagerState::on(JobCancelled&& event) {
  const std::uint32_t job = job_of_id.find(event.job.value);
  if (job != no_index) cancel_job(job);
}

void ManagerState::on(JobDrained&& event) {
  const std::uint32_t index = job_of_id.find(event.job.value);
  if (index == no_index) return;
  JobRecord& job = jobs[index];
  if (job.drained) return;
  job.closed = job.drained = true;
  jobs_drained += 1;
  if (!job.has_groups()) {
    end_job_if_done(index);
    return;
  }
  for (const OpenGroup& group : take_groups(index)) {
    const bool goes_on = group.record != no_index && groups[group.record].begun;
    if (!goes_on || FANMILL_PLANTED(drain_takes_begun)) withdraw_group(index, group);
  }
}

std::uint32_t ManagerState::open_group(GroupRecord&& group) {
  const GroupId id = group.id;
  const std::uint32_t job = group.job;
  const std::uint32_t index = groups.insert(std::move(group));
  group_of_id.insert(id.value, index);
  jobs[job].groups.push_back(groups, index);
  return index;
}

const std::vector<std::uint32_t>& ManagerState::add_tasks(std::uint32_t group_index,
                                                          TaskSpecs&& specs) {
  GroupRecord& group = groups[group_index];
  const JobRecord& job = jobs[group.job];
  std::vector<std::uint32_t>& added = tasks_added;
  added.clear();
  std::uint32_t stage = 0;
  for (TaskSpec& spec : specs) {
    FANMILL_ASSERT(spec.stage >= stage, "stages must not decrease", spec.stage, stage);
    stage = spec.stage;
    const std::uint32_t index = tasks.insert(TaskRecord{});
    TaskRecord& task = tasks[index];
    task.id = task_ids.next();
    task.group = group_index;
    task.number = group.tasks_made++;
    task.stage = spec.stage;
    task.kind = job.kinds[place_of(job, spec)];
    task.state = TaskRecord::State::assigned;  // until it is queued
    task.payload = std::move(spec.payload);
    task.time_limit = spec.time_limit;
    group.members.push_back(tasks, index);
    added.push_back(index);
  }
  counters.tasks_submitted += added.size();
  return added;
}

/// The next stage's tasks become ready, in their own order.
void ManagerState::release_stage(std::uint32_t group_index, bool front) {
  GroupRecord& group = groups[group_index];
  if (group.waiting.empty()) return;
  const std::uint32_t stage = tasks[group.waiting.front()].stage;
  std::vector<std::uint32_t> released;
  while (!group.waiting.empty() && tasks[group.waiting.front()].stage == stage) {
    const std::uint32_t task = group.waiting.front();
    group.waiting.erase(tasks, task);
    released.push_back(task);
  }
  if (front) std::reverse(released.begin(), released.end());
  for (const std::uint32_t task : released) {
    group.released += 1;
    make_ready(task, front);
  }
}

ManagerState::Meaning ManagerState::meaning_of(const Outcome& outcome, const Policy& policy,
                                               std::size_t answers_before) {
  const bool has_result = outcome.kind == OutcomeKind::result;
  const bool takes_nothing =
      (FANMILL_PLANTED(k_counts_nothing) && policy.kind == Policy::Kind::k_answers) ||
      (FANMILL_PLANTED(first_answer_takes_nothing) && policy.kind == Policy::Kind::first_answer);
  const bool has_answer = has_result && (!outcome.nothing || takes_nothing);
  switch (policy.kind) {
    case Policy::Kind::first:
      return {.decides = has_result, .counts = has_result};
    case Policy::Kind::k_answers:
      return {.decides = has_answer && answers_before + 1 >= policy.k, .counts = has_answer};
    case Policy::Kind::all:
      return {.decides = false, .counts = has_result};
    case Policy::Kind::first_answer:
    case Policy::Kind::stages:
    case Policy::Kind::client:
      break;
  }
  return {.decides = has_answer, .counts = has_answer};
}

void ManagerState::task_ended_in_group(std::uint32_t index, std::uint32_t task_number,
                                       Outcome&& outcome, SessionId session) {
  GroupRecord& group = groups[index];
  if (group.policy.kind == Policy::Kind::client) {
    const JobRecord& job = jobs[group.job];
    out->push_back(DeliverTaskEnd{.client = job.client,
                                  .job = job.id,
                                  .group = group.id,
                                  .item = group.item,
                                  .task = task_number,
                                  .outcome = std::move(outcome),
                                  .session = session});
    return;
  }

  const Meaning meaning =
      meaning_of(outcome, group.policy, group.kept ? group.kept->answers.size() : 0);
  const bool decided = meaning.decides;
  const bool ends = decided || group.members.empty();
  if (!ends && !group.kept) group.kept = std::make_unique<GroupResult>();
  GroupResult last;
  GroupResult& result = group.kept ? *group.kept : last;
  if (meaning.counts) {
    result.answers.push_back({.task = task_number,
                              .nothing = outcome.nothing,
                              .payload = std::move(outcome.payload),
                              .session = session});
  }
  if (outcome.kind != OutcomeKind::result) {
    const std::uint32_t lost_attempts_max = jobs[group.job].options.lost_attempts_max;
    for (TaskError& error : outcome.errors)
      keep_error(result.errors, std::move(error), lost_attempts_max);
  }

  if (ends) {
    if (!decided && FANMILL_PLANTED(group_end_late)) return;
    end_group(index, decided || group.policy.kind == Policy::Kind::all, std::move(result));
  } else if (group.released <= (FANMILL_PLANTED(stage_early) ? 1U : 0U)) {
    // Before the tasks of groups that came later: a group that has begun is finished first.
    release_stage(index, true);
  }
}

/// Ends every task that the group still has: queued ones are dropped, running ones killed.
void ManagerState::end_members(std::uint32_t index) {
  GroupRecord& group = groups[index];
  while (!group.members.empty()) {
    const std::uint32_t task = group.members.front();
    const bool assigned = tasks[task].state == TaskRecord::State::assigned;
    (assigned ? group.tasks_killed : group.tasks_dropped) += 1;
    (assigned ? counters.tasks_killed : counters.tasks_dropped) += 1;
    erase_task(task);
  }
}

void ManagerState::end_group(std::uint32_t index, bool decided, GroupResult&& result) {
  end_members(index);
  const GroupRecord& group = groups[index];
  const JobRecord& job = jobs[group.job];
  result.decided = decided;
  result.tasks_killed = group.tasks_killed;
  result.tasks_dropped = group.tasks_dropped;
  out->push_back(DeliverGroupEnd{.client = job.client,
                                 .job = job.id,
                                 .group = group.id,
                                 .item = group.item,
                                 .result = std::move(result)});
  if (FANMILL_PLANTED(group_end_twice)) {
    const auto again = std::get<DeliverGroupEnd>(out->back());
    out->push_back(again);
  }
  close_group(index);
}

/// A drained job must come to an end: when no worker is left, what nobody has is given up, too.
/// O(tasks of drained jobs), while there is no worker.
void ManagerState::withdraw_stranded() {
  if (jobs_drained == 0 || slots_present > 0) return;
  std::vector<std::uint32_t> drained;
  jobs.for_each([&](std::uint32_t index, const JobRecord& job) {
    if (job.drained) drained.push_back(index);
  });
  for (const std::uint32_t job : drained) {
    for (const OpenGroup& group : take_groups(job)) {
      if (group.record == no_index || is_stranded(groups[group.record])) withdraw_group(job, group);
    }
  }
}

/// Nobody holds a task of it. A client's group without tasks waits for its client's word, not for a
/// worker.
bool ManagerState::is_stranded(const GroupRecord& group) const {
  bool held = false;
  group.members.for_each(
      tasks, [&](std::uint32_t task) { held |= tasks[task].state == TaskRecord::State::assigned; });
  return !held && !group.members.empty();
}

/// Whatever its policy.
void ManagerState::withdraw_group(std::uint32_t job_index, const OpenGroup& group) {
  if (group.record != no_index) end_members(group.record);
  const JobRecord& job = jobs[job_index];
  out->push_back(DeliverGroupEnd{.client = job.client,
                                 .job = job.id,
                                 .group = group.id,
                                 .item = group.item,
                                 .result = {.withdrawn = true}});
  const char* const why = "its run is drained";
  if (group.record == no_index) {
    end_unrecorded(job_index, group.item, why);
  } else {
    close_group(group.record, why);
  }
}

/// `why`: it was not decided, in words.
void ManagerState::close_group(std::uint32_t index, const char* why) {
  GroupRecord& group = groups[index];
  tell_group_end(group.item, group.tasks_killed, group.tasks_dropped, why);
  const std::uint32_t job = group.job;
  jobs[job].groups.erase(groups, index);
  group_of_id.erase(group.id.value);
  groups.erase(index);
  end_job_if_done(job);
}

void ManagerState::tell_group_end(std::uint64_t item, std::uint32_t killed, std::uint32_t dropped,
                                  const char* why) {
  counters.groups_ended += 1;
  if (!observes(2)) return;
  out->push_back(Observation{.kind = Observation::Kind::group_ended,
                             .level = 2,
                             .text = why,
                             .item = item,
                             .killed = killed,
                             .dropped = dropped});
}

void ManagerState::end_job_if_done(std::uint32_t index) {
  JobRecord& job = jobs[index];
  if (!job.closed || job.has_groups()) return;
  out->push_back(DeliverJobEnd{.client = job.client, .job = job.id});
  if (job.drained) jobs_drained -= 1;
  for (const std::uint32_t kind : job.kinds) release_kind(kind);
  for (const std::uint32_t lane : job.lanes) {
    if (lane != no_index) lanes.erase(lane);
  }
  job_of_id.erase(job.id.value);
  jobs.erase(index);
}

void ManagerState::cancel_job(std::uint32_t index) {
  JobRecord& job = jobs[index];
  job.closed = true;
  if (!job.has_groups()) {
    end_job_if_done(index);
    return;
  }
  // The last group takes the job with it.
  for (const OpenGroup& group : take_groups(index)) {
    if (group.record == no_index) {
      end_unrecorded(index, group.item, "");
    } else {
      end_members(group.record);
      close_group(group.record);
    }
  }
}

}  // namespace fanmill::core
