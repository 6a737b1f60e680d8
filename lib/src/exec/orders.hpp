// Orders and reports: what the processes of one worker say to each other over their links: the
// worker to its warden and keepers, a keeper to the process that runs a function, and back.
//
// Private to one program: both ends are the same build, so there are no versions. But a process that
// runs user code may send anything: unpacking checks every length.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exec/evidence.hpp"
#include "exec/executor.hpp"
#include "exec/task_limits.hpp"

namespace fanmill::exec {

// Of one task's output as it is passed on: those are bounded by their bytes, but many small ones cost
// more than these.
inline constexpr std::size_t output_chunks_max = 1024;

/// A program to run for one task.
struct CommandPlan {
  std::vector<std::string> arguments;  // not empty
  std::vector<std::pair<std::string, std::string>> environment;
  std::string directory;         // empty: the worker's
  std::string input;             // its standard input
  TaskLimits limits;             // tightened by the worker's own
  std::uint64_t output_max = 0;  // bytes of standard output that are reported
  std::string match;             // an extended regular expression to seek in them; empty: none
  bool afresh = false;           // a resident program that runs is ended first
  // Standard output is passed on as it comes, and is kept in no file. The keeper holds it back beyond
  // this many bytes more than were taken; 0: it is not passed on.
  std::uint64_t output_window = 0;
  std::uint32_t number = 1;  // which attempt of its task; not sent, for who concludes
  // Not sent, for who concludes: exit statuses that are a success; empty: any.
  std::vector<std::int64_t> successes = {0};
};

struct Order {
  enum class Kind : std::uint8_t {
    run_function,  // attempt, invocation, limits
    run_command,   // attempt, command, invocation
    run_line,      // attempt, command: the resident program; invocation: its payload is the line
    stop,          // attempt; nothing happens if it has ended
    give_back,     // attempt, answered by `unstarted`; nothing happens if it has begun
    take_output,   // attempt, taken; the same
    drop_output,   // attempt; the same
    make_keeper,   // answered by `made`
    make_warden,   // answered by `made`: the warden is gone
  };
  Kind kind = Kind::stop;
  AttemptId attempt;
  Invocation invocation;
  CommandPlan command;
  std::uint64_t taken = 0;    // bytes of its output
  bool drops_output = false;  // not sent: that came while it waited at its keeper
};

/// What became of CommandPlan::match.
enum class Match : std::uint8_t { not_sought, found, not_found, failed };

struct Report {
  enum class Kind : std::uint8_t {
    ready,      // a keeper lives: containment; its ledger comes with it
    ended,      // attempt, evidence, and what the task gave
    unstarted,  // attempt: it will not be begun
    wrote,      // attempt, output: more of it; before `ended`
    made,  // a link to the new process comes with it; without one it could not be made: error_text
  };
  Kind kind = Kind::ended;
  AttemptId attempt;
  Evidence evidence;
  std::uint16_t containment = 0;  // as in hello
  // Of a function that returned, and of a resident program's line.
  Completion::Kind answer = Completion::Kind::returned;
  bool nothing = false;
  Payload payload;
  std::string error_type;
  std::string error_text;
  // Of a program.
  Match match = Match::not_sought;
  std::string output;
  std::string errors;              // the end of its standard error
  std::uint64_t output_bytes = 0;  // all of it
  std::string output_file;         // where all of it is, if it did not fit
  std::uint64_t survivors = 0;     // processes of the task that could not be ended
  // Not sent, but for who concludes to say: a resident program that is not to be asked again.
  bool out_of_step = false;
};

/// What the end of a process means for its task, where nothing it gave says otherwise: words, and the
/// end of its standard error.
Completion completion_of_end(const Report& report);

std::string pack(const Order& order);
std::string pack(const Report& report);
/// Nothing if the bytes are no such thing.
std::optional<Order> unpack_order(std::string_view bytes);
std::optional<Report> unpack_report(std::string_view bytes);

}  // namespace fanmill::exec
