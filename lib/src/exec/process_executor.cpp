#include "exec/process_executor.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fanmill/error.hpp>
#include <fstream>
#include <utility>

#include "base/assert.hpp"

namespace fanmill::exec {
namespace {

using SteadyClock = std::chrono::steady_clock;

// What an event of the epoll instance is about.
constexpr std::uint64_t warden_tag = 0;
constexpr std::uint64_t wakeup_tag = 1;
constexpr std::uint64_t spare_tag = 2;
constexpr std::uint64_t first_slot_tag = 3;

// For processes that only have to be forked.
constexpr std::chrono::seconds start_patience{30};
// For all to end; a keeper gives up after ten.
constexpr std::chrono::seconds end_patience{15};

std::size_t thread_count() {
  std::ifstream status("/proc/self/status");
  constexpr std::string_view wanted = "Threads:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(wanted)) return std::stoul(line.substr(wanted.size()));
  }
  return 1;
}

// ThreadSanitizer has a thread of its own.
#if defined(__SANITIZE_THREAD__)
constexpr std::size_t threads_max = 2;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr std::size_t threads_max = 2;
#else
constexpr std::size_t threads_max = 1;
#endif
#else
constexpr std::size_t threads_max = 1;
#endif

[[noreturn]] void fail(const std::string& what) { throw FarmError(ErrorCode::io_error, what); }

void check_threads() {
  if (thread_count() <= threads_max) return;
  throw FarmError(ErrorCode::invalid_argument,
                  "this program has " + std::to_string(thread_count()) +
                      " threads already, and a process that is forked from it would have only one "
                      "of them, with whatever the others had locked: serve with "
                      "Execution::forked first thing in main(), or use Execution::threads");
}

}  // namespace

ProcessExecutor::ProcessExecutor(ProcessExecutorOptions options)
    : options_(std::move(options)),
      events_(::epoll_create1(EPOLL_CLOEXEC)),
      slots_(options_.slots) {
  FANMILL_ASSERT(options_.slots >= 1 && options_.functions.empty() == options_.programs.has_value(),
                 options_.slots);
  check_threads();
  if (!events_.valid()) fail(std::string("can't make an epoll instance: ") + std::strerror(errno));
  keeper_options_ = {
      .functions = &options_.functions,
      .limits = options_.limits,
      .best = options_.best,
      .cgroup_prefix = "fanmill-" + std::to_string(::getpid()) + "-",
      .spool_folder = options_.spool_folder.empty() ? "/tmp" : options_.spool_folder,
  };
  std::fflush(nullptr);  // or the children would print it once more
  auto made = fork_warden(keeper_options_);
  if (!made)
    fail(std::string("can't fork: ") + std::strerror(errno) + "; raise the limit (ulimit -u)");
  warden_ = std::move(made->link);
  first_warden_ = made->pid;
  watch(*warden_, warden_tag);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = wakeup_tag}};
  ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, wakeup_.fd(), &event);
  for (std::uint32_t i = 0; i < options_.slots + 1; ++i) order_keeper();

  const auto end = SteadyClock::now() + start_patience;
  const auto is_ready = [this] {
    return is_graded_ && spare_ && std::all_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
             return slot.keeper.has_value();
           });
  };
  while (!is_ready()) {
    if (SteadyClock::now() > end || !warden_)
      fail("the processes that run tasks do not come up; raise the limit (ulimit -u)");
    take_events(100);
  }
}

ProcessExecutor::~ProcessExecutor() {
  std::vector<Link> links;
  for (Slot& slot : slots_) {
    if (slot.keeper) links.push_back(std::move(*slot.keeper));
  }
  if (spare_) links.push_back(std::move(*spare_));
  if (warden_) links.push_back(std::move(*warden_));
  for (Link& link : links) link.shut();
  const auto end = SteadyClock::now() + end_patience;
  for (Link& link : links) {
    while (!link.is_over() && SteadyClock::now() < end) {
      while (link.receive()) {
      }
      pollfd item{link.fd(), POLLIN, 0};
      if (!link.is_over()) ::poll(&item, 1, 100);
    }
  }
  if (first_warden_ > 0) {
    ::kill(first_warden_, SIGKILL);  // it has closed its link, so it has nothing left to do
    while (::waitpid(first_warden_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  // Whoever was to remove these was killed, too.
  Cgroup::remove_all_left(keeper_options_.cgroup_prefix);
}

std::uint32_t ProcessExecutor::slot_count() const {
  return static_cast<std::uint32_t>(slots_.size());
}

// ---- What the loop asks for.

void ProcessExecutor::start(std::uint32_t index, Invocation invocation) {
  FANMILL_ASSERT(index < slots_.size(), index);
  Slot& slot = slots_[index];
  FANMILL_ASSERT(!slot.busy, index, invocation.attempt);
  slot.busy = true;
  slot.sent = slot.stopped = false;
  slot.invocation = std::move(invocation);
  busy_ += 1;
  if (options_.programs) {
    auto plan = options_.programs->plan(slot.invocation);
    if (auto* refused = std::get_if<Completion>(&plan)) {
      complete(index, std::move(*refused));
      wakeup_.signal();
      return;
    }
    auto& program = std::get<Programs::Plan>(plan);
    slot.command = std::move(program.command);
    slot.line = std::move(program.line);
    slot.invocation.payload = {};  // what it asks for stands in the plan
  }
  send_order(index);
}

void ProcessExecutor::send_order(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (!slot.keeper) return;  // with the next one
  Order order{.attempt = slot.invocation.attempt};
  if (!options_.programs) {
    order.kind = Order::Kind::run_function;
    order.invocation = slot.invocation;
  } else {
    order.kind = slot.line ? Order::Kind::run_line : Order::Kind::run_command;
    order.command = slot.command;
    order.command.afresh = std::exchange(slot.out_of_step, false);
    if (slot.line) order.invocation.payload = Payload::json(*slot.line);
  }
  slot.sent = true;
  slot.keeper->send(pack(order));
  update_watch(*slot.keeper, first_slot_tag + index);
}

void ProcessExecutor::stop(std::uint32_t index) {
  FANMILL_ASSERT(index < slots_.size(), index);
  Slot& slot = slots_[index];
  if (!slot.busy || std::exchange(slot.stopped, true)) return;
  if (!slot.sent) {
    complete(index, {.kind = Completion::Kind::died, .error_text = "stopped"});
    wakeup_.signal();
    return;
  }
  slot.keeper->send(pack(Order{.kind = Order::Kind::stop, .attempt = slot.invocation.attempt}));
  update_watch(*slot.keeper, first_slot_tag + index);
}

void ProcessExecutor::take(std::vector<Completion>& out) {
  take_events(0);
  std::move(completions_.begin(), completions_.end(), std::back_inserter(out));
  completions_.clear();
}

void ProcessExecutor::take_output(std::vector<OutputChunk>& out) {
  std::move(outputs_.begin(), outputs_.end(), std::back_inserter(out));
  outputs_.clear();
}

bool ProcessExecutor::passes_output(std::uint32_t index, AttemptId attempt) const {
  FANMILL_ASSERT(index < slots_.size(), index);
  const Slot& slot = slots_[index];
  return slot.busy && slot.invocation.attempt == attempt && slot.command.output_window > 0;
}

void ProcessExecutor::output_taken(std::uint32_t index, AttemptId attempt, std::uint64_t taken) {
  if (!passes_output(index, attempt)) return;
  send_about_output(index, {.kind = Order::Kind::take_output, .attempt = attempt, .taken = taken});
}

void ProcessExecutor::drop_output(std::uint32_t index, AttemptId attempt) {
  if (!passes_output(index, attempt)) return;
  // One that waits for its keeper does not begin with it.
  if (!slots_[index].sent) slots_[index].command.output_window = 0;
  send_about_output(index, {.kind = Order::Kind::drop_output, .attempt = attempt});
}

void ProcessExecutor::send_about_output(std::uint32_t index, const Order& order) {
  Slot& slot = slots_[index];
  if (!slot.sent) return;
  slot.keeper->send(pack(order));
  update_watch(*slot.keeper, first_slot_tag + index);
}

bool ProcessExecutor::wait_idle(Duration limit) {
  const auto end = SteadyClock::now() + std::min<Duration>(limit, std::chrono::hours(1));
  for (;;) {
    take_events(0);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - SteadyClock::now());
    if (busy_ == 0 || left.count() <= 0) return busy_ == 0;
    take_events(static_cast<int>(left.count()));
  }
}

void ProcessExecutor::complete(std::uint32_t index, Completion completion) {
  Slot& slot = slots_[index];
  completion.slot = index;
  completion.attempt = slot.invocation.attempt;
  slot.busy = slot.sent = false;
  slot.invocation = {};
  slot.command = {};
  slot.line.reset();
  busy_ -= 1;
  completions_.push_back(std::move(completion));
}

// ---- The links.

void ProcessExecutor::watch(const Link& link, std::uint64_t tag) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = tag}};
  ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, link.fd(), &event);
  written_.erase(tag);  // of a link that is gone
  update_watch(link, tag);
}

/// Under another tag than before, or for other events.
void ProcessExecutor::watch_again(const Link& link, std::uint64_t tag) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = tag}};
  if (link.has_unsent()) event.events |= EPOLLOUT;
  ::epoll_ctl(events_.get(), EPOLL_CTL_MOD, link.fd(), &event);
  if (link.has_unsent()) {
    written_.insert(tag);
  } else {
    written_.erase(tag);
  }
}

/// Most messages fit, and cost no system call here.
void ProcessExecutor::update_watch(const Link& link, std::uint64_t tag) {
  if (link.has_unsent() != written_.contains(tag)) watch_again(link, tag);
}

void ProcessExecutor::take_events(int limit_ms) {
  std::array<epoll_event, 64> ready{};
  const int count =
      ::epoll_wait(events_.get(), ready.data(), static_cast<int>(ready.size()), limit_ms);
  bool spare_spoke = false;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t tag = ready[static_cast<std::size_t>(i)].data.u64;
    if (tag == warden_tag) {
      take_from_warden();
    } else if (tag == wakeup_tag) {
      wakeup_.clear();
    } else if (tag == spare_tag) {
      spare_spoke = true;
    } else {
      take_from_keeper(static_cast<std::uint32_t>(tag - first_slot_tag));
    }
  }
  if (spare_spoke) take_from_spare();  // last: it may be a slot's by now
}

void ProcessExecutor::take_from_spare() {
  if (!spare_) return;
  spare_->flush();
  while (auto message = spare_->receive()) take_made(std::move(*message));
  if (spare_->is_over()) {
    spare_.reset();
    if (warden_maker_ == spare_tag) warden_maker_.reset();
    order_keeper();
  } else {
    update_watch(*spare_, spare_tag);
  }
}

void ProcessExecutor::order_keeper() {
  keepers_ordered_ += 1;
  if (warden_) {
    warden_->send(pack(Order{.kind = Order::Kind::make_keeper}));
    update_watch(*warden_, warden_tag);
  } else {
    order_warden();
  }
}

/// Any keeper can make one: they are forks of the same process.
void ProcessExecutor::order_warden() {
  if (warden_maker_) return;
  const std::string order = pack(Order{.kind = Order::Kind::make_warden});
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].keeper) continue;
    slots_[i].keeper->send(order);
    update_watch(*slots_[i].keeper, first_slot_tag + i);
    warden_maker_ = first_slot_tag + i;
    return;
  }
  if (!spare_)
    fail("every process that could start another was killed: the worker must be started again");
  spare_->send(order);
  update_watch(*spare_, spare_tag);
  warden_maker_ = spare_tag;
}

void ProcessExecutor::take_from_warden() {
  if (!warden_) return;
  warden_->flush();
  while (auto message = warden_->receive()) take_made(std::move(*message));
  if (warden_->is_over()) {
    warden_.reset();
    order_warden();
    return;
  }
  update_watch(*warden_, warden_tag);
}

/// A new keeper, or a new warden, or word of one that is ready.
void ProcessExecutor::take_made(Link::Message&& message) {
  const auto report = unpack_report(message.bytes);
  FANMILL_ASSERT(report.has_value(), message.bytes.size());
  if (report->kind == Report::Kind::ready) {
    grade_ = static_cast<Grade>(report->containment);
    is_graded_ = true;
    return;
  }
  FANMILL_ASSERT(report->kind == Report::Kind::made, static_cast<int>(report->kind));
  if (!message.passed.valid())
    fail("a process for tasks could not be made: " + report->error_text +
         "; raise the limits (ulimit -u, ulimit -n)");
  Link link(std::move(message.passed));
  if (!warden_) {
    warden_maker_.reset();
    warden_ = std::move(link);
    watch(*warden_, warden_tag);
    for (std::size_t i = 0; i < keepers_ordered_; ++i)
      warden_->send(pack(Order{.kind = Order::Kind::make_keeper}));
    update_watch(*warden_, warden_tag);
    return;
  }
  keepers_ordered_ -= 1;
  const auto empty = std::find_if(slots_.begin(), slots_.end(),
                                  [](const Slot& slot) { return !slot.keeper.has_value(); });
  if (empty == slots_.end()) {
    spare_ = std::move(link);
    watch(*spare_, spare_tag);
    return;
  }
  const auto index = static_cast<std::uint32_t>(empty - slots_.begin());
  empty->keeper = std::move(link);
  watch(*empty->keeper, first_slot_tag + index);
  if (empty->busy) send_order(index);
}

void ProcessExecutor::take_from_keeper(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (!slot.keeper) return;
  slot.keeper->flush();
  while (auto message = slot.keeper->receive()) {
    auto report = unpack_report(message->bytes);
    FANMILL_ASSERT(report.has_value(), message->bytes.size());
    const bool is_of_task = slot.busy && report->attempt == slot.invocation.attempt;
    if (report->kind == Report::Kind::wrote) {
      if (is_of_task)
        outputs_.push_back(
            {.slot = index, .attempt = report->attempt, .bytes = Bytes(report->output)});
    } else if (report->kind != Report::Kind::ended) {
      take_made(std::move(*message));
    } else if (is_of_task) {
      complete(index, completion_of(slot, *report));
    }
  }
  if (slot.keeper->is_over()) {
    keeper_lost(index);
  } else {
    update_watch(*slot.keeper, first_slot_tag + index);
  }
}

void ProcessExecutor::keeper_lost(std::uint32_t index) {
  Slot& slot = slots_[index];
  slot.keeper.reset();
  if (warden_maker_ == first_slot_tag + index) warden_maker_.reset();
  if (slot.busy && slot.sent) {
    Report report{.attempt = slot.invocation.attempt,
                  .evidence = {.how = Evidence::How::keeper_lost, .number = SIGKILL}};
    complete(index, completion_of(slot, report));
  }
  take_from_spare();  // maybe it was killed, too
  if (spare_) {
    slot.keeper = std::exchange(spare_, std::nullopt);
    if (warden_maker_ == spare_tag) warden_maker_ = first_slot_tag + index;
    watch_again(*slot.keeper, first_slot_tag + index);
    if (slot.busy) send_order(index);
  }
  order_keeper();
}

Completion ProcessExecutor::completion_of(Slot& slot, Report& report) const {
  const Evidence& evidence = report.evidence;
  Completion completion;
  if (evidence.how == Evidence::How::returned && !options_.programs) {
    completion = {.kind = report.answer,
                  .nothing = report.nothing,
                  .payload = std::move(report.payload),
                  .error_type = std::move(report.error_type),
                  .error_text = std::move(report.error_text)};
  } else if (options_.programs) {
    completion = options_.programs->conclude(slot.command, report);
    slot.out_of_step = report.out_of_step;
  } else {
    completion = completion_of_end(report);
    // A function that ends its process has not returned.
    if (evidence.how == Evidence::How::exited) completion.kind = Completion::Kind::died;
  }
  completion.busy = evidence.wall;
  completion.cpu = evidence.cpu;
  completion.memory = evidence.memory;
  return completion;
}

}  // namespace fanmill::exec
