#include "interrupts.hpp"

#include <pthread.h>

namespace fanmill::broker {
namespace {

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGUSR2);  // from the destructor
  return set;
}

}  // namespace

Interrupts::Interrupts(std::function<void(int, bool)> on_signal)
    : on_signal_(std::move(on_signal)) {
  const sigset_t set = watched();
  pthread_sigmask(SIG_BLOCK, &set, &previous_);
  thread_ = std::thread([this, set] {
    for (int signal = 0; sigwait(&set, &signal) == 0;) {
      if (ending_) return;
      if (signal == SIGUSR2) continue;
      const bool hang_up = signal == SIGHUP;
      on_signal_(++count_, hang_up);
      if (hang_up) on_signal_(++count_, hang_up);
    }
  });
}

Interrupts::~Interrupts() {
  ending_ = true;
  pthread_kill(thread_.native_handle(), SIGUSR2);
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

}  // namespace fanmill::broker
