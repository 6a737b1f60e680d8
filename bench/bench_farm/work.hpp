// What the tasks do, of fanmill's workers and of bare ones.
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>
#include <thread>

namespace bench {

inline void sleep_for_ns(std::int64_t ns) {
  std::this_thread::sleep_for(std::chrono::nanoseconds(ns));
}

/// By the thread's own clock: what others take of the processor meanwhile doesn't count as work done.
inline void spin_for_ns(std::int64_t ns) {
  const auto used = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
  };
  const std::int64_t end = used() + ns;
  while (used() < end) {
  }
}

}  // namespace bench
