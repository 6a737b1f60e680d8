// Files that hold secrets: readable by their owner only, and refused if they are not.
#pragma once

#include <string>

#include "base/descriptor.hpp"
#include "base/result.hpp"

namespace fanmill::net {

/// The whole text of a file of at most `bytes_max` bytes, that nobody but its owner can read or
/// write. The caller wipes it if there is a secret in it. Error: join_not_found if it can't be
/// opened or is no file, io_error if it belongs to somebody else or others may use it (with the
/// chmod to type), invalid_argument if it is longer.
[[nodiscard]] Result<std::string> read_private_file(const std::string& path, std::size_t bytes_max);

/// What is still to be read from a descriptor, at most `bytes_max` bytes. The caller wipes it if there
/// is a secret in it. Error, without a name of what it is: join_not_found if it is not open for
/// reading, io_error, invalid_argument if it is longer.
[[nodiscard]] Result<std::string> read_descriptor(const Descriptor& descriptor,
                                                  std::size_t bytes_max);

/// Puts the text in place of what is there in one step (others see the old or the new), mode 0600.
/// A folder that is not there is made with mode 0700. Error: io_error.
[[nodiscard]] Status write_private_file(const std::string& path, std::string_view text);

}  // namespace fanmill::net
