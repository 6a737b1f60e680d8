#include "task_settings.hpp"

#include <fanmill/json.hpp>
#include <fanmill/object.hpp>

#include "json_text.hpp"

namespace fanmill::broker {
namespace {

template <typename T>
void add(std::string& json, const char* key, const std::optional<T>& value) {
  if (!value) return;
  json += (json.empty() ? "\"" : ",\"") + std::string(key) + "\":" + to_json(encode(*value));
}

template <typename T>
void take(std::optional<T>& own, const std::optional<T>& base) {
  if (!own) own = base;
}

std::string limits_json(const TaskLimits& limits) {
  std::string json;
  add(json, "wall", limits.wall);
  add(json, "cpu", limits.cpu);
  add(json, "memory", limits.memory);
  add(json, "processes", limits.processes);
  add(json, "files", limits.files);
  add(json, "core", limits.core);
  add(json, "nice", limits.nice);
  return json;
}

}  // namespace

TaskSettings TaskSettings::over(const TaskSettings& base) const {
  TaskSettings both = *this;
  take(both.until, base.until);
  take(both.limits.wall, base.limits.wall);
  take(both.limits.cpu, base.limits.cpu);
  take(both.limits.memory, base.limits.memory);
  take(both.limits.processes, base.limits.processes);
  take(both.limits.files, base.limits.files);
  take(both.limits.core, base.limits.core);
  take(both.limits.nice, base.limits.nice);
  take(both.directory, base.directory);
  take(both.output_max, base.output_max);
  both.environment.insert(base.environment.begin(), base.environment.end());
  return both;
}

std::string TaskSettings::json_members() const {
  std::string json;
  if (until) json += R"(,"until":)" + until->json();
  const std::string limits_text = limits_json(limits);
  if (!limits_text.empty()) json += R"(,"limits":{)" + limits_text + "}";
  if (directory) json += R"(,"directory":)" + json_of(*directory);
  if (!environment.empty()) {
    json += R"(,"environment":)";
    char before = '{';
    for (const auto& [name, value] : environment) {
      json += before + json_of(name) + ":" + json_of(value);
      before = ',';
    }
    json += "}";
  }
  if (output_max) json += R"(,"output_max":)" + std::to_string(*output_max);
  return json;
}

}  // namespace fanmill::broker
