#include "farm_host.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fanmill/error.hpp>
#include <memory>
#include <mutex>

#include "interrupts.hpp"

namespace fanmill::broker {
namespace {

/// The manager, for the thread that takes signals, for as long as there is one.
class ManagerInReach {
 public:
  /// Until what it returns is gone.
  [[nodiscard]] auto lend(Manager& manager) {
    set(&manager);
    const auto take_back = [](ManagerInReach* self) { self->set(nullptr); };
    return std::unique_ptr<ManagerInReach, decltype(take_back)>(this, take_back);
  }
  template <typename Use>
  void use(const Use& use) {
    const std::lock_guard lock(mutex_);
    if (manager_ != nullptr) use(*manager_);
  }

 private:
  void set(Manager* manager) {
    const std::lock_guard lock(mutex_);
    manager_ = manager;
  }

  std::mutex mutex_;
  Manager* manager_ = nullptr;
};

InsecurePlaintext plaintext_of(int times) {
  if (times == 0) return InsecurePlaintext::no;
  return times == 1 ? InsecurePlaintext::on_this_host : InsecurePlaintext::everywhere;
}

ManagerOptions manager_options(const RunArguments& arguments, const Observer& observer) {
  ManagerOptions options{.endpoints = arguments.bind,
                         .insecure_plaintext = plaintext_of(arguments.insecure_plaintext),
                         .prefetch = arguments.prefetch,
                         .spin = std::chrono::microseconds(arguments.spin_us),
                         .verbose = arguments.verbose,
                         .timestamps = arguments.timestamps,
                         .observer = observer};
  if (!arguments.join_file.empty()) options.join_file = arguments.join_file;
  return options;
}

/// On the thread that takes signals, beside what the run prints.
void reload_keys(Manager& manager) {
  std::string words = "no keys to read: nothing listens on tcp with keys";
  try {
    if (const auto count = manager.reload_keys())
      words = "the keys were read again: " + std::to_string(*count) + " may connect";
  } catch (const FarmError& error) {
    words = std::string("the keys stay as they were: ") + error.what();
  }
  std::fprintf(stderr, "fanmill-broker: %s\n", words.c_str());
}

void start_or_await_workers(Manager& manager, const RunArguments& arguments, Report& report,
                            const HostedRun& run) {
  if (run.workers > 0) {
    manager.start_workers(run.workers, run.worker_command);
  } else if (!arguments.quiet) {
    std::string where;
    for (const std::string& endpoint : manager.endpoints()) where += " " + endpoint;
    report.say("waiting for workers at" + where);
  }
}

}  // namespace

int host_farm(const RunArguments& arguments, Report& report, const HostedRun& run) {
  ManagerInReach in_reach;
  // A reader that has gone is an error of writing, after which everything is cleaned up.
  std::signal(SIGPIPE, SIG_IGN);
  const auto end = [&](int count, bool hang_up) {
    run.discard_input();
    if (count > 1 && run.give_up_output) run.give_up_output();
    in_reach.use([&](Manager& manager) { count == 1 ? manager.drain() : manager.stop(); });
    if (count == 1 && !hang_up)
      std::fputs("\nfanmill-broker: finishing what workers have; again to stop at once\n", stderr);
  };
  // One that is about to start reads the keys anyway.
  const auto reload = [&] { in_reach.use(reload_keys); };
  Interrupts interrupts({.on_end = end, .on_reload = reload});
  try {
    Manager manager(manager_options(arguments, run.observer));
    const auto lease = in_reach.lend(manager);
    start_or_await_workers(manager, arguments, report, run);
    std::exception_ptr failure;
    try {
      run.work(manager);
    } catch (...) {
      failure = std::current_exception();
    }
    if (!arguments.quiet) report.print_summary(manager.counters(), manager.workers());
    if (failure) std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    report.say(error.what());
    return interrupts.count() > 0 ? exit_interrupted : exit_failed;
  }
  if (interrupts.count() > 0) return exit_interrupted;
  return report.failed() == 0 ? exit_all_results : exit_failed;
}

}  // namespace fanmill::broker
