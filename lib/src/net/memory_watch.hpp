// MemoryWatch: whether this process has grown. One system call a look.
#pragma once

#include <cstddef>

#include "base/descriptor.hpp"

namespace fanmill::net {

class MemoryWatch {
 public:
  MemoryWatch();

  /// Whether this process has more memory, by `step` bytes at least, than when this was last true,
  /// or than it had at its least since. True if that can't be known.
  [[nodiscard]] bool has_grown(std::size_t step);

 private:
  Descriptor statm_;
  std::size_t least_ = 0;
};

}  // namespace fanmill::net
