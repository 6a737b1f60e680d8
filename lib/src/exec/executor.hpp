// Executor: what runs user code for a worker's loop, which itself never does.
//
// The loop starts and stops tasks by slot and takes completions when the executor's descriptor is
// readable. There is exactly one completion for each `start`, also after a `stop`; a slot must not
// be started again before its completion was taken. There may be more slots than tasks that run at
// once: the others wait. All calls come from the thread that has the loop's turn and none of them
// blocks but `wait_idle`.
#pragma once

#include <cstdint>
#include <fanmill/payload.hpp>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/rare_text.hpp"
#include "base/time.hpp"

namespace fanmill::exec {

/// One attempt of a task, as the user's function sees it.
struct Invocation {
  AttemptId attempt;
  TaskId task;
  std::uint64_t item = 0;
  std::uint32_t function = 0;  // index into the executor's functions
  std::uint32_t number = 1;    // which attempt of this task, from 1
  Duration time_limit{};       // 0: none; for the function's information, the worker's loop ends it
  Payload payload;
  // What it writes to its standard output is wanted as it comes, with so many bytes at most beyond
  // those that were taken; 0: it is not.
  std::uint64_t output_window = 0;
  // Its completion may wait for others (Executor::flush).
  bool gathers = false;
};

struct FunctionResult {
  Payload payload;
  bool nothing = false;  // the function ran to its end and found nothing
};

/// A user's function. What it throws becomes a failed result. `stop` is requested when its task is
/// killed; it is the task's own, so the function may move it away and need not give it back.
using Function = std::function<FunctionResult(const Invocation&, std::stop_token& stop)>;

struct Completion {
  enum class Kind : std::uint8_t {
    returned,  // payload and nothing
    failed,    // it threw: error_type and error_text
    rejected,  // not run: error_text
    died,      // its process ended under it: detail and error_text
    revoked,   // not run, and nobody wants it to
  };
  std::uint32_t slot = 0;
  AttemptId attempt;
  Kind kind = Kind::returned;
  bool nothing = false;
  Payload payload;
  RareText error_type;
  RareText error_text;
  std::uint32_t detail = 0;  // of what ended: the signal, or 256 + exit status; 0: unknown
  Duration busy{};           // time that the function ran
  Duration cpu{};            // processor time; 0: unknown
  std::uint64_t memory = 0;  // the most that it had resident, bytes; 0: unknown
};

/// A task runs.
struct Begun {
  std::uint32_t slot = 0;
  AttemptId attempt;
};

/// What a task has written to its standard output.
struct OutputChunk {
  std::uint32_t slot = 0;
  AttemptId attempt;
  Bytes bytes;  // not empty
};

class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  /// Tasks that it runs at once.
  [[nodiscard]] virtual std::uint32_t slot_count() const = 0;
  /// Slots beyond those, whose tasks wait.
  [[nodiscard]] virtual std::uint32_t ahead_count() const { return 0; }
  /// Whether `take_begun` tells which of those that waited run. Else they are begun in their order.
  [[nodiscard]] virtual bool tells_begun() const { return false; }
  /// It begins with the next `publish` and `flush` at the latest.
  virtual void start(std::uint32_t slot, Invocation&& invocation) = 0;
  /// All of this turn's are started, while the loop still has it: threads that work go on with them.
  virtual void publish() {}
  /// The turn is over, and the loop has let go of it: all that it asked for leaves together. Only a
  /// stop does not wait for it. `looks_soon`: until the next flush the loop calls `take` soon, told or
  /// not; so a completion that gathers need not be told while enough tasks wait here. Returns whether
  /// the executor counts on that.
  virtual bool flush(bool /*looks_soon*/) { return false; }
  /// Ends the slot's task as far as this executor can. Nothing happens if the slot is idle.
  virtual void stop(std::uint32_t slot) = 0;
  /// If the slot's task has not begun it never will, and its completion says revoked. Else nothing
  /// happens.
  virtual void revoke(std::uint32_t /*slot*/) {}
  /// Readable while completions wait to be taken.
  [[nodiscard]] virtual int completions_fd() const = 0;
  /// What a helper did with a completion: nothing, or took it; and whether the loop has to wake up
  /// for more than that.
  enum class Helped : std::uint8_t { no, yes, yes_and_wake };
  using Helper = std::function<Helped(Completion&)>;
  /// Before the first `start`: a thread that has nothing more to do offers its completion to `helper`,
  /// which takes it if the loop sleeps, and may call `start`. That saves a wake-up. For executors that
  /// have such threads.
  virtual void set_helper(Helper /*helper*/) {}  // NOLINT: kept by who has such threads
  /// Appends all completions that wait to `out`; also some of which the descriptor has not told yet, so
  /// whoever is about to judge a task by the clock asks first.
  virtual void take(std::vector<Completion>& out) = 0;
  /// Appends the tasks that were begun since, those that never waited among them. After `take`: a task
  /// may have ended meanwhile.
  virtual void take_begun(std::vector<Begun>& /*out*/) {}
  /// Appends what tasks have written that pass their output on. After `take`: what it gives comes
  /// before the completions of that.
  virtual void take_output(std::vector<OutputChunk>& /*out*/) {}
  /// The first `taken` bytes of what the slot's task has written are out of the way: it may write a
  /// window of it more. Nothing happens if it runs another task.
  virtual void output_taken(std::uint32_t /*slot*/, AttemptId /*attempt*/,
                            std::uint64_t /*taken*/) {}
  /// The slot's task passes no more of its output on, and needs no room for it. As above.
  virtual void drop_output(std::uint32_t /*slot*/, AttemptId /*attempt*/) {}
  /// Whether every slot was idle at some time within `limit` from now.
  virtual bool wait_idle(Duration limit) = 0;
};

}  // namespace fanmill::exec
