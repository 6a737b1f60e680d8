#include "command_run.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fanmill/fanmill.hpp>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "command_group.hpp"
#include "command_output.hpp"
#include "command_plan.hpp"
#include "farm_host.hpp"
#include "item_feeder.hpp"
#include "joblog.hpp"

namespace fanmill::broker {
namespace {

/// What a run of commands is made of, once its options are found to fit.
struct CommandRun {
  const RunArguments& arguments;
  CommandWords words;
  CommandPlan plan;
  JoblogPast past;
  Report& report;
};

CommandRun prepared(const RunArguments& arguments, Report& report) {
  const CommandOptions& options = arguments.commands;
  CommandWords words = split_words(arguments.command);
  if (!words.lists.empty() && arguments.input != "-") {
    throw FarmError(ErrorCode::invalid_argument,
                    "give the items by --input or behind ':::', not both");
  }
  CommandPlan plan(options, words, arguments.time_limit);
  JoblogPast past;
  if (options.resume || options.resume_failed) past = JoblogPast(options.joblog);
  return {arguments, std::move(words), std::move(plan), std::move(past), report};
}

/// Whether the job log shows that the item is solved.
bool is_solved(const PlannedGroup& group, std::span<const JoblogPast::End> ends) {
  std::size_t tasks = 0;
  for (const auto& step : group.steps) tasks += step.size();
  // Those before are of a run before the last one.
  if (ends.size() > tasks) ends = ends.last(tasks);
  const auto solved = [&](const JoblogPast::End& end) {
    const auto accepts = [&](const PlannedTask& task) { return task.until.may_accept(end.exit); };
    return end.signal == 0 && std::any_of(group.steps.begin(), group.steps.end(), [&](auto& step) {
             return std::any_of(step.begin(), step.end(), accepts);
           });
  };
  const auto count = static_cast<std::size_t>(std::count_if(ends.begin(), ends.end(), solved));
  if (group.policy.kind == GroupPolicy::Kind::all) return count >= tasks;
  return count >= group.policy.count;
}

bool is_done(const CommandRun& run, const CommandItem& item) {
  const std::span<const JoblogPast::End> ends = run.past.ends_of(item.words.seq);
  if (ends.empty()) return false;
  return !run.arguments.commands.resume_failed || is_solved(run.plan.group(item), ends);
}

int print_commands(const CommandRun& run) {
  std::promise<void> ended;
  const auto print = [&](const CommandItem& item) {
    const PlannedGroup group = run.plan.group(item);
    run.report.item_ended(group.error.empty());
    if (!group.error.empty()) run.report.say(group.error);
    for (const std::vector<PlannedTask>& step : group.steps) {
      for (const PlannedTask& task : step) std::printf("%s\n", task.shown.c_str());
    }
    return std::ferror(stdout) == 0;
  };
  {
    const ItemFeeder feeder(run.arguments.input, run.words.lists,
                            {.skips = [&](const CommandItem& item) { return is_done(run, item); },
                             .take = print,
                             .end = [&] { ended.set_value(); },
                             .count = [](std::uint64_t) {}});
    ended.get_future().wait();
  }
  if (std::fflush(stdout) != 0)
    throw FarmError(ErrorCode::io_error, "standard output can't be written");
  return run.report.failed() == 0 ? exit_all_results : exit_failed;
}

using ItemUpdate = Update<ItemEnd, Payload>;

ItemUpdate answer(CommandGroup::Next next, const CommandItem& item, CommandGroup& group,
                  CommandOutput& output) {
  if (next == CommandGroup::Next::wait) return go_on();
  if (next == CommandGroup::Next::step) return add(group.next_step());
  ItemEnd end = group.take(next == CommandGroup::Next::solved);
  output.item_ended(item, end);
  return done(std::move(end));
}

void run_items(const CommandRun& run, Manager& manager, Inlet<CommandItem>& inlet,
               AttemptStarts* starts, CommandOutput& output) {
  const RunArguments& arguments = run.arguments;
  std::uint64_t items = 0;
  const auto begin = [&](const CommandItem& item) {
    CommandGroup group(run.plan.group(item), items++, starts);
    std::vector<Payload> tasks = group.next_step();
    return Group{std::move(group), std::move(tasks)};
  };
  const auto succeeded = [&](const CommandItem& item, const Payload& task, CommandResult result,
                             CommandGroup& group) -> ItemUpdate {
    return answer(group.ended(task, success_of(std::move(result))), item, group, output);
  };
  const auto failed = [&](const CommandItem& item, const Payload& task,
                          const std::vector<TaskError>& errors, CommandGroup& group) -> ItemUpdate {
    return answer(group.ended(task, failure_of(errors)), item, group, output);
  };
  // An item that has no command, or one that is too long to be sent.
  const auto without_tasks = [&](const CommandItem& item, CommandGroup& group) {
    ItemEnd end = group.take(false);
    output.item_ended(item, end);
    return end;
  };
  const auto write_on = [&output](const CommandItem& item, const Payload&, std::uint32_t attempt,
                                  std::string_view chunk) { output.stream(item, attempt, chunk); };
  const auto not_sent = [&](const CommandItem& item, const std::vector<TaskError>& errors) {
    ItemEnd end;
    for (const TaskError& error : errors)
      end.error += (end.error.empty() ? "" : "; ") + to_string(error);
    output.item_ended(item, end);
    return end;
  };
  auto job = fanmill::job<CommandResult>()
                 .function(arguments.function.empty() ? "command" : arguments.function)
                 .retries(arguments.retries);
  job = looking_ahead(job, arguments);
  if (!arguments.unordered) job = job.in_order();
  const auto write = [&](int&, const ItemEnd& end, std::size_t, const CommandItem& item) {
    output.write(item, end);
  };
  const auto whole_job = job.group_tasks(begin)
                             .update_group(succeeded)
                             .task_failed(failed)
                             .incomplete_group(without_tasks)
                             .on_failure(not_sent)
                             .update_results(0, write);
  if (arguments.commands.stream) {
    manager.run(inlet, whole_job.task_output(write_on));
  } else {
    manager.run(inlet, whole_job);
  }
}

std::size_t cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
}

/// The worker that was built and installed with this broker, or else any.
std::string worker_program() {
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto beside = own.parent_path() / "fanmill-worker";
  if (!error && access(beside.c_str(), X_OK) == 0) return beside.string();
  return "fanmill-worker";
}

std::vector<std::string> worker_command(const RunArguments& arguments) {
  const bool others_may_join = !arguments.bind.empty() || !arguments.join_file.empty();
  if (arguments.local == 0 && others_may_join) return {};
  const std::size_t slots = arguments.local > 0 ? arguments.local : cores();
  return {worker_program(), "command", "--slots", std::to_string(slots)};
}

int host_commands(const CommandRun& run) {
  const CommandOptions& options = run.arguments.commands;
  std::optional<Joblog> joblog;
  if (!options.joblog.empty()) joblog.emplace(options.joblog, run.past.whole_bytes());
  if (run.past.is_torn())
    run.report.say("--joblog " + options.joblog + ": its last line was torn and is cut off");
  CommandOutput output(options, joblog ? &*joblog : nullptr, run.report);
  // Only the job log tells what killed commands cost.
  AttemptStarts starts;
  const Observer observer = [&starts](const Event& event) { starts.saw(event); };
  Inlet<CommandItem> inlet;
  std::vector<std::string> worker = worker_command(run.arguments);
  return host_farm(
      run.arguments, run.report,
      {.workers = worker.empty() ? 0U : 1U,
       .worker_command = std::move(worker),
       .observer = joblog ? observer : Observer(),
       .discard_input =
           [&] {
             inlet.discard();
             output.backlog().close();
           },
       .give_up_output = [&output] { output.give_up(); },
       .work =
           [&](Manager& manager) {
             const ItemFeeder feeder(
                 run.arguments.input, run.words.lists,
                 {.skips = [&](const CommandItem& item) { return is_done(run, item); },
                  .take =
                      [&](CommandItem item) {
                        output.backlog().wait_for_room();
                        return inlet.push(std::move(item));
                      },
                  .end = [&] { inlet.close(); },
                  .count = [&](std::uint64_t items) { run.report.items_counted(items); }});
             const Closer no_more_items(inlet);
             const Closer no_more_output(output.backlog());
             run_items(run, manager, inlet, joblog ? &starts : nullptr, output);
           }});
}

}  // namespace

bool runs_commands(const RunArguments& arguments) {
  const CommandOptions& options = arguments.commands;
  if (!options.races.empty() || !options.stages.empty() || options.pipe || options.commands)
    return true;
  const auto means_items = [](const std::string& word) {
    return word.starts_with(":::") || has_placeholder(word);
  };
  return std::any_of(arguments.command.begin(), arguments.command.end(), means_items);
}

int run_commands(const RunArguments& arguments, Report& report) {
  try {
    const CommandRun run = prepared(arguments, report);
    return arguments.commands.dry_run ? print_commands(run) : host_commands(run);
  } catch (const FarmError& error) {
    report.say(error.what());
    return exit_failed;
  }
}

}  // namespace fanmill::broker
