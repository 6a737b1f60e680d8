// Errors of the operating system in words.
#pragma once

#include <cstring>
#include <string>

#include "base/result.hpp"

namespace fanmill::net {

/// "PATH: can't make the folder: Permission denied; choose another with XDG_STATE_HOME".
inline Error system_error(const std::string& what, int number, const std::string& cure) {
  return {ErrorCode::io_error, what + ": " + std::strerror(number) + "; " + cure};
}

}  // namespace fanmill::net
