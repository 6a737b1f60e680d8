// What must always be true of a manager between two events: each fact that is kept twice is
// compared with its copy. For tests and the simulator: O(everything).
#pragma once

#include <string>
#include <vector>

#include "core/manager.hpp"

namespace fanmill::core {

class ManagerInvariants {
 public:
  /// The statements that do not hold, in words; empty if all is well.
  static std::vector<std::string> check(const Manager& manager);
  /// The same of what holds only after a tick: no task waits that a free slot could take.
  static std::vector<std::string> check_handed_out(const Manager& manager);
  /// What is left in the tables of a manager whose jobs have all ended and whose workers hold
  /// nothing; empty if nothing.
  static std::vector<std::string> leftovers(const Manager& manager);
};

}  // namespace fanmill::core
