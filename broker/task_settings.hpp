// TaskSettings: what a command runs with and when it counts as solved, as far as somebody said: the
// command line, a group, a task. The innermost that says something wins.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "until.hpp"

namespace fanmill::broker {

/// What one attempt may use at most. Those of the worker count as well.
struct TaskLimits {
  std::optional<double> wall;           // seconds
  std::optional<double> cpu;            // seconds
  std::optional<std::uint64_t> memory;  // bytes
  std::optional<std::uint64_t> processes;
  std::optional<std::uint64_t> files;
  std::optional<std::uint64_t> core;  // bytes
  std::optional<std::uint64_t> nice;
};

struct TaskSettings {
  std::optional<Until> until;
  TaskLimits limits;
  std::optional<std::string> directory;
  std::map<std::string, std::string> environment;
  std::optional<std::uint64_t> output_max;

  /// What is not said here is taken from `base`.
  [[nodiscard]] TaskSettings over(const TaskSettings& base) const;
  /// The members of a task's payload, each with a comma before it.
  [[nodiscard]] std::string json_members() const;
};

}  // namespace fanmill::broker
