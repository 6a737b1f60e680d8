// ProcessTree: what a task's process has started, and what that has started, and so on: all of it
// can be ended.
//
// It works on the children of the process that it lives in, which adopts every orphan among their
// descendants (PR_SET_CHILD_SUBREAPER): one tree per process. How sure a kill is depends on the
// host, see Grade.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/program.hpp"
#include "exec/cgroup.hpp"
#include "exec/task_limits.hpp"

namespace fanmill::exec {

/// What a kill reaches, from least to most; the numbers are those of a hello's `containment`.
enum class Grade : std::uint16_t {
  process_group = 3,  // those that stayed in the task's process group
  subreaper = 4,      // every descendant, found one after another: a fork loop may outrun it
  cgroup = 5,         // every descendant, in one step of the kernel
};

const char* to_string(Grade grade);

class ProcessTree {
 public:
  /// Makes this process the one that adopts orphans. `best` is what is wanted, for tests and for
  /// hosts on which a better grade does harm; what was found is `grade`. `name` is that of its
  /// cgroup.
  ProcessTree(Grade best, const std::string& name);

  [[nodiscard]] Grade grade() const { return grade_; }
  /// For SpawnOptions; -1 if there is no cgroup.
  [[nodiscard]] int cgroup() const { return cgroup_ ? cgroup_->directory() : -1; }
  /// For SpawnOptions, too: its cgroup's processes were killed all at once.
  [[nodiscard]] bool was_killed() const { return cgroup_ && cgroup_->was_killed(); }
  /// This process, a fresh child, goes where the task's processes are.
  void enter() const;

  /// Sets what the cgroup can limit; what it can't stands in `left`, for setrlimit.
  void limit(const TaskLimits& wanted, TaskLimits& left);
  /// Since the last call of `limit`: the kernel ended a process of the tree for want of memory.
  [[nodiscard]] bool ran_out_of_memory() const;

  /// Ends every process of the tree. `main` is the task's own, which is not reaped here; -1 if it was
  /// already. `spared` are children of this process that do not belong to the tree. Returns when all
  /// are gone, or after some seconds (a process that waits for a dead disk can't be ended): how many
  /// are left.
  std::size_t kill(pid_t main, std::span<const pid_t> spared) const;

 private:
  [[nodiscard]] std::size_t kill_found(pid_t main, std::span<const pid_t> spared) const;

  Grade grade_;
  std::optional<Cgroup> cgroup_;
  std::uint64_t memory_limit_ = 0;  // as set, of the cgroup
  std::uint64_t processes_limit_ = 0;
  std::uint64_t oom_kills_before_ = 0;
};

}  // namespace fanmill::exec
