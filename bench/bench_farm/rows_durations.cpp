// Tasks that take their time: sleeping from 1 ms on, computing below. `busy` is the share of the time
// in which the workers were within their functions; `done` how much of what the workers (or, if there
// are more of them than cores, the cores) could have done was done. They differ where the farm's own
// threads take the cores from a function that computes. `bare_done` is what bare sockets do, each worker
// holding two.
#include <algorithm>
#include <chrono>

#include "farm.hpp"
#include "pinned.hpp"
#include "rows.hpp"
#include "sample.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

struct Duration {
  const char* name;
  std::chrono::nanoseconds each;
  bool sleeps;
};

void measure(Farm& farm, int workers, const Duration& duration, double seconds) {
  const std::string row = std::string("duration/") + duration.name + "/" + std::to_string(workers);
  const int wide = duration.sleeps ? workers : std::min(workers, static_cast<int>(cores().size()));
  const double each = std::chrono::duration<double>(duration.each).count();
  if (duration.each == 0ns) {
    sample(row, "rate", farm.run(static_cast<std::int64_t>(200'000 * seconds)).rate);
    return;
  }
  const auto tasks = static_cast<std::int64_t>(seconds * wide / each);
  const std::chrono::nanoseconds busy = farm.manager().counters().busy;
  const double took = farm.work(duration.sleeps ? "sleep" : "spin", tasks, duration.each);
  sample(row, "rate", static_cast<double>(tasks) / took);
  sample(row, "done", static_cast<double>(tasks) * each / wide / took);
  const std::chrono::duration<double> within = farm.manager().counters().busy - busy;
  sample(row, "busy", within.count() / workers / took);
}

void measure_bare(const Settings& settings, int workers, const Duration& duration, double seconds) {
  BareFarm bare(settings.scratch.endpoint(true), workers,
                {.ns = duration.each.count(), .sleeps = duration.sleeps});
  const int wide = duration.sleeps ? workers : std::min(workers, static_cast<int>(cores().size()));
  const double each = std::chrono::duration<double>(duration.each).count();
  const double rate = bare.run(static_cast<std::int64_t>(seconds * wide / each), 2).rate;
  sample(std::string("duration/") + duration.name + "/" + std::to_string(workers), "bare_done",
         rate * each / wide);
}

}  // namespace

void computing_alone(const Settings& settings) {
  Farm farm(settings.scratch.endpoint(true), {.workers = 2});
  farm.run(20'000);
  for (int round = 0; round < settings.rounds; ++round)
    measure(farm, 2, {"alone/100us", 100us, false}, 1);
}

void durations(const Settings& settings) {
  constexpr Duration list[] = {{"0", 0ns, false},
                               {"10us", 10us, false},
                               {"100us", 100us, false},
                               {"1ms", 1ms, true},
                               {"10ms", 10ms, true}};
  for (const int workers : {2, 64}) {
    Farm farm(settings.scratch.endpoint(true), {.workers = workers});
    farm.run(20'000);
    for (int round = 0; round < settings.rounds; ++round) {
      // The beginning and the end of a run, a task each, must not weigh.
      for (const Duration& duration : list) {
        const double seconds = duration.each >= 10ms ? 3 : settings.quick ? 0.5 : 1.5;
        if (duration.each > 0ns) measure_bare(settings, workers, duration, seconds);
        measure(farm, workers, duration, seconds);
      }
    }
  }
}

}  // namespace bench
