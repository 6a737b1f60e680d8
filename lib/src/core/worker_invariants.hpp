// What is always true of a core::Worker between two steps. Tests and the simulator ask after every
// step; the worker itself never does.
#pragma once

#include <string>
#include <vector>

#include "core/worker.hpp"

namespace fanmill::core {

class WorkerInvariants {
 public:
  /// The statements that do not hold, each in words; empty if all is well. O(n log n) in what the
  /// worker holds.
  [[nodiscard]] static std::vector<std::string> check(const Worker& worker);
  /// The same of a bare state, so that a test can break one and see it noticed.
  [[nodiscard]] static std::vector<std::string> check(const WorkerState& state);
};

}  // namespace fanmill::core
