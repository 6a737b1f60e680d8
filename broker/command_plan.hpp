// CommandPlan: turns items into tasks for the workers' function `command`.
//
// An item's tasks come in steps. Those of one step race; the next step begins when all of them have
// ended without deciding the item.
#pragma once

#include <cstddef>
#include <fanmill/payload.hpp>
#include <string>
#include <vector>

#include "command_item.hpp"
#include "command_options.hpp"

namespace fanmill::broker {

/// One command, ready to be sent.
struct PlannedTask {
  std::string shown;  // as it could be typed into a shell
  Payload payload;
  Until until;
  std::size_t input_bytes = 0;
};

struct PlannedGroup {
  std::vector<std::vector<PlannedTask>> steps;
  GroupPolicy policy;
  std::string error;  // why there is nothing to run; empty if there is
};

class CommandPlan {
 public:
  /// `command`: what stood behind '--'. Throws FarmError (invalid_argument) if the options do not
  /// go together.
  CommandPlan(const CommandOptions& options, const CommandWords& words, double time_limit);

  [[nodiscard]] PlannedGroup group(const CommandItem& item) const;

 private:
  [[nodiscard]] std::vector<ItemTask> tasks_of(const CommandItem& item) const;

  std::vector<CommandTemplate> commands_;
  std::vector<double> stages_;
  TaskSettings settings_;
  bool pipe_;
  bool stream_;
};

}  // namespace fanmill::broker
