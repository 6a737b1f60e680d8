#include <fanmill/serve.hpp>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fanmill/error.hpp>
#include <fanmill/version.hpp>
#include <optional>
#include <utility>

#include "core/limits.hpp"
#include "exec/thread_executor.hpp"
#include "net/endpoint.hpp"
#include "net/identity.hpp"
#include "net/worker_loop.hpp"

namespace fanmill::inline v0 {
namespace {

using std::chrono::nanoseconds;

// More than any patience, and far below what a nanosecond clock can add.
constexpr double give_up_seconds_max = 10 * 365.0 * 86400.0;

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
  if (options.leave_grace < nanoseconds(0)) refuse("ServeOptions::leave_grace is negative");
}

core::WorkerOptions core_options(const Join& join, const ServeOptions& options) {
  return {
      .uuid = net::random_uuid(),
      .boot = net::boot_id(),
      .farm = join.farm(),
      .cookie = join.cookie(),
      .pid = static_cast<std::uint32_t>(::getpid()),
      .slots = options.slots,
      .prefetch = options.prefetch,
      .containment = options.monitored ? core::Containment::process : core::Containment::stop_token,
      .software = std::string("fanmill ") + version(),
      .host = net::host_name(),
      .labels = options.labels,
      .monitored = options.monitored,
      .give_up_after = give_up_after(options),
      .leave_grace = options.leave_grace};
}

exec::Function adapt(Function function) {
  return [function = std::move(function)](const exec::Invocation& invocation,
                                          std::stop_token stop) -> exec::FunctionResult {
    FunctionResult result = function(invocation.payload, {.stop = std::move(stop),
                                                          .item = invocation.item,
                                                          .task = invocation.task.value,
                                                          .attempt = invocation.number,
                                                          .time_limit = invocation.time_limit});
    return {.payload = std::move(result.payload), .nothing = result.nothing};
  };
}

int serve_named(const Join& join, std::vector<Functions::Named> functions,
                const ServeOptions& options) {
  check(options);
  if (functions.empty()) refuse("serve: no functions; add one with Functions::add");
  for (const std::string& endpoint : join.endpoints()) {
    const auto parsed = net::parse_endpoint(endpoint, net::Endpoint::Use::connect);
    if (!parsed.ok()) raise(parsed.error());
  }
  core::WorkerOptions core = core_options(join, options);
  core.functions.clear();
  exec::ThreadExecutorOptions executor_options{.slots = options.slots,
                                               .leave_grace = options.leave_grace};
  for (Functions::Named& named : functions) {
    core.functions.push_back(std::move(named.name));
    executor_options.functions.push_back(adapt(std::move(named.function)));
  }
  exec::ThreadExecutor executor(std::move(executor_options));

  net::WorkerLoopOptions loop{.core = std::move(core),
                              .endpoints = join.endpoints(),
                              .handle_signals = options.handle_signals};
  loop.log_level = options.verbose;
  loop.log = [verbose = options.verbose](int level, const std::string& text) {
    if (level <= verbose)
      std::fprintf(stderr, "fanmill worker %d: %s\n", static_cast<int>(::getpid()), text.c_str());
  };
  // Part of a larger program: a deaf function must not end that.
  if (!options.handle_signals && !options.monitored) loop.exit_process = [](int) {};
  return net::run_worker(std::move(loop), executor);
}

/// What `call` returns, or 5 for what it throws: starting the program again would not mend it.
template <typename Call>
int said_instead_of_thrown(const Call& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fanmill worker %d: %s\n", static_cast<int>(::getpid()), error.what());
    return static_cast<int>(core::ExitStatus::do_not_restart);
  }
}

}  // namespace

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
