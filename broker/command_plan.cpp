#include "command_plan.hpp"

#include <algorithm>
#include <fanmill/error.hpp>

#include "json_text.hpp"

namespace fanmill::broker {
namespace {

[[noreturn]] void refuse(const std::string& words) {
  throw FarmError(ErrorCode::invalid_argument, words);
}

/// What a command has written can't be taken back: there must be one whose output counts.
void check_stream(const CommandOptions& options) {
  if (options.json)
    refuse("--stream writes output as it comes, --json when its item has ended: choose one");
  if (!options.races.empty())
    refuse("--stream would mix the output of the losers in: leave out --race");
  if (!options.stages.empty())
    refuse("--stream would write the output of each stage: leave out --stages");
  if (options.pipe) refuse("--stream is for commands that are given the item: leave out --pipe");
  if (options.dry_run) refuse("--dry-run starts nothing that could --stream");
}

void check(const CommandOptions& options, const CommandWords& words) {
  if (options.commands && (!options.races.empty() || !words.command.empty()))
    refuse("--commands takes the commands from the items: leave out --race and the one behind --");
  if (!options.races.empty() && !words.command.empty())
    refuse("give the command by --race or behind --, not both");
  if (!options.commands && options.races.empty() && words.command.empty())
    refuse("no command: give one behind --, by --race, or in the items (--commands)");
  if ((options.resume || options.resume_failed) && options.joblog.empty()) {
    refuse(std::string(options.resume ? "--resume" : "--resume-failed") +
           " reads what was done from a job log: add --joblog FILE");
  }
  if (options.dry_run && !options.results.empty()) refuse("--dry-run makes no --results");
  if (options.stream) check_stream(options);
}

PlannedTask planned(const ItemTask& task, const TaskSettings& settings, const ItemWords& words,
                    bool stream) {
  const std::string input = task.input ? R"(,"input":)" + *task.input : "";
  const std::string json = R"({"command":)" + task.command.json(words) + input +
                           settings.json_members() + (stream ? R"(,"stream":true})" : "}");
  return {.shown = task.command.shown(words),
          .payload = Payload::json(json),
          .until = settings.until.value_or(Until()),
          .input_bytes = task.input ? text_of(*task.input).value_or("").size() : 0};
}

}  // namespace

CommandPlan::CommandPlan(const CommandOptions& options, const CommandWords& words,
                         double time_limit)
    : stages_(options.stages),
      settings_(options.settings),
      pipe_(options.pipe),
      stream_(options.stream) {
  check(options, words);
  if (time_limit > 0) settings_.limits.wall = time_limit;
  for (const std::string& line : options.races) commands_.push_back(CommandTemplate::of_line(line));
  if (!words.command.empty()) commands_.push_back(CommandTemplate::of_arguments(words.command));
  for (CommandTemplate& command : commands_) {
    if (!pipe_ && !command.has_placeholder()) command.append_item();
  }
}

std::vector<ItemTask> CommandPlan::tasks_of(const CommandItem& item) const {
  std::vector<ItemTask> tasks = item.tasks;
  for (const CommandTemplate& command : commands_) {
    if (item.tasks.empty()) tasks.push_back({.command = command, .input = {}, .settings = {}});
  }
  // --commands: a line of text is a command line itself.
  if (tasks.empty() && !item.is_group) {
    tasks.push_back({.command = CommandTemplate::of_finished_line(item.words.text),
                     .input = {},
                     .settings = {}});
  }
  for (ItemTask& task : tasks) {
    if (pipe_ && !task.input) task.input = json_of(item.words.text + "\n");
  }
  return tasks;
}

PlannedGroup CommandPlan::group(const CommandItem& item) const {
  PlannedGroup group;
  group.error = item.error;
  if (!group.error.empty()) return group;
  group.policy = item.policy.value_or(GroupPolicy());
  const std::vector<ItemTask> tasks = tasks_of(item);
  const bool is_itself = commands_.empty() && !item.is_group;
  // The shell would be content with it, and the item solved.
  if (is_itself && item.words.text.find_first_not_of(" \t") == std::string::npos)
    group.error = name_of(item) + ": an empty command";
  if (group.policy.count > tasks.size())
    group.error = "line " + std::to_string(item.line) + ": there are only " +
                  std::to_string(tasks.size()) + " commands to succeed";
  if (tasks.empty())
    group.error = "line " + std::to_string(item.line) +
                  ": a group without \"tasks\", and there is no command to run on its item";
  if (stream_ && tasks.size() > 1)
    group.error = "line " + std::to_string(item.line) +
                  ": --stream would mix the output of the group's commands; it has " +
                  std::to_string(tasks.size());
  if (!group.error.empty()) return group;
  // A policy of the group's own has its own idea of steps.
  const std::size_t stages = item.policy ? 0 : stages_.size();
  const bool one_by_one = group.policy.kind == GroupPolicy::Kind::stages;
  for (std::size_t stage = 0; stage < std::max<std::size_t>(stages, 1); ++stage) {
    if (!one_by_one) group.steps.emplace_back();
    for (const ItemTask& task : tasks) {
      TaskSettings settings = task.settings.over(item.settings).over(settings_);
      if (stages > 0) {
        const double limit = stages_[stage];
        settings.limits.wall = std::min(limit, settings.limits.wall.value_or(limit));
      }
      if (one_by_one) group.steps.emplace_back();
      group.steps.back().push_back(planned(task, settings, item.words, stream_));
    }
  }
  return group;
}

}  // namespace fanmill::broker
