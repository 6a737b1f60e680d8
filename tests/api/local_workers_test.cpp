// Workers that a manager starts itself, as processes: this very program, told by its arguments to
// run the hidden case below.
#include <unistd.h>

#include <latch>

#include "catch.hpp"
#include "farm.hpp"

using fanmill::job;

namespace {

// Deaf to stop requests for a negative number; only the end of the process ends it.
int square_or_hang(int number) {
  if (number < 0) std::latch(1).wait();
  return number * number;
}

}  // namespace

TEST_CASE("child: a monitored worker", "[.child]") {
  ::_exit(fanmill::serve(square_or_hang, {.monitored = true}));
}

TEST_CASE("monitored workers that end with a killed task are started anew", "[api]") {
  constexpr int races = 5;
  fanmill::Manager manager({.prefetch = 0});
  manager.start_workers(2, {"/proc/self/exe", "child: a monitored worker"});
  const std::vector<int> items{1, 2, 3, 4, 5};
  const auto race = job<int>().group_tasks([](int number) { return std::vector{-number, number}; });
  REQUIRE(items.size() == races);
  CHECK(manager.run(items, race) == std::vector{1, 4, 9, 16, 25});

  const fanmill::Counters counters = manager.counters();
  // The one that hangs goes out first, so each race has one to kill.
  CHECK(counters.killed == races);
  // It is no loss to anybody: the process ended because it was told to.
  CHECK(counters.workers_lost == 0);
  CHECK(counters.quarantined == 0);
}

TEST_CASE("a time limit that a function ignores ends its monitored worker, and counts as one",
          "[api]") {
  fanmill::Manager manager({.prefetch = 1});
  manager.start_workers(1, {"/proc/self/exe", "child: a monitored worker"});
  const auto outcomes =
      manager.run_outcomes({-1, 2}, job<int>().time_limit(std::chrono::milliseconds(100)));
  REQUIRE_FALSE(outcomes[0].ok());
  REQUIRE(outcomes[0].errors.size() == 1);
  CHECK(outcomes[0].errors[0].kind == fanmill::TaskError::Kind::time_limit);
  CHECK(manager.counters().workers_lost == 0);
}
