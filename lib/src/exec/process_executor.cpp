#include "exec/process_executor.hpp"

#include <poll.h>
#include <sched.h>
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

// Tasks that wait at one keeper: it goes on with them without a word from here. A program takes half a
// millisecond at least, a function may take none; then all of them go in one write.
constexpr std::uint32_t programs_ahead = 16;
constexpr std::uint32_t functions_ahead = Ledger::orders_max - 1;
// Of all keepers, if those of each are more than of a program.
constexpr std::uint32_t functions_ahead_max = 4096;
// Of their payloads, which a keeper keeps until they have ended.
constexpr std::size_t ahead_bytes_max = 4U << 20;

// Keepers in a row that are lost with tasks and have begun none, before the first of these counts as lost.
constexpr std::uint32_t fruitless_max = 3;

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
  // One that was joined is still counted for a moment.
  constexpr auto moment = std::chrono::milliseconds(100);
  const auto end = std::chrono::steady_clock::now() + moment;
  while (thread_count() > threads_max && std::chrono::steady_clock::now() < end) ::sched_yield();
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
      reports_(::epoll_create1(EPOLL_CLOEXEC)),
      slots_(options_.slots),
      places_(options_.slots + ahead_count()) {
  FANMILL_ASSERT(options_.slots >= 1 && options_.functions.empty() == options_.programs.has_value(),
                 options_.slots);
  check_threads();
  if (!events_.valid() || !reports_.valid())
    fail(std::string("can't make an epoll instance: ") + std::strerror(errno));
  keeper_options_ = {
      .functions = &options_.functions,
      .limits = options_.limits,
      .best = options_.best,
      .cgroup_prefix = "fanmill-" + std::to_string(::getpid()) + "-",
      .spool_folder = options_.spool_folder.empty() ? "/tmp" : options_.spool_folder,
      .bell = &wakeup_,
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

std::uint32_t ProcessExecutor::ahead_each() const {
  if (options_.programs) return programs_ahead;
  return std::clamp(functions_ahead_max / options_.slots, programs_ahead, functions_ahead);
}

std::uint32_t ProcessExecutor::ahead_count() const { return options_.slots * ahead_each(); }

// ---- What the loop asks for.

void ProcessExecutor::start(std::uint32_t index, Invocation&& invocation) {
  FANMILL_ASSERT(index < places_.size(), index);
  FANMILL_ASSERT(!places_[index].busy, index, invocation.attempt);
  Place& place = places_[index] = Place{.busy = true};
  place.invocation = std::move(invocation);
  busy_ += 1;
  if (options_.programs) {
    auto plan = options_.programs->plan(place.invocation);
    if (auto* refused = std::get_if<Completion>(&plan)) {
      complete(index, std::move(*refused));
      wakeup_.signal();
      return;
    }
    auto& program = std::get<Programs::Plan>(plan);
    place.command = std::move(program.command);
    place.line = std::move(program.line);
    place.invocation.payload = {};  // what it asks for stands in the plan
  }
  queue_.push_back(index);
  dispatch();
}

void ProcessExecutor::stop(std::uint32_t index) {
  FANMILL_ASSERT(index < places_.size(), index);
  Place& place = places_[index];
  if (!place.busy || std::exchange(place.stopped, true)) return;
  if (place.keeper) {
    send_about(index, {.kind = Order::Kind::stop, .attempt = place.invocation.attempt});
    return send_orders();
  }
  std::erase(queue_, index);
  complete(index, {.kind = Completion::Kind::died, .error_text = "stopped"});
  wakeup_.signal();
}

void ProcessExecutor::revoke(std::uint32_t index) {
  FANMILL_ASSERT(index < places_.size(), index);
  Place& place = places_[index];
  if (!place.busy || place.stopped || std::exchange(place.revoked, true)) return;
  if (place.keeper) return ask_back(index);
  std::erase(queue_, index);
  complete(index, {.kind = Completion::Kind::revoked});
  wakeup_.signal();
}

// ---- Who runs what.

/// As long as there is room, in the order in which they came; each goes where it begins soonest.
void ProcessExecutor::dispatch() {
  while (!queue_.empty()) {
    const auto slot = keeper_for(places_[queue_.front()]);
    if (!slot) return;
    give(*slot, queue_.front());
    queue_.pop_front();
  }
  ask_back_for_idle();
}

std::optional<std::uint32_t> ProcessExecutor::keeper_for(const Place& place) const {
  // What a resident program's next line is to be depends on its answer to the last.
  std::size_t most = place.line ? 1 : 1 + ahead_each();
  std::optional<std::uint32_t> found;
  for (std::uint32_t i = 0; i < slots_.size() && most > 0; ++i) {
    if (!slots_[i].keeper || slots_[i].given.size() >= most) continue;
    if (slots_[i].given_bytes > ahead_bytes_max) continue;
    found = i;
    most = slots_[i].given.size();
  }
  return found;
}

void ProcessExecutor::give(std::uint32_t index, std::uint32_t which) {
  Slot& slot = slots_[index];
  Place& place = places_[which];
  Order order{.attempt = place.invocation.attempt};
  if (!options_.programs) {
    order.kind = Order::Kind::run_function;
    order.invocation = place.invocation;
  } else {
    order.kind = place.line ? Order::Kind::run_line : Order::Kind::run_command;
    order.invocation = place.invocation;
    order.command = place.command;
    order.command.afresh = std::exchange(slot.out_of_step, false);
    if (place.line) order.invocation.payload = Payload::json(*place.line);
  }
  place.keeper = index;
  slot.given.push_back(which);
  slot.given_bytes += place.invocation.payload.bytes.size();
  if (slot.given.size() == 1) note_begun(slot);
  send_about(which, order);
}

void ProcessExecutor::take_back(Slot& slot, const std::deque<std::uint32_t>::iterator& which) {
  slot.given_bytes -= places_[*which].invocation.payload.bytes.size();
  if (which - slot.given.begin() < static_cast<std::ptrdiff_t>(slot.sent)) slot.sent -= 1;
  slot.given.erase(which);
}

/// A keeper runs the first that it was given.
void ProcessExecutor::note_begun(const Slot& slot) {
  if (slot.given.empty()) return;
  begun_.push_back(
      {.slot = slot.given.front(), .attempt = places_[slot.given.front()].invocation.attempt});
}

void ProcessExecutor::ask_back(std::uint32_t which) {
  Place& place = places_[which];
  if (std::exchange(place.asked_back, true)) return;
  send_about(which, {.kind = Order::Kind::give_back, .attempt = place.invocation.attempt});
}

/// A keeper has nothing to do while tasks wait at another: behind a long one, say. The last of them
/// comes back, if the other has not begun it by then.
void ProcessExecutor::ask_back_for_idle() {
  const auto is_idle = [](const Slot& slot) { return slot.keeper && slot.given.empty(); };
  if (std::none_of(slots_.begin(), slots_.end(), is_idle)) return;
  const auto fullest = std::max_element(
      slots_.begin(), slots_.end(),
      [](const Slot& one, const Slot& other) { return one.given.size() < other.given.size(); });
  if (fullest->given.size() > 1) ask_back(fullest->given.back());
}

void ProcessExecutor::take(std::vector<Completion>& out) {
  take_events(0);
  take_reports();  // also of a keeper that had no time to ring
  dispatch();
  send_orders();
  std::move(completions_.begin(), completions_.end(), std::back_inserter(out));
  completions_.clear();
}

void ProcessExecutor::take_begun(std::vector<Begun>& out) {
  std::move(begun_.begin(), begun_.end(), std::back_inserter(out));
  begun_.clear();
}

void ProcessExecutor::take_output(std::vector<OutputChunk>& out) {
  std::move(outputs_.begin(), outputs_.end(), std::back_inserter(out));
  outputs_.clear();
}

bool ProcessExecutor::passes_output(std::uint32_t index, AttemptId attempt) const {
  FANMILL_ASSERT(index < places_.size(), index);
  const Place& place = places_[index];
  return place.busy && place.invocation.attempt == attempt && place.command.output_window > 0;
}

void ProcessExecutor::output_taken(std::uint32_t index, AttemptId attempt, std::uint64_t taken) {
  if (!passes_output(index, attempt)) return;
  send_about(index, {.kind = Order::Kind::take_output, .attempt = attempt, .taken = taken});
}

void ProcessExecutor::drop_output(std::uint32_t index, AttemptId attempt) {
  if (!passes_output(index, attempt)) return;
  // One that waits for its keeper does not begin with it.
  if (!places_[index].keeper) places_[index].command.output_window = 0;
  send_about(index, {.kind = Order::Kind::drop_output, .attempt = attempt});
}

/// To the keeper that has it.
void ProcessExecutor::send_about(std::uint32_t index, const Order& order) {
  const auto slot = places_[index].keeper;
  if (!slot) return;
  using Kind = Order::Kind;
  slots_[*slot].keeper->queue(pack(order));
  slots_[*slot].is_urgent |= order.kind == Kind::stop || order.kind == Kind::give_back;
  if (!std::exchange(slots_[*slot].has_orders, true)) unsent_.push_back(*slot);
}

/// Functions that are handed over ahead are short. So while a keeper has more of them than wait here, these
/// wait for more: it will tell of what has ended long before it has nothing to do.
bool ProcessExecutor::may_gather(const Slot& slot) const {
  return !options_.programs && !slot.is_urgent && slot.sent > slot.given.size() - slot.sent;
}

void ProcessExecutor::send_orders() {
  std::erase_if(unsent_, [this](std::uint32_t index) {
    Slot& slot = slots_[index];
    if (slot.keeper && may_gather(slot)) return false;
    slot.has_orders = slot.is_urgent = false;
    if (!slot.keeper) return true;
    slot.sent = slot.given.size();
    slot.keeper->flush();
    update_watch(*slot.keeper, first_slot_tag + index);
    return true;
  });
}

bool ProcessExecutor::flush(bool /*looks_soon*/) {
  send_orders();
  return false;
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
  Place& place = places_[index];
  completion.slot = index;
  completion.attempt = place.invocation.attempt;
  place = {};
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

/// A slot's keeper rings when it wants to be read; here only its end is seen.
void ProcessExecutor::watch_reports(std::uint32_t index) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
  ::epoll_ctl(reports_.get(), EPOLL_CTL_ADD, slots_[index].keeper->fd(), &event);
  watch_again(*slots_[index].keeper, first_slot_tag + index);
}

/// Under another tag than before, or for other events.
void ProcessExecutor::watch_again(const Link& link, std::uint64_t tag) {
  epoll_event event{.events = tag < first_slot_tag ? EPOLLIN : 0U, .data = {.u64 = tag}};
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
      take_reports();
    } else if (tag == spare_tag) {
      spare_spoke = true;
    } else {
      take_from_keeper(static_cast<std::uint32_t>(tag - first_slot_tag));
    }
  }
  if (spare_spoke) take_from_spare();  // last: it may be a slot's by now
  if (count > 0) dispatch();
  send_orders();
}

void ProcessExecutor::take_reports() {
  std::array<epoll_event, 64> ready{};
  const int count = ::epoll_wait(reports_.get(), ready.data(), static_cast<int>(ready.size()), 0);
  for (int i = 0; i < count; ++i)
    take_from_keeper(static_cast<std::uint32_t>(ready[static_cast<std::size_t>(i)].data.u64));
  if (count == static_cast<int>(ready.size())) wakeup_.signal();  // the others in the next turn
}

void ProcessExecutor::take_from_spare() {
  if (!spare_) return;
  spare_->flush();
  while (auto message = spare_->receive()) take_made(std::move(*message), spare_ledger_);
  if (spare_->is_over()) {
    spare_.reset();
    spare_ledger_.reset();
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
  std::optional<Ledger> none;
  while (auto message = warden_->receive()) take_made(std::move(*message), none);
  if (warden_->is_over()) {
    warden_.reset();
    order_warden();
    return;
  }
  update_watch(*warden_, warden_tag);
}

/// A new keeper, or a new warden, or word of one that is ready.
void ProcessExecutor::take_made(Link::Message&& message, std::optional<Ledger>& ledger) {
  const auto report = unpack_report(message.bytes);
  FANMILL_ASSERT(report.has_value(), message.bytes.size());
  if (report->kind == Report::Kind::ready) {
    grade_ = static_cast<Grade>(report->containment);
    is_graded_ = true;
    ledger = Ledger::open(message.passed);
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
    spare_ledger_.reset();
    watch(*spare_, spare_tag);
    return;
  }
  const auto index = static_cast<std::uint32_t>(empty - slots_.begin());
  empty->keeper = std::move(link);
  watch(*empty->keeper, first_slot_tag + index);
  watch_reports(index);
}

void ProcessExecutor::take_from_keeper(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (!slot.keeper) return;
  const std::uint64_t tag = first_slot_tag + index;
  if (written_.contains(tag)) slot.keeper->flush();
  const std::optional<std::uint32_t> first =
      slot.given.empty() ? std::nullopt : std::optional(slot.given.front());
  while (auto message = slot.keeper->receive()) {
    auto report = unpack_report(message->bytes);
    FANMILL_ASSERT(report.has_value(), message->bytes.size());
    if (report->kind == Report::Kind::ready || report->kind == Report::Kind::made) {
      take_made(std::move(*message), slot.ledger);
    } else {
      take_report(index, std::move(*report));
    }
  }
  // Of those that were begun and have ended meanwhile nobody needs to know.
  if (!slot.given.empty() && first != std::optional(slot.given.front())) note_begun(slot);
  if (slot.keeper->is_over()) {
    keeper_lost(index);
  } else if (!slot.has_orders || written_.contains(tag)) {
    update_watch(*slot.keeper, tag);
  }
}

void ProcessExecutor::take_report(std::uint32_t index, Report&& report) {
  Slot& slot = slots_[index];
  const auto found = std::find_if(slot.given.begin(), slot.given.end(), [&](std::uint32_t which) {
    return places_[which].invocation.attempt == report.attempt;
  });
  FANMILL_ASSERT(found != slot.given.end(), report.attempt);
  const std::uint32_t which = *found;
  Place& place = places_[which];
  if (report.kind == Report::Kind::wrote) {
    outputs_.push_back({.slot = which, .attempt = report.attempt, .bytes = Bytes(report.output)});
    return;
  }
  take_back(slot, found);
  fruitless_ = 0;
  if (report.kind == Report::Kind::ended) {
    Completion completion = completion_of(place, report);
    slot.out_of_step = report.out_of_step;
    complete(which, std::move(completion));
  } else {
    come_back(which);
  }
}

/// What its keeper has not begun: unless nobody wants it any more, it is the next to be given out.
void ProcessExecutor::come_back(std::uint32_t which) {
  Place& place = places_[which];
  if (place.stopped) {
    complete(which, {.kind = Completion::Kind::died, .error_text = "stopped"});
  } else if (place.revoked) {
    complete(which, {.kind = Completion::Kind::revoked});
  } else {
    place.keeper.reset();
    place.asked_back = false;
    queue_.push_front(which);
  }
}

void ProcessExecutor::keeper_lost(std::uint32_t index) {
  Slot& slot = slots_[index];
  slot.keeper.reset();
  slot.out_of_step = false;
  if (warden_maker_ == first_slot_tag + index) warden_maker_.reset();
  const std::deque<std::uint32_t> given = std::exchange(slot.given, {});
  slot.given_bytes = slot.sent = 0;
  const std::optional<std::uint32_t> lost = lost_with(slot, given);
  slot.ledger.reset();
  for (std::size_t i = given.size(); i-- > 0;) {
    if (given[i] != lost) come_back(given[i]);
  }
  if (lost) {
    const Place& place = places_[*lost];
    Report report{.attempt = place.invocation.attempt,
                  .evidence = {.how = Evidence::How::keeper_lost, .number = SIGKILL}};
    complete(*lost, completion_of(place, report));
  }
  // Maybe it was killed, too. What it has said may hide that from the first look.
  for (int look = 0; look < 2; ++look) take_from_spare();
  if (spare_) {
    slot.keeper = std::exchange(spare_, std::nullopt);
    slot.ledger = std::exchange(spare_ledger_, std::nullopt);
    if (warden_maker_ == spare_tag) warden_maker_ = first_slot_tag + index;
    watch_reports(index);
  }
  order_keeper();
}

/// Which of these its keeper's end has ended: what ran, and was not told to have ended.
std::optional<std::uint32_t> ProcessExecutor::lost_with(const Slot& slot,
                                                        const std::deque<std::uint32_t>& given) {
  if (given.empty()) return {};
  const AttemptId running = slot.ledger ? slot.ledger->running() : AttemptId{};
  const auto found = std::find_if(given.begin(), given.end(), [&](std::uint32_t which) {
    return places_[which].invocation.attempt == running;
  });
  if (found == given.end() && ++fruitless_ < fruitless_max) return {};
  fruitless_ = 0;
  return found == given.end() ? given.front() : *found;
}

Completion ProcessExecutor::completion_of(const Place& place, Report& report) const {
  const Evidence& evidence = report.evidence;
  Completion completion;
  if (evidence.how == Evidence::How::returned && !options_.programs) {
    completion = {.kind = report.answer,
                  .nothing = report.nothing,
                  .payload = std::move(report.payload),
                  .error_type = std::move(report.error_type),
                  .error_text = std::move(report.error_text)};
  } else if (options_.programs) {
    completion = options_.programs->conclude(place.command, report);
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
