#include "group_line.hpp"

#include <cmath>
#include <fanmill/error.hpp>
#include <fanmill/json.hpp>
#include <fanmill/object.hpp>
#include <limits>

#include "json_text.hpp"
#include "quantity.hpp"

namespace fanmill::broker {
namespace {

/// A value and where it stands, for messages: "tasks[2].limits".
struct Place {
  ObjectView value;
  std::string path;

  [[nodiscard]] bool is(ObjectKind kind) const { return value.kind() == kind; }
  [[noreturn]] void refuse(const std::string& words) const {
    throw FarmError(ErrorCode::malformed_payload, json_of(path) + ": " + words);
  }
  [[noreturn]] void expected(const std::string& what) const {
    refuse("expected " + what + ", got " + describe(value));
  }
};

template <typename Read>
void each_entry(const Place& map, const Read& read) {
  if (!map.is(ObjectKind::map)) map.expected("an object");
  const ObjectList entries = map.value.elements();
  for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
    const std::string key(entries[i].text());
    read(key, Place{entries[i + 1], map.path.empty() ? key : map.path + "." + key});
  }
}

template <typename Read>
void each_element(const Place& list, const Read& read) {
  const ObjectList elements = list.value.elements();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    read(Place{elements[i], list.path + "[" + std::to_string(i) + "]"});
  }
}

std::string text_at(const Place& place, const char* what = "a text") {
  if (!place.is(ObjectKind::text)) place.expected(what);
  return std::string(place.value.text());
}

std::uint64_t count_at(const Place& place, const char* what) {
  const std::optional<std::uint64_t> count = place.value.if_uint64();
  if (!count) place.expected(what);
  return *count;
}

std::uint64_t bytes_at(const Place& place) {
  std::optional<std::uint64_t> bytes = place.value.if_uint64();
  if (place.is(ObjectKind::text)) bytes = bytes_of(place.value.text());
  if (!bytes) place.expected(bytes_form);
  return *bytes;
}

double seconds_at(const Place& place) {
  std::optional<double> seconds;
  if (place.is(ObjectKind::integer) || place.is(ObjectKind::floating))
    seconds = place.value.floating();
  if (place.is(ObjectKind::text)) seconds = seconds_of(place.value.text());
  if (!seconds || !(*seconds > 0) || !std::isfinite(*seconds)) place.expected(seconds_form);
  return *seconds;
}

constexpr const char* until_form = R"("exit-zero", "any", {"exit":[10,20]} or {"match":"REGEX"})";

Until until_at(const Place& place) {
  std::optional<Until> until;
  try {
    if (place.is(ObjectKind::text)) return Until::parse(place.value.text());
    each_entry(place, [&](const std::string& key, const Place& value) {
      if (key == "match" && !until) {
        until = Until::match(text_at(value));
      } else if (key == "exit" && !until && value.is(ObjectKind::list)) {
        std::vector<int> statuses;
        each_element(value, [&](const Place& status) {
          const std::uint64_t number = count_at(status, "an exit status, 0 to 255");
          statuses.push_back(static_cast<int>(std::min<std::uint64_t>(number, 1U << 16)));
        });
        until = Until::exits(std::move(statuses));
      } else {
        place.expected(until_form);
      }
    });
  } catch (const FarmError& error) {
    if (error.code() != ErrorCode::invalid_argument) throw;
    place.refuse(error.what());
  }
  if (!until) place.expected(until_form);
  return *until;
}

TaskLimits limits_at(const Place& place) {
  TaskLimits limits;
  each_entry(place, [&](const std::string& key, const Place& value) {
    if (key == "wall") {
      limits.wall = seconds_at(value);
    } else if (key == "cpu") {
      limits.cpu = seconds_at(value);
    } else if (key == "memory") {
      limits.memory = bytes_at(value);
    } else if (key == "core") {
      limits.core = bytes_at(value);
    } else if (key == "processes") {
      limits.processes = count_at(value, "a number of processes");
    } else if (key == "files") {
      limits.files = count_at(value, "a number of open files");
    } else if (key == "nice") {
      limits.nice = count_at(value, "a niceness, 0 to 19");
      if (*limits.nice > 19) value.expected("a niceness, 0 to 19");
    } else {
      value.refuse("unknown; there are wall, cpu, memory, processes, files, core and nice");
    }
  });
  return limits;
}

GroupPolicy policy_at(const Place& place) {
  constexpr const char* form = R"("first", "all", "stages" or {"k":2})";
  using Kind = GroupPolicy::Kind;
  if (place.is(ObjectKind::text)) {
    const std::string_view name = place.value.text();
    if (name == "first") return {.kind = Kind::first};
    if (name == "all") return {.kind = Kind::all};
    if (name == "stages") return {.kind = Kind::stages};
    place.expected(form);
  }
  if (!place.is(ObjectKind::map) || place.value.size() != 1 || !place.value.find("k"))
    place.expected(form);
  const Place k{*place.value.find("k"), place.path + ".k"};
  const std::uint64_t count = count_at(k, "a number from 1");
  if (count < 1 || count > std::numeric_limits<std::uint32_t>::max()) k.expected("a number from 1");
  return {.kind = Kind::count, .count = static_cast<std::uint32_t>(count)};
}

/// What a group and a task may both say. False for another key.
bool read_setting(const std::string& key, const Place& value, TaskSettings& settings) {
  if (key == "until") {
    settings.until = until_at(value);
  } else if (key == "limits") {
    settings.limits = limits_at(value);
  } else if (key == "directory") {
    settings.directory = text_at(value);
  } else if (key == "environment") {
    each_entry(value, [&](const std::string& name, const Place& text) {
      settings.environment[name] = text_at(text);
    });
  } else if (key == "output_max") {
    settings.output_max = bytes_at(value);
  } else {
    return false;
  }
  return true;
}

CommandTemplate command_at(const Place& place) {
  constexpr const char* form = "a command: a text, or a list of texts";
  if (place.is(ObjectKind::text) && !place.value.text().empty()) {
    try {
      return CommandTemplate::of_line(std::string(place.value.text()));
    } catch (const FarmError& error) {
      place.refuse(error.what());
    }
  }
  if (!place.is(ObjectKind::list) || place.value.size() == 0) place.expected(form);
  std::vector<std::string> arguments;
  each_element(place, [&](const Place& word) { arguments.push_back(text_at(word)); });
  return CommandTemplate::of_arguments(std::move(arguments));
}

std::string input_at(const Place& place) {
  if (place.is(ObjectKind::text)) return json_of(place.value.text());
  if (place.is(ObjectKind::bytes)) {
    const auto bytes = place.value.bytes();
    return to_json(encode(std::vector<std::byte>(bytes.begin(), bytes.end())));
  }
  place.expected("a text");
}

ItemTask task_at(const Place& place) {
  ItemTask task;
  if (!place.is(ObjectKind::map)) {
    task.command = command_at(place);
    return task;
  }
  bool has_command = false;
  each_entry(place, [&](const std::string& key, const Place& value) {
    if (key == "command") {
      task.command = command_at(value);
      has_command = true;
    } else if (key == "input") {
      task.input = input_at(value);
    } else if (!read_setting(key, value, task.settings)) {
      value.refuse(
          "unknown; a task has command, input, directory, environment, limits, until and "
          "output_max");
    }
  });
  if (!has_command) place.refuse(R"(expected a "command" in it)");
  return task;
}

}  // namespace

void read_group(const ObjectView& group, CommandItem& item) {
  std::optional<ItemTask> single;
  std::optional<std::string> input;
  std::optional<double> timeout;
  each_entry({group, ""}, [&](const std::string& key, const Place& value) {
    if (key == "item") return;
    if (key == "tasks") {
      if (!value.is(ObjectKind::list) || value.value.size() == 0)
        value.expected("a list of commands");
      each_element(value, [&](const Place& task) { item.tasks.push_back(task_at(task)); });
    } else if (key == "command") {
      single.emplace().command = command_at(value);
    } else if (key == "input") {
      input = input_at(value);
    } else if (key == "policy") {
      item.policy = policy_at(value);
    } else if (key == "timeout") {
      timeout = seconds_at(value);
    } else if (!read_setting(key, value, item.settings)) {
      value.refuse(
          "unknown; a group has item, tasks or command, input, policy, until, timeout, limits, "
          "directory, environment and output_max");
    }
  });
  if (timeout)
    item.settings.limits.wall = std::min(*timeout, item.settings.limits.wall.value_or(*timeout));
  if (single && !item.tasks.empty()) {
    throw FarmError(ErrorCode::malformed_payload, R"("command": "tasks" is there as well)");
  }
  if (input && !single) {
    throw FarmError(ErrorCode::malformed_payload,
                    R"("input": belongs to a "command", or into one of the "tasks")");
  }
  if (!single) {
    const std::size_t count = item.tasks.size();
    if (item.policy && count > 0 && item.policy->count > count) {
      throw FarmError(ErrorCode::malformed_payload,
                      R"("policy.k": more than the )" + std::to_string(count) + " tasks");
    }
    return;
  }
  single->input = std::move(input);
  item.tasks.push_back(std::move(*single));
}

}  // namespace fanmill::broker
