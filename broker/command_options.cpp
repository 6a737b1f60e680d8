#include "command_options.hpp"

#include <fanmill/error.hpp>
#include <functional>
#include <limits>
#include <string_view>

#include "quantity.hpp"

namespace fanmill::broker {
namespace {

constexpr const char* group_name = "Commands instead of a worker program";

/// An option whose text `read` takes apart; false: it is not what `form` says.
CLI::Option* add(CLI::App& run, const std::string& name, const std::string& help, const char* form,
                 const std::function<bool(const std::string&)>& read) {
  return run
      .add_option_function<std::string>(
          name,
          [=](const std::string& text) {
            if (!read(text))
              throw CLI::ValidationError(name, "expected " + std::string(form) + ", got " + text);
          },
          help)
      ->type_name("TEXT");
}

template <typename T>
bool set(std::optional<T>& to, const std::optional<T>& value) {
  to = value;
  return value.has_value();
}

bool read_stages(const std::string& text, std::vector<double>& stages) {
  stages.clear();
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::optional<double> seconds = seconds_of(std::string_view(text).substr(at, end - at));
    if (!seconds || *seconds <= 0) return false;
    stages.push_back(*seconds);
    at = end + 1;
  }
  return true;
}

bool read_variable(const std::string& text, std::map<std::string, std::string>& environment) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) return false;
  environment[text.substr(0, equals)] = text.substr(equals + 1);
  return true;
}

}  // namespace

CLI::Option* CommandOptions::mine(CLI::Option* option) {
  option->group(group_name);
  mine_.push_back(option);
  return option;
}

std::string CommandOptions::any_typed() const {
  for (const CLI::Option* option : mine_) {
    if (option->count() > 0) return option->get_name();
  }
  return {};
}

void CommandOptions::add_to(CLI::App& run) {
  add_commands(run);
  add_limits(run);
  add_output(run);
}

void CommandOptions::add_commands(CLI::App& run) {
  mine(run.add_option("--race", races,
                      "a command line to run on every item; given several times, they race: the "
                      "first that succeeds wins, the others are ended"))
      ->allow_extra_args(false);
  mine(add(run, "--stages", "run an unsolved item again with the next limit: 10s,100s,1000s",
           "limits like 10s,100s,1000s",
           [this](const std::string& text) { return read_stages(text, stages); }));
  mine(run.add_flag("--pipe", pipe, "the item goes to standard input, not into the command"));
  mine(run.add_flag("--commands", commands,
                    "the items alone say what to run: each line is a command, or a group with "
                    "tasks"));
  mine(run.add_option_function<std::string>(
           "--until",
           [this](const std::string& text) {
             try {
               settings.until = Until::parse(text);
             } catch (const FarmError& error) {
               throw CLI::ValidationError("--until", error.what());
             }
           },
           "what is a success: exit-zero (the default), any, exit:10,20, or match:REGEX, an "
           "extended regular expression for standard output"))
      ->type_name("TEXT");
}

void CommandOptions::add_limits(CLI::App& run) {
  TaskLimits& limits = settings.limits;
  const auto add_count = [&](const char* name, const char* help, const char* form,
                             std::optional<std::uint64_t>& count, std::uint64_t most) {
    mine(add(run, name, help, form, [&count, most](const std::string& text) {
      return set(count, count_of(text)) && *count <= most;
    }));
  };
  mine(add(run, "--memory", "bytes that an attempt may use: 500M, 2G", bytes_form,
           [&limits](const std::string& text) { return set(limits.memory, bytes_of(text)); }));
  mine(add(run, "--cpu", "processor time that an attempt may use", seconds_form,
           [&limits](const std::string& text) {
             return set(limits.cpu, seconds_of(text)) && *limits.cpu > 0;
           }));
  constexpr std::uint64_t any = std::numeric_limits<std::uint64_t>::max();
  add_count("--processes", "processes that an attempt may have", "a number", limits.processes, any);
  add_count("--files", "files that a process of an attempt may have open", "a number", limits.files,
            any);
  add_count("--nice", "niceness of the commands, 0 to 19", "a number from 0 to 19", limits.nice,
            19);
  mine(run.add_option_function<std::string>(
           "--workdir", [this](const std::string& text) { settings.directory = text; },
           "folder to run in (default: the worker's own)"))
      ->type_name("DIR");
  mine(run.add_option_function<std::vector<std::string>>(
           "--env",
           [this](const std::vector<std::string>& texts) {
             for (const std::string& text : texts) {
               if (!read_variable(text, settings.environment))
                 throw CLI::ValidationError("--env", "expected NAME=VALUE, got " + text);
             }
           },
           "NAME=VALUE in the commands' environment; may be given several times"))
      ->allow_extra_args(false)
      ->type_name("TEXT");
}

void CommandOptions::add_output(CLI::App& run) {
  mine(run.add_flag("--tag", tag, "begin each line of output with its item and a tab"));
  CLI::Option* as_json =
      run.add_flag("--json", json, "one JSON line for each item instead of the commands' output");
  mine(as_json)->excludes("--tag");
  mine(
      run.add_flag("--stream", stream,
                   "write each line of output as soon as it has come, however much there is; lines "
                   "of different commands mix"));
  mine(run.add_option("--results", results,
                      "keep DIR/SEQ/stdout, stderr and outcome.json of each item in this folder"))
      ->type_name("DIR");
  mine(run.add_option("--joblog", joblog,
                      "write a line for each command that has ended, in GNU parallel's columns"))
      ->type_name("FILE");
  mine(run.add_flag("--resume", resume, "leave out items whose number stands in the joblog"));
  mine(run.add_flag("--resume-failed", resume_failed,
                    "leave out items that the joblog shows solved, and run the failed ones again"));
  mine(run.add_flag("--halt", halt, "stop at the first item that fails"));
  mine(run.add_flag("--dry-run", dry_run, "print the commands, in order, and start nothing"));
}

CommandWords split_words(const std::vector<std::string>& words) {
  CommandWords split;
  for (const std::string& word : words) {
    if (word == ":::") {
      split.lists.emplace_back();
    } else if (word == ":::+" || word == "::::" || word == "::::+") {
      throw FarmError(
          ErrorCode::invalid_argument,
          word + " is not known here: give each list behind ':::', or lines by --input");
    } else {
      (split.lists.empty() ? split.command : split.lists.back()).push_back(word);
    }
  }
  return split;
}

}  // namespace fanmill::broker
