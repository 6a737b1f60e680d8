#include "exec/link.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace fanmill::exec {
namespace {

// Before each message: its length, and whether a descriptor came with its first byte.
struct Head {
  std::uint32_t bytes = 0;
  std::uint32_t has_descriptor = 0;
};

constexpr std::size_t read_bytes_max = 1U << 16;
// Of small messages that leave together.
constexpr std::size_t write_bytes_max = 1U << 16;
// More is given back when it was read.
constexpr std::size_t capacity_kept_max = 4U << 20;

union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> space;
};

// errno's, or 0 with `written` set.
int send_some(int socket, std::string_view bytes, int descriptor, std::size_t& written) {
  iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  Control control{};
  if (descriptor >= 0) {
    message.msg_control = control.space.data();
    message.msg_controllen = control.space.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  ssize_t count = 0;
  while ((count = ::sendmsg(socket, &message, MSG_NOSIGNAL)) < 0) {
    if (errno != EINTR) return errno;
  }
  written = static_cast<std::size_t>(count);
  return 0;
}

}  // namespace

std::optional<std::pair<Link, Link>> Link::make_pair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return {};
  return std::pair{Link(Descriptor(ends[0])), Link(Descriptor(ends[1]))};
}

void Link::append(std::string_view message, std::string_view rest, Descriptor passed) {
  const std::size_t size = message.size() + rest.size();
  const Head head{.bytes = static_cast<std::uint32_t>(size),
                  .has_descriptor = passed.valid() ? 1U : 0U};
  // A descriptor goes with the first byte of a piece.
  if (out_.empty() || passed.valid() || out_.back().bytes.size() + size > write_bytes_max)
    out_.push_back({.bytes = {}, .passed = std::move(passed)});
  std::string& bytes = out_.back().bytes;
  bytes.append(reinterpret_cast<const char*>(&head), sizeof head);
  bytes += message;
  bytes += rest;
}

void Link::queue(std::string_view message, std::string_view rest) { append(message, rest, {}); }

void Link::send(std::string_view message, Descriptor passed) {
  append(message, {}, std::move(passed));
  flush();
}

void Link::flush() {
  while (!out_.empty()) {
    Outgoing& first = out_.front();
    const std::string_view rest = std::string_view(first.bytes).substr(first.sent);
    const int descriptor = first.sent == 0 ? first.passed.get() : -1;
    std::size_t written = 0;
    const int failure = send_some(socket_.get(), rest, descriptor, written);
    if (failure == EAGAIN || failure == EWOULDBLOCK) return;
    if (failure != 0) {
      out_.clear();  // nobody will read it
      return;
    }
    first.sent += written;
    if (first.sent == first.bytes.size()) out_.pop_front();
  }
}

// False if nothing was there.
bool Link::read_some() {
  if (ended_) return false;
  if (in_read_ > 0) {
    in_.erase(0, in_read_);
    in_read_ = 0;
  }
  std::array<char, read_bytes_max> buffer;  // not cleared: most messages are small
  iovec piece{buffer.data(), buffer.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.space.data();
  message.msg_controllen = control.space.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (count <= 0) {
    ended_ = true;
    return false;
  }
  in_.append(buffer.data(), static_cast<std::size_t>(count));
  // A read ends behind a piece with a descriptor, whatever follows.
  read_dry_ = static_cast<std::size_t>(count) < buffer.size() && message.msg_controllen == 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    passed_.emplace_back(descriptor);
  }
  return true;
}

std::optional<Link::Message> Link::receive() {
  while (!over_) {
    if (in_.size() - in_read_ >= sizeof(Head)) {
      Head head;
      std::memcpy(&head, in_.data() + in_read_, sizeof head);
      if (head.bytes > message_bytes_max) {
        over_ = ended_ = true;
        return {};
      }
      if (in_.size() - in_read_ >= sizeof head + head.bytes) {
        Message message{.bytes = in_.substr(in_read_ + sizeof head, head.bytes), .passed = {}};
        in_read_ += sizeof head + head.bytes;
        if (in_.capacity() > capacity_kept_max && in_read_ == in_.size()) {
          in_ = {};
          in_read_ = 0;
        }
        if (head.has_descriptor != 0 && !passed_.empty()) {
          message.passed = std::move(passed_.front());
          passed_.pop_front();
        }
        return message;
      }
    }
    // What may have come since, or waits behind a descriptor, the caller's poll will tell.
    if (std::exchange(read_dry_, false)) return {};
    if (!read_some()) {
      over_ = ended_;
      return {};
    }
  }
  return {};
}

void Link::shut() { ::shutdown(socket_.get(), SHUT_WR); }

}  // namespace fanmill::exec
