// The run of commands: each item is worked on by commands in place of a worker program's function.
#pragma once

#include "report.hpp"
#include "run_arguments.hpp"

namespace fanmill::broker {

/// Whether commands are meant: the one behind '--' has a placeholder, there is a ::: list, or one
/// of --race, --stages, --pipe and --commands.
bool runs_commands(const RunArguments& arguments);
/// Returns the exit status.
int run_commands(const RunArguments& arguments, Report& report);

}  // namespace fanmill::broker
