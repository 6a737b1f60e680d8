#include "program_command.hpp"

#include "api/command_tasks.hpp"
#include "api/serve_worker.hpp"
#include "base/plain_arguments.hpp"

namespace fanmill::worker {
namespace {

constexpr const char* run_footer =
    R"(An item takes the place of each {} in the arguments, as JSON text; without a
{} the program reads it on its standard input. What it writes on its standard
output is the result: JSON, else text. An exit status other than 0 is a failure,
told with the end of its standard error. It finds FANMILL_ITEM, FANMILL_TASK and
FANMILL_ATTEMPT in its environment.

Examples:
  fanmill-worker run -- ./solve --bound 100 {}
  fanmill-worker run --slots 4 --memory 2G -- jq .name)";

constexpr const char* pipe_footer =
    R"(The program stays: it reads an item, a line of JSON, on its standard input and
answers with a line of JSON on its standard output, again and again. The answer
{"$error": "words"} is a failure; "$type" may name its kind. A kill ends the
program; the next item starts it again.

Example:
  fanmill-worker pipe --slots 4 -- python3 -u my_function.py)";

}  // namespace

ProgramCommand::ProgramCommand(CLI::App& program, Kind kind, WorkerOptions& options)
    : kind_(kind),
      app_(kind == Kind::run
               ? program.add_subcommand("run", "Work with a program that is run for each item")
               : program.add_subcommand("pipe", "Work with a program that answers line for line")),
      options_(options) {
  options.add_to(*app_);
  app_->add_option("PROGRAM", command_, "The program and its arguments, behind `--`")
      ->type_name("")
      ->required();
  app_->footer(kind == Kind::run ? run_footer : pipe_footer);
}

int ProgramCommand::run() const {
  return detail::serve_programs(options_.join(), "",
                                kind_ == Kind::run ? detail::one_program(plain(command_))
                                                   : detail::resident_program(plain(command_)),
                                options_.serve_options());
}

}  // namespace fanmill::worker
