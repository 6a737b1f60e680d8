#include "base/wakeup.hpp"

#include <sys/eventfd.h>
#include <unistd.h>
#include <fanmill/error.hpp>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

namespace fanmill {

Wakeup::Wakeup() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!fd_.valid()) {
    throw FarmError(ErrorCode::io_error, std::string("no eventfd to wake a loop with: ") +
                                             std::strerror(errno) +
                                             "; raise the limit of open files (ulimit -n)");
  }
}

void Wakeup::signal() const noexcept {
  // Called from signal handlers, which must leave errno as they found it. A full counter (EAGAIN)
  // is readable already.
  const int before = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
  errno = before;
}

void Wakeup::clear() const noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read_bytes = ::read(fd_.get(), &count, sizeof count);
}

}  // namespace fanmill
