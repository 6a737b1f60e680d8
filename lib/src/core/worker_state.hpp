// The inside of core::Worker. Its functions are spread over worker.cpp (facts in, deadlines),
// worker_session.cpp (the connection, hello, welcome, liveness), worker_tasks.cpp (tasks, kills,
// slots), worker_results.cpp (results and their acknowledgement), worker_output.cpp (what tasks write
// while they run), worker_parts.cpp (payloads in parts) and worker_leaving.cpp (drain, goodbye, the end).
//
// What is kept twice, for look-ups (free slots, the attempts that run or have ended,
// the order of time limits), is compared by WorkerInvariants.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/fifo.hpp"
#include "base/flat_map.hpp"
#include "base/index_list.hpp"
#include "base/slab.hpp"
#include "core/parts.hpp"
#include "core/worker.hpp"
#include "core/worker_queue.hpp"

namespace fanmill::core {

/// Where the worker stands with its manager.
enum class Link : std::uint8_t {
  fresh,     // not started
  waiting,   // no connection that counts; a fresh one is opened at `hello_at`
  greeting,  // hello is said; without a welcome until `hello_at` it is said again on a fresh
             // connection
  open,      // a session is open
  closed,    // no session, and none is wanted: the worker leaves
};

/// How long the worker means to stay.
enum class Intent : std::uint8_t {
  stay,
  finish,  // the manager's drain: end what is held, also what is queued, then go
  drain,   // the worker's own drain: end what is started; the goodbye gives the queue back
  leave,   // running tasks are told to stop; go when they have
};

/// What a leaving worker that has nothing left to do still waits for, no longer than `wait_until`.
enum class Wait : std::uint8_t { nothing, executors, acknowledgements };

/// What will be answered when the task of a slot has ended. Other than `result`: it was told to
/// stop.
enum class Fate : std::uint8_t {
  result,
  time_limit,  // Result with the outcome time_limit
  killed,      // Killed
  given_back,  // nothing: the goodbye gives it back to the manager
  forgotten,   // nothing: the manager has said that it does not know or need it
};

/// A task that the executor has.
struct RunningTask {
  AttemptId attempt;
  GroupId group;
  Fate fate = Fate::result;
  std::uint32_t number = 1;     // which attempt of its task
  std::uint32_t sequence = 0;   // as in the queue
  bool started = false;         // as far as can be known; else it waits for a slot
  bool asked_back = false;      // RevokeTask is out
  bool stopped = false;         // StopTask is out
  bool told_unstarted = false;  // by the latest hello
  Duration time_limit{};
  std::optional<Instant>
      due;  // time limit; when that has passed and the worker is monitored, its patience
  bool passes_output = false;      // in the session that it was started in, and never after
  std::uint64_t output_sent = 0;   // bytes
  std::uint64_t output_taken = 0;  // of these, as far as was told
  Links in_order;
};

/// What is asked of it when it has ended.
struct EndedTask {
  AttemptId attempt;
  GroupId group;
  Fate fate = Fate::result;
  std::uint32_t number = 1;
  std::uint32_t unheard = 0;  // its sequence, if it has begun and nobody had noticed; else 0
  Duration time_limit{};
};

struct KeptResult {
  Result result;
  bool repeated = false;  // it was sent in an earlier session
  GroupId group = {};     // of its task
};

/// In place of a slot, of an attempt that has ended.
inline constexpr std::uint32_t is_result = no_index - 1;

struct WorkerState {
  explicit WorkerState(WorkerOptions given);

  WorkerOptions options;
  WorkerCounters counters;

  // The link.
  Link link = Link::fresh;
  SessionId session;  // the open one, or the last that was: hello asks to resume it
  Welcome terms;      // of that session; the protocol's defaults before the first
  std::uint64_t farm = 0;
  std::uint32_t incarnation = 0;  // the newest seen
  std::uint32_t greeting = 0;     // of the latest hello
  std::uint32_t repeats = 0;      // hellos in a row whose welcome did not come in time
  std::uint32_t losses = 0;       // connections in a row that were lost at once
  std::optional<Instant> hello_at;
  bool is_connected = false;   // the connection that was opened last stands
  bool was_connected = false;  // the one before it stood until then
  bool told_to_wait = false;   // by a refusal: until `hello_at` nobody gives up
  std::optional<Instant>
      lost_at;  // when the session's connection was lost; nothing once welcomed again
  Instant opened_at;
  Instant heard_at;  // the manager's last word, or the start
  Instant sent_at;   // the worker's last word in this session

  // Tasks. The executor runs them in the order in which it got them, as many at once as it has slots:
  // so the first of those that it has not ended have started, the others wait there.
  Slab<RunningTask> slots;
  using InOrder = IndexList<RunningTask, &RunningTask::in_order>;
  InOrder running;
  InOrder ahead;
  // Those at the executor, but for those forgotten, with their slots; and those of all results.
  FlatMap attempts;
  std::size_t retries_begun = 0;  // of those at the executor
  Duration mean_busy{};           // of the latest tasks; 0: none has ended
  WorkerQueue queue;
  std::set<std::pair<Instant, std::uint32_t>> due_slots;
  AttemptId newest;  // of the session's tasks and of those kept; not newer is a repetition
  std::uint32_t tasks_taken = 0;     // Tasks of this session, without repetitions
  std::uint32_t newest_started = 0;  // the highest sequence of those that were started
  std::uint32_t tasks_passed = 0;    // all up to it were: what heartbeats tell

  // Results that no manager has acknowledged, oldest first. The first `results_sent` were sent in
  // this session; while it is open that is all of them, but for those that wait for the others of
  // their turn.
  Fifo<KeptResult> results;
  std::size_t results_sent = 0;
  bool results_wait = false;  // some are to be sent when the turn ends, or anything else is said
  std::uint32_t acknowledged = 0;  // of this session, modulo 2^32 as on the wire

  // Payloads in parts, of this session. A result whose payload is on its way waits here, and counts
  // as sent, behind those above, when all of its parts are; in their order.
  PartReceiver part_in;
  PartSender part_out;
  std::deque<KeptResult> large;

  // Leaving.
  Intent intent = Intent::stay;
  Wait wait = Wait::nothing;
  Instant wait_until;
  std::string leave_words;
  bool ended = false;

  // worker.cpp
  void on(Instant now, WorkerStarted& fact, WorkerActions& out);
  void on(Instant now, WorkerConnected& fact, WorkerActions& out);
  void on(Instant now, WorkerConnectionLost& fact, WorkerActions& out);
  void on(Instant now, WorkerMessageReceived& fact, WorkerActions& out);
  void on(Instant now, WorkerMalformedReceived& fact, WorkerActions& out);
  void on(Instant now, TaskFinished& fact, WorkerActions& out);
  void on(Instant now, TasksFinished& fact, WorkerActions& out);
  void on(Instant now, TaskBegun& fact, WorkerActions& out);
  void on(Instant now, TaskRevoked& fact, WorkerActions& out);
  void on(Instant now, ExecutorDied& fact, WorkerActions& out);
  void on(Instant now, OutputWritten& fact, WorkerActions& out);
  void on(Instant now, StopRequested& fact, WorkerActions& out);
  void on(Instant now, WorkerLoopStalled& fact, WorkerActions& out);
  void settle(Instant now, WorkerActions& out);
  void ignore_message() { counters.messages_ignored += 1; }

  // worker_session.cpp
  void connect(Instant now, WorkerActions& out);
  void greet(Instant now, WorkerActions& out);
  [[nodiscard]] std::vector<Holding> holdings() const;
  [[nodiscard]] Duration jittered(Duration duration) const;
  void back_off(Instant now);
  void close_session(WorkerActions& out);
  void reconnect(Instant now, WorkerActions& out);
  void greet_again(Instant now, WorkerActions& out);
  void lose_session(Instant now, const std::string& why, WorkerActions& out);
  void on_message(Instant now, Welcome& welcome, WorkerActions& out);
  void on_message(Instant now, Refuse& refuse, WorkerActions& out);
  void on_message(Instant now, Who& who, WorkerActions& out);
  void on_message(Instant now, Heartbeat& heartbeat, WorkerActions& out);
  [[nodiscard]] std::string fault_of(const Welcome& welcome) const;
  void judge(Instant now, const std::vector<Judgement>& judgements, WorkerActions& out);
  void send(Instant now, Message message, WorkerActions& out);
  void emit(Instant now, Message message, WorkerActions& out);
  void send_heartbeat(Instant now, bool echo, WorkerActions& out);
  [[nodiscard]] bool is_open() const { return link == Link::open; }
  [[nodiscard]] bool has_feature(FeatureSet bit) const { return (terms.features & bit) != 0; }
  [[nodiscard]] bool seeks_session() const {
    return link == Link::waiting || link == Link::greeting;
  }
  [[nodiscard]] std::optional<Instant> silence_deadline() const;
  [[nodiscard]] std::optional<Instant> heartbeat_deadline() const;
  [[nodiscard]] std::optional<Instant> give_up_deadline() const;
  [[nodiscard]] std::optional<Instant> manager_lost_deadline() const;

  // worker_tasks.cpp
  void on_message(Instant now, Task& task, WorkerActions& out);
  void on_message(Instant now, Tasks& tasks, WorkerActions& out);
  void take_task(Instant now, Task& task, WorkerActions& out);
  void on_message(Instant now, Kill& kill, WorkerActions& out);
  [[nodiscard]] bool can_run(const Task& task) const;
  [[nodiscard]] std::string reason_to_reject(const Task& task) const;
  [[nodiscard]] bool may_start(std::size_t most_ahead) const;
  /// Results that may wait to be acknowledged: what the welcome says, and what a hello can name.
  [[nodiscard]] std::size_t unacknowledged_max() const;
  [[nodiscard]] bool has_free_slot() const;
  [[nodiscard]] std::size_t ahead_most() const;
  [[nodiscard]] bool may_go_ahead(const Task& task) const;
  void start_ready(Instant now, WorkerActions& out);
  void start_next(Instant now, WorkerActions& out);
  [[nodiscard]] bool goes_on(const RunningTask& task) const;
  void set_started(Instant now, std::uint32_t slot);
  void fill_slots(Instant now, WorkerActions& out);
  void count_passed();
  /// Whether it is on its way back, or will be told to have started.
  bool ask_back(std::uint32_t slot, WorkerActions& out);
  void learn_busy(Duration busy);
  void kill_group(Instant now, const Kill& kill, WorkerActions& out);
  void kill_running(std::uint32_t slot, WorkerActions& out);
  void forget_running(std::uint32_t slot, WorkerActions& out);
  void stop_running(std::uint32_t slot, Fate fate, StopTask::Reason reason, WorkerActions& out);
  void end_with_deaf_task(Instant now, std::uint32_t slot, WorkerActions& out);
  void pass_time_limit(Instant now, std::uint32_t slot, WorkerActions& out);
  void set_due(std::uint32_t slot, std::optional<Instant> due);
  [[nodiscard]] std::optional<EndedTask> release_slot(std::uint32_t slot, AttemptId attempt);
  void take_end(Instant now, const EndedTask& task, Result& result, WorkerActions& out);
  void answer_end(Instant now, const EndedTask& task, Result&& result, WorkerActions& out);
  void answer_killed(Instant now, AttemptId attempt, bool unstarted, Duration busy,
                     WorkerActions& out);
  /// Of what the executor has; else no_index.
  [[nodiscard]] std::uint32_t slot_of(AttemptId attempt) const {
    const std::uint32_t found = attempts.find(attempt.value);
    return found == is_result ? no_index : found;
  }
  /// That the executor has, also those that were told to stop.
  [[nodiscard]] std::size_t running_count() const { return slots.size(); }
  /// Attempts that a hello would name.
  [[nodiscard]] std::size_t held_count() const { return attempts.size() + queue.size(); }

  // worker_results.cpp
  [[nodiscard]] std::size_t result_count() const { return results.size() + large.size(); }
  void keep_result(Instant now, Result&& result, GroupId group, WorkerActions& out);
  void send_unsent(Instant now, WorkerActions& out);
  void erase_result(std::size_t place);
  void acknowledge(std::uint32_t count, WorkerActions& out);

  // worker_output.cpp
  void on_message(Instant now, OutputTaken& taken, WorkerActions& out);
  void drop_outputs(WorkerActions& out);

  // worker_parts.cpp
  void on_message(Instant now, Part& part, WorkerActions& out);
  void on_message(Instant now, PartTaken& taken, WorkerActions& out);
  void take_part(Instant now, Task& task, const Part& part, WorkerActions& out);
  void tell_part(Instant now, const Part& part, WorkerActions& out);
  [[nodiscard]] bool takes_parts() const;
  /// What a result's payload may have in this session.
  [[nodiscard]] std::uint64_t result_bytes_max() const;
  [[nodiscard]] bool is_large(const KeptResult& kept) const;
  void send_large(KeptResult&& kept);
  void push_parts(Instant now, WorkerActions& out);
  /// Whether its result was on its way in parts, and is not any more.
  bool drop_large(Instant now, AttemptId attempt, WorkerActions& out);
  void drop_large_of(Instant now, GroupId group, WorkerActions& out);
  void forget_unwanted_part();
  void drop_parts();

  // worker_leaving.cpp
  void on_message(Instant now, Goodbye& goodbye, WorkerActions& out);
  void leave(Instant now, std::string words, WorkerActions& out);
  void end_if_done(Instant now, WorkerActions& out);
  [[nodiscard]] bool has_work() const;
  void await(Instant until, Wait what);
  void pass_wait(Instant now, WorkerActions& out);
  void end(ExitStatus status, bool at_once, std::string words, WorkerActions& out);
  void say_goodbye_and_end(Instant now, bool at_once, std::string words, WorkerActions& out);
  [[nodiscard]] std::optional<Instant> wait_deadline() const;
};

/// A duration from an instant; the end of time if it does not fit.
Instant after(Instant from, Duration duration);
/// "60 s", "250 ms".
std::string in_words(Duration duration);
void note(int level, std::string text, WorkerActions& out);

}  // namespace fanmill::core
