// Process: one started program: its id, its process group, its standard error.
//
// A process is started with nothing of ours but its standard output: an own process group (a Ctrl-C
// in the terminal is for the manager, which then ends its workers in order), no handlers, no signal
// mask, no descriptors, standard input at its end. It dies with the thread that started it, not
// only with that thread's process (see base/program.cpp).
#pragma once

#include <sys/types.h>

#include <csignal>
#include <utility>
#include <variant>

#include "base/descriptor.hpp"
#include "base/program.hpp"
#include "launch/restart_rule.hpp"

namespace fanmill::launch {

struct StartOptions {
  /// Sent to the process when the thread that started it is gone, above all because its program was
  /// killed by -9. SIGKILL leaves no orphan, whatever the program does; 0 lets it live on. The
  /// kernel forgets it for a program that is setuid or has capabilities.
  int death_signal = SIGKILL;
  /// Standard output goes the way of standard error. For a manager whose own standard output
  /// carries the results.
  bool merge_output = false;
};

class Process {
 public:
  /// Returns when the program runs or could not be executed. Must be called on a thread that lives
  /// at least as long as the process shall.
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
