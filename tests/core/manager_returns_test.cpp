// Workers that come back: what they hold is judged one by one, nothing is assumed.
#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

/// Worker 1, on another host, was given item 0 as attempt 1, lost its connection and did not come
/// back in time.
struct Orphaned : ManagerFixture {
  Orphaned() {
    join(1);
    items(1);
    CHECK(take() == "1: task 1 (0.0)");
    lose(1);
    pass(3s);
    CHECK(take() == "forget 1");
    CHECK(manager.ready_count() == 1);
  }
};

/// Worker 2's attempt 2 has won item 0, while worker 1, which had attempt 1, was on its way back.
struct Raced : ManagerFixture {
  Raced() {
    join(1);
    join(2);
    race(2);
    CHECK(take() == "1: task 1 (0.0), 2: task 2 (0.1)");
    lose(1);
    say(2, result_of(2));
    // No kill: there is nobody to send it to.
    CHECK(take() == "forget 1, item 0 decided by 1 1 killed, 2: heartbeat 1");
  }
};

}  // namespace

TEST_CASE("a second hello on the same connection opens a new session that keeps the work",
          "[unit][manager]") {
  ManagerFixture farm;
  const SessionId first = farm.join(1).session;
  farm.items(1);
  farm.greet(1, {.holdings = {running(1)}});
  CHECK(farm.take() == "1: task 1 (0.0), 1: welcome keep 1");
  CHECK(farm.session_of(1) != first);
  CHECK(farm.manager.worker_count() == 1);
  CHECK(farm.counters().sessions_resumed == 1);
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 1: heartbeat 1");
}

TEST_CASE("a hello on another connection replaces the session, and the old peer is told",
          "[unit][manager]") {
  ManagerFixture farm;
  const SessionId first = farm.join(1).session;
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.greet(2, {.worker = 1, .holdings = {running(1)}});
  const Refuse refuse = farm.expect_sent<Refuse>(1);
  CHECK(refuse.code == RefuseCode::replaced);
  CHECK(refuse.session == first);
  CHECK(farm.take() == "forget 1, 2: welcome keep 1");
  farm.beat(1);  // the old connection says something yet
  CHECK(farm.take() == "1: who");
  farm.lose(1);  // and ends
  farm.say(2, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 2: heartbeat 1");
}

TEST_CASE("a result that is offered again is kept, and counts when it comes", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  farm.greet(1, {.holdings = {with_result(1)}});
  CHECK(farm.take() == "1: task 1 (0.0), 1: welcome keep 1");
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 1: heartbeat 1");
}

TEST_CASE("a result that was recorded is dropped when it is offered again", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  farm.say(1, result_of(1));
  CHECK(farm.take() == "1: task 1 (0.0), item 0 decided by 0, 1: heartbeat 1");
  farm.greet(1, {.holdings = {with_result(1)}});  // the acknowledgement was lost
  CHECK(farm.take() == "1: welcome drop 1");
}

TEST_CASE("work of a group that was decided meanwhile is killed, its result dropped",
          "[unit][manager]") {
  Raced farm;
  SECTION("it runs: it is held until its worker has answered") {
    farm.greet(3, {.worker = 1, .holdings = {running(1)}});
    CHECK(farm.take() == "3: welcome kill 1");
    farm.say(3, killed(1));
    CHECK(farm.take() == "-");
    CHECK(farm.counters().kills_confirmed == 1);
  }
  SECTION("it waits") {
    farm.greet(3, {.worker = 1, .holdings = {unstarted(1)}});
    CHECK(farm.take() == "3: welcome kill 1");
    farm.say(3, killed(1, true));
  }
  SECTION("it has its result") {
    farm.greet(3, {.worker = 1, .holdings = {with_result(1)}});
    CHECK(farm.take() == "3: welcome drop 1");
  }
  SECTION("it runs, and ends before the kill arrives: late, and acknowledged") {
    farm.greet(3, {.worker = 1, .holdings = {running(1)}});
    farm.say(3, result_of(1));
    CHECK(farm.take() == "3: welcome kill 1, 3: heartbeat 1");
    CHECK(farm.counters().results_late == 1);
  }
  SECTION("it never comes back") { farm.pass(4s); }
  farm.check_empty();
}

TEST_CASE("what a worker does not name is queued again, and nobody is to blame",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.race(1, {Policy::Kind::client});
  CHECK(farm.take() == "1: task 1 (0.0)");
  for (int time = 0; time < 5; ++time) farm.greet(1);
  CHECK(farm.take() ==
        "1: welcome, 1: task 2 (0.0), 1: welcome, 1: task 3 (0.0), 1: welcome, 1: task 4 (0.0), "
        "1: welcome, 1: task 5 (0.0), 1: welcome, 1: task 6 (0.0)");
  farm.say(1, result_of(6));
  CHECK(farm.expect<DeliverTaskEnd>().outcome.errors.empty());
  CHECK(farm.take() == "1: heartbeat 1");
}

TEST_CASE("another worker's attempt can't be claimed", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.greet(2, {.holdings = {running(1)}});
  farm.greet(3, {.holdings = {with_result(1)}});
  CHECK(farm.take() == "2: welcome kill 1, 3: welcome drop 1");
  CHECK(farm.counters().claims_refused == 2);
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 1: heartbeat 1");
}

TEST_CASE("attempts that no manager has made yet are refused", "[unit][manager]") {
  ManagerFixture farm;
  farm.greet(1, {.holdings = {{attempt(5, 3), HoldingState::running},
                              {attempt(6, 3), HoldingState::result},
                              {attempt(7, 3), HoldingState::unstarted}}});
  CHECK(farm.take() == "1: welcome kill 5 drop 6 kill 7");
  farm.check_empty();
}

TEST_CASE("what still runs of an earlier manager keeps its slot until its worker has answered",
          "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.incarnation = 2;
  ManagerFixture farm(options);
  farm.join(1, {.features = feature::heartbeat, .holdings = {running(5), with_result(6)}});
  farm.items(1);
  CHECK(farm.take() == "-");
  SECTION("by its result, which is acknowledged and dropped") {
    farm.say(1, result_of(5));
    CHECK(farm.counters().results_late == 1);
  }
  SECTION("or by Killed") { farm.say(1, killed(5)); }
  CHECK(farm.take() == "1: task 1 (0.0)");
}

// The second mention was answered by "drop": a worker that obeys the last word would have thrown
// its only copy of a result away, and the task would have waited for it for ever.
TEST_CASE("an attempt that is named twice gets the same verdict twice", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.slots = 2});
  farm.items(2);
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (1.0)");
  farm.greet(
      1, {.slots = 2, .holdings = {with_result(1), with_result(1), running(2), with_result(2)}});
  CHECK(farm.take() == "1: welcome keep 1 keep 1 keep 2 keep 2");
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 1: heartbeat 1");
}

TEST_CASE("what is kept counts against the new session's credit", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.slots = 2});
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.greet(1, {.slots = 1, .holdings = {running(1)}});  // it came back smaller
  farm.items(1);
  CHECK(farm.take() == "1: welcome keep 1");
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 1: task 2 (1.0)");
}

TEST_CASE("a connection that is lost and returns within the grace keeps its work",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.lose(1);
  farm.pass(2900ms);
  CHECK(farm.take() == "forget 1");
  farm.greet(2, {.worker = 1, .holdings = {running(1)}});
  CHECK(farm.take() == "2: welcome keep 1");
  farm.pass(4s);
  CHECK(farm.take() == "-");
  CHECK(farm.counters().tasks_requeued == 0);
  CHECK(farm.counters().workers_lost == 0);
}

TEST_CASE("an orphan returns while its task is queued, and is kept", "[unit][manager]") {
  Orphaned farm;
  SECTION("with the result") { farm.greet(2, {.worker = 1, .holdings = {with_result(1)}}); }
  SECTION("still running") { farm.greet(2, {.worker = 1, .holdings = {running(1)}}); }
  SECTION("not even started") { farm.greet(2, {.worker = 1, .holdings = {unstarted(1)}}); }
  CHECK(farm.take() == "2: welcome keep 1");
  CHECK(farm.manager.ready_count() == 0);
  farm.say(2, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 2: heartbeat 1");
  farm.check_empty();
}

TEST_CASE("an orphan's result counts although its task runs elsewhere, and the other is killed",
          "[unit][manager]") {
  Orphaned farm;
  farm.join(2);
  CHECK(farm.take() == "2: task 2 (0.0)");
  farm.greet(3, {.worker = 1, .holdings = {with_result(1)}});
  CHECK(farm.take() == "3: welcome keep 1");
  farm.say(3, result_of(1));
  CHECK(farm.take() == "2: kill 2, item 0 decided by 0, 3: heartbeat 1");
  CHECK(farm.counters().tasks_ok == 1);
  farm.say(2, result_of(2));
  CHECK(farm.take() == "2: heartbeat 1");
  CHECK(farm.counters().results_late == 1);
  farm.check_empty();
}

TEST_CASE("the other attempt may win against a promised result", "[unit][manager]") {
  Orphaned farm;
  farm.join(2);
  farm.greet(3, {.worker = 1, .holdings = {with_result(1)}});
  CHECK(farm.take() == "2: task 2 (0.0), 3: welcome keep 1");
  farm.say(2, result_of(2));
  CHECK(farm.take() == "3: kill 1, item 0 decided by 0, 2: heartbeat 1");
  farm.say(3, result_of(1));  // crossed the kill
  CHECK(farm.take() == "3: heartbeat 1");
  farm.check_empty();
}

TEST_CASE("a promised result and the attempt that replaced it may both be lost",
          "[unit][manager]") {
  Orphaned farm;
  farm.join(2, {.same_host = true});
  farm.greet(3, {.worker = 1, .holdings = {with_result(1)}});
  CHECK(farm.take() == "2: task 2 (0.0), 3: welcome keep 1");
  farm.lose(2);
  CHECK(farm.take() == "forget 2");
  CHECK(farm.manager.ready_count() == 1);  // the promise does not stop the third try
  farm.lose(3);
  farm.pass(3s);
  farm.join(4);
  CHECK(farm.take() == "forget 3, 4: task 3 (0.0)");
  farm.say(4, result_of(3));
  CHECK(farm.take() == "item 0 decided by 0, 4: heartbeat 1");
  farm.check_empty();
}

TEST_CASE("of an orphan that still runs and its replacement, the orphan is killed",
          "[unit][manager]") {
  Orphaned farm;
  farm.join(2);
  farm.greet(3, {.worker = 1, .holdings = {running(1)}});
  CHECK(farm.take() == "2: task 2 (0.0), 3: welcome kill 1");
  farm.say(3, killed(1));
  farm.say(2, result_of(2));
  CHECK(farm.take() == "item 0 decided by 0, 2: heartbeat 1");
  farm.check_empty();
}

TEST_CASE("an orphan whose task has ended is not needed", "[unit][manager]") {
  Orphaned farm;
  farm.join(2);
  farm.say(2, result_of(2));
  CHECK(farm.take() == "2: task 2 (0.0), item 0 decided by 0, 2: heartbeat 1");
  farm.check_empty();
  SECTION("its result is dropped") {
    farm.greet(3, {.worker = 1, .holdings = {with_result(1)}});
    CHECK(farm.take() == "3: welcome drop 1");
  }
  SECTION("it is killed") {
    farm.greet(3, {.worker = 1, .holdings = {running(1)}});
    CHECK(farm.take() == "3: welcome kill 1");
    farm.say(3, killed(1));  // of an attempt that is long forgotten
    CHECK(farm.take() == "-");
  }
}

TEST_CASE("tasks of a lost worker are queued in their own order", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.slots = 2, .prefetch = 1, .same_host = true});
  farm.items(5);
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (1.0), 1: task 3 (2.0), 1: task 4 (3.0)");
  farm.lose(1);
  farm.join(2, {.slots = 5});
  CHECK(farm.take() ==
        "forget 1, 2: task 5 (0.0), 2: task 6 (1.0), 2: task 7 (2.0), 2: task 8 (3.0), "
        "2: task 9 (4.0)");
}

TEST_CASE("what a worker has done stays with it over its sessions", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(2);
  farm.say(1, result_of(1));
  farm.greet(2, {.worker = 1, .holdings = {running(2)}});
  farm.say(2, result_of(2));
  farm.take();
  const WorkerInfo worker = farm.manager.workers().at(0);
  CHECK(worker.tasks_done == 2);
  CHECK(worker.busy == 2ms);
  CHECK(farm.counters().busy == 2ms);
}

// The request stood only in the session: a worker whose connection broke before it heard of it came
// back as if nobody had asked, and was given work for ever.
TEST_CASE("a drain survives the loss of the connection", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  SECTION("asked for before") {
    farm.turn(DrainRequested{farm.session_of(1)});
    farm.lose(1);
    CHECK(farm.take() == "1: goodbye drain, forget 1");
  }
  SECTION("asked for meanwhile") {
    farm.lose(1);
    farm.turn(DrainRequested{farm.session_of(1)});
    CHECK(farm.take() == "forget 1");
  }
  farm.items(1);
  farm.greet(2, {.worker = 1, .holdings = {running(1)}});
  CHECK(farm.take() == "2: welcome keep 1, 2: goodbye drain");
  farm.say(2, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 2: heartbeat 1");
  CHECK(farm.manager.ready_count() == 1);
}

}  // namespace fanmill::core::test
