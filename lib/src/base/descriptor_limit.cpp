#include "base/descriptor_limit.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>

namespace fanmill {
namespace {

std::atomic<rlim_t> before{0};  // 0: never raised

}  // namespace

void raise_descriptor_limit() noexcept {
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= now.rlim_max) return;
  rlim_t never = 0;
  before.compare_exchange_strong(never, now.rlim_cur);
  now.rlim_cur = now.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &now);
}

void restore_descriptor_limit() noexcept {
  const rlim_t wanted = before.load();
  rlimit now{};
  if (wanted == 0 || ::getrlimit(RLIMIT_NOFILE, &now) != 0) return;
  now.rlim_cur = std::min(wanted, now.rlim_cur);
  ::setrlimit(RLIMIT_NOFILE, &now);
}

}  // namespace fanmill
