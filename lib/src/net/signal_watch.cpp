#include "net/signal_watch.hpp"

#include <atomic>

#include "base/assert.hpp"

namespace fanmill::net {
namespace {

std::atomic<const Wakeup*> watched{nullptr};
static_assert(std::atomic<const Wakeup*>::is_always_lock_free, "used in a signal handler");

void on_signal(int) {
  if (const Wakeup* wakeup = watched.load()) wakeup->signal();
}

}  // namespace

SignalWatch::SignalWatch() {
  const Wakeup* nobody = nullptr;
  const bool is_only = watched.compare_exchange_strong(nobody, &wakeup_);
  FANMILL_ASSERT(is_only,
                 "two workers of one process want its signals: set handle_signals = false");
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGTERM, &action, &terminate_before_);
  ::sigaction(SIGINT, &action, &interrupt_before_);
  // A worker that forks keeps them off until it can leave in order.
  sigset_t both;
  ::sigemptyset(&both);
  ::sigaddset(&both, SIGTERM);
  ::sigaddset(&both, SIGINT);
  ::pthread_sigmask(SIG_UNBLOCK, &both, &mask_before_);
}

SignalWatch::~SignalWatch() {
  ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  ::sigaction(SIGTERM, &terminate_before_, nullptr);
  ::sigaction(SIGINT, &interrupt_before_, nullptr);
  watched = nullptr;
}

}  // namespace fanmill::net
