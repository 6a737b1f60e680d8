// Functions: they run in a process that is forked for it and goes on until it is killed. It is given as
// many orders as there are in one write, and rings when its results should be read: they lie in the
// socket meanwhile, also if it ends. The ledger tells at any moment which order it is at; those that it
// has not begun can be taken back, so that a kill meets nothing but its task.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <deque>
#include <utility>

#include "base/assert.hpp"
#include "base/descriptor_limit.hpp"
#include "base/program.hpp"
#include "exec/function_process.hpp"
#include "exec/resource_limits.hpp"
#include "exec/runner.hpp"
#include "exec/task_process.hpp"

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgot to say so itself
}

namespace fanmill::exec {
namespace {

using Cause = TaskProcess::Cause;

// At the process beyond the first, unread by it: larger orders wait here, once, not there as well.
constexpr std::size_t given_bytes_max = 1U << 18;
// Processes in a row that end with orders and begin none, before the first of these is told to have failed.
constexpr std::uint32_t fruitless_max = 3;

struct Child {
  TaskProcess process;
  std::optional<Link> link;  // none once it can't be trusted, or has ended
  bool has_worked = false;
};

struct Waiting {
  AttemptId attempt;
  std::string packed;
};

struct Given {
  std::uint64_t number = 0;  // in the ledger
  Waiting order;
};

/// At the process, read by it or not, also if it was taken back since.
struct Sent {
  std::uint64_t number = 0;
  std::size_t bytes = 0;
};

class FunctionRunner final : public Runner {
 public:
  explicit FunctionRunner(Household& household) : household_(household) {
    household_.tree.limit(household_.options.limits, household_.rlimits);
    spare_ = fork_child();
  }

  void take(Order&& order, std::string&& packed) override {
    waiting_.push_back({.attempt = order.attempt, .packed = std::move(packed)});
  }
  void stop(AttemptId attempt) override;
  void give_back(AttemptId attempt) override { (void)take_out(attempt); }
  void advance() override;

  void add_items(std::vector<pollfd>& items) const override;
  void handle(const pollfd* items) override;
  [[nodiscard]] std::optional<SteadyClock::time_point> due() const override;
  void pass_deadline() override;

  [[nodiscard]] pid_t process() const override { return child_ ? child_->process.pid() : -1; }
  [[nodiscard]] bool owns(pid_t pid) const override {
    return process() == pid || (spare_ && spare_->process.pid() == pid);
  }
  void let_go() override {
    child_.reset();
    spare_.reset();
    bell_.reset();
  }

 private:
  bool take_out(AttemptId attempt);
  [[nodiscard]] bool may_give() const;
  void give();
  std::optional<Child> fork_child();
  [[noreturn]] void be_child(Link link, Descriptor errors, pid_t keeper);
  [[nodiscard]] bool read_reports();
  [[nodiscard]] bool is_answer(const Report& report) const;
  void note_read(std::uint64_t number);
  void watch_next();
  [[nodiscard]] bool rings_by_itself(SteadyClock::time_point now) const;
  void withdraw_all();
  void end_running(AttemptId attempt, Cause cause);
  void end_child(Cause cause);
  void tell_end(AttemptId attempt, const TaskProcess::End& end, const std::string& last_words);
  void fail_first(int error_number);

  Household& household_;
  std::optional<Wakeup> bell_{std::in_place};  // the process's: results are to be read
  std::optional<Child> child_;
  std::optional<Child> spare_;
  std::deque<Waiting> waiting_;
  std::deque<Given> given_;
  std::deque<Sent> sent_;  // and not known to be read
  std::size_t sent_bytes_ = 0;
  std::uint64_t last_number_ = 0;
  // When to look for results of short tasks before a long one.
  std::optional<SteadyClock::time_point> look_at_;
  std::optional<SteadyClock::time_point> due_;  // of the wall limit of the first that was given
  std::uint64_t due_number_ = 0;                // which that is, once it was given more time
  std::uint32_t fruitless_ = 0;
};

// ---- What its keeper wants.

/// Whether it had not begun.
bool FunctionRunner::take_out(AttemptId attempt) {
  const auto waits = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const Waiting& each) { return each.attempt == attempt; });
  if (waits != waiting_.end()) {
    waiting_.erase(waits);
  } else {
    const auto found = std::find_if(given_.begin(), given_.end(), [&](const Given& each) {
      return each.order.attempt == attempt;
    });
    if (found == given_.end() || !household_.ledger.withdraw(found->number)) return false;
    given_.erase(found);
  }
  household_.post.tell({.kind = Report::Kind::unstarted, .attempt = attempt});
  return true;
}

void FunctionRunner::stop(AttemptId attempt) {
  if (take_out(attempt)) return;
  end_running(attempt, Cause::stopped);
  // The process has written in the ledger, if it waits here again.
  (void)take_out(attempt);
}

/// Unless it has ended.
void FunctionRunner::end_running(AttemptId attempt, Cause cause) {
  withdraw_all();  // so it begins no other while it is killed
  if (!read_reports()) return end_child(Cause::stopped);
  const bool is_there = std::any_of(given_.begin(), given_.end(), [&](const Given& each) {
    return each.order.attempt == attempt;
  });
  if (is_there) end_child(cause);
}

/// What has not begun waits here again.
void FunctionRunner::withdraw_all() {
  while (!given_.empty() && household_.ledger.withdraw(given_.back().number)) {
    waiting_.push_front(std::move(given_.back().order));
    given_.pop_back();
  }
}

// ---- Orders.

bool FunctionRunner::may_give() const {
  if (waiting_.empty() || household_.post.link().is_over()) return false;
  if (given_.empty()) return true;
  // Numbers taken back since the first count, too: the ledger has a place for each.
  return last_number_ + 1 - given_.front().number < Ledger::orders_max &&
         sent_bytes_ + waiting_.front().packed.size() <= given_bytes_max;
}

void FunctionRunner::advance() {
  while (!child_ && may_give()) {
    child_ = spare_ ? std::exchange(spare_, std::nullopt) : fork_child();
    if (!child_) fail_first(errno);
  }
  if (!may_give()) return;
  const bool was_idle = given_.empty();
  if (was_idle) household_.tree.limit(household_.options.limits, household_.rlimits);
  while (may_give()) give();
  if (child_->link) child_->link->flush();
  if (was_idle) watch_next();
  if (!look_at_) look_at_ = SteadyClock::now() + gather_time;
  if (!spare_) spare_ = fork_child();
}

void FunctionRunner::fail_first(int error_number) {
  household_.post.tell({.attempt = waiting_.front().attempt,
                        .evidence = {.how = Evidence::How::could_not_start,
                                     .number = error_number,
                                     .started = wall_clock(),
                                     .text = "can't fork a process for the function"}});
  waiting_.pop_front();
}

void FunctionRunner::give() {
  Given next{.number = ++last_number_, .order = std::move(waiting_.front())};
  waiting_.pop_front();
  household_.ledger.give(next.number);
  const std::string_view number(reinterpret_cast<const char*>(&next.number), sizeof next.number);
  if (child_->link) child_->link->queue(number, next.order.packed);
  sent_bytes_ += next.order.packed.size();
  sent_.push_back({.number = next.number, .bytes = next.order.packed.size()});
  given_.push_back(std::move(next));
}

std::optional<Child> FunctionRunner::fork_child() {
  auto ends = Link::make_pair();
  Pipe errors = make_pipe();
  if (!ends || !errors.valid()) return {};
  ::fcntl(errors.read.get(), F_SETFL, O_NONBLOCK);
  const pid_t keeper = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return {};
  if (pid == 0) {
    ends->first.release().reset();
    errors.read.reset();
    be_child(std::move(ends->second), std::move(errors.write), keeper);
  }
  Descriptor pidfd(::pidfd_open(pid, 0));
  if (!pidfd.valid()) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return {};
  }
  return Child{.process = TaskProcess(pid, std::move(pidfd), std::move(errors.read),
                                      TaskProcess::Errors::passed_on),
               .link = std::move(ends->first)};
}

void FunctionRunner::be_child(Link link, Descriptor errors, pid_t keeper) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != keeper) ::_exit(1);
  restore_descriptor_limit();
  ::prctl(PR_SET_NAME, program_invocation_short_name);
  // Ends of others: held here they would outlive them.
  (void)household_.post.link().release();
  for (std::optional<Child>* other : {&child_, &spare_}) other->reset();
  ::dup2(errors.get(), STDERR_FILENO);
  errors.reset();
  drop_signal_handlers();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  TaskLimits own = household_.options.limits;
  own.cpu = {};  // for each task, not for all together
  if (household_.tree.grade() == Grade::cgroup) {
    own.memory = household_.rlimits.memory;
    own.processes = household_.rlimits.processes;
  }
  apply(own);
  run_function_process({.link = std::move(link),
                        .bell = bell_->fd(),
                        .ledger = household_.ledger,
                        .functions = *household_.options.functions,
                        .limits = household_.options.limits,
                        .tree = household_.tree});
}

// ---- Results.

void FunctionRunner::add_items(std::vector<pollfd>& items) const {
  // Of the link its end alone: what it has to say it rings for.
  const auto link_events = [&](const Link& link) {
    return static_cast<short>(link.has_unsent() ? POLLOUT : 0);
  };
  const bool has_link = child_ && child_->link;
  items.push_back({bell_->fd(), POLLIN, 0});
  items.push_back({child_ ? child_->process.pidfd() : -1, POLLIN, 0});
  items.push_back(child_ ? child_->process.errors_item() : pollfd{-1, POLLIN, 0});
  items.push_back(
      {has_link ? child_->link->fd() : -1, has_link ? link_events(*child_->link) : short{0}, 0});
}

void FunctionRunner::handle(const pollfd* items) {
  enum { bell, ended, errors, link };
  if (items[bell].revents != 0) bell_->clear();
  if (!child_) return;
  if (items[errors].revents != 0) child_->process.read_errors();
  if (items[link].revents != 0 && child_->link) child_->link->flush();
  const bool has_spoken = items[bell].revents != 0 || items[link].revents != 0;
  if (has_spoken && !read_reports()) return end_child(Cause::stopped);
  if (items[ended].revents != 0) return end_child(Cause::by_itself);
  if (!child_->link || !child_->link->is_over()) return;
  // It is ending, or would never be heard again; it tells by its end which.
  ::kill(child_->process.pid(), SIGKILL);
  child_->link.reset();
}

/// They go on in one write. False if something else came: its memory is not what it was, and no more is read.
bool FunctionRunner::read_reports() {
  if (!child_ || !child_->link) return true;
  std::size_t count = 0;
  bool fine = true;
  while (auto message = child_->link->receive()) {
    const auto report = unpack_report(message->bytes);
    fine = report && is_answer(*report);
    if (!fine) break;
    household_.post.add(message->bytes);
    note_read(given_.front().number);
    given_.pop_front();
    count += 1;
  }
  if (!fine) child_->link.reset();
  if (count == 0) return fine;
  child_->has_worked = true;
  fruitless_ = 0;
  household_.post.ring();
  watch_next();
  return fine;
}

/// The process has read that order, and so all before it.
void FunctionRunner::note_read(std::uint64_t number) {
  for (; !sent_.empty() && sent_.front().number <= number; sent_.pop_front())
    sent_bytes_ -= sent_.front().bytes;
}

/// Of those that were given: results of short ones are looked for, and the first may run for so long.
void FunctionRunner::watch_next() {
  const auto now = SteadyClock::now();
  look_at_.reset();
  due_.reset();
  due_number_ = 0;
  if (given_.empty()) return;
  look_at_ = now + gather_time;
  const Duration limit = household_.options.limits.wall;
  if (limit > Duration::zero()) due_ = now + limit;
}

/// Orders are begun in the order in which they were given, and ended before the next is begun.
bool FunctionRunner::is_answer(const Report& report) const {
  return !given_.empty() && report.attempt == given_.front().order.attempt &&
         report.kind == Report::Kind::ended && report.evidence.how == Evidence::How::returned;
}

std::optional<SteadyClock::time_point> FunctionRunner::due() const {
  if (!look_at_ || !due_) return look_at_ ? look_at_ : due_;
  return std::min(*look_at_, *due_);
}

/// The task that runs, at its end: it is no short one any more. One that has not begun may be.
bool FunctionRunner::rings_by_itself(SteadyClock::time_point now) const {
  const Ledger& ledger = household_.ledger;
  const Duration time = now.time_since_epoch();
  return ledger.running() == given_.front().order.attempt &&
         time - std::clamp(ledger.begun_at(), Duration::zero(), time) >= gather_time;
}

void FunctionRunner::pass_deadline() {
  const auto now = SteadyClock::now();
  if (look_at_ && now >= *look_at_) {
    look_at_.reset();
    if (!read_reports()) return end_child(Cause::stopped);
    if (!look_at_ && !given_.empty() && !rings_by_itself(now)) look_at_ = now + gather_time;
  }
  if (given_.empty()) due_.reset();  // all were taken back
  if (!due_ || now < *due_) return;
  // What has ended meanwhile may lie there unread, and then the next one has its own time.
  if (!read_reports()) return end_child(Cause::stopped);
  if (!due_ || now < *due_) return;
  // It has begun at some time since the end of the one before was read, and says when; once it may lie.
  const Given& first = given_.front();
  const Duration limit = household_.options.limits.wall;
  const bool runs = household_.ledger.running() == first.order.attempt;
  const auto begun =
      runs ? SteadyClock::time_point(std::min(household_.ledger.begun_at(), now.time_since_epoch()))
           : now;
  if (due_number_ == first.number || now >= begun + limit) {
    const AttemptId attempt = first.order.attempt;
    return end_running(attempt, Cause::wall_limit);
  }
  due_number_ = first.number;
  due_ = begun + limit;
}

// ---- End.

/// Ends the child, if it has not ended by itself, and all of its tree; tells how the task ended that it
/// was at. The others run in the next one, also if the ledger has it that they were begun: that was
/// written there by somebody else.
void FunctionRunner::end_child(Cause cause) {
  withdraw_all();
  household_.post.ring_if_unread();
  std::vector<pid_t> spared = household_.spared;
  if (spare_) spared.push_back(spare_->process.pid());
  const TaskProcess::End end =
      child_->process.end(household_.tree, spared, cause, Duration::zero());
  (void)read_reports();  // what it gave before its end counts
  const std::string last_words = child_->process.last_words();
  const bool has_worked = child_->has_worked || !given_.empty();
  child_.reset();
  look_at_.reset();
  due_.reset();
  if (!given_.empty()) {
    tell_end(given_.front().order.attempt, end, last_words);
    given_.pop_front();
  }
  for (; !given_.empty(); given_.pop_back()) waiting_.push_front(std::move(given_.back().order));
  sent_.clear();
  sent_bytes_ = 0;
  household_.ledger.set_idle();
  if (cause == Cause::by_itself && !waiting_.empty()) {
    fruitless_ = has_worked ? 0 : fruitless_ + 1;
    if (fruitless_ >= fruitless_max) {
      tell_end(waiting_.front().attempt, end, last_words);
      waiting_.pop_front();
    }
  }
  if (!spare_) spare_ = fork_child();
}

void FunctionRunner::tell_end(AttemptId attempt, const TaskProcess::End& end,
                              const std::string& last_words) {
  const Ledger& ledger = household_.ledger;
  const Duration now = SteadyClock::now().time_since_epoch();
  Report report{.attempt = attempt,
                .evidence = end.evidence,
                .errors = last_words,
                .survivors = end.survivors};
  if (ledger.running() == attempt) {
    report.evidence.wall = now - std::clamp(ledger.begun_at(), Duration::zero(), now);
    report.evidence.cpu -= std::clamp(ledger.cpu_before(), Duration::zero(), end.evidence.cpu);
  }
  report.evidence.started =
      wall_clock() - std::chrono::duration<double>(report.evidence.wall).count();
  household_.post.tell(report);
}

}  // namespace

std::unique_ptr<Runner> make_function_runner(Household& household) {
  return std::make_unique<FunctionRunner>(household);
}

}  // namespace fanmill::exec
