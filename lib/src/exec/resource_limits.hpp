// A task's limits and use, in the kernel's terms.
#pragma once

#include <sys/resource.h>

#include <vector>

#include "base/program.hpp"
#include "base/time.hpp"
#include "exec/task_limits.hpp"

namespace fanmill::exec {

/// For a child that is about to be started; without wall time and niceness, which no limit of the
/// kernel's is.
std::vector<ResourceLimit> resource_limits(const TaskLimits& limits);
/// To this process, with the niceness.
void apply(const TaskLimits& limits);

Duration cpu_of(const rusage& used);
/// The most that was resident, bytes.
std::uint64_t memory_of(const rusage& used);

}  // namespace fanmill::exec
