// How a worker goes: stopped, drained by itself, drained by its manager, sent away.
#include "catch.hpp"
#include "worker_rig.hpp"

namespace fanmill::core::test {
namespace {

TEST_CASE("an idle worker that is stopped says goodbye and ends", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.step(StopRequested{});
  const Goodbye goodbye = rig.expect_sent<Goodbye>();
  CHECK(goodbye == Goodbye{.session = SessionId{101}, .detail = 5, .words = "stopped"});
  CHECK(rig.claim_all() == "end 5");
}

TEST_CASE("a stop waits for the executors, but not for ever", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive_task(2);
  rig.step(StopRequested{});
  CHECK(rig.expect<StopTask>().reason == StopTask::Reason::leaving);
  rig.step(StopRequested{});
  rig.expect_nothing();
  SECTION("they stop: the goodbye gives both tasks back") {
    rig.finish(0, 1);
    CHECK(rig.claim_all() == "goodbye, end 5");
  }
  SECTION("they do not") {
    rig.pass(2s);
    CHECK(rig.expect_sent<Goodbye>().words == "stopped; 1 tasks did not stop when told to");
    CHECK(rig.claim_all() == "end 5!");
  }
  SECTION("a kill meanwhile is answered") {
    rig.receive(Kill{.attempt = AttemptId{1}});
    rig.receive(Kill{.attempt = AttemptId{2}});
    rig.finish(0, 1);
    CHECK(rig.claim_all() == "unstarted 2, killed 1, goodbye, end 5");
  }
}

TEST_CASE("a stop waits a little for results to be acknowledged, and asks", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.do_task(1);
  rig.step(StopRequested{});
  CHECK(rig.claim_all() == "echo?");
  SECTION("they are") {
    rig.receive(Heartbeat{.session = SessionId{101}, .acknowledged = 1});
    CHECK(rig.claim_all() == "goodbye, end 5");
  }
  SECTION("they are not") {
    rig.pass(2s);
    CHECK(rig.expect_sent<Goodbye>().words == "stopped; 1 results were not acknowledged");
    CHECK(rig.claim_all() == "end 5");
  }
  SECTION("the connection is lost and comes back") {
    rig.pass(1s);
    rig.lose_connection();
    CHECK(rig.claim_all() == "connect, hello 2");
    rig.welcome({{AttemptId{1}, Verdict::keep}});
    CHECK(rig.claim_all() == "result 1, echo?");
    rig.receive(Heartbeat{.session = SessionId{102}, .acknowledged = 1});
    CHECK(rig.claim_all() == "goodbye, end 5");
  }
  SECTION("the manager has them already") {
    rig.receive(Who{});
    rig.welcome();
    CHECK(rig.claim_all() == "hello 2, goodbye, end 5");
  }
}

TEST_CASE("without a session a stop has nobody to say goodbye to", "[worker]") {
  WorkerRig rig;
  SECTION("before the start") {}
  SECTION("while greeting") { rig.start(); }
  rig.step(StopRequested{.drain = GENERATE(false, true)});
  CHECK(rig.claim_all() == "end 5");
}

TEST_CASE("a worker that drains finishes what it has started and starts nothing", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive_task(2);
  rig.step(StopRequested{.drain = true});
  const Goodbye drain = rig.expect_sent<Goodbye>();
  CHECK(drain == Goodbye{.session = SessionId{101}, .drain = true, .words = "drained"});
  rig.step(StopRequested{.drain = true});
  // The manager takes back what has not started.
  rig.receive(Kill{.attempt = AttemptId{2}, .if_unstarted = true});
  CHECK(rig.claim_all() == "unstarted 2");
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "result 1, echo?");
  rig.receive(Heartbeat{.session = SessionId{101}, .acknowledged = 1});
  CHECK(rig.claim_all() == "goodbye, end 5");
}

TEST_CASE("a second, harder stop ends a drain", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.step(StopRequested{.drain = true});
  rig.step(StopRequested{});
  CHECK(rig.claim_all() == "drain, stop 1");
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "goodbye, end 5");
}

TEST_CASE("a worker that drains says so again in a new session", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.step(StopRequested{.drain = true});
  rig.receive(Who{});
  rig.welcome({{AttemptId{1}, Verdict::keep}});
  CHECK(rig.claim_all() == "drain, hello 2, drain");
  // What comes all the same is held for its recall, and given back by the goodbye.
  rig.receive_task(2);
  rig.expect_nothing();
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "result 1, echo?");
  rig.pass(20s);
  CHECK(rig.claim_all() == "goodbye, end 5");
}

TEST_CASE("a drained worker finishes all that it holds", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive_task(2);
  rig.receive(Goodbye{.session = SessionId{101}, .drain = true, .words = "drained on request"});
  rig.expect_nothing();
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "result 1, start 2");
  rig.finish(0, 2);
  CHECK(rig.claim_all() == "result 2, echo?");
  rig.receive(Heartbeat{.session = SessionId{101}, .acknowledged = 2});
  CHECK(rig.expect_sent<Goodbye>().words == "the manager said: drained on request");
  CHECK(rig.claim_all() == "end 5");
}

TEST_CASE("a drain does not wait for a function that is deaf", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive_task(2);
  rig.receive(Kill{.attempt = AttemptId{1}});
  rig.receive(Goodbye{.session = SessionId{101}, .drain = true});
  CHECK(rig.claim_all() == "stop 1");
  rig.pass(2s);
  CHECK(rig.claim_all() == "goodbye, end 5!");
}

TEST_CASE("a manager that closes the farm ends its workers promptly", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  const bool closed = GENERATE(false, true);
  SECTION("idle, with a result that nobody needs any more") {
    rig.do_task(1);
    rig.receive(Goodbye{.session = SessionId{101}, .closed = closed, .words = "closed"});
    CHECK(rig.expect<EndWorker>().words == "the manager said: closed");
  }
  SECTION("running") {
    rig.run_task(1);
    rig.receive(Goodbye{.session = SessionId{101}, .closed = closed});
    CHECK(rig.claim_all() == "stop 1");
    rig.finish(0, 1);
    CHECK(rig.claim_all() == "end 5");
  }
  SECTION("running a deaf function") {
    rig.run_task(1);
    rig.receive(Goodbye{.session = SessionId{101}, .closed = closed});
    CHECK(rig.claim_all() == "stop 1");
    CHECK(rig.pass_to_deadline() == 2s);
    CHECK(rig.claim_all() == "end 5!");
  }
  SECTION("of another session: ignored") {
    rig.receive(Goodbye{.session = SessionId{100}, .closed = closed});
    CHECK_FALSE(rig.worker.ended());
  }
}

TEST_CASE("a monitored worker that is told to leave says so by its exit status", "[worker]") {
  WorkerOptions options = plain_options();
  options.monitored = true;
  WorkerRig rig(options);
  rig.start_and_welcome();
  rig.run_task(1);
  rig.step(StopRequested{});
  CHECK(rig.claim_all() == "stop 1");
  rig.lose_connection();
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "end 5");
}

}  // namespace
}  // namespace fanmill::core::test
