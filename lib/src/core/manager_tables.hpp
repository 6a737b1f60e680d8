// The records that a manager keeps, and how they are linked. Everything that changes them is in
// ManagerState.
//
// Links are indexes into slabs (base/slab.hpp). Who owns whom: a job its groups, a group its tasks
// that have not ended, a task its attempts, a session the attempts that it holds. An attempt
// outlives its task until its worker has answered for it, and outlives its session as an orphan for
// as long as its task is open: the worker may come back with it.
//
// Most tasks are alone in their group, and nothing ever happens to them but that a worker takes them
// and answers. Neither they nor their groups have records: they stand in a lane (manager_lanes.cpp)
// until they end, and at a worker their attempt has one. Whatever else happens to one of them makes its
// records first, and then goes on as with any other task.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline_heap.hpp"
#include "base/ids.hpp"
#include "base/index_list.hpp"
#include "core/job.hpp"
#include "core/lane_tasks.hpp"
#include "core/manager.hpp"
#include "core/message.hpp"
#include "core/parts.hpp"

namespace fanmill::core {

struct AttemptRecord {
  AttemptId id;
  std::uint32_t session = no_index;  // no_index: an orphan
  std::uint32_t lane = no_index;     // of a task without a record, else no_index
  LaneTasks::Number number = 0;      // of such a task
  std::uint32_t task = no_index;     // of one with a record, else no_index
  Links in_session;
  Links of_task;
  std::uint32_t sequence = 0;  // which Task of its session it was, from 1; heartbeats count by it
  std::uint32_t bytes = 0;
  std::uint32_t extra = no_index;  // see AttemptExtra
  bool running = false;   // in its session's running list: it has started, as far as can be known
  bool killing = false;   // a Kill was sent, or the welcome said so; its task goes on without it
  bool counted = false;   // against its session's credit
  bool recalled = false;  // a Kill with if_unstarted was sent, and it has not started since
  /// If not, its task has ended, or goes on without it.
  [[nodiscard]] bool has_task() const { return task != no_index || lane != no_index; }
};
// A line of the cache, see Slab.
static_assert(sizeof(std::optional<AttemptRecord>) == 64);

/// What few attempts have: an orphan its worker, a second one its number; and those with a large payload,
/// with a time limit or output, those that are recalled or lost. The others have what stands here.
struct AttemptExtra {
  Uuid worker;               // an orphan's: who may bring it back
  std::uint32_t number = 1;  // which attempt of its task
  bool asked_back = false;   // a recall was sent in this session, so Killed may be its answer
  bool in_parts = false;  // its payload follows in parts, and its session has not told to have all
  bool blamed = false;    // its loss was counted; once, even if it returns and is lost again
  DeadlineHeap<struct Timer>::Handle time_limit = no_index;
  std::uint64_t output_received = 0;  // bytes
  std::uint64_t output_taken = 0;     // of these, as far as its worker was told
  std::uint32_t output_untold = 0;    // messages that were taken since
};

/// What went wrong with a task. Most tasks never have one.
struct TaskHistory {
  std::vector<TaskError> errors;  // see keep_error
  Uuid avoided;                   // the worker at which it went wrong last
  Instant avoided_until;          // from then on it goes there again, if nobody else has room
};

struct TaskRecord {
  enum class State : std::uint8_t { waiting, ready, assigned };
  TaskId id;
  std::uint32_t group = no_index;
  std::uint32_t number = 0;  // within its group
  std::uint32_t stage = 0;
  std::uint32_t kind = no_index;  // into the kinds table
  std::uint32_t live = no_index;  // the attempt that is expected to answer
  std::uint32_t attempts_made = 0;
  std::uint32_t lost = 0;    // attempts that ended with their worker or executor
  std::uint32_t failed = 0;  // attempts that the function failed
  State state = State::ready;
  bool retried = false;    // ready: in its kind's list of those
  std::int64_t order = 0;  // among ready tasks, the lower first; see order_of
  Payload payload;
  Duration time_limit{};
  Duration busy{};
  std::unique_ptr<TaskHistory> history;
  Links queued;  // in one of its kind's ready lists, or in its group's waiting list
  Links member;
  IndexList<AttemptRecord, &AttemptRecord::of_task> attempts;
};

/// Tasks without records, of one job and of one kind. What differs from the others here in its policy
/// or its time limit gets its records at once.
struct LaneRecord {
  std::uint32_t job = no_index;
  std::uint32_t kind = no_index;
  Policy policy;
  Duration time_limit{};
  LaneTasks tasks;
};

/// Among ready tasks of which none was tried, nor added to a group that had begun, the one that was
/// submitted first is the first. Others are put before them all, with an order below 0.
constexpr std::int64_t order_of(TaskId task) {
  return static_cast<std::int64_t>(task.value & ((std::uint64_t{1} << serial_bits) - 1));
}

/// What a worker's encodings decide about a task: structured payloads are converted between object
/// and json, raw ones are not, and a task without a payload is taken by every worker. Large ones go
/// in parts, as they are: who sees to it on their way can't tell how large they would become.
enum class PayloadFamily : std::uint8_t {
  structured,
  raw,
  none,
  large_object,
  large_json,
  large_raw
};
inline constexpr std::array payload_families = {
    PayloadFamily::structured,   PayloadFamily::raw,        PayloadFamily::none,
    PayloadFamily::large_object, PayloadFamily::large_json, PayloadFamily::large_raw};

/// Tasks that the same workers can take: one function, one family of payload encodings.
struct KindRecord {
  std::string key;
  std::uint32_t users = 0;  // jobs and profiles that name it
  IndexList<TaskRecord, &TaskRecord::queued> ready;
  // Ready, too, and handed out before the others: tasks with a history, the first to return first.
  IndexList<TaskRecord, &TaskRecord::queued> retried;
  std::vector<std::uint32_t> lanes;  // where tasks wait; a heap, on top the one with the oldest
  [[nodiscard]] bool has_ready() const {
    return !ready.empty() || !retried.empty() || !lanes.empty();
  }
  std::vector<std::uint32_t> profiles;  // that can take it
  Instant unserved_since;               // no later than when a task waits and nobody takes it
  bool told_unserved = false;           // people know of it
  Links with_ready;                     // in the list of kinds that have ready tasks
};

/// Tasks that ended at a worker in a row, none of them with a result, and how many results and
/// failures the workers of its profile had had before.
struct FailureRow {
  std::uint32_t tasks = 0;
  std::uint32_t groups = 0;  // of so many groups at least
  GroupId newest_group;
  std::uint64_t results_before = 0;
  std::uint64_t failures_before = 0;
};

/// Where the next task of a session may join the one before it.
struct TaskBatch {
  std::uint64_t turn = 0;  // of the order below; any other turn's is gone
  std::size_t order = 0;   // the Send in the list of actions
  std::size_t bytes = 0;   // of the records so far
};

/// Tasks that a session was sent ahead one after another.
struct TaskRow {
  std::uint64_t turn = 0;
  std::uint32_t tasks = 0;
};

/// Payloads on their way both ways, of a session that takes parts.
struct SessionParts {
  PartSender out;   // of tasks
  PartReceiver in;  // of results
};

struct SessionRecord {
  enum class Room : std::uint8_t { none, idle, spare };
  SessionId id;
  PeerId peer;  // invalid while lost
  Uuid worker;
  std::uint16_t version = 1;
  std::uint32_t greeting = 0;
  FeatureSet features = 0;
  EncodingSet encodings = 0;
  Containment containment = Containment::none;
  std::uint32_t slots = 1;
  std::uint32_t tasks_max = 1;    // credit: slots and prefetch
  std::uint32_t tasks_least = 1;  // it moves between these
  std::uint32_t tasks_most = 1;
  Duration mean_busy{};  // of its latest tasks; 0: none has ended
  Instant answered;      // its latest result, or when it was given something to do
  Duration lag{};        // between its latest answers, beyond what its tasks took, in the mean
  std::uint32_t profile = no_index;
  bool same_host = false;
  bool suspect = false;
  bool lost = false;
  bool draining = false;
  bool named = false;  // its worker has named it, so both sides are in the same session
  std::string name;
  std::string address;
  std::string software;
  Instant heard;
  Instant sent;
  DeadlineHeap<Timer>::Handle silence_timer = no_index;
  DeadlineHeap<Timer>::Handle send_timer = no_index;
  // Held attempts: those that have started as far as can be known (heartbeats say how many; and a
  // worker with a free slot starts at once, so the first `slots` have), and those that wait at the
  // worker.
  IndexList<AttemptRecord, &AttemptRecord::in_session> running;
  IndexList<AttemptRecord, &AttemptRecord::in_session> waiting;
  std::uint32_t active = 0;      // held and not being killed: what credit counts
  std::size_t active_bytes = 0;  // their payloads
  std::uint32_t tasks_sent = 0;
  TaskBatch batch;
  TaskRow row;
  std::unique_ptr<SessionParts> parts;  // null without the feature
  std::uint32_t results_recorded = 0;
  std::uint32_t results_acknowledged = 0;
  std::uint64_t tasks_done = 0;
  Duration busy{};
  FailureRow failures;
  Room room = Room::none;
  bool takes_tasks = false;  // its slots are counted in slots_total, itself in its profile's takers
  std::uint32_t credit_counted = 0;  // of its tasks_max, in credit_total
  Links with_room;                   // in its profile's idle or spare list
  Links with_waiting;                // in its profile's backlog list
  Instant owing_until;               // when the latest are acknowledged at the latest
  Links owing;  // in the list of sessions with results to acknowledge, by that time
};

/// Workers that can take the same kinds of tasks.
struct ProfileRecord {
  struct Serves {
    std::uint32_t kind;
    std::uint16_t function;  // index in the workers' hello
  };
  std::string key;
  std::uint32_t sessions = 0;
  std::uint32_t takers = 0;    // sessions that take tasks
  std::uint64_t results = 0;   // tasks that ended at its sessions with one
  std::uint64_t failures = 0;  // and without
  std::vector<Serves> serves;
  IndexList<SessionRecord, &SessionRecord::with_room> idle;   // a slot is free
  IndexList<SessionRecord, &SessionRecord::with_room> spare;  // slots are busy, but credit is left
  IndexList<SessionRecord, &SessionRecord::with_waiting> backlog;  // hold tasks that wait
  std::uint32_t recalls = 0;                                       // under way
};

struct GroupRecord {
  GroupId id;
  std::uint64_t item = 0;
  Policy policy;
  std::uint32_t job = no_index;
  std::uint32_t tasks_made = 0;
  std::uint32_t released = 0;  // tasks ready or assigned: not waiting for their stage
  IndexList<TaskRecord, &TaskRecord::member> members;
  IndexList<TaskRecord, &TaskRecord::queued> waiting;
  Links of_job;
  bool begun = false;  // a task of it was given to a worker
  std::uint32_t tasks_killed = 0;
  std::uint32_t tasks_dropped = 0;
  // Answers and errors so far. Null as long as there are none, so for most groups: what decides them
  // is delivered at once.
  std::unique_ptr<GroupResult> kept;
};

struct JobRecord {
  JobId id;
  ClientId client;
  JobOptions options;
  // One for each function and family, see place_of; the families of a function stand together.
  std::vector<std::uint32_t> kinds;
  std::vector<std::uint32_t> lanes;  // as many; no_index: nothing has stood there yet
  bool closed = false;
  bool drained = false;
  IndexList<GroupRecord, &GroupRecord::of_job> groups;  // in no order
  std::size_t unrecorded = 0;                           // groups in its lanes
  [[nodiscard]] bool has_groups() const { return !groups.empty() || unrecorded > 0; }
};

/// What is due when its time comes.
struct Timer {
  enum class Kind : std::uint8_t { silence, send, time_limit };
  Kind kind;
  std::uint32_t index;  // of the session, or of the attempt
};

}  // namespace fanmill::core
