// Tasks without records. A group of one task is nothing but an item and a payload: it stands in a lane
// of its job, behind those that came before it, until a worker takes it, and stays there until the
// worker has answered. Nothing is copied in between. Records of a task and a group are made when something
// happens to it that happens to few: a failure, a lost or leaving worker, a recall that came true, output,
// parts, a time limit that passed, the end of its group from without, or observers of tasks.
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

/// Whether the only task of the group stands in a lane from now on; if not, it is untouched.
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
  const bool differs = lane.policy != event.policy || lane.time_limit != spec.time_limit;
  // Or one that hangs would keep the lane as it is for ever.
  if (differs && lane.tasks.waiting() == 0) record_oldest(lane);
  if (lane.tasks.empty()) {
    lane.policy = event.policy;
    lane.time_limit = spec.time_limit;
  } else if (differs) {
    return false;
  }
  // Or one that hangs would keep the places of all that came after it.
  if (lane.tasks.is_stretched()) record_oldest(lane);
  const bool is_first = lane.tasks.waiting() == 0;
  lane.tasks.push_back({.group = group,
                        .task = task_ids.next(),
                        .item = event.item,
                        .bytes = std::move(spec.payload.bytes),
                        .encoding = spec.payload.encoding});
  job.unrecorded += 1;
  counters.tasks_submitted += 1;
  KindRecord& kind = kinds[lane.kind];
  if (is_first) {
    kind.lanes.push_back(index);
    std::push_heap(kind.lanes.begin(), kind.lanes.end(), IsYounger(lanes));
  }
  has_one_more(lane.kind);
  return true;
}

/// Those that have been at workers for longest leave the lane for records of their own: two at a time, as one
/// comes, so that it comes to an end.
void ManagerState::record_oldest(const LaneRecord& lane) {
  for (int i = 0; i < 2 && lane.tasks.at_workers() > 0; ++i)
    make_records_of(lane.tasks[lane.tasks.oldest()].attempt);
}

/// To be called before the first that waits is taken out, or handed out, and after it. Few kinds have more
/// lanes than one.
void ManagerState::first_leaves(std::uint32_t index) {
  std::vector<std::uint32_t>& heap = kinds[lanes[index].kind].lanes;
  std::pop_heap(heap.begin(), heap.end(), IsYounger(lanes));
  FANMILL_ASSERT(heap.back() == index, index);
}

void ManagerState::first_has_left(std::uint32_t index) {
  const LaneRecord& lane = lanes[index];
  std::vector<std::uint32_t>& heap = kinds[lane.kind].lanes;
  if (lane.tasks.waiting() == 0) {
    heap.pop_back();
  } else {
    std::push_heap(heap.begin(), heap.end(), IsYounger(lanes));
  }
  has_less(lane.kind, 1);
}

/// The first task of a lane that is on top of its kind.
void ManagerState::assign_first(std::uint32_t lane_index, std::uint32_t session_index) {
  LaneRecord& lane = lanes[lane_index];
  const LoneTask& task = lane.tasks.front();
  const std::size_t bytes = task.bytes.size();
  first_leaves(lane_index);
  if (observes(2) || bytes > options.frame_bytes_max) {
    // What is told of it names its record; and a large one is out of the ordinary.
    const std::uint32_t recorded = make_records(lane, lane.tasks.take_front());
    first_has_left(lane_index);
    assign(recorded, session_index);
    return;
  }
  SessionRecord& session = sessions[session_index];
  const std::uint32_t index = open_attempt(session, bytes);
  AttemptRecord& attempt = attempts[index];
  attempt.lane = lane_index;
  attempt.number = lane.tasks.hand_out(index);
  first_has_left(lane_index);
  hold_new(session_index, index);
  send_attempt(session, attempt, lane.kind,
               Task{.attempt = attempt.id,
                    .group = task.group,
                    .time_limit = lane.time_limit,
                    .item = task.item,
                    .task = task.task,
                    .payload = {.bytes = task.bytes, .encoding = task.encoding}});
}

/// Of a task that was in the lane until now. It is in no queue.
std::uint32_t ManagerState::make_records(LaneRecord& lane, LoneTask&& task) {
  jobs[lane.job].unrecorded -= 1;
  const std::uint32_t group = open_group(GroupRecord{.id = task.group,
                                                     .item = task.item,
                                                     .policy = lane.policy,
                                                     .job = lane.job,
                                                     .tasks_made = 1,
                                                     .released = 1});
  const std::uint32_t index = tasks.insert(
      TaskRecord{.id = task.task,
                 .group = group,
                 .kind = lane.kind,
                 .state = TaskRecord::State::assigned,
                 .order = order_of(task.task),
                 .payload = {.bytes = std::move(task.bytes), .encoding = task.encoding},
                 .time_limit = lane.time_limit});
  groups[group].members.push_back(tasks, index);
  return index;
}

/// Something out of the ordinary is about to happen to the attempt: its task needs its records, if it
/// has none.
void ManagerState::make_records_of(std::uint32_t index) {
  AttemptRecord& attempt = attempts[index];
  if (attempt.lane == no_index) return;
  LaneRecord& lane = lanes[attempt.lane];
  attempt.task = make_records(lane, lane.tasks.take(attempt.number));
  attempt.lane = no_index;
  TaskRecord& task = tasks[attempt.task];
  task.attempts_made = 1;
  task.live = index;
  task.attempts.push_back(attempts, index);
  groups[task.group].begun = true;
}

/// The attempt, already released, gave the result of a task without records. Else nothing is left of its
/// group, so whatever the policy, this is its end.
void ManagerState::finish_unrecorded(std::uint32_t index, Outcome&& outcome, SessionId session) {
  const std::uint32_t lane_index = attempts[index].lane;
  LaneRecord& lane = lanes[lane_index];
  const LoneTask task = lane.tasks.take(attempts[index].number);
  erase_attempt(index);
  counters.tasks_ok += 1;
  const Meaning meaning = meaning_of(outcome, lane.policy, 0);
  JobRecord& job = jobs[lane.job];
  job.unrecorded -= 1;
  // Moved once, and filled in its place: there are as many of these as tasks.
  out->emplace_back(std::in_place_type<DeliverGroupEnd>, DeliverGroupEnd{.client = job.client,
                                                                         .job = job.id,
                                                                         .group = task.group,
                                                                         .item = task.item,
                                                                         .result = {}});
  auto& end = std::get<DeliverGroupEnd>(out->back());
  end.result.decided = meaning.decides || lane.policy.kind == Policy::Kind::all;
  if (meaning.counts) {
    end.result.answers.push_back(
        {.nothing = outcome.nothing, .payload = std::move(outcome.payload), .session = session});
  }
  tell_group_end(task.item, 0, 0, "");
  end_job_if_done(lane.job);
}

/// Ends a group that waits in a lane; false if there is none. One that is in a lane but at a worker gets its
/// records. O(lanes), and the logarithm of their length.
bool ManagerState::end_waiting(GroupId group) {
  std::uint32_t index = no_index;
  LaneTasks::Number number = 0;
  lanes.for_each([&](std::uint32_t at, const LaneRecord& lane) {
    if (const auto found = lane.tasks.find(group)) {
      index = at;
      number = *found;
    }
  });
  if (index == no_index) return false;
  LaneRecord& lane = lanes[index];
  const LoneTask& found = lane.tasks[number];
  if (!lane.tasks.is_waiting(number)) {
    make_records_of(found.attempt);
    return false;
  }
  const std::uint64_t item = found.item;
  std::vector<std::uint32_t>& heap = kinds[lane.kind].lanes;
  std::erase(heap, index);
  lane.tasks.take(number);
  if (lane.tasks.waiting() > 0) heap.push_back(index);
  std::make_heap(heap.begin(), heap.end(), IsYounger(lanes));
  has_less(lane.kind, 1);
  end_unrecorded(lane.job, item);
  return true;
}

/// All that are open, in the order of their submission. Those that wait are taken out of their lanes:
/// `end_unrecorded` must follow for each. The others have records from now on.
std::vector<ManagerState::OpenGroup> ManagerState::take_groups(std::uint32_t job_index) {
  const JobRecord& job = jobs[job_index];
  std::vector<OpenGroup> open;
  open.reserve(job.groups.size() + job.unrecorded);
  for (const std::uint32_t index : job.lanes) {
    if (index == no_index || lanes[index].tasks.empty()) continue;
    LaneRecord& lane = lanes[index];
    lane.tasks.for_each([&](LaneTasks::Number, const LoneTask& task) {
      if (task.attempt != no_index) {
        make_records_of(task.attempt);
      } else {
        open.push_back({.id = task.group, .item = task.item});
      }
    });
    std::vector<std::uint32_t>& heap = kinds[lane.kind].lanes;
    std::erase(heap, index);
    const std::size_t waited = lane.tasks.waiting();
    lane.tasks = LaneTasks();
    std::make_heap(heap.begin(), heap.end(), IsYounger(lanes));
    if (waited > 0) has_less(lane.kind, waited);
  }
  job.groups.for_each(groups, [&](std::uint32_t group) {
    open.push_back({.id = groups[group].id, .record = group, .item = groups[group].item});
  });
  std::sort(open.begin(), open.end(),
            [](const OpenGroup& one, const OpenGroup& other) { return one.id < other.id; });
  return open;
}

/// A group that had no record, and is in no lane any more. The last group may take the job with it.
void ManagerState::end_unrecorded(std::uint32_t job, std::uint64_t item, const char* why) {
  counters.tasks_dropped += 1;
  jobs[job].unrecorded -= 1;
  tell_group_end(item, 0, 1, why);
  end_job_if_done(job);
}

}  // namespace fanmill::core
