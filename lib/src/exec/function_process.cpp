#include "exec/function_process.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "exec/invoke.hpp"
#include "exec/orders.hpp"
#include "exec/resource_limits.hpp"

namespace fanmill::exec {
namespace {

void wait(const Link& link, short events) {
  pollfd item{link.fd(), events, 0};
  while (::poll(&item, 1, -1) < 0 && errno == EINTR) {
  }
}

std::optional<Order> next_order(Link& link) {
  for (;;) {
    if (const auto message = link.receive()) return unpack_order(message->bytes);
    if (link.is_over()) return {};
    wait(link, POLLIN);
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

void tell_environment(const Invocation& invocation) {
  ::setenv("FANMILL_ITEM", std::to_string(invocation.item).c_str(), 1);
  ::setenv("FANMILL_TASK", std::to_string(invocation.task.value).c_str(), 1);
  ::setenv("FANMILL_ATTEMPT", std::to_string(invocation.number).c_str(), 1);
}

Report report_of(Completion&& completion) {
  return {.attempt = completion.attempt,
          .answer = completion.kind,
          .nothing = completion.nothing,
          .payload = std::move(completion.payload),
          .error_type = std::move(completion.error_type),
          .error_text = std::move(completion.error_text)};
}

}  // namespace

[[noreturn]] void run_function_process(Link link, const std::vector<Function>& functions,
                                       const TaskLimits& limits, const ProcessTree& tree) {
  const pid_t self = ::getpid();
  bool entered = false;
  while (auto order = next_order(link)) {
    if (!std::exchange(entered, true)) tree.enter();
    tell_environment(order->invocation);
    limit_cpu(limits);
    const Usage before = usage();
    Completion completion = invoke(functions, order->invocation, {});
    if (::getpid() != self) ::_exit(0);  // the function has forked, and its child came back here
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
    report.evidence.cpu = after.cpu - before.cpu;
    report.evidence.memory = after.memory;
    std::fflush(nullptr);  // what the function printed is shown, whatever becomes of this process
    link.send(pack(report));
    while (link.has_unsent()) {
      wait(link, POLLOUT);
      link.flush();
    }
  }
  ::_exit(0);
}

}  // namespace fanmill::exec
