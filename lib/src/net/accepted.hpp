// Accepted: the connections that a manager's socket has taken in, by descriptor, and how to end one.
//
// libzmq has no call to close one peer of a ROUTER. But a descriptor that is shut down reads as
// ended, and then libzmq closes it as if its peer had. The descriptors are libzmq's: one may be
// closed, and used again, at any moment. So each connection is known by its cookie, a number that
// the kernel gives to one socket only, and what is shut down is a duplicate whose cookie was
// compared: that can't become another's meanwhile.
//
// Fed by the socket's monitor, which tells of each connection's begin and end in their order. What
// is here is right when the monitor has just been read empty. Lives on the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/descriptor.hpp"

namespace fanmill::net {

class Accepted {
 public:
  /// Throws FarmError (io_error) when descriptors run out: it keeps two.
  Accepted();

  void opened(int fd);
  /// False if it was not known.
  bool closed(int fd);

  /// What tells the connection from others that had, or will have, its descriptor; 0 if there is
  /// none, or the kernel has no such thing: then it can't be ended.
  [[nodiscard]] std::uint64_t cookie(int fd) const {
    return is_open(fd) ? sockets_[static_cast<std::size_t>(fd)].cookie : 0;
  }
  /// True for the first call of each connection.
  bool begin_closing(int fd);
  /// Makes libzmq close it. False if this connection isn't there any more.
  bool shut(int fd, std::uint64_t cookie);

  /// Of those that are not closing and are `wanted`, the one with the highest descriptor: the last
  /// that came, more or less. -1 if there is none. O(connections).
  template <typename Wanted>
  [[nodiscard]] int newest(const Wanted& wanted) const {
    for (auto fd = static_cast<int>(sockets_.size()); fd-- > 0;) {
      const Socket& socket = sockets_[static_cast<std::size_t>(fd)];
      if (socket.is_open && !socket.is_closing && wanted(fd)) return fd;
    }
    return -1;
  }

  /// A complete message came by it.
  void delivered(int fd) {
    if (is_open(fd)) sockets_[static_cast<std::size_t>(fd)].has_delivered = true;
  }
  /// So many bytes of welcomes more went out by it. Returns how many they are by now.
  std::uint64_t welcomed(int fd, std::size_t bytes) {
    if (!is_open(fd)) return 0;
    return sockets_[static_cast<std::size_t>(fd)].welcome_bytes += bytes;
  }
  [[nodiscard]] std::size_t tcp_count() const { return tcp_count_; }
  /// Those of tcp that have received more than `bytes_max` since they last delivered a message, as
  /// this function saw it, at this call and the one before. O(connections), a system call each.
  [[nodiscard]] std::vector<int> endless(std::uint64_t bytes_max);
  /// Whether the last call of `endless` saw some for the first time.
  [[nodiscard]] bool has_suspects() const { return has_suspects_; }

 private:
  struct Socket {
    std::uint64_t cookie = 0;
    std::uint64_t bytes = 0;  // received when it had last delivered something
    std::uint64_t welcome_bytes = 0;
    bool is_open = false;
    bool is_tcp = false;
    bool is_closing = false;
    bool has_delivered = false;  // since the last call of `endless`
    bool is_suspect = false;
  };

  [[nodiscard]] bool is_open(int fd) const {
    return fd >= 0 && static_cast<std::size_t>(fd) < sockets_.size() &&
           sockets_[static_cast<std::size_t>(fd)].is_open;
  }

  std::vector<Socket> sockets_;  // by descriptor: the kernel gives the lowest that is free
  std::size_t tcp_count_ = 0;
  bool has_suspects_ = false;
  Descriptor nothing_;    // what `duplicate_` is while it is of no use
  Descriptor duplicate_;  // kept: at the limit of descriptors there is no other to be had
};

}  // namespace fanmill::net
