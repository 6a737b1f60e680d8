// What a user's function threw, as type and text: for a failed result.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fanmill::exec {

struct ExceptionText {
  std::string type;  // the class, as the program's source names it
  std::string text;  // what() of a std::exception, else what is known
};

/// Only inside a catch block.
[[nodiscard]] ExceptionText describe_current_exception();

/// The longest prefix of at most `bytes_max` bytes that does not split a UTF-8 character.
[[nodiscard]] std::string_view cut_text(std::string_view text, std::size_t bytes_max);

}  // namespace fanmill::exec
