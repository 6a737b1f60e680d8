#include "exec/task_limits.hpp"

#include <algorithm>

namespace fanmill::exec {
namespace {

template <typename Number>
Number lower(Number a, Number b) {
  if (a == Number{}) return b;
  if (b == Number{}) return a;
  return std::min(a, b);
}

}  // namespace

TaskLimits tighter(const TaskLimits& a, const TaskLimits& b) {
  TaskLimits both{.wall = lower(a.wall, b.wall),
                  .cpu = lower(a.cpu, b.cpu),
                  .memory = lower(a.memory, b.memory),
                  .processes = lower(a.processes, b.processes),
                  .files = lower(a.files, b.files),
                  .core = a.core ? a.core : b.core,
                  .niceness = std::max(a.niceness, b.niceness)};
  if (a.core && b.core) both.core = std::min(*a.core, *b.core);
  return both;
}

}  // namespace fanmill::exec
