#include <fanmill/serve.hpp>

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <fanmill/error.hpp>
#include <fanmill/version.hpp>
#include <optional>
#include <utility>

#include "api/join_keys.hpp"
#include "api/serve_worker.hpp"
#include "core/limits.hpp"
#include "exec/process_executor.hpp"
#include "exec/thread_executor.hpp"
#include "net/endpoint.hpp"
#include "net/identity.hpp"
#include "net/worker_loop.hpp"

namespace fanmill::inline v0 {
namespace {

using std::chrono::nanoseconds;

// More than any patience, and far below what a nanosecond clock can add.
constexpr double give_up_seconds_max = 10 * 365.0 * 86400.0;

constexpr int niceness_max = 19;  // the kernel's

[[noreturn]] void refuse(const std::string& text) {
  throw FarmError(ErrorCode::invalid_argument, text);
}

nanoseconds give_up_after(const ServeOptions& options) {
  if (options.give_up_after > nanoseconds(0)) return options.give_up_after;
  if (options.give_up_after < nanoseconds(0)) refuse("ServeOptions::give_up_after is negative");
  const char* text = std::getenv("FANMILL_GIVE_UP_AFTER");
  if (text == nullptr || *text == '\0') return limits::give_up_after;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  // Written so that a NaN is refused too.
  if (*end != '\0' || !(seconds > 0 && seconds <= give_up_seconds_max)) {
    refuse("FANMILL_GIVE_UP_AFTER is \"" + std::string(text) +
           "\", must be a number of seconds, more than 0 and up to ten years");
  }
  return std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(seconds));
}

void check(const ServeOptions& options) {
  if (options.slots == 0 || options.slots > limits::slots_max) {
    refuse("ServeOptions::slots is " + std::to_string(options.slots) + ", must be 1 to " +
           std::to_string(limits::slots_max));
  }
  if (options.monitored && options.slots != 1) {
    refuse("ServeOptions::monitored ends the process with its task, so it needs slots = 1, not " +
           std::to_string(options.slots));
  }
  if (options.prefetch > limits::prefetch_max) {
    refuse("ServeOptions::prefetch is " + std::to_string(options.prefetch) + ", must be at most " +
           std::to_string(limits::prefetch_max));
  }
  if (options.payload_bytes_max > limits::payload_bytes_max) {
    refuse("ServeOptions::payload_bytes_max is " + std::to_string(options.payload_bytes_max) +
           ", must be at most " + std::to_string(limits::payload_bytes_max));
  }
  if (options.spin < nanoseconds(0) || options.spin > limits::spin_max)
    refuse("ServeOptions::spin must be 0 to 1 s");
  if (options.leave_grace < nanoseconds(0)) refuse("ServeOptions::leave_grace is negative");
  const bool forks = options.execution == Execution::forked;
  if (options.monitored && forks) {
    refuse(
        "ServeOptions::monitored ends the whole process with its task, Execution::forked ends the "
        "task alone: choose one");
  }
  if (!forks && options.limits != TaskLimits{}) {
    refuse("ServeOptions::limits needs Execution::forked: a thread can't be limited");
  }
  if (options.limits.wall < nanoseconds(0) || options.limits.cpu < nanoseconds(0)) {
    refuse("ServeOptions::limits has a negative time");
  }
  if (options.limits.niceness < 0 || options.limits.niceness > niceness_max) {
    refuse("ServeOptions::limits.niceness is " + std::to_string(options.limits.niceness) +
           ", must be 0 to " + std::to_string(niceness_max));
  }
}

core::WorkerOptions core_options(const Join& join, const ServeOptions& options) {
  return {.uuid = net::random_uuid(),
          .boot = net::boot_id(),
          .farm = join.farm(),
          .cookie = join.cookie(),
          .pid = static_cast<std::uint32_t>(::getpid()),
          .slots = options.slots,
          .prefetch = options.prefetch,
          .payload_bytes_max = options.payload_bytes_max,
          .software = std::string("fanmill ") + version(),
          .host = net::host_name(),
          .labels = options.labels,
          .monitored = options.monitored,
          .give_up_after = give_up_after(options),
          .leave_grace = options.leave_grace};
}

exec::Function adapt(Function function) {
  return [function = std::move(function)](const exec::Invocation& invocation,
                                          std::stop_token& stop) -> exec::FunctionResult {
    TaskContext context{.stop = std::move(stop),
                        .item = invocation.item,
                        .task = invocation.task.value,
                        .attempt = invocation.number,
                        .time_limit = invocation.time_limit};
    FunctionResult result = function(invocation.payload, context);
    stop = std::move(context.stop);  // a copy would count its owners, twice for each task
    return {.payload = std::move(result.payload), .nothing = result.nothing};
  };
}

exec::Grade grade_of(Containment containment) {
  switch (containment) {
    case Containment::process_group:
      return exec::Grade::process_group;
    case Containment::subreaper:
      return exec::Grade::subreaper;
    case Containment::cgroup:
      break;
  }
  return exec::Grade::cgroup;
}

exec::ProcessExecutorOptions process_options(const ServeOptions& options) {
  return {.slots = options.slots, .limits = options.limits, .best = grade_of(options.containment)};
}

void check_endpoints(const Join& join) {
  for (const std::string& endpoint : join.endpoints()) {
    const auto parsed = net::parse_endpoint(endpoint, net::Endpoint::Use::connect);
    if (!parsed.ok()) raise(parsed.error());
  }
}

void log_line(const std::string& text) {
  std::fprintf(stderr, "fanmill worker %d: %s\n", static_cast<int>(::getpid()), text.c_str());
}

/// What an executor can do.
struct Abilities {
  core::Containment containment = core::Containment::stop_token;
  core::FeatureSet features = 0;
  Duration ahead_time = limits::ahead_time;
};

int run(const Join& join, std::vector<std::string> names, exec::Executor& executor,
        const ServeOptions& options, const Abilities& abilities) {
  core::WorkerOptions core = core_options(join, options);
  core.features |= core::feature::batch | core::feature::parts | abilities.features;
  core.functions = std::move(names);
  core.containment = abilities.containment;
  core.ahead_time = abilities.ahead_time;
  net::WorkerLoopOptions loop{.core = std::move(core),
                              .endpoints = join.endpoints(),
                              .keys = detail::JoinKeys::stated_or_found(join),
                              .handle_signals = options.handle_signals};
  loop.spin = options.spin;
  loop.log_level = options.verbose;
  loop.log = [verbose = options.verbose](int level, const std::string& text) {
    if (level <= verbose) log_line(text);
  };
  // Part of a larger program: a deaf function must not end that.
  if (!options.handle_signals && !options.monitored) loop.exit_process = [](int) {};
  return net::run_worker(std::move(loop), executor);
}

/// Holds SIGTERM and SIGINT back while it lives: net::SignalWatch lets them through as long as the
/// worker can leave in order. Ended by one before or after that, it would leave the ends of its
/// processes to chance.
class SignalsHeldBack {
 public:
  SignalsHeldBack() {
    ::sigemptyset(&both_);
    ::sigaddset(&both_, SIGTERM);
    ::sigaddset(&both_, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &both_, &before_);
  }
  ~SignalsHeldBack() {
    // What they ask for is done.
    constexpr timespec at_once{};
    while (::sigtimedwait(&both_, nullptr, &at_once) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SignalsHeldBack(const SignalsHeldBack&) = delete;
  SignalsHeldBack& operator=(const SignalsHeldBack&) = delete;

 private:
  sigset_t both_{};
  sigset_t before_{};
};

/// What tasks find in their environment, set in this process's own while the first of the processes
/// is forked in which they run; then as it was before. This process has one thread.
class TaskEnvironment {
 public:
  explicit TaskEnvironment(const Join& join) {
    // A join file that is named there may be another manager's.
    const char* file = std::getenv("FANMILL_JOIN");
    if (file != nullptr && join.source() != file) change("FANMILL_JOIN", nullptr);
    change("FANMILL_ENDPOINT", join.endpoints().front().c_str());
    // What a worker shows, or does not, is no task's affair.
    change("FANMILL_COOKIE", nullptr);
    change("FANMILL_INSECURE_PLAINTEXT", nullptr);
  }
  TaskEnvironment(const TaskEnvironment&) = delete;
  TaskEnvironment& operator=(const TaskEnvironment&) = delete;
  ~TaskEnvironment() {
    for (const auto& [name, value] : before_) put(name, value ? value->c_str() : nullptr);
  }

 private:
  static void put(const char* name, const char* value) {
    if (value != nullptr) {
      ::setenv(name, value, 1);
    } else {
      ::unsetenv(name);
    }
  }
  void change(const char* name, const char* value) {
    const char* before = std::getenv(name);
    before_.emplace_back(name, before == nullptr ? std::optional<std::string>() : before);
    put(name, value);
  }

  std::vector<std::pair<const char*, std::optional<std::string>>> before_;
};

int run_forked(const Join& join, std::vector<std::string> names,
               exec::ProcessExecutorOptions&& executor_options, const ServeOptions& options) {
  std::optional<SignalsHeldBack> held_back;
  if (options.handle_signals) held_back.emplace();
  const bool passes_output = executor_options.programs && executor_options.programs->passes_output;
  std::optional<TaskEnvironment> environment(join);
  exec::ProcessExecutor executor(std::move(executor_options));
  environment.reset();
  if (options.verbose >= 2)
    log_line(std::string("kills reach: ") + exec::to_string(executor.grade()));
  return run(join, std::move(names), executor, options,
             {.containment = static_cast<core::Containment>(executor.grade()),
              .features = passes_output ? core::feature::output : 0,
              .ahead_time = limits::ahead_time_processes});
}

int serve_named(const Join& join, std::vector<Functions::Named> functions,
                const ServeOptions& options) {
  check(options);
  if (functions.empty()) refuse("serve: no functions; add one with Functions::add");
  check_endpoints(join);
  std::vector<std::string> names;
  std::vector<exec::Function> adapted;
  for (Functions::Named& named : functions) {
    names.push_back(std::move(named.name));
    adapted.push_back(adapt(std::move(named.function)));
  }
  if (options.execution == Execution::forked) {
    exec::ProcessExecutorOptions forked = process_options(options);
    forked.functions = std::move(adapted);
    return run_forked(join, std::move(names), std::move(forked), options);
  }
  exec::ThreadExecutor executor({.functions = std::move(adapted),
                                 .slots = options.slots,
                                 .ahead = options.monitored ? 0 : limits::ahead_max,
                                 .spin = options.spin,
                                 .leave_grace = options.leave_grace});
  return run(join, std::move(names), executor, options,
             {.containment =
                  options.monitored ? core::Containment::process : core::Containment::stop_token});
}

/// What `call` returns, or 5 for what it throws: starting the program again would not mend it.
template <typename Call>
int said_instead_of_thrown(const Call& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    log_line(error.what());
    return static_cast<int>(core::ExitStatus::do_not_restart);
  }
}

}  // namespace

namespace detail {

int serve_programs(const Join& join, std::string name, exec::Programs programs,
                   const ServeOptions& options) {
  check(options);
  check_endpoints(join);
  exec::ProcessExecutorOptions forked = process_options(options);
  forked.programs = std::move(programs);
  const char* folder = std::getenv("TMPDIR");
  if (folder != nullptr && *folder != '\0') forked.spool_folder = folder;
  return run_forked(join, {std::move(name)}, std::move(forked), options);
}

}  // namespace detail

int serve(const Join& join, Function function, const ServeOptions& options) {
  std::vector<Functions::Named> functions;
  functions.push_back({"", std::move(function)});
  return serve_named(join, std::move(functions), options);
}

int serve(const Join& join, const Functions& functions, const ServeOptions& options) {
  return serve_named(join, functions.all(), options);
}

int serve(Function function, const ServeOptions& options) {
  return said_instead_of_thrown([&] { return serve(Join::find(), std::move(function), options); });
}

int serve(const Functions& functions, const ServeOptions& options) {
  return said_instead_of_thrown([&] { return serve(Join::find(), functions, options); });
}

}  // namespace fanmill::inline v0
