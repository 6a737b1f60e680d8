// The process in which functions run, one task after another, until it is killed.
#pragma once

#include <vector>

#include "exec/executor.hpp"
#include "exec/link.hpp"
#include "exec/process_tree.hpp"
#include "exec/task_limits.hpp"

namespace fanmill::exec {

/// In a process forked for it. Reads orders (run_function) and answers each by a report; ends with
/// the link. It enters the tree's cgroup with its first order: until then it is a spare, which must
/// outlive its predecessor.
[[noreturn]] void run_function_process(Link link, const std::vector<Function>& functions,
                                       const TaskLimits& limits, const ProcessTree& tree);

}  // namespace fanmill::exec
