// TaskEnd: how one command ended. ItemEnd: how an item did.
#pragma once

#include <cstdint>
#include <fanmill/fields.hpp>
#include <fanmill/outcome.hpp>
#include <optional>
#include <string>
#include <vector>

namespace fanmill::broker {

/// What the workers' function `command` gives for a success.
struct CommandResult {
  int exit = 0;
  std::string output;
  std::string errors;  // the tail of standard error
  std::string host;
  double started = 0;                         // seconds since 1970
  double wall = 0;                            // seconds
  double cpu = 0;                             // seconds
  std::uint64_t memory = 0;                   // bytes at the peak
  std::optional<std::uint64_t> output_bytes;  // of an output that was cut...
  std::optional<std::string> output_file;     // ...and where all of it lies, on its host
  std::optional<std::uint32_t> streamed;      // the attempt that passed it on; then it lies nowhere
  /// Of all that it wrote, in bytes.
  [[nodiscard]] std::uint64_t output_size() const { return output_bytes.value_or(output.size()); }
};
FANMILL_FIELDS(CommandResult, exit, output, (errors, fanmill::or_default),
               (host, fanmill::or_default), (started, fanmill::or_default),
               (wall, fanmill::or_default), (cpu, fanmill::or_default),
               (memory, fanmill::or_default), output_bytes, output_file, streamed)

struct TaskEnd {
  std::size_t task = 0;  // within its item's group, from 0
  std::string command;   // as it could be typed into a shell
  std::size_t input_bytes = 0;
  bool solved = false;
  bool killed = false;  // as the group was decided without it
  int exit = -1;        // -1: it was ended, or is not known
  int signal = 0;
  CommandResult result;  // of a failure only what is known
  std::string error;     // "exit 3 on node7:4711": of a failure
};

/// A command that succeeded.
TaskEnd success_of(CommandResult result);
/// One that did not, after its last attempt.
TaskEnd failure_of(const std::vector<TaskError>& errors);
/// One that was running or queued when its group was decided.
TaskEnd killed_end();

struct ItemEnd {
  bool solved = false;
  std::vector<TaskEnd> ends;
  std::string error;  // of an item without tasks, or that could not be sent
};

}  // namespace fanmill::broker
