// TaskLimits: what one task of a worker may use. Processes of their own can be limited, threads can't.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace fanmill::inline v0 {

/// What one task may use. 0 is no limit of ours, except for `core`. What the kernel enforces, it
/// enforces for whatever a task starts, too.
struct TaskLimits {
  /// From its start to its end; then it is ended, with all that it has started.
  std::chrono::nanoseconds wall{0};
  /// Processor time of the process; whole seconds, rounded up.
  std::chrono::nanoseconds cpu{0};
  /// Bytes. Of all its processes together where the worker has a cgroup with the memory controller,
  /// else of address space for each process.
  std::uint64_t memory = 0;
  /// Processes that it may have at once where the worker has a cgroup with the pids controller. Else
  /// of the worker's user altogether, root exempt: setrlimit has nothing better.
  std::uint64_t processes = 0;
  /// Open files of each process.
  std::uint64_t files = 0;
  /// Bytes of a core file; 0: none is written. Empty: as the worker was started.
  std::optional<std::uint64_t> core = {};
  /// 0 to 19, added to the worker's own niceness.
  int niceness = 0;

  friend bool operator==(const TaskLimits&, const TaskLimits&) = default;
};

}  // namespace fanmill::inline v0
