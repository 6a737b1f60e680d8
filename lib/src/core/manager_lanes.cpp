// Tasks that wait without a record. A group of one task that no worker was given yet is nothing but an
// item and a payload: it stands in a lane of its job, behind those that came before it, until a worker
// takes it. Only then are a group's record and a task's made, so there are as many of those as tasks
// at workers (and of groups of several), however many wait, and they stay in the cache.
#include <algorithm>
#include <utility>

#include "core/manager_state.hpp"

namespace fanmill::core {
namespace {

PayloadFamily family_of(const Payload& payload, std::size_t frame_bytes_max) {
  const bool is_large = payload.bytes.size() > frame_bytes_max;
  switch (payload.encoding) {
    case Encoding::none:
      return PayloadFamily::none;
    case Encoding::raw:
      return is_large ? PayloadFamily::large_raw : PayloadFamily::raw;
    case Encoding::object:
      return is_large ? PayloadFamily::large_object : PayloadFamily::structured;
    case Encoding::json:
      break;
  }
  return is_large ? PayloadFamily::large_json : PayloadFamily::structured;
}

/// For heaps: whether the first task of one lane is younger than that of the other.
class IsYounger {
 public:
  explicit IsYounger(const Slab<LaneRecord>& lanes) : lanes_(lanes) {}
  bool operator()(std::uint32_t one, std::uint32_t other) const {
    return lanes_[one].tasks.front().task > lanes_[other].tasks.front().task;
  }

 private:
  const Slab<LaneRecord>& lanes_;
};

}  // namespace

/// Where a task belongs in JobRecord::kinds and JobRecord::lanes.
std::size_t ManagerState::place_of(const JobRecord& job, const TaskSpec& task) const {
  FANMILL_ASSERT(task.function < job.options.functions.size(), task.function);
  const PayloadFamily family = family_of(task.payload, options.frame_bytes_max);
  return task.function * payload_families.size() + static_cast<std::size_t>(family);
}

/// Whether the only task of the group waits in a lane from now on; if not, it is untouched.
bool ManagerState::enter_lane(std::uint32_t job_index, GroupId group, GroupSubmitted& event) {
  // Its client may add to it and replace what it has, at any time.
  if (event.policy.kind == Policy::Kind::client) return false;
  TaskSpec& spec = event.tasks.front();
  JobRecord& job = jobs[job_index];
  const std::size_t place = place_of(job, spec);
  std::uint32_t& index = job.lanes[place];
  if (index == no_index)
    index = lanes.insert(LaneRecord{.job = job_index, .kind = job.kinds[place]});
  LaneRecord& lane = lanes[index];
  const bool is_first = lane.tasks.empty();
  if (is_first) {
    lane.policy = event.policy;
    lane.time_limit = spec.time_limit;
  } else if (lane.policy != event.policy || lane.time_limit != spec.time_limit) {
    return false;
  }
  lane.tasks.push_back({.group = group,
                        .task = task_ids.next(),
                        .item = event.item,
                        .payload = std::move(spec.payload)});
  lane.waiting += 1;
  job.waiting += 1;
  counters.tasks_submitted += 1;
  KindRecord& kind = kinds[lane.kind];
  if (is_first) {
    kind.lanes.push_back(index);
    std::push_heap(kind.lanes.begin(), kind.lanes.end(), IsYounger(lanes));
  }
  has_one_more(lane.kind);
  return true;
}

/// The lane's first task gets its record, and is in no queue.
std::uint32_t ManagerState::leave_lane(std::uint32_t index) {
  LaneRecord& lane = lanes[index];
  WaitingTask waiting = std::exchange(lane.tasks.front(), {});
  const std::uint32_t group_index = open_group(GroupRecord{.id = waiting.group,
                                                           .item = waiting.item,
                                                           .policy = lane.policy,
                                                           .job = lane.job,
                                                           .tasks_made = 1,
                                                           .released = 1});
  const std::uint32_t task = tasks.insert(TaskRecord{.id = waiting.task,
                                                     .group = group_index,
                                                     .kind = lane.kind,
                                                     .state = TaskRecord::State::assigned,
                                                     .order = order_of(waiting.task),
                                                     .payload = std::move(waiting.payload),
                                                     .time_limit = lane.time_limit});
  groups[group_index].members.push_back(tasks, task);

  lane.waiting -= 1;
  jobs[lane.job].waiting -= 1;
  // It is at the top of its kind. Few kinds have more than one.
  std::vector<std::uint32_t>& heap = kinds[lane.kind].lanes;
  std::pop_heap(heap.begin(), heap.end(), IsYounger(lanes));
  FANMILL_ASSERT(heap.back() == index, index);
  pop_front(lane);
  if (lane.tasks.empty()) {
    heap.pop_back();
  } else {
    std::push_heap(heap.begin(), heap.end(), IsYounger(lanes));
  }
  has_less(lane.kind, 1);
  return task;
}

/// And those behind it that were ended out of turn.
void ManagerState::pop_front(LaneRecord& lane) {
  do {
    lane.tasks.pop_front();
  } while (!lane.tasks.empty() && !lane.tasks.front().task.valid());
}

/// Ends a group that waits in a lane; false if there is none. O(lanes), and the logarithm of their
/// length.
bool ManagerState::end_waiting(GroupId group) {
  std::uint32_t index = no_index;
  std::size_t place = 0;
  lanes.for_each([&](std::uint32_t at, const LaneRecord& lane) {
    std::size_t first = 0;
    for (std::size_t end = lane.tasks.size(); first < end;) {
      const std::size_t middle = first + (end - first) / 2;
      lane.tasks[middle].group < group ? first = middle + 1 : end = middle;
    }
    if (first == lane.tasks.size() || lane.tasks[first].group != group) return;
    if (!lane.tasks[first].task.valid()) return;
    index = at;
    place = first;
  });
  if (index == no_index) return false;
  LaneRecord& lane = lanes[index];
  const std::uint64_t item = lane.tasks[place].item;
  lane.tasks[place] = WaitingTask{.group = group};
  lane.waiting -= 1;
  if (place == 0) {
    std::vector<std::uint32_t>& heap = kinds[lane.kind].lanes;
    std::erase(heap, index);
    pop_front(lane);
    if (!lane.tasks.empty()) heap.push_back(index);
    std::make_heap(heap.begin(), heap.end(), IsYounger(lanes));
  }
  has_less(lane.kind, 1);
  end_unrecorded(lane.job, item);
  return true;
}

/// All that are open, in the order of their submission. Those that wait are taken out of their lanes:
/// `end_unrecorded` must follow for each.
std::vector<ManagerState::OpenGroup> ManagerState::take_groups(std::uint32_t job_index) {
  const JobRecord& job = jobs[job_index];
  std::vector<OpenGroup> open;
  open.reserve(job.groups.size() + job.waiting);
  job.groups.for_each(groups, [&](std::uint32_t group) {
    open.push_back({.id = groups[group].id, .record = group, .item = groups[group].item});
  });
  for (const std::uint32_t index : job.lanes) {
    if (index == no_index || lanes[index].tasks.empty()) continue;
    LaneRecord& lane = lanes[index];
    for (std::size_t place = 0; place < lane.tasks.size(); ++place) {
      const WaitingTask& waiting = lane.tasks[place];
      if (waiting.task.valid()) open.push_back({.id = waiting.group, .item = waiting.item});
    }
    std::vector<std::uint32_t>& heap = kinds[lane.kind].lanes;
    std::erase(heap, index);
    std::make_heap(heap.begin(), heap.end(), IsYounger(lanes));
    lane.tasks = {};
    has_less(lane.kind, std::exchange(lane.waiting, 0));
  }
  std::sort(open.begin(), open.end(),
            [](const OpenGroup& one, const OpenGroup& other) { return one.id < other.id; });
  return open;
}

/// A group that had no record, and is in no lane any more. The last group may take the job with it.
void ManagerState::end_unrecorded(std::uint32_t job, std::uint64_t item, const char* why) {
  counters.tasks_dropped += 1;
  jobs[job].waiting -= 1;
  tell_group_end(item, 0, 1, why);
  end_job_if_done(job);
}

}  // namespace fanmill::core
