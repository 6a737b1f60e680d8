// Supervisor: keeps worker programs running on this host: starts them, watches them by exit status,
// ends them.
//
// It knows nothing of the protocol: a worker says by its exit status what it wants
// (restart_rule.hpp). It waits for its own processes only, by their pidfd; other children of the
// program it lives in are not touched.
//
// One thread per Supervisor. It is also what its processes die with: if the whole program is killed
// by -9, the kernel sends them StartOptions::death_signal. What a worker has started itself ends
// with the worker as long as it stays in its process group, except when this program was killed by
// -9: then only the workers are reached, and those that start processes of their own must see to
// them.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "launch/process.hpp"
#include "launch/restart_rule.hpp"

namespace fanmill::launch {

/// One place in which a program is kept running, numbered from 0 over the life of a Supervisor and
/// never used again.
struct CopyId {
  std::size_t value = 0;
  friend bool operator==(CopyId a, CopyId b) { return a.value == b.value; }
  friend bool operator<(CopyId a, CopyId b) { return a.value < b.value; }
};

/// Something happened to a copy. `finished` and `gave_up` are the last for theirs.
struct Notice {
  enum class Kind {
    started,             ///< the program runs as `pid`
    ended,               ///< process `pid` ended as `end` says
    could_not_start,     ///< the program could not be executed; `text` says why
    will_restart_after,  ///< it will be started again in `after`
    finished,            ///< it is not started again: exit status 5, or ended as asked
    gave_up,  ///< it is not started again: it does not come up; `text` holds the end of its
              ///< standard error
  };
  Kind kind = Kind::started;
  CopyId copy;
  pid_t pid = -1;    ///< of started and ended
  ProcessEnd end;    ///< of ended
  Duration after{};  ///< of will_restart_after
  std::string text;  ///< one line in words, without its newline
  std::string
      errors;  ///< of gave_up: the end of its standard error, up to 4 KiB, without the last newline
};

const char* to_string(Notice::Kind kind) noexcept;

struct SupervisorOptions {
  /// When to start again, when to give up.
  RestartLimits restart;
  /// From SIGTERM to SIGKILL. Longer than a worker needs to say goodbye (its leave grace is 2 s).
  Duration term_grace = std::chrono::seconds(3);
  StartOptions start;
  /// Where the standard error of the processes goes, line by line; -1: nowhere. Not closed by us. A
  /// descriptor that is not ready makes the processes wait, never the supervisor.
  int pass_errors_to = 2;
  /// If not empty, each of these lines begins with "label number: ".
  std::string label;
  /// Called on the supervisor's thread, one at a time, in order. It may call anything but wait()
  /// and the destructor, must not throw, and holds everything up while it runs. May be empty.
  std::function<void(const Notice&)> on_notice;
};

class Supervisor {
 public:
  struct Running {
    CopyId copy;
    pid_t pid = -1;
  };
  struct Failure {
    CopyId copy;
    std::string text;  ///< as in the notice gave_up: its text and, in further lines, its errors
  };

  /// Starts the thread. Fails with io_error if the host has no descriptors or threads left.
  static Result<Supervisor> open(SupervisorOptions options);
  Supervisor(Supervisor&&) noexcept;
  Supervisor& operator=(Supervisor&&) noexcept;
  /// Ends all copies as end_all() does and returns when they are gone: after term_grace at most,
  /// plus the time that the kernel takes to kill.
  ~Supervisor();

  // All of these can be called on any thread, also within on_notice (but see wait).

  /// Keeps `copies` processes of `command` running. Returns the first one's id, the others follow
  /// it; they are started soon, in order. What goes wrong is told by notices. `command.arguments`
  /// must not be empty.
  CopyId start(Command command, std::size_t copies = 1);
  /// Ends one copy, or all, for good: SIGTERM now, SIGKILL to the process group after `grace`.
  /// Returns at once. Can be repeated with a shorter grace; never lengthens one that runs.
  void end(CopyId copy);
  void end(CopyId copy, Duration grace);
  void end_all();
  void end_all(Duration grace);
  /// Sends a signal to a copy's process, if it runs: SIGINT interrupts a task in most languages.
  void send_signal(CopyId copy, int number);

  /// Returns when no copy is left: each has finished, was given up or ended, and on_notice was
  /// told. Not within on_notice.
  void wait() const;
  /// The same for at most `limit`; false if copies are left.
  [[nodiscard]] bool wait_for(Duration limit) const;

  /// The processes that run now, by copy.
  [[nodiscard]] std::vector<Running> running() const;
  /// Copies that have neither finished nor been given up; they may be between two processes.
  [[nodiscard]] std::size_t unfinished() const;
  /// Those that were given up, in order.
  [[nodiscard]] std::vector<Failure> failures() const;

 private:
  class Impl;
  explicit Supervisor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fanmill::launch
