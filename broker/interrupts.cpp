#include "interrupts.hpp"

#include <pthread.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>

namespace fanmill::broker {
namespace {

// A blocked signal is taken by sigwait also where it is to be ignored.
bool is_ignored(int signal) {
  struct sigaction now {};
  return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  if (!is_ignored(SIGHUP)) sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGUSR2);  // from the destructor
  return set;
}

// As the kernel has it: /dev/tty need not be there. The line is
//     4711 (name) S PARENT GROUP SESSION TERMINAL ...
// where a name may have blanks and brackets, and no terminal is 0.
bool has_controlling_terminal() {
  std::ifstream file("/proc/self/stat");
  const std::string line((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::istringstream words(line.substr(line.rfind(')') + 1));
  std::string skipped;
  int terminal = 0;
  // What can't be read is no reason to outlive a terminal.
  if (!(words >> skipped >> skipped >> skipped >> skipped >> terminal)) return true;
  return terminal != 0;
}

}  // namespace

Interrupts::Interrupts(Handlers handlers)
    : handlers_(std::move(handlers)), has_terminal_(has_controlling_terminal()) {
  const sigset_t set = watched();
  pthread_sigmask(SIG_BLOCK, &set, &previous_);
  thread_ = std::thread([this, set] {
    for (int signal = 0; sigwait(&set, &signal) == 0;) {
      if (ending_) return;
      take(signal);
    }
  });
}

void Interrupts::take(int signal) {
  if (signal == SIGUSR2) return;
  const bool hang_up = signal == SIGHUP;
  if (hang_up && !has_terminal_) return handlers_.on_reload();
  handlers_.on_end(++count_, hang_up);
  if (hang_up) handlers_.on_end(++count_, hang_up);
}

Interrupts::~Interrupts() {
  ending_ = true;
  pthread_kill(thread_.native_handle(), SIGUSR2);
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

}  // namespace fanmill::broker
