// Many tasks: the rate as their number grows, with the memory that the manager's process had at most;
// and what those cost that are all queued before the first worker comes.
#include <fstream>
#include <ranges>
#include <thread>

#include "farm.hpp"
#include "rows.hpp"
#include "sample.hpp"

namespace bench {
namespace {

/// "VmHWM" of this process, "MemAvailable" of this machine and the like, in bytes.
double proc_bytes(const char* path, const std::string& field) {
  std::ifstream file(path);
  std::string word;
  double kib = 0;
  while (file >> word) {
    if (word == field + ":") file >> kib;
  }
  return kib * 1024;
}

void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::string short_name(std::int64_t tasks) {
  int zeros = 0;
  for (; tasks >= 10; tasks /= 10) ++zeros;
  return std::to_string(tasks) + "e" + std::to_string(zeros);
}

// Of a task of 8 bytes: an object says of itself what it is.
constexpr std::size_t payload_bytes = 32;
// More than a queued task takes, so that the machine never swaps for a figure.
constexpr double queued_bytes_most = 800;

/// All tasks are submitted and queued; then two workers come and do them.
void measure_queued(const Settings& settings, std::int64_t tasks) {
  const std::string row = "queued/" + short_name(tasks);
  const double needed = queued_bytes_most * static_cast<double>(tasks);
  if (const double there = proc_bytes("/proc/meminfo", "MemAvailable"); there < needed) {
    skipped(row, std::to_string(static_cast<int>(there / (1 << 20))) + " MiB of memory are free, " +
                     std::to_string(static_cast<int>(needed / (1 << 20))) + " are needed");
    return;
  }
  Farm farm(settings.scratch.endpoint(true), {.workers = 0});
  fanmill::Manager& manager = farm.manager();
  const double cpu = cpu_seconds();
  const double before = resident_bytes();
  double queued_bytes = 0;
  Clock::time_point workers_came;
  const auto items =
      std::views::iota(std::int64_t{0}, tasks) | std::views::transform([&](std::int64_t number) {
        if (number + 1 < tasks) return number;
        // The last few may still be on their way to the manager.
        while (manager.counters().tasks + 1000 < static_cast<std::uint64_t>(tasks))
          std::this_thread::yield();
        queued_bytes = resident_bytes() - before;
        farm.add_workers(2);
        workers_came = Clock::now();
        return number;
      });
  manager.run(items, fanmill::job<std::int64_t>()
                         .function("empty")
                         .lookahead(static_cast<std::size_t>(tasks) + 1)
                         .lookahead_bytes(payload_bytes * static_cast<std::size_t>(tasks + 1))
                         .update_results(0, [](int&, std::int64_t, std::size_t) {})
                         .in_order());
  const auto count = static_cast<double>(tasks);
  sample(row, "bytes", queued_bytes / count);
  sample(row, "rate", count / seconds_since(workers_came));
  sample(row, "us", 1e6 * (cpu_seconds() - cpu) / count);
}

}  // namespace

void queued(const Settings& settings) {
  // The memory that one leaves behind must not be had for nothing by the next: the larger one last,
  // and once each.
  measure_queued(settings, 1'000'000);
  if (!settings.quick) measure_queued(settings, 10'000'000);
}

void numbers_of_tasks(const Settings& settings) {
  Farm farm(settings.scratch.endpoint(true));
  farm.run(100'000);
  const std::int64_t most = settings.quick ? 1'000'000 : 10'000'000;
  for (int round = 0; round < settings.rounds; ++round) {
    for (std::int64_t tasks = 10'000; tasks <= most; tasks *= 10) {
      const std::string row = "tasks/" + short_name(tasks);
      forget_peak();
      // Short runs are repeated: one that takes 20 ms says little.
      const std::int64_t repeats = std::max<std::int64_t>(500'000 / tasks, 1);
      double seconds = 0;
      for (std::int64_t i = 0; i < repeats; ++i)
        seconds += static_cast<double>(tasks) / farm.run(tasks).rate;
      sample(row, "rate", static_cast<double>(tasks * repeats) / seconds);
      sample(row, "peak_MiB", proc_bytes("/proc/self/status", "VmHWM") / (1 << 20));
    }
  }
}

}  // namespace bench
