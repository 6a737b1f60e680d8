#include "net/descriptor_reserve.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>

#include "core/limits.hpp"

namespace fanmill::net {

DescriptorReserve::DescriptorReserve() { regain(); }

int DescriptorReserve::limit() {
  rlimit now{};
  ::getrlimit(RLIMIT_NOFILE, &now);
  return static_cast<int>(std::min<rlim_t>(now.rlim_cur, std::numeric_limits<int>::max()));
}

bool DescriptorReserve::is_scarce(int fd) {
  const int most = limit();
  return fd >= most - limits::descriptors_kept(most);
}

bool DescriptorReserve::is_last(int fd) {
  const int most = limit();
  return fd >= most - limits::descriptors_last(most);
}

bool DescriptorReserve::lend() {
  if (spares_.empty()) return false;
  spares_.pop_back();
  return true;
}

bool DescriptorReserve::is_lent() const {
  return spares_.size() < static_cast<std::size_t>(limits::descriptors_spare);
}

void DescriptorReserve::regain() {
  while (is_lent()) {
    Descriptor spare(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!spare.valid()) return;
    spares_.push_back(std::move(spare));
  }
}

}  // namespace fanmill::net
