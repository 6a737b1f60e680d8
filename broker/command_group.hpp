// CommandGroup: an item while its commands run: which have ended and how, and when that decides it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fanmill/payload.hpp>
#include <vector>

#include "attempt_starts.hpp"
#include "command_plan.hpp"
#include "task_end.hpp"

namespace fanmill::broker {

class CommandGroup {
 public:
  /// `item`: its number in this run, from 0. `starts` may be null, and must outlive this.
  CommandGroup(PlannedGroup plan, std::uint64_t item, AttemptStarts* starts);

  /// The tasks of the next step.
  [[nodiscard]] std::vector<Payload> next_step();

  enum class Next { wait, step, solved, failed };
  /// `task`, one of those that `next_step` gave, has ended.
  [[nodiscard]] Next ended(const Payload& task, TaskEnd end);

  /// What has become of the item; commands that have not ended are to be killed.
  [[nodiscard]] ItemEnd take(bool solved);

 private:
  [[nodiscard]] Next judge() const;
  void describe(std::size_t place, TaskEnd& end) const;

  PlannedGroup plan_;
  std::uint64_t item_;
  AttemptStarts* starts_;
  std::size_t step_ = 0;           // the next one
  std::size_t tasks_begun_ = 0;    // of the steps before it
  std::vector<std::size_t> open_;  // places of the present step's tasks that have not ended
  std::size_t solved_ = 0;
  std::size_t failed_ = 0;
  std::vector<TaskEnd> ends_;
};

}  // namespace fanmill::broker
