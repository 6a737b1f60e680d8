#include "supervise_command.hpp"

#include <pthread.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include "base/plain_arguments.hpp"
#include "launch/supervisor.hpp"

namespace fanmill::worker {
namespace {

using launch::Notice;
using launch::Supervisor;

// Enough for any host, and too few to bring one down by a slip.
constexpr std::size_t copies_max = 10000;

/// One line on standard error for what a person wants to know; all of it if `verbose`.
class Teller {
 public:
  explicit Teller(bool verbose) : verbose_(verbose) {}

  void operator()(const Notice& notice) {
    if (!verbose_ && !is_worth_telling(notice)) return;
    std::fprintf(stderr, "fanmill-worker: %s\n", notice.text.c_str());
  }

 private:
  bool is_worth_telling(const Notice& notice) {
    switch (notice.kind) {
      case Notice::Kind::ended:
        // A killed task is what races end with, many times a second.
        last_was_kill_ = notice.end.exited_with(launch::exit_killed);
        return false;
      case Notice::Kind::could_not_start:
        last_was_kill_ = false;
        return false;
      case Notice::Kind::will_restart_after:
        return !last_was_kill_;
      case Notice::Kind::gave_up:
        return true;
      case Notice::Kind::started:
      case Notice::Kind::finished:
        return false;
    }
    return true;
  }

  const bool verbose_;
  // Of the notice before: what happens next to the copy follows its end directly.
  bool last_was_kill_ = false;
};

/// Turns the signals that ask this program to end into the ends of its copies.
class EndSignals {
 public:
  /// Blocks them for this thread and those it starts; call it before there are any.
  EndSignals() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGTERM);
    ::sigaddset(&signals_, done_signal);
    for (const int number : {SIGINT, SIGHUP}) {
      // nohup, or a script's background job: whoever started us does not want these to end us. A
      // blocked signal would come through all the same.
      struct sigaction action {};
      ::sigaction(number, nullptr, &action);
      if (action.sa_handler != SIG_IGN) ::sigaddset(&signals_, number);
    }
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  ~EndSignals() {
    if (!thread_.joinable()) return;
    ::pthread_kill(thread_.native_handle(), done_signal);
    thread_.join();
  }

  void watch(Supervisor& supervisor) {
    thread_ = std::thread([this, &supervisor] {
      for (int count = 1;; ++count) {
        int number = 0;
        if (::sigwait(&signals_, &number) != 0 || number == done_signal) return;
        // Asked twice: whoever it is does not want to wait.
        if (count == 1) {
          supervisor.end_all();
        } else {
          supervisor.end_all(Duration{});
        }
      }
    });
  }

 private:
  static constexpr int done_signal = SIGUSR2;  // to the thread above, from the destructor

  sigset_t signals_{};
  std::thread thread_;
};

}  // namespace

SuperviseCommand::SuperviseCommand(CLI::App& program)
    : app_(program.add_subcommand("supervise", "Keep copies of a worker program running")) {
  app_->add_option("-n,--copies", copies_, "How many at the same time: 1 to 10000")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, copies_max).description(""))
      ->capture_default_str();
  app_->add_option("--term-grace", grace_, "From SIGTERM to SIGKILL, when a copy is to end")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 3600.0).description(""))
      ->capture_default_str();
  app_->add_flag("-v,--verbose", verbose_, "Tell every start and every end on standard error");
  app_->add_option("COMMAND", command_, "The program and its arguments, behind `--`")
      ->type_name("")
      ->required();
  app_->footer(
      R"(It obeys the exit status: 5 is the end; 6 (task killed) starts it again at
once, 7 (manager lost) and every crash after 100 ms, doubled up to 10 s. Five
ends at once in a row and the copy is given up. SIGTERM, SIGINT and SIGHUP end
all copies in order, a second one at once.

Exit status: 0 if all copies are done or were ended, 5 if one was given up.

Example:
  fanmill-worker supervise --copies 4 -- ./my_worker --threads 2)");
}

int SuperviseCommand::run() const {
  EndSignals signals;
  launch::SupervisorOptions options;
  options.term_grace = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(grace_));
  options.on_notice = Teller(verbose_);
  Supervisor supervisor = Supervisor::open(std::move(options)).value_or_raise();
  supervisor.start({.arguments = plain(command_)}, copies_);
  signals.watch(supervisor);
  supervisor.wait();
  return supervisor.failures().empty() ? 0 : launch::exit_do_not_restart;
}

}  // namespace fanmill::worker
