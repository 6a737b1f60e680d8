// SettingsText: the lines of a small text file: `name = value`, in the subset of ZPL
// (rfc.zeromq.org/spec/4) that CZMQ, pyzmq and fanmill all read.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace fanmill::net {

/// Calls `take` for each line but empty ones and comments ('#' first), without blanks at its ends; with
/// its number, from 1. Stops at the first Error of `take`, which comes back with "NAME, line N: " before
/// its words.
[[nodiscard]] Status for_each_line(
    std::string_view text, const std::string& file_name,
    const std::function<Status(std::size_t, std::string_view)>& take);

struct SettingsLine {
  std::size_t number = 0;  // from 1
  std::string_view name;   // without blanks
  std::string_view value;  // without blanks at its ends, and without the quotes around it
  bool has_value = false;  // else the name of a section: what is indented below belongs to it
};

/// As `for_each_line`, for lines of settings. A value that begins with a quote ends with the next such.
/// Error: invalid_argument.
[[nodiscard]] Status for_each_setting(std::string_view text, const std::string& file_name,
                                      const std::function<Status(const SettingsLine&)>& take);

/// `value` between quotes, as a line has it. It must not have quotes or line breaks.
[[nodiscard]] std::string quoted(std::string_view value);

/// Without blanks at its ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

}  // namespace fanmill::net
