#include "exec/resource_limits.hpp"

#include <unistd.h>

#include <chrono>

namespace fanmill::exec {
namespace {

Duration duration_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

}  // namespace

std::vector<ResourceLimit> resource_limits(const TaskLimits& limits) {
  std::vector<ResourceLimit> list;
  const auto add = [&](int resource, rlim_t soft, rlim_t hard) {
    list.push_back({resource, {soft, hard}});
  };
  if (limits.cpu > Duration::zero()) {
    const auto seconds =
        static_cast<rlim_t>(std::chrono::ceil<std::chrono::seconds>(limits.cpu).count());
    add(RLIMIT_CPU, seconds, seconds + 1);  // SIGXCPU, and SIGKILL for who ignores that
  }
  if (limits.memory > 0) add(RLIMIT_AS, limits.memory, limits.memory);
  if (limits.processes > 0) add(RLIMIT_NPROC, limits.processes, limits.processes);
  if (limits.files > 0) add(RLIMIT_NOFILE, limits.files, limits.files);
  if (limits.core) add(RLIMIT_CORE, *limits.core, *limits.core);
  return list;
}

void apply(const TaskLimits& limits) {
  for (const ResourceLimit& each : resource_limits(limits)) each.apply();
  if (limits.niceness != 0) [[maybe_unused]]
    const int niceness = ::nice(limits.niceness);
}

Duration cpu_of(const rusage& used) {
  return duration_of(used.ru_utime) + duration_of(used.ru_stime);
}

std::uint64_t memory_of(const rusage& used) {
  return static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
}

}  // namespace fanmill::exec
