#include "json_text.hpp"

#include <fanmill/error.hpp>
#include <fanmill/json.hpp>
#include <fanmill/object.hpp>

namespace fanmill::broker {
namespace {

constexpr std::string_view blanks = " \t\r\n";

/// Behind the string that begins at `at`.
std::size_t string_end(std::string_view json, std::size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    if (json[at] == '\\') ++at;
  }
  return at + 1;
}

/// Behind the value that begins at `at`.
std::size_t value_end(std::string_view json, std::size_t at) {
  int depth = 0;
  while (at < json.size()) {
    const char c = json[at];
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) return at;
    if (c == '"') {
      at = string_end(json, at);
      continue;
    }
    if (c == '{' || c == '[') depth += 1;
    if (c == '}' || c == ']') depth -= 1;
    ++at;
  }
  return at;
}

}  // namespace

bool is_json(std::string_view text) {
  try {
    json_to_object(text);
    return true;
  } catch (const FarmError&) {
    return false;
  }
}

std::string json_of(std::string_view text) { return to_json(encode(text)); }

std::optional<std::string> text_of(std::string_view json) {
  const std::size_t begin = json.find_first_not_of(blanks);
  if (begin == std::string_view::npos || json[begin] != '"') return std::nullopt;
  return decode<std::string>(Payload::json(json));
}

std::string compact_json(std::string_view json) {
  std::string compact;
  compact.reserve(json.size());
  for (std::size_t at = 0; at < json.size();) {
    if (json[at] == '"') {
      const std::size_t end = string_end(json, at);
      compact += json.substr(at, end - at);
      at = end;
      continue;
    }
    if (blanks.find(json[at]) == std::string_view::npos) compact += json[at];
    ++at;
  }
  return compact;
}

std::optional<std::string_view> member_of(std::string_view json, std::string_view key) {
  std::size_t at = json.find('{') + 1;
  while ((at = json.find_first_not_of(blanks, at)) < json.size() && json[at] == '"') {
    const std::size_t name_end = string_end(json, at);
    const std::optional<std::string> name = text_of(json.substr(at, name_end - at));
    const std::size_t value = json.find_first_not_of(blanks, json.find(':', name_end) + 1);
    const std::size_t end = value_end(json, value);
    if (name == key) return json.substr(value, end - value);
    if (end >= json.size() || json[end] != ',') break;
    at = end + 1;
  }
  return std::nullopt;
}

}  // namespace fanmill::broker
