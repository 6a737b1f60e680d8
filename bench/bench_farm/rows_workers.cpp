// Many workers: the rate with so many of them, and what their heartbeats cost while there is nothing to
// do. They are simulated in one other process (load.hpp), the same for each number, which takes its
// share of the cores: the manager's own processor time for a task says more than the rate.
#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "farm.hpp"
#include "rows.hpp"
#include "sample.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

// Items that are read ahead at most by default, whatever the workers may hold.
constexpr std::size_t most_ahead = 200'000;

/// Share of a core.
double idle_cpu(std::chrono::seconds time) {
  const double cpu = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  std::this_thread::sleep_for(time);
  return (cpu_seconds() - cpu) / seconds_since(begin);
}

/// Three for each worker: the manager's connection, and socket and mailbox on the other side.
bool enough_descriptors(int workers) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max >= static_cast<rlim_t>(2 * workers + 200);
}

}  // namespace

void numbers_of_workers(const Settings& settings) {
  for (const int workers : {1, 10, 100, 1000, 4000}) {
    const std::string row = "workers/" + std::to_string(workers);
    if (!enough_descriptors(workers)) {
      skipped(row, "the limit of open files (ulimit -Hn) is too low");
      continue;
    }
    const double before = resident_bytes();
    Farm farm(settings.scratch.endpoint(true), {.workers = 0, .plain = true});
    const Clock::time_point begin = Clock::now();
    farm.add_load(workers);
    sample(row, "joined_s", seconds_since(begin));
    sample(row, "session_KiB", (resident_bytes() - before) / 1024 / workers);
    // Of the same length for each number of workers, whatever the rate.
    const double rate = farm.run(20'000).rate;
    const auto tasks = static_cast<std::int64_t>(rate * (settings.quick ? 0.5 : 2)) + 20'000;
    for (int round = 0; round < settings.rounds; ++round) {
      const Figures figures = farm.run(tasks, most_ahead);
      sample(row, "rate", figures.rate);
      sample(row, "us", 1e6 * figures.cpu_per_task);
      sample(row, "default_lookahead_rate", farm.run(tasks / 4).rate);
    }
    std::this_thread::sleep_for(2s);  // what the last run left to do
    sample(row, "idle_cpu", idle_cpu(settings.quick ? 4s : 10s));
  }
}

void many_alone(const Settings& settings) {
  Farm farm(settings.scratch.endpoint(true), {.workers = 0, .plain = true});
  farm.add_load(1000);
  for (int round = 0; round < settings.rounds; ++round) {
    const Figures figures = farm.run(settings.tasks(400'000));
    sample("workers/alone", "rate", figures.rate);
    sample("workers/alone", "us", 1e6 * figures.cpu_per_task);
  }
}

void idle_alone(const Settings& settings) {
  Farm farm(settings.scratch.endpoint(true), {.workers = 0, .plain = true});
  farm.add_load(4000);
  std::this_thread::sleep_for(2s);  // what joining left to do
  for (int round = 0; round < settings.rounds; ++round)
    sample("idle/alone", "idle_cpu", idle_cpu(settings.quick ? 4s : 10s));
}

void fan_in(const Settings& settings) {
  constexpr int all = 2000;
  for (const int slots : {1, 100}) {
    const std::string row = "fan-in/" + std::to_string(all / slots) + "x" + std::to_string(slots);
    const double before = resident_bytes();
    Farm farm(settings.scratch.endpoint(true), {.workers = 0, .plain = true});
    farm.add_load(all / slots, slots);
    sample(row, "MiB", (resident_bytes() - before) / (1 << 20));
    farm.run(20'000);
    for (int round = 0; round < settings.rounds; ++round) {
      const Figures figures = farm.run(settings.tasks(400'000));
      sample(row, "rate", figures.rate);
      sample(row, "us", 1e6 * figures.cpu_per_task);
    }
    std::this_thread::sleep_for(2s);
    sample(row, "idle_cpu", idle_cpu(settings.quick ? 4s : 10s));
  }
}

}  // namespace bench
