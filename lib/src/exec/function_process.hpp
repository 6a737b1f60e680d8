// The process in which functions run, one task after another, until it is killed.
#pragma once

#include <vector>

#include "exec/executor.hpp"
#include "exec/ledger.hpp"
#include "exec/link.hpp"
#include "exec/process_tree.hpp"
#include "exec/task_limits.hpp"

namespace fanmill::exec {

struct FunctionProcess {
  Link link;       // its keeper's
  int bell = -1;   // an eventfd: the keeper reads the link
  Ledger& ledger;  // the keeper's
  const std::vector<Function>& functions;
  const TaskLimits& limits;
  // It enters the tree's cgroup with its first order: until then it is a spare, which must outlive its
  // predecessor.
  const ProcessTree& tree;
};

/// In a process forked for it. Reads orders (run_function), each behind its number in the ledger, and
/// answers by a report each that it begins; ends with the link. A report lies in the socket from the end of
/// its task on. The keeper is woken when there is nothing more to run, and for those of short tasks within
/// `gather_time`.
[[noreturn]] void run_function_process(FunctionProcess process);

}  // namespace fanmill::exec
