// The codec alone: encoding and decoding each message that travels while tasks are done. Google
// Benchmark's options hold (--benchmark_filter=Tasks, --benchmark_format=json).
#include <benchmark/benchmark.h>

#include "hot_messages.hpp"

namespace {

void count(benchmark::State& state, const bench::HotMessage& hot, std::size_t bytes) {
  const auto tasks = state.iterations() * static_cast<std::int64_t>(hot.tasks);
  state.SetItemsProcessed(tasks);
  state.counters["per_task"] = benchmark::Counter(
      static_cast<double>(tasks), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["bytes"] = static_cast<double>(bytes);
}

void encode(benchmark::State& state, const bench::HotMessage& hot) {
  fanmill::codec::HeaderBuffer buffer;
  std::size_t bytes = 0;
  for (auto _ : state) benchmark::DoNotOptimize(bytes = bench::encode_once(hot.message, buffer));
  count(state, hot, bytes);
}

void decode(benchmark::State& state, const bench::HotMessage& hot) {
  const bench::StoredFrames frames = bench::stored_frames(hot.message);
  for (auto _ : state) benchmark::DoNotOptimize(bench::decode_once(frames));
  count(state, hot, frames.header.size() + (frames.payload ? frames.payload->size() : 0));
}

}  // namespace

int main(int argc, char** argv) {
  for (const bench::HotMessage& hot : bench::hot_messages()) {
    benchmark::RegisterBenchmark(("encode/" + hot.name).c_str(), encode, hot);
    benchmark::RegisterBenchmark(("decode/" + hot.name).c_str(), decode, hot);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
