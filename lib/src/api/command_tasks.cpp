#include "api/command_tasks.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fanmill/error.hpp>
#include <fanmill/json.hpp>
#include <fanmill/object.hpp>
#include <fanmill/object_view.hpp>
#include <fanmill/object_writer.hpp>
#include <optional>
#include <utility>
#include <variant>

#include "base/utf8.hpp"
#include "core/limits.hpp"
#include "net/identity.hpp"

namespace fanmill::inline v0::detail {
namespace {

using exec::Completion;
using exec::Evidence;
using exec::Invocation;
using exec::Programs;
using exec::Report;

constexpr std::uint64_t output_max_default = 65536;
// A result with it must fit into a frame, whatever the rest of it needs.
constexpr std::uint64_t output_max_most = limits::frame_bytes_max - 16384;
constexpr double seconds_max = 10 * 365.0 * 86400.0;
constexpr std::uint64_t niceness_max = 19;  // the kernel's

// ---- What a task asks for.

/// A place in a payload, and how to name it in an error.
struct Place {
  ObjectView view;
  std::string path;
};

[[noreturn]] void refuse(const Place& place, const std::string& wanted) {
  throw FarmError(ErrorCode::malformed_payload, "the task's " + place.path + " must be " + wanted +
                                                    ", got " + describe(place.view));
}

// Text that is not UTF-8, the name of a file say, comes as bytes.
std::string bytes_of(const Place& place) {
  if (place.view.kind() == ObjectKind::text) return std::string(place.view.text());
  if (place.view.kind() != ObjectKind::bytes) refuse(place, "text or bytes");
  const auto bytes = place.view.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string text_of(const Place& place) {
  std::string text = bytes_of(place);
  if (text.find('\0') != std::string::npos)
    throw FarmError(ErrorCode::malformed_payload, "the task's " + place.path + " has a NUL in it");
  return text;
}

std::uint64_t count_of(const Place& place) {
  const auto count = place.view.if_uint64();
  if (!count) refuse(place, "an integer from 0 on");
  return *count;
}

Duration seconds_of(const Place& place) {
  const ObjectKind kind = place.view.kind();
  if (kind != ObjectKind::floating && kind != ObjectKind::integer)
    refuse(place, "a number of seconds");
  const double seconds = place.view.floating();
  if (!(seconds > 0 && seconds <= seconds_max))
    refuse(place, "more than 0 s and at most ten years");
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

/// The name of an entry of a map, in quotes: "limits.wall".
std::string path_in(const std::string& map, const std::string& key) {
  return (map.empty() ? "\"" : map.substr(0, map.size() - 1) + ".") + key + "\"";
}

/// Calls `take(key, place)` for each entry of a map whose keys are texts.
template <typename Take>
void for_each_entry(const Place& map, const Take& take) {
  if (map.view.kind() != ObjectKind::map) refuse(map, "a map");
  const ObjectList entries = map.view.elements();
  for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
    const Place key{entries[i], map.path + "'s key"};
    const std::string name = text_of(key);
    take(name, Place{entries[i + 1], path_in(map.path, name)});
  }
}

[[noreturn]] void unknown(const Place& map, const std::string& key, const std::string& known) {
  throw FarmError(ErrorCode::malformed_payload,
                  "the task" + (map.path.empty() ? "" : "'s " + map.path) +
                      " has an unknown key \"" + key + "\"; known are " + known);
}

TaskLimits limits_of(const Place& map) {
  TaskLimits limits;
  for_each_entry(map, [&](const std::string& key, const Place& value) {
    if (key == "wall") {
      limits.wall = seconds_of(value);
    } else if (key == "cpu") {
      limits.cpu = seconds_of(value);
    } else if (key == "memory") {
      limits.memory = count_of(value);
    } else if (key == "processes") {
      limits.processes = count_of(value);
    } else if (key == "files") {
      limits.files = count_of(value);
    } else if (key == "core") {
      limits.core = count_of(value);
    } else if (key == "nice") {
      const std::uint64_t niceness = count_of(value);
      if (niceness > niceness_max) refuse(value, "0 to " + std::to_string(niceness_max));
      limits.niceness = static_cast<int>(niceness);
    } else {
      unknown(map, key, "wall, cpu, memory, processes, files, core, nice");
    }
  });
  return limits;
}

/// When the end of the plan's program is a success.
void take_until(const Place& place, exec::CommandPlan& plan) {
  if (place.view.kind() != ObjectKind::map) {
    const bool is_text = place.view.kind() == ObjectKind::text;
    const bool any = is_text && place.view.text() == "any";
    if (!any && !(is_text && place.view.text() == "exit-zero"))
      refuse(place, "\"exit-zero\", \"any\", or a map with \"exit\" or \"match\"");
    if (any) plan.successes.clear();
    return;
  }
  for_each_entry(place, [&](const std::string& key, const Place& value) {
    if (key == "match") {
      plan.match = text_of(value);
    } else if (key == "exit") {
      if (value.view.kind() != ObjectKind::list || value.view.size() == 0)
        refuse(value, "a list of exit statuses");
      plan.successes.clear();
      const ObjectList list = value.view.elements();
      for (std::size_t i = 0; i < list.size(); ++i)
        plan.successes.push_back(static_cast<std::int64_t>(count_of({list[i], value.path})));
    } else {
      unknown(place, key, "exit, match");
    }
  });
  if (place.view.find("match")) plan.successes.clear();  // whatever the status is
}

std::vector<std::string> arguments_of(const Place& place) {
  if (place.view.kind() == ObjectKind::text || place.view.kind() == ObjectKind::bytes)
    return {"/bin/sh", "-c", text_of(place)};
  if (place.view.kind() != ObjectKind::list || place.view.size() == 0)
    refuse(place, "text for the shell, or a list of texts: a program and its arguments");
  std::vector<std::string> arguments;
  const ObjectList list = place.view.elements();
  for (std::size_t i = 0; i < list.size(); ++i) arguments.push_back(text_of({list[i], place.path}));
  if (arguments.front().empty()) refuse(place, "a program and its arguments: the program is empty");
  return arguments;
}

std::vector<std::pair<std::string, std::string>> environment_of(const Place& map) {
  std::vector<std::pair<std::string, std::string>> environment;
  for_each_entry(map, [&](const std::string& key, const Place& value) {
    if (key.empty() || key.find('=') != std::string::npos)
      throw FarmError(ErrorCode::malformed_payload,
                      "the task's environment has the name \"" + key + "\", which can't be one");
    environment.emplace_back(key, text_of(value));
  });
  return environment;
}

exec::CommandPlan plan_of(const Invocation& invocation) {
  const Place task{ObjectView(invocation.payload), ""};
  if (task.view.kind() != ObjectKind::map)
    throw FarmError(ErrorCode::malformed_payload,
                    "a task for the function \"command\" is a map with \"command\" in it, got " +
                        describe(task.view));
  exec::CommandPlan plan{.output_max = output_max_default, .number = invocation.number};
  for_each_entry(task, [&](const std::string& key, const Place& value) {
    if (key == "command") {
      plan.arguments = arguments_of(value);
    } else if (key == "input") {
      plan.input = bytes_of(value);
    } else if (key == "directory") {
      plan.directory = text_of(value);
    } else if (key == "environment") {
      plan.environment = environment_of(value);
    } else if (key == "limits") {
      plan.limits = limits_of(value);
    } else if (key == "until") {
      take_until(value, plan);
    } else if (key == "output_max") {
      plan.output_max = std::min(count_of(value), output_max_most);
    } else if (key == "stream") {
      if (value.view.kind() != ObjectKind::boolean) refuse(value, "true or false");
      // A manager that can't take it gets what it gets without.
      plan.output_window = value.view.boolean() ? invocation.output_window : 0;
    } else {
      unknown(task, key,
              "command, input, directory, environment, limits, until, output_max, stream");
    }
  });
  if (plan.arguments.empty())
    throw FarmError(ErrorCode::malformed_payload, "the task has no \"command\"");
  return plan;
}

void tell_of_task(exec::CommandPlan& plan, const Invocation& invocation) {
  plan.environment.emplace_back("FANMILL_ITEM", std::to_string(invocation.item));
  plan.environment.emplace_back("FANMILL_TASK", std::to_string(invocation.task.value));
  plan.environment.emplace_back("FANMILL_ATTEMPT", std::to_string(invocation.number));
}

Completion bad_task(const std::string& why) {
  return {.kind = Completion::Kind::failed, .error_type = "bad task", .error_text = why};
}

// ---- What its end means.

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Payload result_of(const exec::CommandPlan& plan, const Report& report, const std::string& host) {
  const bool is_cut = report.output_bytes > report.output.size();
  const bool is_streamed = plan.output_window > 0;
  const std::size_t entries = 8U + (is_cut ? 1 : 0) +
                              (is_cut && !report.output_file.empty() ? 1 : 0) +
                              (is_streamed ? 1 : 0);
  std::size_t words = object_words::list(2 * entries) + object_words::text(report.output.size()) +
                      object_words::text(report.errors.size()) + object_words::text(host.size()) +
                      object_words::text(report.output_file.size());
  for (const char* name : {"exit", "output", "errors", "host", "started", "wall", "cpu", "memory",
                           "output_bytes", "output_file", "streamed"})
    words += object_words::text(std::string_view(name).size());
  return fanmill::write_object(words, [&](const ObjectWriter& root) {
    const ObjectListWriter map = root.map(entries);
    std::size_t next = 0;
    const auto put = [&](const char* name) {
      map[next].text(name);
      next += 2;
      return map[next - 1];
    };
    // What is not UTF-8 goes as bytes.
    put("exit").int64(report.evidence.number);
    put("output").text(report.output);
    put("errors").text(report.errors);
    put("host").text(host);
    put("started").floating(report.evidence.started);
    put("wall").floating(seconds(report.evidence.wall));
    put("cpu").floating(seconds(report.evidence.cpu));
    put("memory").uint64(report.evidence.memory);
    if (is_cut) put("output_bytes").uint64(report.output_bytes);
    if (is_cut && !report.output_file.empty()) put("output_file").text(report.output_file);
    if (is_streamed) put("streamed").uint64(plan.number);
  });
}

Completion failed(const Report& report) {
  Completion completion = exec::completion_of_end(report);
  // The end says more than the beginning.
  std::string text = completion.error_text;
  if (text.size() > limits::error_text_max) text.erase(0, text.size() - limits::error_text_max);
  if (!report.output_file.empty()) {
    const std::string where = "\nall of its output is in " + report.output_file;
    text =
        std::string(cut_utf8(text, limits::error_text_max - std::min(where.size(), text.size()))) +
        where;
  }
  completion.error_text = std::move(text);
  return completion;
}

bool exited(const Report& report) { return report.evidence.how == Evidence::How::exited; }

std::string as_json(const Payload& payload) {
  if (payload.encoding == Encoding::none) return "null";
  return to_json(payload);
}

Payload json_or_text(std::string text) {
  try {
    return json_to_object(text);
  } catch (const FarmError&) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return encode(text);
  }
}

Completion conclude_line(Report& report) {
  // Nobody looks at the end of a task that was killed; what counts are those that the keeper ends.
  if (report.evidence.how == Evidence::How::stopped) {
    return {.kind = Completion::Kind::failed,
            .error_type = "no JSON",
            .error_text = "the program's answer: a line of more than 16 MiB"};
  }
  if (report.evidence.how != Evidence::How::returned) return failed(report);
  try {
    Payload answer = json_to_object(report.output);
    const ObjectView view(answer);
    if (view.kind() == ObjectKind::map) {
      const auto error = view.find("$error");
      const auto type = view.find("$type");
      if (error && error->kind() == ObjectKind::text) {
        return {.kind = Completion::Kind::failed,
                .error_type = std::string(type && type->kind() == ObjectKind::text
                                              ? cut_utf8(type->text(), limits::error_type_max)
                                              : ""),
                .error_text = std::string(cut_utf8(error->text(), limits::error_text_max))};
      }
    }
    return {.payload = std::move(answer)};
  } catch (const FarmError& error) {
    // A greeting, say: the answer may follow, when another item waits for its own.
    report.out_of_step = true;
    return {.kind = Completion::Kind::failed,
            .error_type = "no JSON",
            .error_text = std::string("the program's answer: ") + error.what()};
  }
}

template <typename Make>
std::variant<Programs::Plan, Completion> planned(const Invocation& invocation, const Make& make) {
  try {
    Programs::Plan plan = make();
    // A program that stays would know of its first task only.
    if (!plan.line) tell_of_task(plan.command, invocation);
    return plan;
  } catch (const FarmError& error) {
    return bad_task(error.what());
  }
}

}  // namespace

exec::Programs programs_of_tasks() {
  return {
      .plan =
          [](const Invocation& invocation) {
            return planned(invocation, [&] {
              return Programs::Plan{.command = plan_of(invocation), .line = {}};
            });
          },
      .conclude =
          [host = net::host_name()](const exec::CommandPlan& plan, Report& report) {
            if (!exited(report)) return failed(report);
            if (report.match == exec::Match::not_found || report.match == exec::Match::failed) {
              Completion completion = failed(report);
              completion.error_type = "no match";
              if (report.match == exec::Match::failed) {
                completion.error_type = "bad pattern";
                completion.error_text = "\"" + plan.match +
                                        "\" is no extended regular expression, or took more than a "
                                        "second to look for";
              }
              return completion;
            }
            const auto& statuses = plan.successes;
            const bool wanted =
                statuses.empty() || std::find(statuses.begin(), statuses.end(),
                                              report.evidence.number) != statuses.end();
            if (!wanted) return failed(report);
            return Completion{.payload = result_of(plan, report, host),
                              .detail = 256 + static_cast<std::uint32_t>(report.evidence.number)};
          },
      .passes_output = true};
}

exec::Programs one_program(std::vector<std::string> arguments) {
  const bool has_place =
      std::any_of(arguments.begin(), arguments.end(),
                  [](const std::string& each) { return each.find("{}") != std::string::npos; });
  return {.plan =
              [=](const Invocation& invocation) {
                return planned(invocation, [&] {
                  exec::CommandPlan plan{.arguments = arguments, .output_max = output_max_most};
                  const std::string item = as_json(invocation.payload);
                  if (!has_place) plan.input = item + "\n";
                  for (std::string& argument : plan.arguments) {
                    for (std::size_t at = 0; (at = argument.find("{}", at)) != std::string::npos;
                         at += item.size())
                      argument.replace(at, 2, item);
                  }
                  return Programs::Plan{.command = std::move(plan), .line = {}};
                });
              },
          .conclude =
              [](const exec::CommandPlan&, Report& report) {
                if (!exited(report) || report.evidence.number != 0) return failed(report);
                if (report.output_bytes > report.output.size()) {
                  Completion completion = failed(report);
                  completion.error_type = "too much output";
                  completion.error_text = std::to_string(report.output_bytes) + " bytes, at most " +
                                          std::to_string(output_max_most) +
                                          " are a result; all of it is in " + report.output_file;
                  return completion;
                }
                return Completion{.payload = json_or_text(std::move(report.output))};
              }};
}

exec::Programs resident_program(std::vector<std::string> arguments) {
  return {
      .plan =
          [=](const Invocation& invocation) {
            return planned(invocation, [&] {
              return Programs::Plan{.command = {.arguments = arguments},
                                    .line = as_json(invocation.payload)};
            });
          },
      .conclude = [](const exec::CommandPlan&, Report& report) { return conclude_line(report); }};
}

}  // namespace fanmill::inline v0::detail
