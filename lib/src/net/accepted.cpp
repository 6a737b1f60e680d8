#include "net/accepted.hpp"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fanmill/error.hpp>
#include <string>
#include <utility>

namespace fanmill::net {
namespace {

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

bool is_tcp_socket(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return false;
  return domain == AF_INET || domain == AF_INET6;
}

// 0 if that can't be known.
std::uint64_t bytes_received(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_received : 0;
}

}  // namespace

Accepted::Accepted()
    : nothing_(::open("/dev/null", O_RDONLY | O_CLOEXEC)),
      duplicate_(::fcntl(nothing_.get(), F_DUPFD_CLOEXEC, 0)) {
  if (duplicate_.valid()) return;
  throw FarmError(ErrorCode::io_error, std::string("can't open /dev/null: ") +
                                           std::strerror(errno) +
                                           "; raise the limit of open files (ulimit -n)");
}

void Accepted::opened(int fd) {
  if (fd < 0) return;
  (void)closed(fd);  // if libzmq did not tell
  const auto place = static_cast<std::size_t>(fd);
  if (place >= sockets_.size()) sockets_.resize(place + 1);
  sockets_[place] = {.cookie = cookie_of(fd), .is_open = true, .is_tcp = is_tcp_socket(fd)};
  tcp_count_ += sockets_[place].is_tcp ? 1 : 0;
}

bool Accepted::closed(int fd) {
  if (!is_open(fd)) return false;
  Socket& socket = sockets_[static_cast<std::size_t>(fd)];
  tcp_count_ -= socket.is_tcp ? 1 : 0;
  socket = {};
  return true;
}

bool Accepted::begin_closing(int fd) {
  if (!is_open(fd)) return false;
  Socket& socket = sockets_[static_cast<std::size_t>(fd)];
  return !std::exchange(socket.is_closing, true);
}

bool Accepted::shut(int fd, std::uint64_t cookie) {
  if (cookie == 0 || this->cookie(fd) != cookie) return false;
  if (::dup3(fd, duplicate_.get(), O_CLOEXEC) < 0) return false;
  const bool is_it = cookie_of(duplicate_.get()) == cookie;
  if (is_it) ::shutdown(duplicate_.get(), SHUT_RDWR);
  // Or the connection would stay open as long as we hold on to it.
  ::dup3(nothing_.get(), duplicate_.get(), O_CLOEXEC);
  return is_it;
}

std::vector<int> Accepted::endless(std::uint64_t bytes_max) {
  std::vector<int> found;
  has_suspects_ = false;
  for (std::size_t place = 0; place < sockets_.size(); ++place) {
    Socket& socket = sockets_[place];
    if (!socket.is_open || !socket.is_tcp || socket.is_closing) continue;
    const int fd = static_cast<int>(place);
    const std::uint64_t bytes = bytes_received(fd);
    if (std::exchange(socket.has_delivered, false) || bytes < socket.bytes) {
      socket.bytes = bytes;
      socket.is_suspect = false;
    } else if (bytes - socket.bytes > bytes_max) {
      // Twice, as much may have come at once, of which libzmq has not read anything yet.
      if (socket.is_suspect) found.push_back(fd);
      has_suspects_ = has_suspects_ || !socket.is_suspect;
      socket.is_suspect = true;
    }
  }
  return found;
}

}  // namespace fanmill::net
