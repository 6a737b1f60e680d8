// Keeper: the process that runs the tasks of one slot, one after another, and ends them: each with
// all that it has started. It is forked by the warden, has one thread, and no user code in it.
//
// It ends with its link to the worker, and then leaves nothing behind: whatever kills the worker,
// the kernel closes the link.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/wakeup.hpp"
#include "exec/executor.hpp"
#include "exec/link.hpp"
#include "exec/orders.hpp"
#include "exec/process_tree.hpp"

namespace fanmill::exec {

struct KeeperOptions {
  const std::vector<Function>* functions = nullptr;  // run in forked processes; may be empty
  TaskLimits limits;
  Grade best = Grade::cgroup;
  std::string cgroup_prefix;  // of its cgroups' names
  std::string spool_folder;   // where long outputs go, in files that stay
  Wakeup* bell = nullptr;     // wakes the worker up to read a keeper's link
};

/// Of the keeper with this process id.
inline std::string cgroup_name(const KeeperOptions& options, pid_t keeper) {
  return options.cgroup_prefix + std::to_string(keeper);
}

/// The worker's end of the link to a new warden, and its process.
struct NewWarden {
  Link link;
  pid_t pid = -1;
};

/// Makes another warden, as a child of this process; `in_child` is called there first, to let go of
/// what is this process's alone.
using ForkWarden = std::function<std::optional<NewWarden>(const std::function<void()>& in_child)>;

/// Never returns. `fork_warden` is for when the worker has lost its own.
[[noreturn]] void run_keeper(Link link, const KeeperOptions& options,
                             const ForkWarden& fork_warden);

}  // namespace fanmill::exec
