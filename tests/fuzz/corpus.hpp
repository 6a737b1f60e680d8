// A corpus as one text file: an input for each line, printable as it is, `\0` for a zero, `\n`, `\\`,
// and `\xNN` for any other byte. Lines that begin with '#' are comments (an input's '#' is `\x23`
// there); an input of no bytes is `\e`.
//
// One file, because a thousand small binary ones are nothing that can be reviewed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fanmill::fuzz {

std::string escaped(std::string_view input);
/// Throws std::runtime_error for what `escaped` does not write.
std::string unescaped(std::string_view line);

/// Throws std::runtime_error, with the line.
std::vector<std::string> inputs_in(const std::string& text);
/// In an order of their own: shortest first, each once.
std::string text_of_inputs(std::vector<std::string> inputs);

/// The whole file. Throws std::runtime_error if it can't be read.
std::string bytes_of_file(const std::string& path);

}  // namespace fanmill::fuzz
