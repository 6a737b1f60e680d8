#include "command_template.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fanmill/error.hpp>
#include <functional>
#include <optional>

#include "json_text.hpp"

namespace fanmill::broker {
namespace {

// What make looks for, and a few more.
constexpr std::string_view shell_characters = "#;\"'\\*?[]&|<>(){}$`^~!\n";
// Built into the shell: there is no program of these names.
constexpr std::array<std::string_view, 38> shell_words = {
    ".",     ":",    "alias", "bg",    "break", "case",   "cd",   "command", "continue", "do",
    "done",  "elif", "else",  "esac",  "eval",  "exec",   "exit", "export",  "fg",       "fi",
    "for",   "hash", "if",    "jobs",  "read",  "return", "set",  "shift",   "source",   "then",
    "times", "trap", "type",  "umask", "unset", "until",  "wait", "while"};

/// A placeholder in a text: where, and what it takes of which part.
struct Placeholder {
  std::size_t size = 0;
  std::size_t part = 0;  // 0: the whole item
  std::string_view form;
};

/// The placeholder that begins at `at`, a '{'.
std::optional<Placeholder> placeholder_at(std::string_view text, std::size_t at) {
  const std::size_t end = text.find('}', at);
  // ${} and ${1} are the shell's.
  if (end == std::string_view::npos || (at > 0 && text[at - 1] == '$')) return std::nullopt;
  Placeholder found{.size = end + 1 - at, .part = 0, .form = text.substr(at + 1, end - at - 1)};
  const char* const begin = found.form.data();
  const auto [behind, error] = std::from_chars(begin, begin + found.form.size(), found.part);
  if (error == std::errc()) {
    if (found.part == 0) return std::nullopt;
    found.form.remove_prefix(static_cast<std::size_t>(behind - begin));
  } else if (found.form == "#") {
    return found;
  }
  constexpr std::array<std::string_view, 5> forms = {"", ".", "/", "//", "/."};
  if (std::find(forms.begin(), forms.end(), found.form) == forms.end()) return std::nullopt;
  return found;
}

std::string_view without_extension(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  const std::size_t dot = name.rfind('.');
  const std::size_t first = slash == std::string_view::npos ? 0 : slash + 1;
  // .profile has no extension.
  return dot == std::string_view::npos || dot <= first ? name : name.substr(0, dot);
}

std::string_view file_name(std::string_view name) { return name.substr(name.rfind('/') + 1); }

std::string_view folder(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return name.substr(0, std::max<std::size_t>(slash, 1));
}

std::string value_of(const Placeholder& place, const ItemWords& words) {
  if (place.form == "#") return std::to_string(words.seq);
  if (place.part > words.parts.size()) return {};
  const std::string_view text = place.part == 0 ? words.text : words.parts[place.part - 1];
  if (place.form == ".") return std::string(without_extension(text));
  if (place.form == "/") return std::string(file_name(text));
  if (place.form == "//") return std::string(folder(text));
  if (place.form == "/.") return std::string(without_extension(file_name(text)));
  return std::string(text);
}

using Replacement = std::function<std::string(const Placeholder&)>;

std::string replaced(std::string_view text, const Replacement& replacement) {
  std::string result;
  std::size_t done = 0;
  for (std::size_t at = 0; (at = text.find('{', at)) != std::string_view::npos;) {
    const std::optional<Placeholder> place = placeholder_at(text, at);
    if (!place) {
      ++at;
      continue;
    }
    result += text.substr(done, at - done);
    result += replacement(*place);
    done = at += place->size;
  }
  return result += text.substr(done);
}

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> words;
  for (std::size_t at = 0; (at = line.find_first_not_of(" \t", at)) != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

bool needs_shell(std::string_view line, const std::vector<std::string>& words) {
  const std::string fixed = replaced(line, [](const Placeholder&) { return std::string(); });
  if (words.empty() || fixed.find_first_of(shell_characters) != std::string::npos) return true;
  const std::string& first = words.front();
  return first.find('=') != std::string::npos ||
         std::find(shell_words.begin(), shell_words.end(), first) != shell_words.end();
}

/// A placeholder between quotes of the line's own: there the item's quotes would end them, and what
/// is in the item would be the shell's to read. Numbers need no quotes.
std::optional<std::string_view> placeholder_in_quotes(std::string_view line) {
  std::string open;  // quotes and the $( in them, innermost last
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    const char inner = open.empty() ? '(' : open.back();
    if (c == '\\' && inner != '\'') {
      ++at;
    } else if (((c == '\'' || c == '"') && c == inner) ||
               (c == ')' && !open.empty() && inner == '(')) {
      open.pop_back();
    } else if (inner == '(' && (c == '\'' || c == '"' || c == '(')) {
      open += c;
    } else if (inner == '"' && line.substr(at, 2) == "$(") {
      open += '(';
      ++at;
    } else if (c == '{' && inner != '(') {
      const std::optional<Placeholder> place = placeholder_at(line, at);
      if (place && place->form != "#") return line.substr(at, place->size);
    }
  }
  return std::nullopt;
}

}  // namespace

bool has_placeholder(std::string_view text) {
  for (std::size_t at = 0; (at = text.find('{', at)) != std::string_view::npos; ++at) {
    if (placeholder_at(text, at)) return true;
  }
  return false;
}

std::string quoted_for_shell(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-+=./,:@%").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += R"('\'')";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

CommandTemplate CommandTemplate::of_arguments(std::vector<std::string> arguments) {
  CommandTemplate made;
  made.arguments_ = std::move(arguments);
  return made;
}

CommandTemplate CommandTemplate::of_line(std::string line) {
  CommandTemplate made;
  std::vector<std::string> words = split(line);
  if (words.empty()) throw FarmError(ErrorCode::invalid_argument, "an empty command");
  if (needs_shell(line, words)) {
    if (const auto place = placeholder_in_quotes(line)) {
      throw FarmError(ErrorCode::invalid_argument,
                      std::string(*place) + " stands between quotes in " + json_of(line) +
                          ": leave them out, what stands for it is one word for the shell anyway");
    }
    made.line_ = std::move(line);
  } else {
    made.arguments_ = std::move(words);
  }
  return made;
}

CommandTemplate CommandTemplate::of_finished_line(std::string line) {
  CommandTemplate made;
  std::vector<std::string> words = split(line);
  // Braces are left to the shell here, so that what looks like a placeholder needs one.
  if (line.find('{') != std::string::npos || needs_shell(line, words)) {
    made.line_ = std::move(line);
  } else {
    made.arguments_ = std::move(words);
  }
  made.finished_ = true;
  return made;
}

bool CommandTemplate::has_placeholder() const {
  const auto has = [](const std::string& text) { return broker::has_placeholder(text); };
  return has(line_) || std::any_of(arguments_.begin(), arguments_.end(), has);
}

void CommandTemplate::append_item() {
  if (arguments_.empty()) {
    line_ += " {}";
  } else {
    arguments_.emplace_back("{}");
  }
}

std::string CommandTemplate::shell_line(const ItemWords& words) const {
  if (finished_) return line_;
  return replaced(
      line_, [&](const Placeholder& place) { return quoted_for_shell(value_of(place, words)); });
}

std::vector<std::string> CommandTemplate::arguments(const ItemWords& words) const {
  std::vector<std::string> list = arguments_;
  if (finished_) return list;
  for (std::string& argument : list) {
    argument = replaced(argument, [&](const Placeholder& place) { return value_of(place, words); });
  }
  return list;
}

std::string CommandTemplate::json(const ItemWords& words) const {
  if (arguments_.empty()) return json_of(shell_line(words));
  std::string list;
  for (const std::string& argument : arguments(words)) {
    list += (list.empty() ? "[" : ",") + json_of(argument);
  }
  return list + "]";
}

std::string CommandTemplate::shown(const ItemWords& words) const {
  if (arguments_.empty()) return shell_line(words);
  std::string shown;
  for (const std::string& argument : arguments(words)) {
    if (!shown.empty()) shown += ' ';
    shown += quoted_for_shell(argument);
  }
  return shown;
}

}  // namespace fanmill::broker
