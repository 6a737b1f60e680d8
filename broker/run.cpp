#include "run.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/plain_arguments.hpp"
#include "command_run.hpp"
#include "farm_host.hpp"
#include "json_run.hpp"
#include "quantity.hpp"
#include "report.hpp"

namespace fanmill::broker {

namespace {

constexpr const char* footer =
    R"(JSON lines: line n of the output is the result of the n-th line of the input that is not
blank. The exit status is 0 if every item has a result, 1 if not, 2 after Ctrl-C. Ctrl-C once: no
more input, tasks that workers have are finished (null stands for an item that was given up before
one of them); twice: stop. SIGTERM counts as Ctrl-C, and a terminal that is closed as two of them;
without a terminal (a service) SIGHUP makes it read the authorised keys again and go on.

Commands: if the command behind '--' has a placeholder in it, or with --race, --stages, --pipe,
--commands or a list behind ':::', the items are worked on by commands, not by the functions of a
worker program. Each line is an item, or with ':::' each value (of several lists each combination).
  {}    the item              {.}   without its extension   {#}  its number, from 1
  {/}   its file's name       {/.}  the same without it     {1}  {2/} {3.} of the first, second,
  {//}  its folder                                               third list
A command without one gets the item as its last argument. Behind '--' stand arguments, and what is
put into one stays there, whatever its characters. A command line of --race is split at blanks; if
a character or word in it means something to a shell, /bin/sh runs it, and items are put into it
quoted: quotes of your own around {} are refused. Standard output of the commands that succeed comes out, in
the order of the items. A failed item does not end the run (--halt does): its words are on standard
error, and the exit status is 1. Workers for commands elsewhere: fanmill-worker command.

Examples:
  seq 1 10 | fanmill-broker run --local 4 -- fanmill-worker collatz
  fanmill-broker run --input tasks.jsonl --bind tcp://127.0.0.1:5557 --verbose 1
    and on as many terminals as you like: fanmill-worker --connect tcp://127.0.0.1:5557 collatz
  fanmill-broker run --local 8 -- gzip -9 {} ::: *.log
  ls *.cnf | fanmill-broker run --race 'minisat {}' --race 'cadical {}' --until exit:10,20)";

}  // namespace

RunCommand::RunCommand(CLI::App& app) {
  CLI::App* run = app.add_subcommand(
      "run", "work on one list of items: JSON lines for a worker program, or any for commands");
  add_list_options(*run);
  add_farm_options(*run);
  arguments_.commands.add_to(*run);
  run->footer(footer);
}

void RunCommand::add_list_options(CLI::App& app) {
  CLI::App* const run = &app;
  run->add_option("--input", arguments_.input,
                  "file of lines, each an item; '-': standard input, read as needed")
      ->capture_default_str();
  run->add_option(
      "command", arguments_.command,
      "worker program and its arguments, for --local; or a command with a placeholder for "
      "items, and lists of them behind ':::'");
  run->add_option("--function", arguments_.function,
                  "name of the workers' function (default: their first; for commands: command)");
  run->add_option("--retries", arguments_.retries,
                  "how often an item is tried again after its function failed")
      ->capture_default_str();
  run->add_option_function<std::string>(
         "--time-limit,--timeout",
         [this](const std::string& text) {
           const std::optional<double> seconds = seconds_of(text);
           if (!seconds)
             throw CLI::ValidationError("--time-limit", std::string("expected ") + seconds_form);
           arguments_.time_limit = *seconds;
         },
         "time that one attempt may take, in seconds, or as 10s, 5m, 2h; 0: any")
      ->type_name("TEXT");
  run->add_option(
         "--lookahead", arguments_.lookahead,
         "items that are read ahead of their results (default: as many tasks as the workers "
         "may hold, 4096 to 200000)")
      ->check(CLI::Range(1, 10'000'000));
  run->add_option_function<std::string>(
         "--lookahead-bytes",
         [this](const std::string& text) {
           arguments_.lookahead_bytes = bytes_of(text);
           if (!arguments_.lookahead_bytes)
             throw CLI::ValidationError("--lookahead-bytes",
                                        std::string("expected ") + bytes_form + ", at least 1");
         },
         "nothing is read ahead once the tasks of those items have so many bytes: 500M, 2G "
         "(default: 64M)")
      ->type_name("TEXT");
  run->add_flag("--unordered", arguments_.unordered,
                R"(write results as they come; of JSON lines: {"item":0,"line":1,"result":...})");
  run->add_flag("--keep-going", arguments_.keep_going,
                "an item without a result does not end the run (with commands, it never does): its "
                "line is null, the reason is on "
                "standard error");
}

void RunCommand::add_farm_options(CLI::App& app) {
  CLI::App* const run = &app;
  run->add_option(
      "--bind", arguments_.bind,
      "endpoint to listen on: tcp://127.0.0.1:5557, tcp://127.0.0.1:*, ipc:///path; may be given "
      "several "
      "times (default: a private ipc socket, for workers of this user on this host). On tcp, "
      "workers need a key: that of a join file");
  run->add_option("--join-file", arguments_.join_file,
                  "write a join file for workers here, removed at the end");
  run->add_option("--local", arguments_.local,
                  "start so many copies of the worker program behind '--'; for commands: so many "
                  "at a time on "
                  "this host (default for those: one per core, unless workers can join from "
                  "elsewhere)")
      ->check(CLI::Range(1, 4096));
  run->add_flag("--insecure-plaintext", arguments_.insecure_plaintext,
                "no keys on tcp endpoints: any user of this host may take part; twice: whoever "
                "reaches the port");
  run->add_option(
         "--prefetch", arguments_.prefetch,
         "tasks that a worker holds beside each running one (default: 1, and for short tasks "
         "as many as take 5 ms, commands 10 ms)")
      ->check(CLI::Range(0, 4096));
  run->add_option("--spin", arguments_.spin_us,
                  "microseconds for which to look for results without sleeping after there was "
                  "something to do: shorter round trips for a busy core; 0: none")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  run->add_flag("--quiet", arguments_.quiet, "no progress line, no summary");
  run->add_option("--verbose", arguments_.verbose,
                  "1: print joins and leaves; 2: also each task and group")
      ->check(CLI::Range(0, 2));
  run->add_flag("--timestamps", arguments_.timestamps,
                "begin the lines of --verbose with the time");
}

int RunCommand::execute() {
  arguments_.command = plain(std::move(arguments_.command));
  Report report(!arguments_.quiet && isatty(STDERR_FILENO) != 0 && arguments_.verbose == 0);
  if (runs_commands(arguments_)) return run_commands(arguments_, report);
  const std::string option = arguments_.commands.any_typed();
  if (option.empty()) return run_json_lines(arguments_, report);
  report.say(option + " is for commands that are run on items: put a {} into the command behind " +
             "'--', or give --race, --pipe, ::: or --commands");
  return exit_failed;
}

}  // namespace fanmill::broker
