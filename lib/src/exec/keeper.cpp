#include "exec/keeper.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include "base/assert.hpp"
#include "exec/runner.hpp"

namespace fanmill::exec {
namespace {

constexpr std::chrono::milliseconds reap_interval{1000};

class Keeper {
 public:
  Keeper(Link link, const KeeperOptions& options, const ForkWarden& fork_warden)
      : post_(std::move(link), *options.bell),
        options_(options),
        fork_warden_(fork_warden),
        tree_(options.best, cgroup_name(options, ::getpid())) {}

  void run();

 private:
  void turn();
  void reap_orphans();
  void take_orders();
  void perform(Order&& order, std::string&& packed);
  void make_warden();
  [[nodiscard]] int poll_timeout() const;

  Post post_;
  const KeeperOptions& options_;
  const ForkWarden& fork_warden_;
  ProcessTree tree_;
  std::optional<Ledger> ledger_;
  std::optional<Household> household_;
  std::unique_ptr<Runner> runner_;
  std::vector<pollfd> items_;
  SteadyClock::time_point reap_due_;
};

void Keeper::run() {
  auto made = Ledger::make();
  if (!made) return;  // as if it had been killed: another is made
  ledger_ = std::move(made->first);
  post_.tell(
      {.kind = Report::Kind::ready, .containment = static_cast<std::uint16_t>(tree_.grade())},
      std::move(made->second));
  household_.emplace(Household{.options = options_,
                               .post = post_,
                               .ledger = *ledger_,
                               .tree = tree_,
                               .rlimits = {},
                               .spared = {}});
  runner_ = options_.functions->empty() ? make_program_runner(*household_)
                                        : make_function_runner(*household_);
  while (!post_.link().is_over()) turn();
  // The worker is gone, or wants no more of us: nothing is left behind.
  (void)tree_.kill(runner_->process(), {});
}

int Keeper::poll_timeout() const {
  constexpr auto reap_interval_ms = static_cast<int>(reap_interval.count());
  std::optional<SteadyClock::time_point> due = runner_->due();
  if (const auto ring = post_.due()) due = std::min(due.value_or(*ring), *ring);
  if (!due) return runner_->process() > 0 ? reap_interval_ms : -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - SteadyClock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, reap_interval_ms));
}

/// What a task's descendants have left to us and has ended: else it would stay until the task's end.
void Keeper::reap_orphans() {
  const auto now = SteadyClock::now();
  if (now < reap_due_) return;
  reap_due_ = now + reap_interval;
  siginfo_t info{};
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
    if (runner_->owns(info.si_pid)) return;  // in its turn
    std::erase(household_->spared, info.si_pid);
    ::waitpid(info.si_pid, nullptr, WNOHANG);
    info.si_pid = 0;
  }
}

void Keeper::turn() {
  reap_orphans();
  Link& link = post_.link();
  items_.clear();
  items_.push_back({link.fd(), static_cast<short>(POLLIN | (link.has_unsent() ? POLLOUT : 0)), 0});
  runner_->add_items(items_);
  if (::poll(items_.data(), items_.size(), poll_timeout()) < 0) return;  // EINTR
  const bool is_link_ready = items_.front().revents != 0;
  if (is_link_ready && link.has_unsent()) post_.ring();
  runner_->handle(items_.data() + 1);
  runner_->pass_deadline();
  if (is_link_ready) take_orders();
  runner_->advance();
  post_.ring_if_due();
}

void Keeper::take_orders() {
  while (auto message = post_.link().receive()) {
    auto order = unpack_order(message->bytes);
    FANMILL_ASSERT(order.has_value(), message->bytes.size());
    perform(std::move(*order), std::move(message->bytes));
  }
}

void Keeper::perform(Order&& order, std::string&& packed) {
  switch (order.kind) {
    case Order::Kind::run_function:
    case Order::Kind::run_command:
    case Order::Kind::run_line:
      runner_->take(std::move(order), std::move(packed));
      break;
    case Order::Kind::stop:
      runner_->stop(order.attempt);
      break;
    case Order::Kind::give_back:
      runner_->give_back(order.attempt);
      break;
    case Order::Kind::take_output:
    case Order::Kind::drop_output:
      runner_->take_output(order);
      break;
    case Order::Kind::make_warden:
      make_warden();
      break;
    case Order::Kind::make_keeper:
      break;  // a warden's
  }
}

void Keeper::make_warden() {
  // Held by the warden, which may outlive this process, our link would not end with us.
  auto warden = fork_warden_([this] {
    (void)post_.link().release();
    runner_->let_go();
    ledger_.reset();
  });
  if (warden) household_->spared.push_back(warden->pid);
  post_.tell({.kind = Report::Kind::made}, warden ? warden->link.release() : Descriptor());
}

}  // namespace

void run_keeper(Link link, const KeeperOptions& options, const ForkWarden& fork_warden) {
  ::prctl(PR_SET_NAME, "fanmill-keeper");
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  {
    Keeper keeper(std::move(link), options, fork_warden);
    keeper.run();
  }
  ::_exit(0);
}

}  // namespace fanmill::exec
