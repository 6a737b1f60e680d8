// The run of JSON lines: each is an item for a worker program's own function.
#pragma once

#include "report.hpp"
#include "run_arguments.hpp"

namespace fanmill::broker {

/// Returns the exit status.
int run_json_lines(const RunArguments& arguments, Report& report);

}  // namespace fanmill::broker
