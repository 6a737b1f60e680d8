// Recalls: what waits behind a long task elsewhere is asked back for a worker that is idle.
#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

/// Worker 1 runs item 0 as attempt 1 and holds item 1 as attempt 2.
struct Prefetched : ManagerFixture {
  Prefetched() : ManagerFixture(with_prefetch()) {
    join(1);
    items(2);
    CHECK(take() == "1: task 1 (0.0), 1: task 2 (1.0)");
  }
  static ManagerOptions with_prefetch() {
    ManagerOptions options = bench_options();
    options.prefetch = 1;
    return options;
  }
};

}  // namespace

TEST_CASE("a task that waits at a busy worker is recalled for an idle one", "[unit][manager]") {
  Prefetched farm;
  farm.join(2);
  CHECK(farm.take() == "1: recall 2");
  CHECK(farm.counters().recalls_sent == 1);
  farm.say(1, killed(2, true));
  const Task task = farm.expect_sent<Task>(2);
  CHECK(task.number == 2);
  CHECK(task.payload == Payload::json("1.0"));
  farm.say(2, result_of(3));
  CHECK(farm.take() == "item 1 decided by 0, 2: heartbeat 1");
}

TEST_CASE("a recall blames nobody", "[unit][manager]") {
  Prefetched farm;
  farm.submit({{}}, {Policy::Kind::client});
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 1: task 3 (2.0)");
  farm.join(2);
  farm.say(1, killed(3, true));
  farm.say(2, result_of(4));
  CHECK(farm.take() == "1: recall 3, 2: task 4 (2.0), end 2.0 result, 2: heartbeat 1");
  CHECK(farm.counters().tasks_quarantined == 0);
}

TEST_CASE("for each idle worker one other is asked for half of what waits there",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.prefetch = 9});
  farm.items(10);
  farm.take();
  farm.join(2, {.prefetch = 2});  // has room for three
  CHECK(farm.take() == "1: recall 10, 1: recall 9, 1: recall 8");
  farm.say(1, killed(10, true));
  farm.say(1, killed(9, true));
  farm.say(1, killed(8, true));
  CHECK(farm.counters().recalls_sent == 3);
  CHECK_THAT(farm.take(), ContainsSubstring("2: task 11") && ContainsSubstring("2: task 13"));
}

TEST_CASE("what is about to start is not worth a recall, unless its worker is held up",
          "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.prefetch = 1;
  options.prefetch_most = 9;
  ManagerFixture farm(options);
  farm.join(1);
  farm.items(5);
  for (std::uint64_t serial = 1; serial <= 2; ++serial) {
    Result result = result_of(serial);
    result.busy = 10us;
    farm.say(1, std::move(result));
  }
  farm.take();
  farm.join(2);
  CHECK(farm.take() == "-");  // two wait, which take 20 us
  CHECK(*farm.manager.next_deadline() - farm.now == limits::recall_worth);
  farm.pass(limits::recall_worth);
  CHECK(farm.take() == "1: recall 5");
}

TEST_CASE("each idle worker has one recall under way at a time", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.prefetch = 3});
  farm.join(2, {.prefetch = 3});
  farm.items(8);
  farm.take();
  farm.join(3);
  CHECK(farm.take() == "1: recall 7");
  farm.tick();
  CHECK(farm.take() == "-");
  farm.join(4);
  CHECK(farm.take() == "2: recall 8");  // the next asks another worker
  farm.say(1, killed(7, true));
  CHECK_THAT(farm.take(), ContainsSubstring(": task 9"));
  farm.say(2, killed(8, true));
  CHECK_THAT(farm.take(), ContainsSubstring(": task 10"));
}

TEST_CASE("a recall that comes too late is forgotten when the worker says that it has started",
          "[unit][manager]") {
  Prefetched farm;
  farm.join(2);
  CHECK(farm.take() == "1: recall 2");
  SECTION("by a heartbeat") {
    farm.beat(1, 2);
    CHECK(farm.take() == "-");
    farm.say(1, result_of(1));
    CHECK(farm.take() == "item 0 decided by 0, 1: heartbeat 1");
  }
  SECTION("by the result of the task before it") {
    farm.say(1, result_of(1));
    CHECK(farm.take() == "item 0 decided by 0, 1: heartbeat 1");
  }
  farm.say(1, result_of(2));
  CHECK(farm.take() == "item 1 decided by 0, 1: heartbeat 2");
  farm.items(2);
  CHECK(farm.take() == "2: task 3 (2.0), 1: task 4 (3.0)");
}

// A result and the recall crossed: the manager took the next task for started, and then the answer
// to its own recall for a crash.
TEST_CASE("the answer to a recall is no crash, even if the task was thought to have started",
          "[unit][manager]") {
  Prefetched farm;
  farm.submit({{}}, {Policy::Kind::client});
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 1: task 3 (2.0)");
  farm.join(2);
  CHECK(farm.take() == "1: recall 3");
  farm.say(1, result_of(2));
  CHECK(farm.take() == "item 1 decided by 0, 1: heartbeat 2");
  farm.say(1, killed(3, true));
  CHECK(farm.take() == "2: task 4 (2.0)");
  farm.say(2, result_of(4));
  CHECK(farm.expect<DeliverTaskEnd>().outcome.errors.empty());
  CHECK(farm.take() == "2: heartbeat 1");
}

TEST_CASE("nothing is recalled while there is something queued for the idle worker",
          "[unit][manager]") {
  Prefetched farm;
  farm.items(1);
  farm.join(2);
  CHECK(farm.take() == "2: task 3 (2.0)");
}

// A single task for a function that no worker has switched the recall off for the whole farm.
TEST_CASE("a queued task that nobody can take stops no recall", "[unit][manager]") {
  Prefetched farm;
  farm.open_job({.functions = {"unknown"}});
  farm.items(1);
  farm.join(2);
  CHECK(farm.take() == "1: recall 2");
}

// The slots of killed tasks are free as far as credit goes. The tasks behind them at the same
// worker were recalled from it, only to be sent to it again, as long as the kill took.
TEST_CASE("no task is recalled for the worker that holds it", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.slots = 2, .prefetch = 1});
  for (int i = 0; i < 3; ++i) farm.race(1, {Policy::Kind::client});
  farm.items(1);
  farm.take();
  farm.decide(0);
  farm.decide(1);
  farm.decide(2);
  CHECK(farm.take() == "1: kill 1, 1: kill 2, 1: kill 3");
  farm.say(1, killed(1));
  farm.say(1, killed(2));
  farm.say(1, killed(3, true));
  CHECK(farm.take() == "-");
}

TEST_CASE("a recalled task whose group is decided meanwhile is killed", "[unit][manager]") {
  ManagerFixture farm(Prefetched::with_prefetch());
  farm.join(1);
  farm.items(1);
  farm.race(1, {Policy::Kind::client});
  farm.join(2);
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (1.0), 1: recall 2");
  farm.decide(1);
  CHECK(farm.take() == "1: kill 2");
  farm.say(1, killed(2, true));  // the answer to the recall
  farm.say(1, killed(2));        // and to the kill
  CHECK(farm.take() == "-");
  CHECK(farm.counters().kills_confirmed == 1);
}

TEST_CASE("a recall ends with the session that was asked", "[unit][manager]") {
  Prefetched farm;
  farm.join(2);
  CHECK(farm.take() == "1: recall 2");
  SECTION("lost") {
    farm.lose(1);
    farm.pass(3s);
    CHECK(farm.take() == "forget 1, 2: task 3 (0.0), 2: task 4 (1.0)");
  }
  SECTION("back without it: the Killed was lost") {
    farm.greet(1, {.holdings = {running(1)}});
    CHECK(farm.take() == "1: welcome keep 1, 2: task 3 (1.0)");
  }
  SECTION("back with it: the recall was lost") {
    farm.greet(1, {.holdings = {running(1), unstarted(2)}});
    CHECK(farm.take() == "1: welcome keep 1 keep 2, 1: recall 2");
  }
}

}  // namespace fanmill::core::test
