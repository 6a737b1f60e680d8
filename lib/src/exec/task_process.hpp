// TaskProcess: a process below a keeper that runs tasks, what it says on its standard error, and its
// end: with all that it has started.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <span>
#include <string>
#include <utility>

#include "base/descriptor.hpp"
#include "exec/capture.hpp"
#include "exec/evidence.hpp"
#include "exec/process_tree.hpp"
#include "exec/task_limits.hpp"

namespace fanmill::exec {

class TaskProcess {
 public:
  /// Whose standard error is passed on to this process's own, beside what is kept of it.
  enum class Errors { kept, passed_on };
  /// Why it is ended, as far as the keeper is concerned.
  enum class Cause { by_itself, stopped, wall_limit };

  TaskProcess(pid_t pid, Descriptor pidfd, Descriptor errors, Errors use)
      : pid_(pid), pidfd_(std::move(pidfd)), errors_(std::move(errors)), use_(use) {}

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Readable when it has ended.
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  /// To poll for before `read_errors`.
  [[nodiscard]] pollfd errors_item() const;
  /// Whether there was something. What is passed on is, as far as our own standard error takes it: a kill
  /// must not wait for whoever reads that.
  bool read_errors();
  /// What was said last.
  [[nodiscard]] std::string last_words() const { return tail_.text(); }

  struct End {
    Evidence evidence;  // without `wall` and `started`
    std::size_t survivors = 0;
  };
  /// Ends it, if it has not ended by itself, and all of its tree, but `spared`; reads what it has said last.
  /// `cpu_limit`: of all that it did; 0: none.
  [[nodiscard]] End end(const ProcessTree& tree, std::span<const pid_t> spared, Cause cause,
                        Duration cpu_limit);

 private:
  pid_t pid_;
  Descriptor pidfd_;
  Descriptor errors_;
  Errors use_;
  bool errors_held_ = false;  // until our own standard error can be written
  Tail tail_;
};

/// By the wall clock, for people: seconds since 1970.
double wall_clock();

}  // namespace fanmill::exec
