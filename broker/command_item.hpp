// CommandItem: what a line of the input, or a combination of ::: lists, asks for in command mode.
//
// A line that is a JSON object with "item", "tasks" or "command" is a group: it may say which
// commands race, by what policy and within which limits. Any other JSON is an item itself, a JSON
// text stands for its characters, and a line that is no JSON is taken as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "command_template.hpp"
#include "task_settings.hpp"

namespace fanmill::broker {

/// When an item is solved.
struct GroupPolicy {
  enum class Kind {
    first,   // by the first command that succeeds
    count,   // by `count` of them
    all,     // when all have succeeded
    stages,  // by the first; a command starts when the one before it has ended without success
  };
  Kind kind = Kind::first;
  std::uint32_t count = 1;
};

/// One command of a group that names its own.
struct ItemTask {
  CommandTemplate command;
  std::optional<std::string> input;  // JSON: for its standard input
  TaskSettings settings;
};

struct CommandItem {
  std::uint64_t line = 0;  // of the input, from 1; 0: from lists
  ItemWords words;
  std::string json;             // the item as a JSON value
  std::vector<ItemTask> tasks;  // none: those of the command line
  std::optional<GroupPolicy> policy;
  TaskSettings settings;
  bool is_group = false;  // a JSON object that says more than the item
  std::string error;      // "line 3: \"policy\": expected ..."; empty if the line is good
};

/// For people: "item 3 (a.cnf)".
std::string name_of(const CommandItem& item);
/// Reads a line; what is wrong with it is in the item's `error`.
CommandItem item_of_line(std::uint64_t line, std::uint64_t seq, std::string_view text);
/// One value from each list.
CommandItem item_of_values(std::uint64_t seq, std::vector<std::string> values);

}  // namespace fanmill::broker
