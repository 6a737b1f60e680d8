// How soon the manager acts on the death of a local worker: from kill(pid, SIGKILL) to the moment
// at which the task of the dead worker is queued for another. Prints the distribution.
//
//     bench_departure [--kills 100]
#include <CLI/CLI.hpp>
#include <atomic>
#include <condition_variable>
#include <fanmill/fanmill.hpp>
#include <memory>
#include <mutex>
#include <ranges>
#include <string_view>
#include <thread>

#include "bench_table.hpp"

namespace {

using bench::Child;
using bench::Clock;

/// Runs until it is killed, but for the item 0, which ends the run.
int hold(int seconds, const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, stop, std::chrono::seconds(seconds),
                                         [] { return false; });
  return seconds;
}

class Watch {
 public:
  void take(const fanmill::Event& event) {
    const std::lock_guard lock(mutex_);
    using Kind = fanmill::Event::Kind;
    if (event.kind == Kind::task_assigned) assigned_ += 1;
    if (event.kind == Kind::task_requeued) {
      requeued_ += 1;
      at_ = Clock::now();
    }
    changed_.notify_all();
  }
  void wait_assigned(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return assigned_ >= count; });
  }
  Clock::time_point wait_requeued(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return requeued_ >= count; });
    return at_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int assigned_ = 0;
  int requeued_ = 0;
  Clock::time_point at_;
};

void measure(bool tcp, int kills) {
  Watch watch;
  fanmill::ManagerOptions options{
      .prefetch = 0, .observer = [&](const fanmill::Event& event) { watch.take(event); }};
  if (tcp) options.endpoints = {"tcp://127.0.0.1:*"};
  fanmill::Manager manager(options);
  const std::vector<std::string> endpoints = manager.join().endpoints();
  setenv("FANMILL_ENDPOINT", endpoints.front().c_str(), 1);

  std::vector<double> times;
  std::thread killer([&] {
    for (int i = 0; i < kills; ++i) {
      const Child worker({"worker"});
      watch.wait_assigned(i + 1);
      const Clock::time_point begin = Clock::now();
      kill(worker.pid(), SIGKILL);
      times.push_back(std::chrono::duration<double>(watch.wait_requeued(i + 1) - begin).count());
    }
    manager.stop();
  });
  try {
    manager.run({3600},
                fanmill::job<int>().lost_attempts_max(static_cast<std::uint32_t>(kills) + 1));
  } catch (const fanmill::FarmError&) {
    // stopped, as it was told to
  }
  killer.join();
  std::printf("| %s | %5.2f | %5.2f | %5.2f | %5.2f | %5.2f |\n", tcp ? "tcp" : "ipc",
              1e3 * bench::quantile(times, 0), 1e3 * bench::median(times),
              1e3 * bench::quantile(times, 0.9), 1e3 * bench::quantile(times, 0.99),
              1e3 * bench::quantile(times, 1));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "worker")
    return fanmill::serve(fanmill::Join::find(), hold);
  CLI::App app("From kill -9 of a local worker to its task being queued again.");
  int kills = 100;
  app.add_option("--kills", kills, "workers to kill for each row")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::printf(
      "From kill -9 of a local worker to its task being queued again, milliseconds, %d kills a "
      "row.\n\n",
      kills);
  std::puts("| transport | least | median | p90 | p99 | most |");
  std::puts("|---|---|---|---|---|---|");
  for (const bool tcp : {true, false}) measure(tcp, kills);
  return 0;
}
