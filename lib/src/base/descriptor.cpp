#include "base/descriptor.hpp"

#include <cerrno>

namespace fanmill {

int write_all(int number, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t size = ::write(number, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return 0;
}

}  // namespace fanmill
