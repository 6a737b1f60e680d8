// fanmill-worker: a worker for built-in functions, for any program, for plug-ins; and a supervisor for
// workers that are programs of their own.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fanmill/error.hpp>
#include <fanmill/version.hpp>
#include <string>

#include "base/descriptor_limit.hpp"
#include "base/plain_arguments.hpp"
#include "launch/restart_rule.hpp"
#include "program_command.hpp"
#include "serve_command.hpp"
#include "supervise_command.hpp"

namespace {

constexpr const char* footer =
    R"(Exit status: 5 when it should not be started again: the manager said goodbye,
SIGTERM, no manager for too long, or wrong usage, cookie or version. With
--monitored also 6 (task killed) and 7 (manager lost). All others are crashes.

Examples:
  fanmill-worker echo                            for the manager whose join file is found
  fanmill-worker --connect node3:5557 collatz    for one elsewhere
  fanmill-worker --join farm.join --slots 8 command
  fanmill-worker run -- ./solve {}
  fanmill-worker pipe -- python3 -u my_function.py
  fanmill-worker supervise --copies 4 -- ./my_worker)";

/// A wrong command line does not become right by starting the program again: M11's status for that.
int usage_status(const CLI::App& program, const CLI::ParseError& error) {
  const bool is_question = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
  const int status = program.exit(error);  // prints help, version, or what is wrong
  return is_question ? status : fanmill::launch::exit_do_not_restart;
}

/// Words before a subcommand that mean nothing to it would be lost without a word.
void check_alone(const CLI::App& program) {
  const auto subcommands = program.get_subcommands();
  if (subcommands.empty()) return;
  const std::string word = subcommands.front()->get_name();
  for (const CLI::Option* option : program.get_options()) {
    if (option->count() == 0) continue;
    const std::string name = option->get_name(option->get_positional());
    // Those of the program that the subcommand has, too, are shared.
    if (subcommands.front()->get_option_no_throw(option->get_name()) != nullptr &&
        word != "supervise")
      continue;
    std::string words = name;
    words.append(" means nothing to `").append(word).append("`; see fanmill-worker ");
    throw fanmill::FarmError(fanmill::ErrorCode::invalid_argument,
                             words.append(word).append(" --help"));
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("A worker of a fanmill farm.", "fanmill-worker");
  program.footer(footer);
  program.set_version_flag("--version", fanmill::version_text("fanmill-worker"),
                           "Print the versions of program, protocol and libraries");
  program.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("fanmill-worker: ") + error.what() + "; see fanmill-worker --help\n";
  });
  program.require_subcommand(0, 1);
  fanmill::worker::WorkerOptions options;
  const fanmill::worker::ServeCommand serve(program, options);
  using fanmill::worker::ProgramCommand;
  const ProgramCommand run(program, ProgramCommand::Kind::run, options);
  const ProgramCommand pipe(program, ProgramCommand::Kind::pipe, options);
  const fanmill::worker::SuperviseCommand supervise(program);
  try {
    const fanmill::PlainArguments arguments(argc, argv);
    program.parse(arguments.count(), arguments.values());
    check_alone(program);
    // Each slot takes several. What is started from here gets the former limit.
    fanmill::raise_descriptor_limit();
    if (supervise.was_typed()) return supervise.run();
    for (const ProgramCommand* each : {&run, &pipe}) {
      if (each->was_typed()) return each->run();
    }
    return serve.run();
  } catch (const CLI::ParseError& error) {
    return usage_status(program, error);
  } catch (const fanmill::FarmError& error) {
    std::fprintf(stderr, "fanmill-worker: %s\n", error.what());
    return fanmill::launch::exit_do_not_restart;
  }
}
