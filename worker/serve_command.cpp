#include "serve_command.hpp"

#include <algorithm>
#include <chrono>
#include <fanmill/error.hpp>
#include <fanmill/join.hpp>
#include <fanmill/serve.hpp>

#include "built_in.hpp"

namespace fanmill::worker {
namespace {

/// Ten years: whoever wants "for ever" types more nines than this has and gets the range told.
constexpr double give_up_seconds_max = 10 * 365.0 * 86400.0;

Functions functions_named(const std::vector<std::string>& names) {
  Functions functions;
  for (const std::string& name : names) {
    for (BuiltIn& built_in : built_in_functions()) {
      if (built_in.name == name) functions.add(name, std::move(built_in.function));
    }
  }
  return functions;
}

Join find_manager() {
  try {
    return Join::find();
  } catch (const FarmError& error) {
    if (error.code() != ErrorCode::join_not_found) throw;
    throw FarmError(error.code(), std::string(error.what()) +
                                      "\nTell this worker where its manager is: fanmill-worker "
                                      "--connect tcp://HOST:5557 FUNCTION");
  }
}

}  // namespace

ServeCommand::ServeCommand(CLI::App& program) {
  auto* connect = program.add_option("-c,--connect", connect_,
                                     "The manager's endpoint, such as tcp://node3:5557 or\n"
                                     "node3:5557. Without it and --join: FANMILL_JOIN, else\n"
                                     "FANMILL_ENDPOINT, else the join file of this user's\n"
                                     "own manager, if it has written one");
  connect->type_name("ENDPOINT");
  program.add_option("-j,--join", join_, "The join file that the manager wrote")
      ->type_name("FILE")
      ->excludes(connect);
  program.add_option("-s,--slots", slots_, "Tasks to run at the same time: 1 to 4096")
      ->type_name("N")
      ->check(CLI::Range(1, 4096).description(""))
      ->capture_default_str();
  program.add_flag("-m,--monitored", monitored_,
                   "End the whole process when its task is killed\n"
                   "(exit status 6) or its manager is lost (7);\n"
                   "for use under `supervise`");
  program
      .add_option("-l,--label", labels_,
                  "A word that jobs will be able to ask for; may be\n"
                  "repeated")
      ->type_name("WORD")
      ->allow_extra_args(false);
  program
      .add_option("-g,--give-up-after", give_up_after_,
                  "End after so long without a manager\n"
                  "(default: FANMILL_GIVE_UP_AFTER, else 60)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, give_up_seconds_max).description(""));
  program
      .add_option("-v,--verbose", verbose_,
                  "On standard error, 0: only its own faults,\n"
                  "1: also connections and why it ends, 2: also tasks")
      ->type_name("LEVEL")
      ->check(CLI::Range(0, 2).description(""))
      ->capture_default_str();

  std::vector<std::string> names;
  std::string description = "What to do with the items; the first is the default:";
  for (const BuiltIn& built_in : built_in_functions()) {
    names.push_back(built_in.name);
    description += "\n" + built_in.name + ": " + built_in.description;
  }
  program.add_option("FUNCTION", functions_, description)
      ->type_name("")
      ->check(CLI::IsMember(names).description(""));
}

int ServeCommand::run() const {
  if (functions_.empty()) {
    throw FarmError(
        ErrorCode::invalid_argument,
        "no FUNCTION: type for example `fanmill-worker echo`; see fanmill-worker --help");
  }
  const Join join = !connect_.empty() ? Join::parse(connect_)
                    : !join_.empty()  ? Join::file(join_)
                                      : find_manager();
  ServeOptions options;
  options.slots = slots_;
  options.monitored = monitored_;
  options.labels = labels_;
  options.verbose = verbose_;
  options.give_up_after = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(give_up_after_));
  return serve(join, functions_named(functions_), options);
}

}  // namespace fanmill::worker
