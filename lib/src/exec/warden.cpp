#include "exec/warden.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/program.hpp"

namespace fanmill::exec {
namespace {

/// For keepers to end what they keep, after the end of their links.
constexpr timespec sweep_interval{.tv_sec = 0, .tv_nsec = 5'000'000};
constexpr int sweeps_max = 2400;  // 12 s: longer than a keeper's own patience

class Warden {
 public:
  Warden(Link link, const KeeperOptions& options)
      : link_(std::move(link)),
        options_(options),
        tree_(Grade::subreaper, {}) {}  // adopts what a keeper that was killed has left

  void run();

 private:
  void make_keeper();
  void reap();
  void sweep();

  Link link_;
  const KeeperOptions& options_;
  ProcessTree tree_;
  std::vector<pid_t> keepers_;
};

void Warden::run() {
  while (!link_.is_over()) {
    pollfd item{link_.fd(), static_cast<short>(POLLIN | (link_.has_unsent() ? POLLOUT : 0)), 0};
    // Keepers end on request or by an accident; neither needs us at once.
    constexpr int reap_interval_ms = 1000;
    if (::poll(&item, 1, reap_interval_ms) > 0) link_.flush();
    while (auto message = link_.receive()) {
      const auto order = unpack_order(message->bytes);
      FANMILL_ASSERT(order && order->kind == Order::Kind::make_keeper, message->bytes.size());
      reap();
      make_keeper();
    }
    reap();
  }
  sweep();
}

void Warden::make_keeper() {
  Report made{.kind = Report::Kind::made};
  auto ends = Link::make_pair();
  const pid_t pid = ends ? ::fork() : -1;
  if (pid == 0) {
    (void)link_.release();
    ends->first.release().reset();
    const KeeperOptions& options = options_;
    run_keeper(std::move(ends->second), options, [&options](const std::function<void()>& in_child) {
      return fork_warden(options, in_child);
    });
  }
  if (pid < 0) {
    made.error_text = std::string("can't fork a process: ") + std::strerror(errno);
    link_.send(pack(made));
    return;
  }
  keepers_.push_back(pid);
  link_.send(pack(made), ends->first.release());
}

/// A keeper that was killed has left its task's processes to us.
void Warden::reap() {
  std::vector<pid_t> gone;
  std::erase_if(keepers_, [&](pid_t pid) {
    if (::waitpid(pid, nullptr, WNOHANG) != pid) return false;
    gone.push_back(pid);
    return true;
  });
  if (!gone.empty()) (void)tree_.kill(-1, keepers_);
  for (const pid_t pid : gone) Cgroup::remove_left(cgroup_name(options_, pid));
}

void Warden::sweep() {
  for (int i = 0; i < sweeps_max && !keepers_.empty(); ++i) {
    reap();
    if (!keepers_.empty()) ::nanosleep(&sweep_interval, nullptr);
  }
  (void)tree_.kill(-1, {});
}

}  // namespace

std::optional<NewWarden> fork_warden(const KeeperOptions& options,
                                     const std::function<void()>& in_child) {
  auto ends = Link::make_pair();
  if (!ends) return {};
  const pid_t pid = ::fork();
  if (pid < 0) return {};
  if (pid > 0) return NewWarden{.link = std::move(ends->first), .pid = pid};
  ends->first.release().reset();
  if (in_child) in_child();
  ::setpgid(0, 0);  // a Ctrl-C in the terminal is for the worker, which then ends in order
  ::prctl(PR_SET_NAME, "fanmill-warden");
  drop_signal_handlers();
  // Meant for the worker, which then ends us: it leaves in order, its tasks are given back.
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) std::signal(number, SIG_IGN);
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_SETMASK, &child, nullptr);
  {
    Warden warden(std::move(ends->second), options);
    warden.run();
  }
  ::_exit(0);
}

}  // namespace fanmill::exec
