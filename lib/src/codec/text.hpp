// Texts of the wire: UTF-8 without control characters. Two sorts are kept apart. Texts that decide
// something (names, cookie) are checked: a wrong one is an error. Texts for people (words, errors)
// are cleaned: a stray byte in a stack trace must not cost a session.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fanmill::codec {

/// Valid UTF-8 without control characters (C0, DEL and C1).
[[nodiscard]] bool is_plain(std::string_view text);

/// `text` for people: invalid bytes become '?', control characters but those in `kept` become
/// spaces, and what is over `bytes_max` is cut off. Returns part of `text`, or `scratch`; no
/// allocation if it was clean. `kept` is one of the two below.
inline constexpr std::string_view keep_lines = "\n\t";
inline constexpr std::string_view keep_nothing = "";
[[nodiscard]] std::string_view clean(std::string_view text, std::size_t bytes_max,
                                     std::string& scratch, std::string_view kept = keep_lines);

/// The beginning of `text`, cleaned, with "..." where it goes on: what an error text says of what a
/// peer sent, which may be of any length and hold anything.
inline constexpr std::size_t shown_max = 32;
[[nodiscard]] std::string shown(std::string_view text);

/// The names of a newline-separated text. "" is one empty name, "a\n" is "a" and an empty one.
[[nodiscard]] std::vector<std::string> split_names(std::string_view text);
[[nodiscard]] std::string join_names(const std::vector<std::string>& names);

/// What is wrong with a list of names, or an empty text: too many, one empty, not plain, or twice.
/// Functions may begin with the one that has no name; labels may not.
[[nodiscard]] std::string names_fault(const std::vector<std::string>& names, std::size_t names_max,
                                      bool first_may_be_empty);

}  // namespace fanmill::codec
