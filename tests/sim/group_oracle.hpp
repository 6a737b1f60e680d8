// What must become of jobs, groups and tasks: a second, naive telling of the policies, fed with
// what was really submitted, delivered and sent. It trusts nothing that the manager says about
// itself.
//
// What the manager may know better than an onlooker (was a task started when its worker died? did a
// time limit pass while a connection was down?) is kept as a range: what has happened for certain,
// and what may have.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/job.hpp"
#include "core/manager_actions.hpp"
#include "core/manager_events.hpp"
#include "violation.hpp"
#include "work.hpp"

namespace fanmill::sim {

using TaskIndex = std::uint32_t;

class GroupOracle {
 public:
  // Facts.
  void opened(const core::JobOpened& event);
  void submitted(const core::GroupSubmitted& event);
  void updated(const core::GroupUpdated& event);
  void closed(JobId job);
  void cancelled(JobId job);
  void drained(JobId job);
  void cancelled_all();

  /// A result of a live attempt of this task reached the manager.
  void result(TaskIndex task, const core::Result& result, SessionId session = {});
  /// The worker gave it up though nobody had asked.
  void given_up(TaskIndex task);
  /// An attempt went down with its worker. `started`: as far as anybody can know.
  void lost(TaskIndex task, bool started);
  /// The manager ended an attempt at its time limit.
  void time_limit(TaskIndex task);

  // The manager's orders.
  /// Checks that the task may be sent now, for the `number`th time.
  void sent(TaskIndex task, const core::Task& message);
  void delivered(const core::DeliverTaskEnd& end);
  /// `workers`: there are some that are connected.
  void delivered(const core::DeliverGroupEnd& end, bool workers = true);
  void delivered(const core::DeliverJobEnd& end);
  /// After a step: whatever had to be delivered in it was.
  void step_ended();

  [[nodiscard]] TaskIndex find(const Work& work) const;
  [[nodiscard]] bool is_open(TaskIndex task) const { return tasks_[task].open; }
  [[nodiscard]] bool may_have_ended(TaskIndex task) const;
  [[nodiscard]] const Work& work(TaskIndex task) const { return tasks_[task].work; }
  /// Tasks that have ended since the last call.
  std::vector<TaskIndex> take_ended() { return std::exchange(ended_, {}); }
  /// Empty, or what is still open.
  [[nodiscard]] std::string leftovers() const;
  /// What is known of a task, for the words of a violation.
  [[nodiscard]] std::string describe(TaskIndex task) const;

 private:
  struct Task {
    Work work;
    std::uint32_t group = 0;
    bool open = true;
    bool told = false;  // policy client: its end was delivered
    TaskId id;
    std::uint32_t sent = 0;
    std::uint32_t failed = 0;
    std::uint32_t lost = 0;  // for certain
    std::uint32_t lost_more = 0;
    OutcomeKind outcome = OutcomeKind::killed;
    bool nothing = false;
  };
  struct Group {
    std::uint32_t job = 0;
    std::uint64_t item = 0;
    core::Policy policy;
    GroupId id;
    std::vector<TaskIndex> tasks;
    Few<core::Answer> answers;
    bool open = true;
    bool decided = false;
    bool withdrawn = false;
    bool delivered = false;
  };
  struct Job {
    JobId id;
    core::JobOptions options;
    std::uint32_t number = 0;  // Work::job
    std::uint32_t open_groups = 0;
    bool closed = false;
    bool cancelled = false;
    bool drained = false;
    bool delivered = false;
  };
  void add(std::uint32_t group, const core::TaskSpecs& specs);
  void end_task(TaskIndex task, OutcomeKind outcome);
  void end_group(std::uint32_t group);
  void judge(TaskIndex task);
  void check_answer(const Group& group, const core::Answer& answer) const;
  Group& group_of(JobId job, std::uint64_t item);
  void learn(Group& group, GroupId id);
  std::uint32_t job_index(JobId id) const;
  const core::JobOptions& options(const Task& task) const {
    return jobs_[groups_[task.group].job].options;
  }

  std::vector<Job> jobs_;
  std::vector<Group> groups_;
  std::vector<Task> tasks_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint32_t> group_of_item_;  // job, item
  std::map<GroupId, std::uint32_t> group_of_id_;
  std::vector<TaskIndex> ended_;
  std::vector<std::uint32_t> groups_due_;  // their end must be delivered in this step
  std::vector<TaskIndex> tasks_due_;
  std::vector<std::uint32_t> jobs_due_;
};

}  // namespace fanmill::sim
