// The manager's state machine alone: no sockets, no codec, no threads. Tasks from their submission to
// their result while so many are queued, at so many sessions; races of five; heartbeats; and what a
// queued task takes in memory. Google Benchmark's options hold (--benchmark_filter=race,
// --benchmark_format=json). The rig's own work, a vector of results for each batch, is in the times.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include "core_farm.hpp"

namespace {

using bench::CoreFarm;

constexpr std::uint32_t window = 64;  // tasks that a session holds

/// Steady state: what was answered is submitted anew.
void tasks(benchmark::State& state) {
  const auto queued = static_cast<std::size_t>(state.range(0));
  CoreFarm farm(static_cast<std::size_t>(state.range(1)), window);
  farm.submit(queued);
  std::int64_t done = 0;
  for (auto _ : state) {
    const std::size_t answered = farm.answer_all();
    farm.submit(answered);
    done += static_cast<std::int64_t>(answered);
  }
  state.SetItemsProcessed(done);
}
BENCHMARK(tasks)
    ->ArgNames({"queued", "sessions"})
    ->ArgsProduct({{10'000, 100'000, 1'000'000}, {2, 10, 1000}});

/// Groups of five, policy first: one answer decides, the others are killed or dropped.
void races(benchmark::State& state) {
  constexpr std::uint32_t group = 5;
  constexpr std::size_t queued = 10'000;
  CoreFarm farm(static_cast<std::size_t>(state.range(0)), window);
  farm.submit(queued / group, group);
  std::uint64_t groups_before = farm.counters().groups_ended;
  const std::uint64_t kills_before = farm.counters().kills_sent;
  const std::uint64_t first = groups_before;
  for (auto _ : state) {
    benchmark::DoNotOptimize(farm.answer_oldest());
    const std::uint64_t ended = farm.counters().groups_ended;
    farm.submit(ended - groups_before, group);
    groups_before = ended;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(groups_before - first));
  state.counters["kills"] = benchmark::Counter(
      static_cast<double>(farm.counters().kills_sent - kills_before), benchmark::Counter::kIsRate);
}
BENCHMARK(races)->ArgName("sessions")->Arg(2)->Arg(10)->Arg(1000);

/// Each session says that it lives, once a turn.
void heartbeats(benchmark::State& state) {
  CoreFarm farm(static_cast<std::size_t>(state.range(0)), window);
  for (auto _ : state) farm.beat();
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(heartbeats)->ArgName("sessions")->Arg(10)->Arg(1000)->Arg(4000);

double heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks) + static_cast<double>(info.hblkhd);
}

/// A million queued tasks of 8 bytes, each with a payload of its own, in one group each.
void memory(benchmark::State& state) {
  constexpr std::size_t queued = 1'000'000;
  double bytes = 0;
  for (auto _ : state) {
    CoreFarm farm(2, window);
    const double before = heap_bytes();
    farm.submit_own(queued);
    bytes = (heap_bytes() - before) / static_cast<double>(queued);
  }
  state.counters["bytes/task"] = bytes;
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(queued));
}
BENCHMARK(memory)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
