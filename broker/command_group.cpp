#include "command_group.hpp"

#include <algorithm>
#include <utility>

namespace fanmill::broker {

using Kind = GroupPolicy::Kind;

CommandGroup::CommandGroup(PlannedGroup plan, std::uint64_t item, AttemptStarts* starts)
    : plan_(std::move(plan)), item_(item), starts_(starts) {}

std::vector<Payload> CommandGroup::next_step() {
  std::vector<Payload> payloads;
  if (step_ == plan_.steps.size()) return payloads;
  if (step_ > 0) tasks_begun_ += plan_.steps[step_ - 1].size();
  for (const PlannedTask& task : plan_.steps[step_]) {
    open_.push_back(payloads.size());
    payloads.push_back(task.payload);
  }
  step_ += 1;
  return payloads;
}

CommandGroup::Next CommandGroup::ended(const Payload& task, TaskEnd end) {
  const std::vector<PlannedTask>& step = plan_.steps[step_ - 1];
  // Payloads share their bytes with the plan, and no two tasks share theirs.
  const auto found = std::find_if(open_.begin(), open_.end(), [&](std::size_t place) {
    return step[place].payload.bytes.data() == task.bytes.data();
  });
  if (found == open_.end()) return Next::wait;
  describe(*found, end);
  open_.erase(found);
  (end.solved ? solved_ : failed_) += 1;
  ends_.push_back(std::move(end));
  return judge();
}

CommandGroup::Next CommandGroup::judge() const {
  if (plan_.policy.kind == Kind::all) {
    // Each runs, also those behind one that failed.
    if (!open_.empty()) return Next::wait;
    return failed_ == 0 ? Next::solved : Next::failed;
  }
  if (solved_ >= plan_.policy.count) return Next::solved;
  if (plan_.policy.kind == Kind::count && solved_ + open_.size() < plan_.policy.count)
    return Next::failed;
  if (!open_.empty()) return Next::wait;
  return step_ < plan_.steps.size() ? Next::step : Next::failed;
}

void CommandGroup::describe(std::size_t place, TaskEnd& end) const {
  const PlannedTask& task = plan_.steps[step_ - 1][place];
  end.task = tasks_begun_ + place;
  end.command = task.shown;
  end.input_bytes = task.input_bytes;
  if (end.solved || end.result.wall > 0 || starts_ == nullptr) return;
  const auto start = starts_->of(item_, static_cast<std::uint32_t>(end.task));
  if (!start) return;  // it waited for a worker
  end.result.host = start->host;
  end.result.wall = std::max(0.0, end.result.started - start->time);
  end.result.started = start->time;
}

ItemEnd CommandGroup::take(bool solved) {
  ItemEnd item{.solved = solved, .ends = std::move(ends_), .error = plan_.error};
  for (const std::size_t place : open_) {
    TaskEnd end = killed_end();
    describe(place, end);
    item.ends.push_back(std::move(end));
  }
  open_.clear();
  if (starts_ != nullptr) starts_->forget(item_);
  if (plan_.policy.kind == Kind::all) {
    std::sort(item.ends.begin(), item.ends.end(),
              [](const TaskEnd& a, const TaskEnd& b) { return a.task < b.task; });
  }
  return item;
}

}  // namespace fanmill::broker
