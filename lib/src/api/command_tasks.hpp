// Tasks that are programs: what a payload says of one, and what its end means for the task.
// docs/guide.md tells users of the payload; the broker's `run` makes such payloads.
#pragma once

#include <string>
#include <vector>

#include "exec/process_executor.hpp"

namespace fanmill::inline v0::detail {

/// The name of the function under which workers offer to run any program.
inline constexpr const char* command_function = "command";

/// The program stands in the task: a map with "command" and more.
exec::Programs programs_of_tasks();
/// One program for all tasks. The item, as JSON text, takes the place of each "{}" in its arguments;
/// without one it is its standard input, with a newline. Its standard output is the result: one JSON
/// text, else that text itself.
exec::Programs one_program(std::vector<std::string> arguments);
/// One program that stays: an item is a line of JSON for it, and its answer a line of JSON. An answer
/// {"$error": TEXT} or {"$error": TEXT, "$type": TEXT} is a failure of the task.
exec::Programs resident_program(std::vector<std::string> arguments);

}  // namespace fanmill::inline v0::detail
