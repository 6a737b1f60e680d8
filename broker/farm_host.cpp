#include "farm_host.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
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
                         .verbose = arguments.verbose,
                         .timestamps = arguments.timestamps,
                         .observer = observer};
  if (!arguments.join_file.empty()) options.join_file = arguments.join_file;
  return options;
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
  Interrupts interrupts([&](int count, bool hang_up) {
    run.discard_input();
    if (count > 1 && run.give_up_output) run.give_up_output();
    in_reach.use([&](Manager& manager) { count == 1 ? manager.drain() : manager.stop(); });
    if (count == 1 && !hang_up)
      std::fputs("\nfanmill-broker: finishing what workers have; again to stop at once\n", stderr);
  });
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
