#include "run.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fanmill/fanmill.hpp>
#include <memory>
#include <mutex>
#include <optional>

#include "input_reader.hpp"
#include "interrupts.hpp"
#include "report.hpp"

namespace fanmill::broker {
namespace {

constexpr int exit_all_results = 0;
constexpr int exit_failed = 1;
constexpr int exit_interrupted = 2;

std::string error_words(const InputLine& line, const std::vector<TaskError>& errors) {
  if (!line.error.empty()) return line.error;
  std::string words = "line " + std::to_string(line.number) + ": no result";
  for (const TaskError& error : errors) words += "; " + to_string(error);
  return words;
}

/// A result as it goes to standard output. An item without one has an error in its place.
struct OutputLine {
  std::string json;
  std::string error;
};

class Output {
 public:
  Output(const RunArguments& arguments, Report& report)
      : unordered_(arguments.unordered), keep_going_(arguments.keep_going), report_(report) {}

  /// Throws FarmError if the output can't be written, or the line is an error that ends the run.
  void write(const OutputLine& line, std::size_t item, std::uint64_t input_line) {
    report_.item_ended(line.error.empty());
    if (!line.error.empty() && !keep_going_) {
      throw FarmError(ErrorCode::invalid_argument,
                      line.error + " (--keep-going goes on with the others)");
    }
    if (!line.error.empty()) report_.say(line.error);
    std::string text;
    if (!unordered_) {
      // Items that were given up when the run was drained: line n stays the result of item n.
      for (; next_item_ < item; ++next_item_) text += "null\n";
      next_item_ = item + 1;
      text += line.error.empty() ? line.json : "null";
    } else {
      text = R"({"item":)" + std::to_string(item) + R"(,"line":)" + std::to_string(input_line);
      text += line.error.empty() ? R"(,"result":)" + line.json
                                 : std::string(R"(,"error":)") + quoted(line.error);
      text += '}';
    }
    text += '\n';
    report_.make_way();
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
      throw FarmError(ErrorCode::io_error, "standard output can't be written");
    }
    // Somebody may read along, and the next result may be long in coming.
    if (std::fflush(stdout) != 0)
      throw FarmError(ErrorCode::io_error, "standard output can't be written");
  }

 private:
  static std::string quoted(const std::string& text) { return to_json(encode(text)); }

  bool unordered_;
  bool keep_going_;
  std::size_t next_item_ = 0;
  Report& report_;
};

/// The manager, for the thread that takes signals, for as long as there is one.
class ManagerInReach {
 public:
  /// Until what it returns is gone.
  [[nodiscard]] auto lend(Manager& manager) {
    set(&manager);
    const auto take_back = [](ManagerInReach* self) { self->set(nullptr); };
    return std::unique_ptr<ManagerInReach, decltype(take_back)>(this, take_back);
  }
  template <typename Use>
  void use(const Use& use) {
    const std::lock_guard lock(mutex_);
    if (manager_ != nullptr) use(*manager_);
  }

 private:
  void set(Manager* manager) {
    const std::lock_guard lock(mutex_);
    manager_ = manager;
  }

  std::mutex mutex_;
  Manager* manager_ = nullptr;
};

ManagerOptions manager_options(const RunArguments& arguments) {
  ManagerOptions options{.endpoints = arguments.bind,
                         .insecure_plaintext = arguments.insecure_plaintext,
                         .prefetch = arguments.prefetch,
                         .verbose = arguments.verbose,
                         .timestamps = arguments.timestamps};
  if (!arguments.join_file.empty()) options.join_file = arguments.join_file;
  return options;
}

void run_list(Manager& manager, const RunArguments& arguments, Inlet<InputLine>& inlet,
              Report& report) {
  Output output(arguments, report);
  auto job = fanmill::job<Payload>()
                 .function(arguments.function)
                 .retries(arguments.retries)
                 .lookahead(arguments.lookahead)
                 .time_limit(std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::duration<double>(arguments.time_limit)));
  if (!arguments.unordered) job = job.in_order();
  // A line that is no JSON is an item without tasks: it fails where it stands, in its turn.
  const auto tasks = [](const InputLine& line) {
    std::vector<Payload> list;
    if (line.error.empty()) list.push_back(line.payload);
    return list;
  };
  // A failed item's words travel in place of its result, so that they come in its turn; they are
  // marked by their encoding: no result that a line could hold is raw.
  const auto failed = [](const InputLine& line, const std::vector<TaskError>& errors) {
    return Payload::raw(error_words(line, errors));
  };
  const auto write = [&output](int&, const Payload& result, std::size_t item,
                               const InputLine& line) {
    OutputLine out;
    if (result.encoding == Encoding::raw) {
      out.error = result.bytes.str();
    } else {
      out.json = to_json(result);
    }
    output.write(out, item, line.number);
  };
  manager.run(inlet, job.group_tasks(tasks).on_failure(failed).update_results(0, write));
}

}  // namespace

RunCommand::RunCommand(CLI::App& app) {
  CLI::App* run = app.add_subcommand(
      "run", "work on one list: a JSON value on each line in, a JSON value on each line out");
  run->add_option("--input", arguments_.input,
                  "file of JSON lines, each an item; '-': standard input, read as needed")
      ->capture_default_str();
  run->add_option(
      "--bind", arguments_.bind,
      "endpoint to listen on: tcp://127.0.0.1:5557, tcp://127.0.0.1:*, ipc:///path; may be given "
      "several "
      "times (default: a free port of the loopback interface, and a private ipc socket)");
  run->add_option("--join-file", arguments_.join_file,
                  "write a join file for workers here, removed at the end");
  run->add_option("--local", arguments_.local,
                  "start so many copies of COMMAND, which stands behind '--', as workers")
      ->check(CLI::Range(1, 4096));
  run->add_option("command", arguments_.command, "worker program and its arguments, for --local");
  run->add_option("--function", arguments_.function,
                  "name of the workers' function (default: their first)");
  run->add_option("--retries", arguments_.retries,
                  "how often an item is tried again after its function failed")
      ->capture_default_str();
  run->add_option("--time-limit", arguments_.time_limit,
                  "seconds that one attempt at an item may take; 0: any")
      ->check(CLI::NonNegativeNumber);
  run->add_option("--lookahead", arguments_.lookahead, "items that are read ahead of their results")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  run->add_flag("--insecure-plaintext", arguments_.insecure_plaintext,
                "allow --bind beyond this host: there are no keys yet, so whoever reaches the port "
                "may take part");
  run->add_option("--prefetch", arguments_.prefetch,
                  "tasks that a worker holds beside each running one")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  run->add_flag("--unordered", arguments_.unordered,
                R"(write results as they come: {"item":0,"line":1,"result":...})");
  run->add_flag("--keep-going", arguments_.keep_going,
                "an item without a result does not end the run: its line is null, the reason is on "
                "standard error");
  run->add_flag("--quiet", arguments_.quiet, "no progress line, no summary");
  run->add_option("--verbose", arguments_.verbose,
                  "1: print joins and leaves; 2: also each task and group")
      ->check(CLI::Range(0, 2));
  run->add_flag("--timestamps", arguments_.timestamps,
                "begin the lines of --verbose with the time");
  run->footer(
      "Line n of the output is the result of the n-th line of the input that is not blank. The "
      "exit status is 0 if every "
      "item has a\n"
      "result, 1 if not, 2 after Ctrl-C. Ctrl-C once: no more input, tasks that workers have are "
      "finished\n(null stands for an item that was given up before one of them); twice: stop.\n\n"
      "Examples:\n"
      "  seq 1 10 | fanmill-broker run --local 4 -- fanmill-worker collatz\n"
      "  fanmill-broker run --input tasks.jsonl --bind tcp://127.0.0.1:5557 --verbose 1\n"
      "    and on as many terminals as you like: fanmill-worker --connect tcp://127.0.0.1:5557 "
      "collatz");
}

int RunCommand::execute() {
  Report report(!arguments_.quiet && isatty(STDERR_FILENO) != 0 && arguments_.verbose == 0);
  if (arguments_.local > 0 && arguments_.command.empty()) {
    report.say("--local needs the program to start: --local 4 -- fanmill-worker collatz");
    return exit_failed;
  }
  if (arguments_.local == 0 && !arguments_.command.empty()) {
    report.say("a command is given but not how often to start it: add --local 4 before '--'");
    return exit_failed;
  }

  Inlet<InputLine> inlet;
  ManagerInReach in_reach;
  // A reader that has gone is an error of writing, after which everything is cleaned up.
  std::signal(SIGPIPE, SIG_IGN);
  Interrupts interrupts([&](int count, bool hang_up) {
    inlet.discard();
    in_reach.use([&](Manager& manager) { count == 1 ? manager.drain() : manager.stop(); });
    if (count == 1 && !hang_up)
      std::fputs("\nfanmill-broker: finishing what workers have; again to stop at once\n", stderr);
  });
  try {
    Manager manager(manager_options(arguments_));
    const auto lease = in_reach.lend(manager);
    if (arguments_.local > 0) {
      manager.start_workers(arguments_.local, arguments_.command);
    } else if (!arguments_.quiet) {
      std::string where;
      for (const std::string& endpoint : manager.endpoints()) where += " " + endpoint;
      report.say("waiting for workers at" + where);
    }
    InputReader reader(arguments_.input, inlet);
    std::exception_ptr failure;
    try {
      run_list(manager, arguments_, inlet, report);
    } catch (...) {
      failure = std::current_exception();
    }
    if (!arguments_.quiet) report.print_summary(manager.counters());
    if (failure) std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    report.say(error.what());
    return interrupts.count() > 0 ? exit_interrupted : exit_failed;
  }
  if (interrupts.count() > 0) return exit_interrupted;
  return report.failed() == 0 ? exit_all_results : exit_failed;
}

}  // namespace fanmill::broker
