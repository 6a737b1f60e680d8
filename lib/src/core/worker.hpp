// The worker's state machine: one connection to one manager, a few slots, the results not yet
// acknowledged.
//
// A value like core::Manager: the shell tells it the time and what happened (`step`), it answers
// with orders. It never runs user code; it orders an executor to (`StartTask`, `StopTask`) and is
// told how that went.
//
// Two rules carry its promises: a result is kept until the manager has acknowledged it, across any
// number of connections; and a task is started only while a session is open that brought it, or
// that was told of it and said keep.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/limits.hpp"
#include "core/message.hpp"

namespace fanmill::core {

/// M11: what a worker's process ends with, so that a loop around it knows whether to start it
/// again.
enum class ExitStatus : int {
  do_not_restart = 5,  // goodbye, drained, SIGTERM, gave up, or an error that a restart can't mend
  killed = 6,          // monitored: ended because its task was killed
  manager_lost = 7,    // monitored: ended because its manager was lost while it computed
};

struct WorkerOptions {
  Uuid uuid;  // must be valid: random, one for the life of the process
  Uuid boot;
  // 0: any. It then keeps to the farm that welcomes it first, so that no result goes to another.
  std::uint64_t farm = 0;
  std::string cookie;
  std::uint32_t pid = 0;
  std::uint16_t slots = 1;  // 1 to slots_max
  std::uint32_t prefetch = 0;
  // How many tasks the executor may have beyond those that its slots run, so that the next one begins
  // without a word from the loop. As many for each slot as take `ahead_time` at the most, by what
  // the latest took. 0 where one task may take others with it.
  std::uint32_t ahead_max = 0;
  Duration ahead_time = limits::ahead_time;
  // The executor says which of those that wait it has begun (TaskBegun); else it begins them in their
  // order, whenever one ends.
  bool begins_told = false;
  Containment containment = Containment::stop_token;
  FeatureSet features = feature::heartbeat | feature::kill | feature::time_limit;
  EncodingSet encodings =
      encoding_bit(Encoding::object) | encoding_bit(Encoding::json) | encoding_bit(Encoding::raw);
  // Of a task whose payload comes in parts; a larger one is rejected. At most
  // limits::payload_bytes_max.
  std::uint64_t payload_bytes_max = limits::payload_bytes_max;
  std::string software;
  std::string host;
  std::vector<std::string> functions = {""};
  std::vector<std::string> labels;
  // Ends the whole process at once on a kill of a running task, or on its manager's loss while it
  // computes.
  bool monitored = false;
  // Monitored: how long a lost connection may last before the manager counts as lost. The welcome
  // tells nothing about hosts, so the shell gives 0 for a manager on the same host and the remote
  // grace else.
  Duration manager_lost_after{};
  // The first wait for a welcome; each further one is twice as long, up to 16 s, and 20 % more or
  // less by a hash of uuid and greeting, so that a thousand workers do not all come back in the
  // same moment.
  Duration hello_repeat = limits::hello_repeat;
  // Without a session for so long since the last word of a manager (or the start), the worker ends.
  // The time for which a manager told it to wait does not count. Duration::max(): never.
  Duration give_up_after = limits::give_up_after;
  // After this long with stopped executors still running, a leaving worker ends without them.
  Duration leave_grace = std::chrono::seconds(2);
};

// Events.

struct WorkerStarted {};
/// The connection that was opened last stands: there is a process at its other end. May be left out.
struct WorkerConnected {};
/// The connection that was opened last is gone, or was refused. Normal at any time.
struct WorkerConnectionLost {};
struct WorkerMessageReceived {
  Message message;
};
/// Not a message of this protocol came from the manager. It ends an open session: the worker greets
/// afresh.
struct WorkerMalformedReceived {
  std::string reason;
};
/// The executor of a slot has finished: the function returned or threw, also after a StopTask. What
/// a stopped function returns is never taken for a result: it may have returned early because it
/// was stopped.
struct TaskFinished {
  std::uint32_t slot = 0;
  AttemptId attempt;
  Result result;  // busy filled in; outcome ok, failed or rejected. Long error texts are cut here.
};
/// Several, in their order: the same as one after the other at the same moment, but for less. What was
/// started ahead may have begun and ended behind another of them.
struct TasksFinished {
  std::vector<TaskFinished> tasks;
};
/// Of a task that was started ahead, where `begins_told`: the executor runs it now.
struct TaskBegun {
  std::uint32_t slot = 0;
  AttemptId attempt;
};
/// The answer to RevokeTask, if the task had not started: it will not.
struct TaskRevoked {
  std::uint32_t slot = 0;
  AttemptId attempt;
};
/// The executor of a slot died under its task. A slot can be used again at once.
struct ExecutorDied {
  std::uint32_t slot = 0;
  AttemptId attempt;
  std::uint32_t detail = 0;  // the signal, or 256 + exit status
  std::string text;
  Duration busy{};
  std::string type;          // what it died of, in a word or two; may be empty
  Duration cpu{};            // 0: unknown
  std::uint64_t memory = 0;  // bytes resident at most; 0: unknown
};
/// The task of a slot has written more to its standard output; in order, and before its end. Only if
/// it was started with `passes_output`. Never more than limits::output_window_bytes beyond what
/// TakeOutput told.
struct OutputWritten {
  std::uint32_t slot = 0;
  AttemptId attempt;
  Bytes bytes;
};
/// SIGTERM, or the caller wants the worker to leave. `drain`: it first finishes what it has
/// started.
struct StopRequested {
  bool drain = false;
};
/// The worker's own loop did not run for so long (the process was suspended). Comes before the
/// facts that waited meanwhile; the manager is not judged by that time.
struct WorkerLoopStalled {
  Duration gap{};
};

using WorkerEvent =
    std::variant<WorkerStarted, WorkerConnected, WorkerConnectionLost, WorkerMessageReceived,
                 WorkerMalformedReceived, TaskFinished, TasksFinished, TaskBegun, TaskRevoked,
                 ExecutorDied, OutputWritten, StopRequested, WorkerLoopStalled>;

// Actions.

/// Close the connection, if there is one, dropping what it had not sent, and open a fresh one.
struct OpenConnection {};
struct WorkerSend {
  std::uint16_t version = limits::protocol_max;
  Message message;
};
/// A slot here is one of the executor's places: as many as WorkerOptions::slots and ahead_max. Tasks
/// start in the order of these orders, as many at once as there are slots, but for those of which
/// TaskBegun tells.
struct StartTask {
  std::uint32_t slot = 0;
  Task task;
  bool passes_output = false;  // if it asks for that: OutputWritten is listened to
  // It was sent ahead, so it races with no other (docs/protocol.md): its end may be told a little later,
  // with those of others.
  bool gathers = false;
};
/// End the task of this slot; answered by TaskFinished or ExecutorDied. At most one for each
/// StartTask.
struct StopTask {
  enum class Reason : std::uint8_t { killed, time_limit, leaving };
  std::uint32_t slot = 0;
  AttemptId attempt;
  Reason reason = Reason::killed;
};
/// If the task has not started it is not to, and TaskRevoked says so. Else nothing happens.
struct RevokeTask {
  std::uint32_t slot = 0;
  AttemptId attempt;
};
/// Everything before `taken` of the output of this slot's task was taken: the window begins there.
struct TakeOutput {
  std::uint32_t slot = 0;
  AttemptId attempt;
  std::uint64_t taken = 0;
};
/// Nobody takes more of the output of this slot's task: it goes on as if it had not passed any on.
struct DropOutput {
  std::uint32_t slot = 0;
  AttemptId attempt;
};
/// The worker is done; the last action. `at_once`: without waiting for threads or for unsent
/// messages.
struct EndWorker {
  ExitStatus status = ExitStatus::do_not_restart;
  bool at_once = false;
  std::string words;  // for its log: why
};
/// For the worker's log.
struct WorkerNote {
  int level = 1;  // 0: always shown, 1: joins and leaves, 2: tasks
  std::string text;
};

using WorkerAction = std::variant<OpenConnection, WorkerSend, StartTask, StopTask, RevokeTask,
                                  TakeOutput, DropOutput, EndWorker, WorkerNote>;
using WorkerActions = std::vector<WorkerAction>;

struct WorkerCounters {
  std::uint64_t tasks_started = 0;
  std::uint64_t tasks_rejected = 0;    // of a function or encoding that this worker does not have
  std::uint64_t results_sent = 0;      // without repetitions
  std::uint64_t results_repeated = 0;  // sent again in a later session
  std::uint64_t kills = 0;             // tasks that a manager's word ended, started or not
  std::uint64_t sessions = 0;
  std::uint64_t connections_lost =
      0;  // of open sessions; also those given up for the manager's silence
  std::uint64_t duplicates_ignored = 0;  // tasks that came twice, ends of tasks that had ended
  std::uint64_t parts_unknown = 0;       // of tasks that are not waited for, or repeated
  std::uint64_t outputs_dropped = 0;     // of tasks that nobody listens to any more
  std::uint64_t messages_ignored = 0;    // unknown kinds, or not for this session
  std::uint64_t messages_malformed = 0;
};

class WorkerInvariants;
struct WorkerState;

class Worker {
 public:
  explicit Worker(WorkerOptions options);
  ~Worker();
  Worker(Worker&&) noexcept;
  Worker& operator=(Worker&&) noexcept;

  /// Takes in one fact. Appends to `out`. `now` must not go backwards. After EndWorker nothing more
  /// is answered. O(log n) in the tasks and results that the worker holds.
  void step(Instant now, WorkerEvent&& event, WorkerActions& out);
  void step(Instant now, const WorkerEvent& event, WorkerActions& out) {
    step(now, WorkerEvent(event), out);
  }
  /// Once per turn, after the facts: passed deadlines.
  void tick(Instant now, WorkerActions& out);
  /// When `tick` next has something to do even if nothing happens; nothing before the start and
  /// after the end.
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  [[nodiscard]] const WorkerCounters& counters() const;
  [[nodiscard]] bool ended() const;
  /// Whether a session is open now.
  [[nodiscard]] bool is_welcome() const;
  /// Tasks that the executor has, also those that were told to stop and have not yet.
  [[nodiscard]] std::size_t running_count() const;
  /// Results that no manager has acknowledged.
  [[nodiscard]] std::size_t unacknowledged_count() const;

 private:
  friend class WorkerInvariants;
  std::unique_ptr<WorkerState> state_;
};

}  // namespace fanmill::core
