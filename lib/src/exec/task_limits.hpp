// Two sets of limits as one.
#pragma once

#include <fanmill/task_limits.hpp>

namespace fanmill::exec {

/// The tighter of the two, each for itself; the higher niceness.
TaskLimits tighter(const TaskLimits& a, const TaskLimits& b);

}  // namespace fanmill::exec
