// Interrupts: Ctrl-C, SIGTERM and SIGHUP as calls on a thread of their own, where anything may be
// done.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

namespace fanmill::broker {

class Interrupts {
 public:
  /// Must be made before any other thread is: the signals are blocked here, and threads inherit
  /// that. `on_signal(n, hang_up)` is called for the n-th signal, from 1. A
  /// closed terminal (SIGHUP, `hang_up`) counts twice: nobody is there to ask again.
  explicit Interrupts(std::function<void(int, bool)> on_signal);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  [[nodiscard]] int count() const { return count_; }

 private:
  std::function<void(int, bool)> on_signal_;
  std::atomic<int> count_ = 0;
  std::atomic<bool> ending_ = false;
  sigset_t previous_{};
  std::thread thread_;
};

}  // namespace fanmill::broker
