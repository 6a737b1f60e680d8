// Rates: empty tasks, payloads, peers without batches, and what keys cost. Each beside its bare limit,
// round by round in turn; the first round warms up and does not count.
#include <cstdio>

#include "farm.hpp"
#include "rows.hpp"
#include "sample.hpp"

namespace bench {
namespace {

constexpr int workers = 2;
constexpr int window = 256;
constexpr std::size_t largest = 1 << 20;

/// The rates and the processor time of the manager's process, in microseconds a task.
void compare_figures(const std::string& row, const Figures& bare, const Figures& ours) {
  compare(row, bare.rate, ours.rate);
  sample(row, "bare_us", 1e6 * bare.cpu_per_task);
  sample(row, "fanmill_us", 1e6 * ours.cpu_per_task);
}

void compare_empty(const Settings& settings, bool tcp) {
  const std::string row = std::string("empty/") + (tcp ? "tcp" : "ipc");
  const std::int64_t tasks = settings.tasks(1'000'000);
  BareFarm single(settings.scratch.endpoint(tcp), workers, {.frames = 1});
  BareFarm batched(settings.scratch.endpoint(tcp), workers, {.frames = 1, .tasks = 64});
  Farm farm(settings.scratch.endpoint(tcp), {.workers = workers});
  for (int round = -1; round < settings.rounds; ++round) {
    const Figures limit = single.run(tasks, window);
    const Figures ceiling = batched.run(10 * tasks, 32);
    const Figures ours = farm.run(tasks);
    if (round < 0) continue;
    compare_figures(row, limit, ours);
    sample(row, "batched", ceiling.rate);
    sample(row, "batched_us", 1e6 * ceiling.cpu_per_task);
    sample(row, "cpu_ratio", ours.cpu_per_task / ceiling.cpu_per_task);
  }
}

void compare_plain_peers(const Settings& settings, bool encrypted) {
  const std::int64_t tasks = settings.tasks(400'000);
  BareFarm bare(settings.scratch.endpoint(true), workers, {.frames = 2, .encrypted = encrypted});
  Farm farm(settings.scratch.endpoint(true), {.workers = workers,
                                              .window = window,
                                              .plain = !encrypted,
                                              .role = {"plain-peer", std::to_string(window)}});
  for (int round = -1; round < settings.rounds; ++round) {
    const Figures limit = bare.run(tasks, window);
    const Figures ours = farm.run(tasks);
    if (round >= 0)
      compare_figures(std::string("plain-peers/") + (encrypted ? "curve" : "plain"), limit, ours);
  }
}

/// In plaintext and encrypted alike, so that the ratio tells of the farm and not of the cipher.
void compare_payloads(const Settings& settings, const std::string& name, std::size_t bytes,
                      std::int64_t tasks, int bare_window, bool encrypted) {
  const std::string row = "payload/" + name + (encrypted ? "/curve" : "/plain");
  BareFarm bare(settings.scratch.endpoint(true), workers,
                {.frames = 2, .bytes = bytes, .encrypted = encrypted});
  Farm farm(settings.scratch.endpoint(true), {.workers = workers, .plain = !encrypted});
  for (int round = -1; round < settings.rounds; ++round) {
    const Figures limit = bare.run(tasks, bare_window);
    const Figures ours = farm.echo(tasks, bytes);
    if (round >= 0) compare_figures(row, limit, ours);
  }
}

}  // namespace

void empty_tasks(const Settings& settings) {
  for (const bool tcp : {true, false}) compare_empty(settings, tcp);
}

void plain_peers(const Settings& settings) {
  for (const bool encrypted : {false, true}) compare_plain_peers(settings, encrypted);
}

void plain_peers_alone(const Settings& settings) {
  Farm farm(settings.scratch.endpoint(true), {.workers = workers,
                                              .window = window,
                                              .plain = true,
                                              .role = {"plain-peer", std::to_string(window)}});
  for (int round = 0; round < settings.rounds; ++round)
    sample("plain-peers/alone", "fanmill", farm.run(settings.tasks(400'000)).rate);
}

void bare_frames_alone(const Settings& settings) {
  BareFarm bare(settings.scratch.endpoint(true), workers, {.frames = 2});
  for (int round = 0; round < settings.rounds; ++round)
    sample("plain-peers/alone", "bare", bare.run(settings.tasks(400'000), window).rate);
}

void payloads(const Settings& settings) {
  for (const bool encrypted : {false, true}) {
    compare_payloads(settings, "8B", 8, settings.tasks(400'000), window, encrypted);
    compare_payloads(settings, "4KiB", 4096, settings.tasks(100'000), window, encrypted);
    compare_payloads(settings, "1MiB", largest, settings.tasks(encrypted ? 800 : 2'000), 8,
                     encrypted);
  }
}

void large_alone(const Settings& settings) {
  Farm farm(settings.scratch.endpoint(true), {.workers = workers, .plain = true});
  for (int round = 0; round < settings.rounds; ++round)
    sample("payload/alone", "fanmill", farm.echo(settings.tasks(2'000), largest).rate);
}

void keys(const Settings& settings) {
  struct Way {
    const char* row;
    bool tcp;
    bool plain;
  };
  constexpr std::size_t large = 64 << 10;
  const std::int64_t tasks = settings.tasks(400'000);
  for (int round = -1; round < settings.rounds; ++round) {
    for (const Way& way : {Way{"keys/ipc", false, false}, Way{"keys/tcp-plaintext", true, true},
                           Way{"keys/tcp-curve", true, false}}) {
      Farm farm(settings.scratch.endpoint(way.tcp), {.workers = workers, .plain = way.plain});
      farm.run(tasks / 10);
      const Figures figures = farm.run(tasks);
      const double echoed = farm.echo(tasks / 50, large).rate;
      const std::vector<double> trips = farm.round_trips(2000);
      if (round < 0) continue;
      sample(way.row, "rate", figures.rate);
      sample(way.row, "us", 1e6 * figures.cpu_per_task);
      sample(way.row, "MBps", 2 * static_cast<double>(large) * echoed / 1e6);
      sample(way.row, "trip_us", 1e6 * median(trips));
    }
  }
}

void alone(const Settings& settings) {
  Farm farm(settings.scratch.endpoint(true), {.workers = workers});
  for (int round = 0; round < settings.rounds; ++round)
    sample("alone", "fanmill", farm.run(settings.tasks(1'000'000)).rate);
}

}  // namespace bench
