#include "standard_output.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <fanmill/error.hpp>

namespace fanmill::broker {
namespace {

bool is_regular(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

StandardOutput::StandardOutput()
    : given_up_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), is_file_(is_regular(STDOUT_FILENO)) {
  if (given_up_ < 0) throw FarmError(ErrorCode::io_error, "no more files can be opened");
}

StandardOutput::~StandardOutput() { ::close(given_up_); }

void StandardOutput::give_up() const {
  const std::uint64_t one = 1;
  (void)!::write(given_up_, &one, sizeof one);  // full only if it says so already
}

void StandardOutput::wait_for_room() const {
  std::array<pollfd, 2> items = {{{STDOUT_FILENO, POLLOUT, 0}, {given_up_, POLLIN, 0}}};
  while (::poll(items.data(), items.size(), -1) < 0 && errno == EINTR) {
  }
  if (items[0].revents == 0 && items[1].revents != 0)
    throw FarmError(ErrorCode::stopped, "stopped, though not all output was read");
}

void StandardOutput::write(std::string_view text) const {
  while (!text.empty()) {
    // A pipe that is ready takes so much at once.
    if (!is_file_) wait_for_room();
    const std::string_view piece = is_file_ ? text : text.substr(0, PIPE_BUF);
    const ssize_t count = ::write(STDOUT_FILENO, piece.data(), piece.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) throw FarmError(ErrorCode::io_error, "standard output can't be written");
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace fanmill::broker
