#include "worker_options.hpp"

#include <chrono>
#include <fanmill/error.hpp>
#include <map>

namespace fanmill::worker {
namespace {

/// Ten years: whoever wants "for ever" types more nines than this has and gets the range told.
constexpr double seconds_max = 10 * 365.0 * 86400.0;

std::chrono::nanoseconds duration_of(double seconds) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(seconds));
}

Join find_manager() {
  try {
    return Join::find();
  } catch (const FarmError& error) {
    if (error.code() != ErrorCode::join_not_found) throw;
    throw FarmError(error.code(), std::string(error.what()) +
                                      "\nTell this worker where its manager is: fanmill-worker "
                                      "--connect tcp://HOST:5557 ...");
  }
}

[[noreturn]] void refuse(const std::string& words) {
  throw FarmError(ErrorCode::invalid_argument, words);
}

const std::map<std::string, Containment> containments = {
    {"group", Containment::process_group},
    {"subreaper", Containment::subreaper},
    {"cgroup", Containment::cgroup},
};

// CLI11 reads -5 as an unsigned number, and a very large one.
const CLI::Validator no_minus(
    [](std::string& text) {
      return text.find('-') == std::string::npos ? std::string() : text + " is below 0";
    },
    "");

}  // namespace

void WorkerOptions::add_to(CLI::App& app) {
  auto* connect = app.add_option("-c,--connect", connect_,
                                 "The manager's endpoint, such as tcp://node3:5557 or\n"
                                 "node3:5557. Without it and --join: FANMILL_JOIN, else\n"
                                 "FANMILL_ENDPOINT, else the join file of this user's\n"
                                 "own manager, if it has written one");
  connect->type_name("ENDPOINT");
  app.add_option("-j,--join", join_,
                 "The join file that the manager wrote, or a descriptor\n"
                 "to read it from, such as fd:7")
      ->type_name("FILE")
      ->excludes(connect);
  app.add_flag("--insecure-plaintext", insecure_plaintext_,
               "Connect without keys, to a manager that wants none");
  app.add_option("-s,--slots", slots_,
                 "Tasks to run at the same time: 1 to 4096. One worker with\n"
                 "many slots costs the manager less than many workers")
      ->type_name("N")
      ->check(CLI::Range(1, 4096).description(""))
      ->capture_default_str();
  app.add_option("-l,--label", labels_,
                 "A word that jobs will be able to ask for; may be\n"
                 "repeated")
      ->type_name("WORD")
      ->allow_extra_args(false);
  app.add_option("-g,--give-up-after", give_up_after_,
                 "End after so long without a manager\n"
                 "(default: FANMILL_GIVE_UP_AFTER, else 60)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, seconds_max).description(""));
  app.add_option("--spin", spin_us_,
                 "Microseconds for which to look for tasks without\n"
                 "sleeping after there was something to do: shorter\n"
                 "round trips for a busy core")
      ->type_name("US")
      ->check(CLI::Range(0, 1'000'000).description(""))
      ->capture_default_str();
  app.add_option("-v,--verbose", verbose_,
                 "On standard error, 0: only its own faults,\n"
                 "1: also connections and why it ends, 2: also tasks")
      ->type_name("LEVEL")
      ->check(CLI::Range(0, 2).description(""))
      ->capture_default_str();

  const std::string group = "Limits of each task (those that a task asks for can only be tighter)";
  const auto seconds = CLI::Range(0.001, seconds_max).description("");
  app.add_option("--wall", wall_, "End it after so long")
      ->type_name("SECONDS")
      ->check(seconds)
      ->group(group);
  app.add_option("--cpu", cpu_, "End it after so much processor time")
      ->type_name("SECONDS")
      ->check(seconds)
      ->group(group);
  app.add_option("--memory", memory_, "Memory, such as 500M or 4G")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false).description(""))
      ->transform(no_minus)
      ->group(group);
  app.add_option("--processes", processes_, "Processes at the same time")
      ->type_name("N")
      ->transform(no_minus)
      ->group(group);
  app.add_option("--files", files_, "Open files of each process")
      ->type_name("N")
      ->transform(no_minus)
      ->group(group);
  app.add_option("--core", core_, "Size of a core file; 0: none")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false).description(""))
      ->transform(no_minus)
      ->group(group);
  app.add_option("--nice", nice_, "Added to the niceness: 0 to 19")
      ->type_name("N")
      ->check(CLI::Range(0, 19).description(""))
      ->group(group);
  app.add_option_function<std::string>(
         "--containment",
         [this](const std::string& grade) { containment_ = containments.at(grade); },
         "What a kill reaches, at best: group (the task's\n"
         "process group), subreaper (its descendants, one by\n"
         "one), cgroup (all of them at once; the default)")
      ->type_name("GRADE")
      ->check([](const std::string& grade) {
        return containments.count(grade) != 0 ? std::string()
                                              : grade + " is none of group, subreaper, cgroup";
      })
      ->group(group);
}

void WorkerOptions::add_execution(CLI::App& app) {
  app.add_flag("--in-process", in_process_,
               "Run functions on threads of this process: faster for\n"
               "tiny tasks; a kill asks them to stop");
  app.add_flag("-m,--monitored", monitored_,
               "Run them so, and end the whole process when its task\n"
               "is killed (exit status 6) or its manager is lost (7);\n"
               "for use under `supervise`");
}

Join WorkerOptions::join() const {
  if (!connect_.empty() && !join_.empty()) refuse("--connect excludes --join");
  Join join = !connect_.empty()          ? Join::parse(connect_)
              : join_.empty()            ? find_manager()
              : join_.starts_with("fd:") ? Join::parse(join_)
                                         : Join::file(join_);
  return insecure_plaintext_ ? join.with_insecure_plaintext() : join;
}

ServeOptions WorkerOptions::serve_options() const {
  ServeOptions options;
  options.slots = slots_;
  options.execution = in_process_ || monitored_ ? Execution::threads : Execution::forked;
  options.limits = {.wall = duration_of(wall_),
                    .cpu = duration_of(cpu_),
                    .memory = memory_,
                    .processes = processes_,
                    .files = files_,
                    .niceness = nice_};
  options.limits.core = core_;
  if (options.execution == Execution::threads && options.limits != TaskLimits{})
    refuse(
        "tasks can't be limited in this process: leave --in-process and --monitored out, or the "
        "limits");
  options.containment = containment_;
  options.monitored = monitored_;
  options.labels = labels_;
  options.spin = std::chrono::microseconds(spin_us_);
  options.verbose = verbose_;
  options.give_up_after = duration_of(give_up_after_);
  return options;
}

}  // namespace fanmill::worker
