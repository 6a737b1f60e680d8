// Departures: drains, goodbyes, expulsions, workers that end with their task, the end of the farm.
#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

constexpr Policy client{Policy::Kind::client};

/// Worker 1 runs attempts 1 and 2 and holds 3 and 4, each a group of its own.
struct Busy : ManagerFixture {
  explicit Busy(Guest guest = {.slots = 2, .prefetch = 1}) {
    join(1, guest);
    for (int i = 0; i < 4; ++i) race(1, client);
    CHECK(take() == "1: task 1 (0.0), 1: task 2 (1.0), 1: task 3 (2.0), 1: task 4 (3.0)");
  }
  void leave() { say(1, Goodbye{.session = session_of(1), .words = "done"}); }
};

}  // namespace

TEST_CASE("a worker that is asked to drain returns what it has not started and ends the rest",
          "[unit][manager]") {
  Busy farm;
  farm.turn(DrainRequested{farm.session_of(1)});
  CHECK(farm.take() == "1: goodbye drain, 1: recall 3, 1: recall 4");
  CHECK(farm.manager.workers()[0].state == WorkerInfo::State::draining);
  CHECK(farm.manager.slot_count() == 0);
  farm.turn(DrainRequested{farm.session_of(1)});  // twice
  farm.say(1, killed(3, true));
  CHECK(farm.take() == "-");
  farm.say(1, result_of(1));
  farm.say(1, result_of(4));  // it started it all the same
  farm.say(1, result_of(2));
  CHECK(farm.take() ==
        "end 0.0 result, 1: heartbeat 1, end 3.0 result, 1: heartbeat 2, end 1.0 result, "
        "1: heartbeat 3");
  farm.leave();
  CHECK(farm.take() == "forget 1");
  CHECK(farm.counters().workers_left == 1);
  CHECK(farm.counters().workers_lost == 0);
  farm.join(2);
  CHECK(farm.take() == "2: task 5 (2.0)");
}

TEST_CASE("a worker that drains by itself gets no more tasks", "[unit][manager]") {
  Busy farm;
  farm.say(1, Goodbye{.session = farm.session_of(1), .drain = true});
  CHECK(farm.take() == "1: recall 3, 1: recall 4");
  farm.say(1, killed(3, true));
  farm.say(1, killed(4, true));
  farm.say(1, killed(2));  // it may give up what runs, too
  CHECK(farm.take() == "-");
  CHECK(farm.manager.ready_count() == 3);
  CHECK(farm.counters().tasks_quarantined == 0);
}

TEST_CASE("a drain blames nobody for what the worker gives up", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.lost_attempts_max = 1});
  farm.join(1);
  farm.race(1, client);
  farm.say(1, Goodbye{.session = farm.session_of(1), .drain = true});
  farm.say(1, killed(1));
  CHECK(farm.take() == "1: task 1 (0.0)");
  CHECK(farm.manager.ready_count() == 1);
}

TEST_CASE("a goodbye queues the worker's tasks again, and nobody is to blame", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.lost_attempts_max = 1});
  farm.race(2, client);
  farm.join(1, {.slots = 2});
  farm.say(1, Goodbye{.session = farm.session_of(1), .detail = 5});
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (0.1), forget 1");
  CHECK(farm.counters().workers_left == 1);
  CHECK(farm.manager.ready_count() == 2);
  farm.say(1, result_of(1));
  CHECK(farm.take() == "1: who");
}

TEST_CASE("a goodbye of an earlier session means nothing", "[unit][manager]") {
  ManagerFixture farm;
  const SessionId first = farm.join(1).session;
  farm.join(1);
  farm.beat(1);
  farm.say(1, Goodbye{.session = first});
  farm.say(1, Heartbeat{.session = first, .echo = true});
  CHECK(farm.take() == "-");
  CHECK(farm.counters().messages_unexpected == 2);
  CHECK(farm.manager.worker_count() == 1);
}

TEST_CASE("what is no message closes the session with the reason, and queues its tasks again",
          "[unit][manager]") {
  Busy farm;
  farm.turn(MalformedReceived{.peer = PeerId{1}, .reason = "the header has 3 bytes"});
  const Refuse refuse = farm.expect_sent<Refuse>(1);
  CHECK(refuse.code == RefuseCode::malformed);
  CHECK(refuse.session == farm.session_of(1));
  CHECK(refuse.words == "the header has 3 bytes");
  CHECK(farm.take() == "forget 1");
  CHECK(farm.counters().messages_malformed == 1);
  CHECK(farm.manager.ready_count() == 4);
}

TEST_CASE("a worker that says what only managers say is closed out", "[unit][manager]") {
  Busy farm;
  const Message message = GENERATE(Message(Welcome{}), Message(Refuse{}), Message(Who{}),
                                   Message(Task{}), Message(Kill{}));
  farm.say(1, message);
  CHECK(farm.take() == "1: refuse protocol, forget 1");
  CHECK(farm.counters().messages_unexpected == 1);
  CHECK(farm.manager.ready_count() == 4);
}

TEST_CASE("another worker is not disturbed when one is closed out", "[unit][manager]") {
  Busy farm;
  farm.join(2, {.slots = 4});
  farm.take();
  farm.turn(MalformedReceived{.peer = PeerId{1}, .reason = "nonsense"});
  CHECK(farm.take() ==
        "1: refuse malformed, forget 1, 2: task 5 (0.0), 2: task 6 (1.0), 2: task 7 (2.0), "
        "2: task 8 (3.0)");
}

TEST_CASE("a monitored worker that ends with its killed task is not lost", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.lost_attempts_max = 1});
  const bool asked = GENERATE(true, false);
  farm.join(1, {.slots = 2, .same_host = true, .containment = Containment::process});
  farm.race(1, client);
  farm.race(1, client);
  if (asked) farm.decide(0);
  farm.take();
  farm.lose(1);
  if (asked) {
    CHECK(farm.take() == "forget 1");  // the other task is queued again, without blame
    CHECK(farm.manager.ready_count() == 1);
  } else {
    CHECK(farm.take() == "forget 1, end 0.0 quarantined, end 1.0 quarantined");
  }
  CHECK(farm.counters().workers_lost == (asked ? 0 : 1));
  CHECK(farm.counters().workers_left == (asked ? 1 : 0));
}

TEST_CASE("a worker that is lost with a killed task but survives kills is lost",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.same_host = true, .containment = Containment::cgroup});
  farm.race(1, client);
  farm.decide(0);
  farm.lose(1);
  CHECK(farm.take() == "1: task 1 (0.0), 1: kill 1, forget 1");
  CHECK(farm.counters().workers_lost == 1);
}

TEST_CASE("at shutdown jobs are cancelled and every worker is told that the farm is closed",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.join(2);
  farm.join(3);
  farm.lose(3);
  farm.items(1);
  farm.take();
  farm.step(ShutdownRequested{});
  CHECK(farm.take() ==
        "1: kill 1, job 1 over, 1: goodbye closed, forget 1, 2: goodbye closed, forget 2");
  SECTION("nothing is answered any more") {
    farm.greet(4);
    farm.say(1, result_of(1));
    farm.turn(MalformedReceived{.peer = PeerId{5}, .reason = "late"});
    farm.lose(1);
    farm.turn(DrainRequested{farm.session_of(1)});
    farm.step(ShutdownRequested{});
    farm.items(1);
    farm.step(JobClosed{JobId{1}});
    farm.step(JobCancelled{JobId{1}});
    farm.turn(LoopStalled{1s});
    CHECK(farm.take() == "-");
  }
  SECTION("a job that is opened ends at once") {
    farm.open_job({});
    CHECK(farm.take() == "job 2 over");
  }
}

}  // namespace fanmill::core::test
