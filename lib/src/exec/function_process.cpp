#include "exec/function_process.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "exec/invoke.hpp"
#include "exec/orders.hpp"
#include "exec/post.hpp"
#include "exec/resource_limits.hpp"

namespace fanmill::exec {
namespace {

using Clock = std::chrono::steady_clock;

void wait(const Link& link, short events) {
  pollfd item{link.fd(), events, 0};
  while (::poll(&item, 1, -1) < 0 && errno == EINTR) {
  }
}

// Far beyond what a worker takes; it refuses with better words what fits between the processes.
constexpr std::size_t payload_bytes_max = 1U << 30;

struct Usage {
  Duration cpu{};
  std::uint64_t memory = 0;
};

Usage usage() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return {.cpu = cpu_of(used), .memory = memory_of(used)};
}

// The kernel counts a process's whole life.
void limit_cpu(const TaskLimits& limits) {
  if (limits.cpu <= Duration::zero()) return;
  const auto until = std::chrono::ceil<std::chrono::seconds>(usage().cpu + limits.cpu).count();
  const rlimit limit{static_cast<rlim_t>(until), RLIM_INFINITY};
  ::setrlimit(RLIMIT_CPU, &limit);
}

// A variable of the environment that changes with each task. setenv would keep every value for ever.
class TaskVariable {
 public:
  explicit TaskVariable(const char* name) : name_(name) {}
  void set(std::uint64_t value) {
    std::snprintf(text_.data(), text_.size(), "%s=%llu", name_,
                  static_cast<unsigned long long>(value));
    ::putenv(text_.data());  // again: a function may have changed it
  }

 private:
  const char* name_;
  std::array<char, 48> text_{};
};

Duration processor_time() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

Report report_of(Completion&& completion) {
  return {.attempt = completion.attempt,
          .answer = completion.kind,
          .nothing = completion.nothing,
          .payload = std::move(completion.payload),
          .error_type = std::move(completion.error_type),
          .error_text = std::move(completion.error_text)};
}

class Process {
 public:
  explicit Process(FunctionProcess&& given) : given_(std::move(given)) {}
  void run();

 private:
  struct Numbered {
    std::uint64_t number = 0;  // in the ledger
    Order order;
  };
  std::optional<Numbered> next();
  void tell_environment(const Invocation& invocation);
  [[nodiscard]] Report call(const Invocation& invocation, Duration cpu_before) const;
  void send(const Report& report, Duration time_limit, Clock::time_point begun);
  void ring();

  FunctionProcess given_;
  const pid_t self_ = ::getpid();
  std::optional<Clock::time_point> unread_since_;  // what the keeper was not woken for
  TaskVariable item_{"FANMILL_ITEM"};
  TaskVariable task_{"FANMILL_TASK"};
  TaskVariable attempt_{"FANMILL_ATTEMPT"};
};

void Process::run() {
  bool entered = false;
  while (const auto next_one = next()) {
    const Invocation& invocation = next_one->order.invocation;
    if (!std::exchange(entered, true)) given_.tree.enter();
    limit_cpu(given_.limits);
    const Duration cpu_before = processor_time();
    const auto begun = Clock::now();
    if (!given_.ledger.begin(next_one->number, invocation.attempt, cpu_before)) continue;
    tell_environment(invocation);
    send(call(invocation, cpu_before), invocation.time_limit, begun);
  }
}

std::optional<Process::Numbered> Process::next() {
  Link& link = given_.link;
  bool looked = false;  // whether there is more by now
  for (;;) {
    if (const auto message = link.receive()) {
      Numbered next;
      const std::string_view bytes = message->bytes;
      if (bytes.size() < sizeof next.number) return {};
      std::memcpy(&next.number, bytes.data(), sizeof next.number);
      auto order = unpack_order(bytes.substr(sizeof next.number));
      if (!order) return {};
      next.order = std::move(*order);
      return next;
    }
    if (link.is_over()) return {};
    if (!std::exchange(looked, true)) continue;
    looked = false;
    ring();
    wait(link, POLLIN);
  }
}

void Process::tell_environment(const Invocation& invocation) {
  item_.set(invocation.item);
  task_.set(invocation.task.value);
  attempt_.set(invocation.number);
}

Report Process::call(const Invocation& invocation, Duration cpu_before) const {
  std::stop_token never;
  Clock::time_point now = Clock::now();
  Completion completion = invoke(given_.functions, invocation, never, now);
  if (::getpid() != self_) ::_exit(0);  // the function has forked, and its child came back here
  if (completion.payload.bytes.size() > payload_bytes_max) {
    completion = {.attempt = completion.attempt,
                  .kind = Completion::Kind::failed,
                  .error_type = "too large",
                  .error_text = "the result has " +
                                std::to_string(completion.payload.bytes.size()) + " bytes",
                  .busy = completion.busy};
  }
  const Usage after = usage();
  const Duration wall = completion.busy;
  Report report = report_of(std::move(completion));
  report.evidence.wall = wall;
  report.evidence.cpu = std::max(after.cpu - cpu_before, Duration::zero());
  report.evidence.memory = after.memory;
  std::fflush(nullptr);  // what the function printed is shown, whatever becomes of this process
  return report;
}

/// The keeper is woken if that should not wait for the end of the next one.
void Process::send(const Report& report, Duration time_limit, Clock::time_point begun) {
  Link& link = given_.link;
  const auto now = Clock::now();
  if (!unread_since_) unread_since_ = now;
  link.send(pack(report));
  while (link.has_unsent()) {
    ring();
    wait(link, POLLOUT);
    link.flush();
    unread_since_ = Clock::now();
  }
  given_.ledger.set_idle();
  // By the time that the keeper sees in the ledger, or earlier: it looks no more once that is so long ago.
  const Duration wall = now - begun;
  const bool has_time = time_limit == Duration::zero() || wall + 2 * gather_time < time_limit;
  if (wall >= gather_time || !has_time || now - *unread_since_ >= gather_time) ring();
}

void Process::ring() {
  if (!std::exchange(unread_since_, std::nullopt)) return;
  const std::uint64_t one = 1;
  // A full counter (EAGAIN) is readable already. Else somebody has closed it, and nobody would hear of
  // what follows.
  if (::write(given_.bell, &one, sizeof one) < 0 && errno != EAGAIN) ::_exit(EXIT_FAILURE);
}

}  // namespace

[[noreturn]] void run_function_process(FunctionProcess process) {
  Process(std::move(process)).run();
  ::_exit(0);
}

}  // namespace fanmill::exec
