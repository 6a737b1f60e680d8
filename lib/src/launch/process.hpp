// Process: one started program: its id, its process group, its standard error. And the command that
// starts it.
//
// A process is started with nothing of ours but its standard output: an own process group (a Ctrl-C
// in the terminal is for the manager, which then ends its workers in order), no handlers, no signal
// mask, no descriptors, standard input at its end. It dies with the thread that started it, not
// only with that thread's process (see process.cpp).
#pragma once

#include <sys/types.h>

#include <csignal>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/descriptor.hpp"
#include "launch/restart_rule.hpp"

namespace fanmill::launch {

struct Command {
  /// Program and arguments, no shell in between. A program without a slash is looked for in PATH,
  /// one with a slash is relative to `working_directory`. Not empty.
  std::vector<std::string> arguments;
  /// Added to this process's environment, or put in place of what is there; the last of a name counts.
  std::vector<std::pair<std::string, std::string>> environment;
  /// Empty: this process's.
  std::string working_directory;
};

struct StartOptions {
  /// Sent to the process when the thread that started it is gone, above all because its program was
  /// killed by -9. SIGKILL leaves no orphan, whatever the program does; 0 lets it live on. The
  /// kernel forgets it for a program that is setuid or has capabilities.
  int death_signal = SIGKILL;
  /// Standard output goes the way of standard error. For a manager whose own standard output
  /// carries the results.
  bool merge_output = false;
};

struct StartFailure {
  int error_number = 0;  ///< errno's
  std::string text;      ///< "can't start ./solver: Permission denied (...)"
};

/// A command, ready to be started any number of times: everything that needs memory or the
/// environment is done.
class PreparedCommand {
 public:
  /// Reads the environment: call it on a thread on which that is safe. `command.arguments` must not
  /// be empty.
  explicit PreparedCommand(Command command);
  PreparedCommand(const PreparedCommand&) = delete;
  PreparedCommand& operator=(const PreparedCommand&) = delete;

  [[nodiscard]] const std::string& program() const { return command_.arguments.front(); }

 private:
  friend class Process;
  friend std::string describe_failure(const PreparedCommand& command, int error_number,
                                      bool at_directory);

  [[nodiscard]] std::string search_path() const;

  Command command_;
  std::vector<std::string> environment_;
  std::vector<std::string> candidates_;  // full names to try, in order
  std::vector<char*> argument_pointers_;
  std::vector<char*> environment_pointers_;
  std::vector<const char*> candidate_pointers_;
};

class Process {
 public:
  /// Returns when the program runs or could not be executed. Must be called on a thread that lives
  /// at least as long as the process shall. Costs one vfork, whatever the size of this process.
  static std::variant<Process, StartFailure> start(const PreparedCommand& command,
                                                   const StartOptions& options);

  Process(Process&&) noexcept = default;
  Process& operator=(Process&&) noexcept = default;
  /// Does not end the process: reap it first.
  ~Process() = default;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Readable, in the sense of poll, when the process has ended.
  [[nodiscard]] int ended_descriptor() const { return pidfd_.get(); }
  /// The end of a pipe, not blocking. End of file comes only when all its descendants have closed
  /// it as well.
  [[nodiscard]] int errors_descriptor() const { return errors_.get(); }
  /// After its end of file, which would else be reported again and again.
  void close_errors() { errors_.reset(); }

  /// To the process alone: what its own children are told is its affair. No effect after its end.
  void send_signal(int number) const;
  /// SIGKILL to the process and all that stayed in its process group.
  void kill_group() const;
  /// True if it has ended; it can still be reaped then, and its number is not yet anybody else's.
  [[nodiscard]] bool has_ended() const;
  /// After has_ended(): kills what is left of the group, then forgets the process. Call it once.
  ProcessEnd reap();

 private:
  Process(pid_t pid, Descriptor pidfd, Descriptor errors)
      : pid_(pid), pidfd_(std::move(pidfd)), errors_(std::move(errors)) {}

  pid_t pid_ = -1;
  Descriptor pidfd_;
  Descriptor errors_;
};

}  // namespace fanmill::launch
