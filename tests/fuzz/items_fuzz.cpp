// What `fanmill-broker run` reads of commands: the first line of an input is the command line, each
// further one a line of its item file. What is planned is JSON that a worker reads.
#include <fanmill/error.hpp>
#include <fanmill/json.hpp>
#include <fanmill/object_view.hpp>
#include <optional>

#include "command_item.hpp"
#include "command_options.hpp"
#include "command_plan.hpp"
#include "fuzz.hpp"
#include "json_text.hpp"
#include "quantity.hpp"

namespace fanmill::fuzz {
namespace {

using broker::CommandItem;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

template <typename Value, typename Make>
std::optional<Value> if_accepted(const Make& make) {
  try {
    return make();
  } catch (const FarmError& error) {
    const bool expected =
        error.code() == ErrorCode::invalid_argument || error.code() == ErrorCode::malformed_payload;
    if (!expected) found(std::string("an error of another code: ") + error.what());
    return std::nullopt;
  }
}

/// Words that begin with a sign are options; what the words behind them are is up to the plan.
std::optional<broker::CommandPlan> plan_of(std::string_view line) {
  return if_accepted<broker::CommandPlan>([&] {
    broker::CommandOptions options;
    std::vector<std::string> words;
    for (const std::string_view word : split(line, ' ')) {
      const std::string rest(word.substr(std::min<std::size_t>(1, word.size())));
      if (word.starts_with('|')) {
        options.races.push_back(rest);
      } else if (word.starts_with('@')) {
        options.stages.push_back(broker::seconds_of(rest).value_or(1));
      } else if (word.starts_with('?')) {
        options.settings.until = broker::Until::parse(rest);
      } else if (word.starts_with('%')) {
        options.settings.limits.memory = broker::bytes_of(rest);
      } else if (word == "<") {
        options.pipe = true;
      } else if (word == "!") {
        options.commands = true;
      } else if (word == ">") {
        options.stream = true;
      } else {
        words.emplace_back(word);
      }
    }
    return broker::CommandPlan(options, broker::split_words(words), 0);
  });
}

void must_be_readable(const std::string& json, const char* what) {
  try {
    (void)ObjectView(json_to_object(json)).kind();
  } catch (const FarmError& error) {
    found(std::string(what) + " is no JSON: " + error.what() + "\n" + json);
  }
}

void check_plan(const broker::CommandPlan& plan, const CommandItem& item) {
  const std::optional<broker::PlannedGroup> group =
      if_accepted<broker::PlannedGroup>([&] { return plan.group(item); });
  if (!group || !group->error.empty()) return;
  must(!group->steps.empty(), "a group without steps");
  for (const auto& step : group->steps) {
    must(!step.empty(), "a step without tasks");
    for (const broker::PlannedTask& task : step) {
      must(task.payload.encoding == Encoding::json, "a task of another encoding");
      must_be_readable(task.payload.bytes.str(), "a task");
      must(!task.shown.empty(), "a command that can't be shown");
    }
  }
}

void try_line(const std::optional<broker::CommandPlan>& plan, std::uint64_t number,
              std::string_view line) {
  const CommandItem item = broker::item_of_line(number, number, line);
  (void)broker::name_of(item);
  must_be_readable(item.json, "an item");
  if (plan) check_plan(*plan, item);
}

void try_input(std::string_view input) {
  const std::vector<std::string_view> lines = split(input, '\n');
  if (lines.empty()) return;
  const std::optional<broker::CommandPlan> plan = plan_of(lines[0]);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    // As InputReader does, which needs a file and a thread.
    if (lines[i].find_first_not_of(" \t\r") != std::string_view::npos) try_line(plan, i, lines[i]);
  }
  std::vector<std::string> values;
  for (const std::string_view value : split(lines[0], ' ')) values.emplace_back(value);
  const CommandItem combined = broker::item_of_values(1, values);
  must_be_readable(combined.json, "an item of lists");
  if (plan) check_plan(*plan, combined);
}

}  // namespace
}  // namespace fanmill::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fanmill::fuzz;
  try_input(text_of(data, size));
  return 0;
}
