// What a user's function threw, as type and text: for a failed result.
#pragma once

#include <string>

namespace fanmill::exec {

struct ExceptionText {
  std::string type;  // the class, as the program's source names it
  std::string text;  // what() of a std::exception, else what is known
};

/// Only inside a catch block.
[[nodiscard]] ExceptionText describe_current_exception();

}  // namespace fanmill::exec
