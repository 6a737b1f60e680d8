// Runner: a run's typed half as its untyped half (lib/src/api/run_engine.hpp) sees it. Not for
// users.
//
// All of its members are called by the thread that called `run`. Any may throw; the engine then
// ends the run and lets the exception go on to the caller.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fanmill/error.hpp>
#include <fanmill/export.hpp>
#include <fanmill/outcome.hpp>
#include <fanmill/policy.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fanmill::inline v0::detail {

struct RunSettings {
  std::string function;                // of tasks that name none
  std::vector<std::string> functions;  // that tasks may name beside it
  std::uint32_t retries = 0;
  std::uint32_t lost_attempts_max = 3;
  std::chrono::nanoseconds time_limit{0};
  Policy policy;
  bool in_order = false;
  std::optional<std::size_t> lookahead;                 // tasks; nothing: as the workers need
  std::size_t lookahead_bytes = std::size_t{64} << 20;  // of their payloads
  bool output = false;  // the job wants what tasks write to their standard output
};

struct TaskToSend {
  Payload payload;
  std::uint32_t function = 0;
  std::uint32_t stage = 0;
  std::chrono::nanoseconds time_limit{0};
};

struct PulledItem {
  Policy policy;
  std::vector<TaskToSend> tasks;
};

struct GroupUpdate {
  std::vector<TaskToSend> add;
  bool replace = false;
  bool done = false;
};

struct GroupAnswer {
  std::uint32_t task = 0;
  bool nothing = false;
  Payload payload;
  std::uint64_t session = 0;  // of the worker that gave it
};

struct GroupEnd {
  bool decided = false;
  std::vector<GroupAnswer> answers;  // in order of arrival
  std::vector<TaskError> errors;
};

enum class Pull {
  item,     // the item was taken
  not_now,  // there is none yet, but callbacks may bring some
  awaited,  // there is none yet; what was given to `listen` will be called when that changes
  ended,
};

class FANMILL_EXPORT Runner {
 public:
  Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  virtual ~Runner() = default;

  /// Items are numbered from 0 in the order in which they are pulled.
  virtual Pull pull(PulledItem& pulled) = 0;
  /// `wake` may be called from any thread, until `listen` is called with an empty one.
  virtual void listen(const std::function<void()>& /*wake*/) {}
  /// `session`: of the worker that gave a result.
  virtual GroupUpdate update(std::uint64_t item, std::uint32_t task, Outcome outcome,
                             std::uint64_t session) = 0;
  /// A task's attempt has written `chunk` to its standard output. Only if the settings want that.
  virtual void output(std::uint64_t /*item*/, std::uint32_t /*task*/, std::uint32_t /*attempt*/,
                      std::string_view /*chunk*/) {}
  /// Makes the item's result; returns about how many bytes it takes. Takes of `end` what it likes.
  virtual std::size_t conclude(std::uint64_t item, GroupEnd& end) = 0;
  virtual void release(std::uint64_t item) = 0;

  /// Larger payloads can't be sent. Set by the engine before the first pull.
  std::size_t payload_bytes_max = 1U << 20;
  /// The name of the worker with this session, for words; empty if it has gone. Set by the engine.
  std::function<std::string(std::uint64_t session)> worker_name;
  /// The input may make `pull` wait (a stream): what was pulled before must not wait with it.
  bool pull_may_block = false;
};

/// The number of a function's name in `settings`: 0 for none or the job's own. Throws FarmError
/// (invalid_argument) for a name that the job did not give.
FANMILL_EXPORT std::uint32_t function_number(const RunSettings& settings, const std::string& name);
/// An error that arose here, not on a worker.
FANMILL_EXPORT TaskError local_error(ErrorCode code, const std::string& text);
/// Throws FarmError (payload_too_large).
[[noreturn]] FANMILL_EXPORT void refuse_payload(const std::string& words);
/// "item 3: its task 0 has 2000000 bytes; ..."
FANMILL_EXPORT std::string too_large_words(std::uint64_t item, std::size_t task, std::size_t bytes,
                                           std::size_t bytes_max);

}  // namespace fanmill::inline v0::detail
