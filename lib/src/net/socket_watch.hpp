// SocketWatch: whether a socket has something to receive, for a loop that waits for descriptors.
//
// zmq_poll asks each of its sockets two or three times for one wait, with a system call each. A
// socket's descriptor (ZMQ_FD) can be polled itself, but it tells only of what changed, and
// whatever is done with the socket may take the change in. So: wait for the descriptor only after
// the socket was found empty and not used since.
//
// Belongs to one socket, on its thread.
#pragma once

#include <cerrno>
#include <cstddef>
#include <zmq.hpp>

namespace fanmill::net {

class SocketWatch {
 public:
  explicit SocketWatch(zmq::socket_t& socket)
      : socket_(&socket), fd_(socket.get(zmq::sockopt::fd)) {}

  /// Readable when something may have come; not only then.
  [[nodiscard]] int fd() const { return fd_; }
  /// After each attempt to receive.
  void received(bool something) { is_quiet_ = !something; }
  /// After anything else that was done with the socket.
  void used() { is_quiet_ = false; }
  /// Found empty, and not used since.
  [[nodiscard]] bool is_quiet() const { return is_quiet_; }
  /// Whether there is something. If not, `fd` tells when there may be. A system call, if the socket
  /// was used since it was last found empty.
  [[nodiscard]] bool has_input() {
    if (!is_quiet_) is_quiet_ = (events() & ZMQ_POLLIN) == 0;
    return !is_quiet_;
  }

 private:
  // libzmq gives up where a signal's handler interrupts it.
  [[nodiscard]] int events() const {
    int events = 0;
    std::size_t size = sizeof events;
    while (::zmq_getsockopt(socket_->handle(), ZMQ_EVENTS, &events, &size) != 0) {
      if (::zmq_errno() != EINTR) throw zmq::error_t();
    }
    return events;
  }

  zmq::socket_t* socket_;
  int fd_;
  bool is_quiet_ = false;
};

}  // namespace fanmill::net
