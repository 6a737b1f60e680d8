#include "net/settings_text.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace fanmill::net {
namespace {

Result<std::string_view> value_of(std::string_view text) {
  if (text.empty() || (text.front() != '"' && text.front() != '\'')) return text;
  const std::size_t end = text.find(text.front(), 1);
  if (end == std::string_view::npos)
    return Error{ErrorCode::invalid_argument, "a quote without its end"};
  const std::string_view rest = trimmed(text.substr(end + 1));
  if (!rest.empty() && rest.front() != '#')
    return Error{ErrorCode::invalid_argument, "something follows the value's last quote"};
  return text.substr(1, end - 1);
}

Status take_line(std::size_t number, std::string_view line,
                 const std::function<Status(const SettingsLine&)>& take) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return take({.number = number, .name = line});
  const Result<std::string_view> value = value_of(trimmed(line.substr(equals + 1)));
  if (!value.ok()) return value.error();
  return take({.number = number,
               .name = trimmed(line.substr(0, equals)),
               .value = value.value(),
               .has_value = true});
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r";
  const std::size_t begin = text.find_first_not_of(blank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

Status for_each_line(std::string_view text, const std::string& file_name,
                     const std::function<Status(std::size_t, std::string_view)>& take) {
  std::size_t number = 0;
  while (!text.empty()) {
    number += 1;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const Status taken = take(number, line);
    if (taken.ok()) continue;
    return Error{taken.error().code,
                 file_name + ", line " + std::to_string(number) + ": " + taken.error().message};
  }
  return Ok{};
}

Status for_each_setting(std::string_view text, const std::string& file_name,
                        const std::function<Status(const SettingsLine&)>& take) {
  return for_each_line(text, file_name, [&](std::size_t number, std::string_view line) {
    return take_line(number, line, take);
  });
}

std::string quoted(std::string_view value) {
  FANMILL_ASSERT(value.find_first_of("\"\r\n") == std::string_view::npos, std::string(value));
  return '"' + std::string(value) + '"';
}

}  // namespace fanmill::net
