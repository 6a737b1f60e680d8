// TaskLimits: what one task may use. 0 means no limit of ours everywhere.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace fanmill::exec {

struct TaskLimits {
  Duration wall{};              // ended by us when it has passed
  Duration cpu{};               // of the process; whole seconds, rounded up: the kernel ends it
  std::uint64_t memory = 0;     // bytes: of the whole tree with a cgroup's memory controller, else
                                // of address space for each process
  std::uint64_t processes = 0;  // of the whole tree with a cgroup's pids controller, else of the
                                // user (setrlimit has nothing better; root is exempt)
  std::uint64_t files = 0;      // open files of each process
  std::optional<std::uint64_t> core;  // bytes of a core file; 0 is a limit here: no core file
  int niceness = 0;                   // 0 to 19, added to the worker's own

  bool operator==(const TaskLimits&) const = default;
};

/// The tighter of the two, each for itself; the higher niceness.
TaskLimits tighter(const TaskLimits& a, const TaskLimits& b);

}  // namespace fanmill::exec
