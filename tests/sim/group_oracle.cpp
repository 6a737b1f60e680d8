#include "group_oracle.hpp"

#include <algorithm>

namespace fanmill::sim {

using core::Policy;

std::uint32_t GroupOracle::job_index(JobId id) const {
  for (std::uint32_t index = 0; index < jobs_.size(); ++index)
    if (jobs_[index].id == id) return index;
  throw Violation{"only known jobs are named", assert_context(id)};
}

GroupOracle::Group& GroupOracle::group_of(JobId job, std::uint64_t item) {
  const auto found = group_of_item_.find({job_index(job), item});
  demand(found != group_of_item_.end(), "only submitted items are named", job, "item", item);
  return groups_[found->second];
}

void GroupOracle::learn(Group& group, GroupId id) {
  if (!group.id.valid()) {
    group.id = id;
    group_of_id_[id] = static_cast<std::uint32_t>(&group - groups_.data());
  }
  demand(group.id == id, "a group keeps its id", group.id, id);
}

void GroupOracle::opened(const core::JobOpened& event) {
  jobs_.push_back({.id = event.job, .options = event.options});
}

void GroupOracle::submitted(const core::GroupSubmitted& event) {
  const std::uint32_t job = job_index(event.job);
  if (jobs_[job].cancelled) return;
  demand(!jobs_[job].drained, "a drained run submits nothing", event.item);
  const auto index = static_cast<std::uint32_t>(groups_.size());
  demand(group_of_item_.emplace(std::pair{job, event.item}, index).second,
         "an item is submitted once", event.item);
  groups_.push_back({.job = job, .item = event.item, .policy = event.policy});
  jobs_[job].open_groups += 1;
  add(index, event.tasks);
  if (event.tasks.empty() && event.policy.kind != Policy::Kind::client) end_group(index);
}

void GroupOracle::add(std::uint32_t group, const core::TaskSpecs& specs) {
  for (const core::TaskSpec& spec : specs) {
    const std::optional<Work> work = work_of(spec.payload);
    FANMILL_ASSERT(work.has_value(), "the simulator submits work only");
    demand(work->task == groups_[group].tasks.size(),
           "tasks are numbered in the order of submission", work->task);
    groups_[group].tasks.push_back(static_cast<TaskIndex>(tasks_.size()));
    jobs_[groups_[group].job].number = work->job;
    tasks_.push_back({.work = *work, .group = group});
  }
}

void GroupOracle::updated(const core::GroupUpdated& event) {
  const auto found = group_of_id_.find(event.group);
  demand(found != group_of_id_.end(), "a client names only groups that it was told of",
         event.group);
  Group& group = groups_[found->second];
  if (!group.open) return;  // its job was cancelled meanwhile
  if (event.replace || event.done) {
    for (const TaskIndex task : group.tasks)
      if (tasks_[task].open) end_task(task, OutcomeKind::killed);
  }
  if (event.done) {
    group.open = false;
    jobs_[group.job].open_groups -= 1;
    jobs_due_.push_back(group.job);
    return;
  }
  add(found->second, event.add);
}

void GroupOracle::closed(JobId job) {
  const std::uint32_t index = job_index(job);
  jobs_[index].closed = true;
  jobs_due_.push_back(index);
}

void GroupOracle::cancelled(JobId id) {
  const std::uint32_t index = job_index(id);
  Job& job = jobs_[index];
  if (job.cancelled || job.delivered) return;
  job.cancelled = job.closed = true;
  for (Group& group : groups_) {
    if (group.job != index || !group.open) continue;
    group.open = false;
    job.open_groups -= 1;
    for (const TaskIndex task : group.tasks)
      if (tasks_[task].open) end_task(task, OutcomeKind::killed);
  }
  jobs_due_.push_back(index);
}

void GroupOracle::drained(JobId id) {
  const std::uint32_t index = job_index(id);
  Job& job = jobs_[index];
  if (job.cancelled || job.delivered) return;
  job.drained = job.closed = true;
  for (std::uint32_t at = 0; at < groups_.size(); ++at) {
    Group& group = groups_[at];
    const bool begun = std::any_of(group.tasks.begin(), group.tasks.end(),
                                   [&](TaskIndex task) { return tasks_[task].sent > 0; });
    if (group.job != index || !group.open || begun) continue;
    group.withdrawn = true;
    group.open = false;
    job.open_groups -= 1;
    for (const TaskIndex task : group.tasks) end_task(task, OutcomeKind::killed);
    groups_due_.push_back(at);
  }
  jobs_due_.push_back(index);
}

void GroupOracle::cancelled_all() {
  for (std::size_t job = 0; job < jobs_.size(); ++job) cancelled(jobs_[job].id);
}

void GroupOracle::result(TaskIndex index, const core::Result& result, SessionId session) {
  Task& task = tasks_[index];
  if (!task.open) return;
  switch (result.outcome) {
    case core::AttemptOutcome::ok:
      break;
    case core::AttemptOutcome::failed:
    case core::AttemptOutcome::time_limit:
      task.failed += 1;
      judge(index);
      return;
    case core::AttemptOutcome::crashed:
    case core::AttemptOutcome::rejected:
      task.lost += 1;
      judge(index);
      return;
  }

  Group& group = groups_[task.group];
  const bool answer = !result.nothing;
  task.nothing = result.nothing;
  const core::Answer given{.task = task.work.task,
                           .nothing = result.nothing,
                           .payload = result.payload,
                           .session = session};
  check_answer(group, given);
  switch (group.policy.kind) {
    case Policy::Kind::first:
      group.decided = true;
      break;
    case Policy::Kind::first_answer:
    case Policy::Kind::stages:
      group.decided = answer;
      break;
    case Policy::Kind::k_answers:
      group.decided = answer && group.answers.size() + 1 >= group.policy.k;
      break;
    case Policy::Kind::all:
    case Policy::Kind::client:
      break;
  }
  const bool counts =
      answer || group.policy.kind == Policy::Kind::first || group.policy.kind == Policy::Kind::all;
  if (counts) group.answers.push_back(given);
  end_task(index, OutcomeKind::result);
}

void GroupOracle::given_up(TaskIndex index) {
  if (!tasks_[index].open) return;
  tasks_[index].lost += 1;
  judge(index);
}

void GroupOracle::lost(TaskIndex task, bool started) {
  if (started) tasks_[task].lost_more += 1;
}

void GroupOracle::time_limit(TaskIndex task) {
  tasks_[task].failed += 1;
  if (tasks_[task].open) judge(task);
}

void GroupOracle::judge(TaskIndex index) {
  const Task& task = tasks_[index];
  if (task.lost >= options(task).lost_attempts_max) {
    end_task(index, OutcomeKind::quarantined);
  } else if (task.failed > options(task).retries) {
    end_task(index, OutcomeKind::failed);
  }
}

bool GroupOracle::may_have_ended(TaskIndex index) const {
  const Task& task = tasks_[index];
  return !task.open || task.lost + task.lost_more >= options(task).lost_attempts_max ||
         task.failed > options(task).retries;
}

void GroupOracle::end_task(TaskIndex index, OutcomeKind outcome) {
  Task& task = tasks_[index];
  task.open = false;
  task.outcome = outcome;
  ended_.push_back(index);
  Group& group = groups_[task.group];
  if (outcome == OutcomeKind::killed) return;  // its group says why
  if (group.policy.kind == Policy::Kind::client) {
    tasks_due_.push_back(index);
    return;
  }
  const bool all_ended = std::none_of(group.tasks.begin(), group.tasks.end(),
                                      [&](TaskIndex other) { return tasks_[other].open; });
  if (group.open && (group.decided || all_ended)) end_group(task.group);
}

void GroupOracle::end_group(std::uint32_t index) {
  Group& group = groups_[index];
  group.open = false;
  if (group.policy.kind == Policy::Kind::all) group.decided = true;
  jobs_[group.job].open_groups -= 1;
  for (const TaskIndex task : group.tasks)
    if (tasks_[task].open) end_task(task, OutcomeKind::killed);
  groups_due_.push_back(index);
  jobs_due_.push_back(group.job);
}

void GroupOracle::sent(TaskIndex index, const core::Task& message) {
  Task& task = tasks_[index];
  Group& group = groups_[task.group];
  learn(group, message.group);
  demand(task.open && group.open, "nothing is sent of a task or group that has ended", message.task,
         message.attempt, "item", group.item);
  if (!task.id.valid()) task.id = message.task;
  demand(task.id == message.task, "a task keeps its id", task.id, message.task);
  task.sent += 1;
  demand(message.number == task.sent, "attempts of a task are numbered", message.attempt,
         message.number, task.sent);
  demand(message.item == group.item, "a task names its item", message.attempt, message.item);
  demand(message.time_limit == std::chrono::milliseconds(task.work.time_limit_ms),
         "a task carries its time limit", message.attempt);
  if (group.policy.kind != Policy::Kind::stages) return;
  for (const TaskIndex other : group.tasks) {
    demand(tasks_[other].work.stage >= task.work.stage || may_have_ended(other),
           "a stage begins when the one before it has ended", message.attempt, "item", group.item);
  }
}

void GroupOracle::check_answer(const Group& group, const core::Answer& answer) const {
  demand(answer.task < group.tasks.size(), "answers name tasks of their group", answer.task);
  const Work& work = tasks_[group.tasks[answer.task]].work;
  if (answer.nothing) {
    demand(work.behaviour == Work::Behaviour::finds_nothing, "results are what the function gives",
           "item", work.item, "task", work.task);
  } else {
    demand(answer.payload == answer_of(work), "results are what the function gives", "item",
           work.item, "task", work.task);
  }
}

void GroupOracle::delivered(const core::DeliverTaskEnd& end) {
  Group& group = group_of(end.job, end.item);
  learn(group, end.group);
  demand(group.policy.kind == Policy::Kind::client && group.open,
         "task ends are told to open groups of clients only", end.group);
  demand(end.task < group.tasks.size(), "answers name tasks of their group", end.task);
  const TaskIndex index = group.tasks[end.task];
  Task& task = tasks_[index];
  demand(!task.told, "a task has one outcome", end.group, "task", end.task);
  if (task.open) {
    // Not of certain knowledge, but it may be: lost with its worker.
    const bool may_be = end.outcome.kind == OutcomeKind::quarantined &&
                        task.lost + task.lost_more >= options(task).lost_attempts_max;
    demand(may_be, "an outcome has its cause", end.group, "task", end.task,
           to_string(end.outcome.kind), "lost", task.lost, task.lost_more, "failed", task.failed);
    end_task(index, end.outcome.kind);
  }
  task.told = true;
  std::erase(tasks_due_, index);
  demand(task.outcome == end.outcome.kind, "an outcome has its cause", end.group, "task", end.task,
         to_string(end.outcome.kind), "expected", to_string(task.outcome));
  if (end.outcome.kind == OutcomeKind::result)
    check_answer(
        group, {.task = end.task, .nothing = end.outcome.nothing, .payload = end.outcome.payload});
}

void GroupOracle::delivered(const core::DeliverGroupEnd& end, bool workers) {
  Group& group = group_of(end.job, end.item);
  learn(group, end.group);
  demand(!group.delivered, "a group ends once", end.group, "item", end.item);
  // Or later, if nobody is left who could finish it.
  const bool stranded = end.result.withdrawn && jobs_[group.job].drained && group.open && !workers;
  demand(end.result.withdrawn == (group.withdrawn || stranded),
         "a group is withdrawn if its job is drained before it has begun", end.group, "item",
         end.item);
  if (stranded) {
    group.open = false;
    jobs_[group.job].open_groups -= 1;
    jobs_due_.push_back(group.job);
    for (const TaskIndex task : group.tasks)
      if (tasks_[task].open) end_task(task, OutcomeKind::killed);
  }
  if (end.result.withdrawn) {
    group.delivered = true;
    std::erase(groups_due_, static_cast<std::uint32_t>(&group - groups_.data()));
    return;
  }
  demand(group.policy.kind != Policy::Kind::client, "a client's group is ended by its client",
         end.group);
  if (group.open) {
    for (const TaskIndex task : group.tasks) {
      demand(may_have_ended(task), "a group ends when it is decided or out of tasks", end.group,
             describe(task));
    }
    end_group(static_cast<std::uint32_t>(&group - groups_.data()));
  }
  group.delivered = true;
  std::erase(groups_due_, static_cast<std::uint32_t>(&group - groups_.data()));
  demand(end.result.decided == group.decided, "a policy decides as it says", end.group, "item",
         end.item, "decided", end.result.decided, "expected", group.decided);
  demand(end.result.answers == group.answers, "a policy counts the answers that it says", end.group,
         "item", end.item, "answers", end.result.answers.size(), "expected", group.answers.size());
}

void GroupOracle::delivered(const core::DeliverJobEnd& end) {
  Job& job = jobs_[job_index(end.job)];
  demand(!job.delivered, "a job ends once", end.job);
  demand(job.closed && job.open_groups == 0, "a job ends with its last group", end.job, "open",
         job.open_groups);
  job.delivered = true;
}

void GroupOracle::step_ended() {
  demand(groups_due_.empty(), "a group's end is told in the step that decides it",
         groups_due_.size());
  demand(tasks_due_.empty(), "a task's end is told in the step that brings it", tasks_due_.size());
  for (const std::uint32_t index : jobs_due_) {
    const Job& job = jobs_[index];
    demand(job.delivered || !job.closed || job.open_groups > 0,
           "a job's end is told with its last group", job.id);
  }
  jobs_due_.clear();
}

TaskIndex GroupOracle::find(const Work& work) const {
  for (std::uint32_t job = 0; job < jobs_.size(); ++job) {
    if (jobs_[job].number != work.job) continue;
    const auto group = group_of_item_.find({job, work.item});
    if (group == group_of_item_.end() || work.task >= groups_[group->second].tasks.size()) continue;
    const TaskIndex task = groups_[group->second].tasks[work.task];
    if (tasks_[task].work == work) return task;
  }
  throw Violation{"only submitted tasks are sent",
                  assert_context("job", work.job, "item", work.item, "task", work.task)};
}

std::string GroupOracle::describe(TaskIndex index) const {
  const Task& task = tasks_[index];
  return assert_context("task", task.work.task, "of item", task.work.item, "behaviour",
                        static_cast<unsigned>(task.work.behaviour), "time limit",
                        task.work.time_limit_ms, task.open ? "open" : "ended", "sent", task.sent,
                        "failed", task.failed, "of", options(task).retries, "lost", task.lost, "+",
                        task.lost_more, "of", options(task).lost_attempts_max);
}

std::string GroupOracle::leftovers() const {
  for (TaskIndex index = 0; index < tasks_.size(); ++index)
    if (tasks_[index].open) return describe(index);
  for (const Job& job : jobs_)
    if (!job.delivered)
      return assert_context(job.id, "has not ended;", job.open_groups, "groups are open");
  return {};
}

}  // namespace fanmill::sim
