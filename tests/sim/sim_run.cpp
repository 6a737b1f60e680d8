// sim_run --seeds FROM..TO [--threads N] [--verbose] [--regressions FILE]
//
// Runs seeds of the simulator and says what they covered. A seed that breaks a promise is told with
// the promise, the last lines of its trace and the command that repeats it; the exit status is then
// 1.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "world.hpp"

namespace {

using namespace fanmill::sim;

struct Options {
  std::uint64_t from = 1;
  std::uint64_t to = 1000;
  unsigned threads = 1;
  bool verbose = false;
  std::string regressions;
};

struct Totals {
  std::mutex mutex;
  Tally tally;
  std::uint64_t seeds = 0;
  std::uint64_t steps = 0;
  std::vector<std::uint64_t> failed;
};

constexpr std::size_t failures_told_max = 5;

[[noreturn]] void usage() {
  std::fputs("usage: sim_run --seeds FROM..TO [--threads N] [--verbose] [--regressions FILE]\n",
             stderr);
  std::exit(2);
}

Options parse(int argc, char* argv[]) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--verbose") {
      options.verbose = true;
      continue;
    }
    if (i + 1 == argc) usage();
    const std::string value = argv[++i];
    if (name == "--seeds") {
      const std::size_t dots = value.find("..");
      if (dots == std::string::npos) usage();
      options.from = std::strtoull(value.c_str(), nullptr, 10);
      options.to = std::strtoull(value.c_str() + dots + 2, nullptr, 10);
    } else if (name == "--threads") {
      options.threads = static_cast<unsigned>(std::max(1, std::atoi(value.c_str())));
    } else if (name == "--regressions") {
      options.regressions = value;
    } else {
      usage();
    }
  }
  return options;
}

/// One seed per line; what stands behind a # is for people.
std::vector<std::uint64_t> read_regressions(const std::string& path) {
  std::vector<std::uint64_t> seeds;
  std::ifstream file(path);
  if (!file) {
    std::fprintf(stderr, "sim_run: can't read %s\n", path.c_str());
    std::exit(2);
  }
  for (std::string line; std::getline(file, line);) {
    if (const std::uint64_t seed = std::strtoull(line.c_str(), nullptr, 10); seed != 0)
      seeds.push_back(seed);
  }
  return seeds;
}

void tell_failure(std::uint64_t seed) {
  Tally tally;
  const RunReport report = run_seed(seed, Trace::Mode::keep_last, tally);
  std::printf("\nseed %llu FAILS\n", static_cast<unsigned long long>(seed));
  if (!report.violation) {
    std::printf("  ... but not when it is repeated: the simulator itself is not deterministic\n");
    return;
  }
  std::printf("  promise broken: %s\n  %s\n  the last of its trace:\n",
              report.violation->promise.c_str(), report.violation->words.c_str());
  for (const std::string& line : report.last_lines) std::printf("    %s\n", line.c_str());
  std::printf("  repeat it: build/release/bin/sim_run --seeds %llu..%llu --verbose\n",
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed));
}

void print_tally(const Totals& totals) {
  std::printf("%-24s %12s\n", "what occurred", "times");
  for (std::size_t i = 0; i < count_kinds; ++i) {
    std::printf("%-24s %12llu\n", to_string(static_cast<Count>(i)),
                static_cast<unsigned long long>(totals.tally.counts[i]));
  }
}

void run_one(std::uint64_t seed, const Options& options, Totals& totals) {
  Tally tally;
  const RunReport report =
      run_seed(seed, options.verbose ? Trace::Mode::print : Trace::Mode::quiet, tally);
  const std::lock_guard lock(totals.mutex);
  totals.seeds += 1;
  totals.steps += report.steps;
  totals.tally += tally;
  if (report.violation) totals.failed.push_back(seed);
}

void run_range(const Options& options, Totals& totals) {
  std::atomic<std::uint64_t> next = options.from;
  const std::uint64_t count = options.to - options.from + 1;
  const auto work = [&] {
    for (std::uint64_t seed = next++; seed <= options.to; seed = next++) {
      run_one(seed, options, totals);
      if (count >= 10 && (seed - options.from + 1) % (count / 10) == 0) {
        std::printf("%llu seeds\n", static_cast<unsigned long long>(seed - options.from + 1));
        std::fflush(stdout);
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < options.threads; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main(int argc, char* argv[]) {
  const Options options = parse(argc, argv);
  make_assertions_violations();
  Totals totals;
  const auto began = std::chrono::steady_clock::now();
  if (!options.regressions.empty())
    for (const std::uint64_t seed : read_regressions(options.regressions))
      run_one(seed, options, totals);
  run_range(options, totals);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;

  print_tally(totals);
  std::sort(totals.failed.begin(), totals.failed.end());
  for (std::size_t i = 0; i < std::min(totals.failed.size(), failures_told_max); ++i)
    tell_failure(totals.failed[i]);
  std::uint64_t faults = 0;
  for (auto count = static_cast<std::size_t>(Count::worker_crash);
       count <= static_cast<std::size_t>(Count::drain_requested); ++count)
    faults += totals.tally.counts[count];
  std::printf(
      "\n%llu seeds, %llu steps, %llu faults, %.0f seeds/s: ",
      static_cast<unsigned long long>(totals.seeds), static_cast<unsigned long long>(totals.steps),
      static_cast<unsigned long long>(faults), static_cast<double>(totals.seeds) / took.count());
  if (totals.failed.empty()) {
    std::printf("ok\n");
    return 0;
  }
  std::printf("%zu FAILED", totals.failed.size());
  for (std::size_t i = 0; i < std::min<std::size_t>(totals.failed.size(), 20); ++i)
    std::printf(" %llu", static_cast<unsigned long long>(totals.failed[i]));
  std::printf("\n");
  return 1;
}
