// Seeking a pattern that somebody has sent.
#pragma once

#include <string>

#include "exec/orders.hpp"

namespace fanmill::exec {

/// Whether an extended regular expression (POSIX, "^" and "$" of each line) is found in `text`.
/// Patterns can take the C library's matcher any time and memory, so a child process does it, for a
/// second of processor time at most: `failed` if that is not enough, or if the pattern is none. This
/// process must have one thread.
Match seek(const std::string& pattern, const std::string& text);

}  // namespace fanmill::exec
