#include "codec/text.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace fanmill::codec {
namespace {

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (first < 0x20 || first == 0x7f) return true;
  // C1 controls are two bytes in UTF-8; terminals obey some of them.
  return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

bool is_clean(std::string_view text, std::string_view kept) {
  while (!text.empty()) {
    const std::size_t length = utf8_character(text);
    if (length == 0) return false;
    if (is_control(text.substr(0, length)) && kept.find(text[0]) == kept.npos) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

bool is_plain(std::string_view text) { return is_clean(text, keep_nothing); }

std::string_view clean(std::string_view text, std::size_t bytes_max, std::string& scratch,
                       std::string_view kept) {
  // Nothing made below is longer than what it replaces, so that what is cut first still fits.
  text = cut_utf8(text, bytes_max);
  if (is_clean(text, kept)) return text;
  scratch.clear();
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = utf8_character(rest);
    if (length == 0) {
      scratch += '?';
    } else if (is_control(rest.substr(0, length)) && kept.find(rest[0]) == kept.npos) {
      scratch += ' ';
    } else {
      scratch += rest.substr(0, length);
    }
    rest.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return scratch;
}

std::string shown(std::string_view text) {
  std::string scratch;
  std::string beginning(clean(text, shown_max, scratch, keep_nothing));
  return text.size() > shown_max ? beginning + "..." : beginning;
}

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1);
  for (;;) {
    const std::size_t end = text.find('\n');
    names.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return names;
    text.remove_prefix(end + 1);
  }
}

std::string join_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (&name != &names.front()) text += '\n';
    text += name;
  }
  return text;
}

std::string names_fault(const std::vector<std::string>& names, std::size_t names_max,
                        bool first_may_be_empty) {
  if (names.size() > names_max) {
    return std::to_string(names.size()) + " names, expected at most " + std::to_string(names_max);
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string place = "name " + std::to_string(i);
    if (names[i].empty() && !(first_may_be_empty && i == 0)) return place + " is empty";
    if (!is_plain(names[i])) return place + " is not UTF-8 without control characters";
  }
  std::vector<std::string_view> sorted(names.begin(), names.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  return twice == sorted.end() ? std::string()
                               : "\"" + std::string(*twice) + "\" stands there twice";
}

}  // namespace fanmill::codec
