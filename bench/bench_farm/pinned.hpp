// Where threads may run.
#pragma once

#include <sched.h>

#include <vector>

namespace bench {

/// The cores that this thread may use.
inline std::vector<int> cores() {
  cpu_set_t set;
  ::sched_getaffinity(0, sizeof set, &set);
  std::vector<int> list;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) list.push_back(core);
  }
  return list;
}

/// This thread, and all threads and processes that it starts from now on.
class Pinned {
 public:
  /// A negative core: as before.
  explicit Pinned(int core) {
    ::sched_getaffinity(0, sizeof before_, &before_);
    if (core < 0) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    ::sched_setaffinity(0, sizeof one, &one);
  }
  ~Pinned() { ::sched_setaffinity(0, sizeof before_, &before_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  cpu_set_t before_{};
};

}  // namespace bench
