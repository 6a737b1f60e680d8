#include "serve_command.hpp"

#include <algorithm>
#include <fanmill/error.hpp>

#include "api/command_tasks.hpp"
#include "api/serve_worker.hpp"
#include "built_in.hpp"
#include "plugin.hpp"

namespace fanmill::worker {
namespace {

Functions functions_named(const std::vector<std::string>& names) {
  Functions functions;
  for (const std::string& name : names) {
    for (BuiltIn& built_in : built_in_functions()) {
      if (built_in.name == name) functions.add(name, std::move(built_in.function));
    }
  }
  return functions;
}

[[noreturn]] void refuse(const std::string& words) {
  throw FarmError(ErrorCode::invalid_argument, words);
}

}  // namespace

ServeCommand::ServeCommand(CLI::App& program, WorkerOptions& options) : options_(options) {
  options.add_to(program);
  options.add_execution(program);
  program
      .add_option("--plugin", plugin_,
                  "A shared library that exports fanmill_run\n"
                  "(fanmill/plugin.h), in place of FUNCTION")
      ->type_name("FILE");
  std::vector<std::string> names;
  std::string description = "What to do with the items; the first is the default:";
  for (const BuiltIn& built_in : built_in_functions()) {
    names.push_back(built_in.name);
    description += "\n" + built_in.name + ": " + built_in.description;
  }
  names.emplace_back(detail::command_function);
  description += "\ncommand: runs the program that a task names (alone)";
  program.add_option("FUNCTION", functions_, description)
      ->type_name("")
      ->check(CLI::IsMember(names).description(""));
}

int ServeCommand::run() const {
  const bool commands =
      std::find(functions_.begin(), functions_.end(), detail::command_function) != functions_.end();
  if (functions_.empty() == plugin_.empty()) {
    refuse(plugin_.empty()
               ? "no FUNCTION: type for example `fanmill-worker echo`; see fanmill-worker --help"
               : "--plugin is in place of a FUNCTION: leave one of the two out");
  }
  if (commands && functions_.size() > 1) refuse("command can't be served beside other functions");
  const ServeOptions options = options_.serve_options();
  if (commands && options.execution != Execution::forked)
    refuse("command runs programs: leave --in-process and --monitored out");
  const Join join = options_.join();
  if (commands) {
    return detail::serve_programs(join, detail::command_function, detail::programs_of_tasks(),
                                  options);
  }
  if (plugin_.empty()) return serve(join, functions_named(functions_), options);
  return serve(join, plugin_function(plugin_), options);
}

}  // namespace fanmill::worker
