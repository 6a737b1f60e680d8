// sim_planted --bug NAME|all [--finds N] [--seeds-max N] [--threads N]
//
// Is the simulator any good? This program holds a core with planted bugs (core/plant.hpp), switches
// on one after another and runs seeds until they have found it. A bug that no seed finds fails the
// program.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/plant.hpp"
#include "world.hpp"

namespace {

using namespace fanmill::sim;
using fanmill::core::Plant;

struct Named {
  Plant plant;
  const char* name;
  const char* words;
};
constexpr Named plants[] = {
#define FANMILL_SIM_PLANT(name, words) {Plant::name, #name, words},
    FANMILL_PLANTS(FANMILL_SIM_PLANT)
#undef FANMILL_SIM_PLANT
};

struct Options {
  std::string bug = "all";
  std::uint64_t finds = 3;  // often enough to tell how easily it is found
  std::uint64_t seeds_max = 20000;
  unsigned threads = 1;
};

struct Finding {
  std::uint64_t seeds = 0;
  std::uint64_t found = 0;
  std::uint64_t first = 0;
  std::string promise;
};

[[noreturn]] void usage() {
  std::fputs("usage: sim_planted --bug NAME|all [--finds N] [--seeds-max N] [--threads N]\n",
             stderr);
  std::exit(2);
}

Options parse(int argc, char* argv[]) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc) usage();
    const char* value = argv[i + 1];
    if (std::strcmp(argv[i], "--bug") == 0) {
      options.bug = value;
    } else if (std::strcmp(argv[i], "--finds") == 0) {
      options.finds = std::max(1ULL, std::strtoull(value, nullptr, 10));
    } else if (std::strcmp(argv[i], "--seeds-max") == 0) {
      options.seeds_max = std::strtoull(value, nullptr, 10);
    } else if (std::strcmp(argv[i], "--threads") == 0) {
      options.threads = static_cast<unsigned>(std::max(1, std::atoi(value)));
    } else {
      usage();
    }
  }
  return options;
}

Finding hunt(const Named& bug, const Options& options) {
  fanmill::core::planted_bug = bug.plant;
  Finding finding;
  std::mutex mutex;
  std::atomic<std::uint64_t> next = 1;
  const auto work = [&] {
    for (std::uint64_t seed = next++; seed <= options.seeds_max; seed = next++) {
      Tally tally;
      const RunReport report = run_seed(seed, Trace::Mode::quiet, tally);
      const std::lock_guard lock(mutex);
      finding.seeds += 1;
      if (report.violation) {
        if (finding.found == 0 || seed < finding.first) {
          finding.first = seed;
          finding.promise = report.violation->promise;
        }
        finding.found += 1;
      }
      if (finding.found >= options.finds) return;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < options.threads; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return finding;
}

}  // namespace

int main(int argc, char* argv[]) {
  const Options options = parse(argc, argv);
  make_assertions_violations();
  std::size_t hunted = 0;
  std::vector<std::string> missed;
  std::printf("%-28s %6s of %-6s %6s  %s\n", "planted bug", "found", "seeds", "first",
              "the promise that it breaks first");
  for (const Named& bug : plants) {
    if (options.bug != "all" && options.bug != bug.name) continue;
    hunted += 1;
    const Finding finding = hunt(bug, options);
    std::printf("%-28s %6llu of %-6llu %6llu  %s\n", bug.name,
                static_cast<unsigned long long>(finding.found),
                static_cast<unsigned long long>(finding.seeds),
                static_cast<unsigned long long>(finding.first),
                finding.found != 0 ? finding.promise.c_str() : bug.words);
    std::fflush(stdout);
    if (finding.found == 0) missed.emplace_back(bug.name);
  }
  if (hunted == 0) {
    std::fprintf(
        stderr,
        "sim_planted: there is no planted bug \"%s\"; they stand in lib/src/core/plant.hpp\n",
        options.bug.c_str());
    return 2;
  }
  std::printf("%zu planted bugs, %zu found\n", hunted, hunted - missed.size());
  for (const std::string& name : missed) std::printf("NOT FOUND: %s\n", name.c_str());
  return missed.empty() ? 0 : 1;
}
