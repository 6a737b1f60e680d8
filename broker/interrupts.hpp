// Interrupts: Ctrl-C, SIGTERM and SIGHUP as calls on a thread of their own, where anything may be
// done.
//
// SIGHUP means two things. To a process with a controlling terminal it says that the terminal has
// gone: nobody is there any more. A process without one (a service, what setsid started) is told by
// it to read its files again. And whoever started this process with SIGHUP ignored (nohup) wants it
// to be neither.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

namespace fanmill::broker {

class Interrupts {
 public:
  struct Handlers {
    /// The n-th signal to end, from 1. A closed terminal (`hang_up`) counts twice: nobody is there to
    /// ask again.
    std::function<void(int count, bool hang_up)> on_end;
    /// SIGHUP without a controlling terminal.
    std::function<void()> on_reload;
  };
  /// Must be made before any other thread is: the signals are blocked here, and threads inherit
  /// that. Whether there is a controlling terminal is looked at here, once.
  explicit Interrupts(Handlers handlers);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// Signals to end.
  [[nodiscard]] int count() const { return count_; }

 private:
  void take(int signal);

  const Handlers handlers_;
  const bool has_terminal_;
  std::atomic<int> count_ = 0;
  std::atomic<bool> ending_ = false;
  sigset_t previous_{};
  std::thread thread_;
};

}  // namespace fanmill::broker
