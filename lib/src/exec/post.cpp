#include "exec/post.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <utility>

namespace fanmill::exec {

bool Post::is_read() const {
  int unread = 0;
  return ::ioctl(link_.fd(), SIOCOUTQ, &unread) == 0 && unread == 0;
}

void Post::tell(const Report& report, Descriptor passed) {
  link_.send(pack(report), std::move(passed));
  ring();
}

void Post::tell_in_time(const Report& report) {
  const auto now = Clock::now();
  if (is_read()) unread_since_.reset();
  link_.send(pack(report));
  if (!unread_since_) unread_since_ = now;
  if (link_.has_unsent()) ring();
}

void Post::ring() {
  link_.flush();
  unread_since_.reset();
  bell_.signal();
}

std::optional<Post::Clock::time_point> Post::due() const {
  if (!unread_since_) return {};
  return *unread_since_ + gather_time;
}

void Post::ring_if_due() {
  if (!unread_since_ || Clock::now() < *unread_since_ + gather_time) return;
  if (is_read()) {
    unread_since_.reset();  // it was woken by another
  } else {
    ring();
  }
}

}  // namespace fanmill::exec
