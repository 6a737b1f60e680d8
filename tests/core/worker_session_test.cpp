// The connection and the session: hello, welcome, who, refuse, heartbeats, silence.
#include <algorithm>

#include "catch.hpp"
#include "worker_rig.hpp"

namespace fanmill::core::test {
namespace {

TEST_CASE("a started worker says hello on a fresh connection and nothing else", "[worker]") {
  WorkerOptions options = plain_options();
  options.slots = 3;
  options.functions = {"solve", "check"};
  options.cookie = "c";
  WorkerRig rig(options);
  const Hello hello = rig.start();
  CHECK(hello.greeting == 1);
  CHECK_FALSE(hello.resume.valid());
  CHECK(hello.incarnation == 0);
  CHECK(hello.holdings.empty());
  CHECK(hello.slots == 3);
  CHECK(hello.functions == options.functions);
  CHECK(hello.cookie == "c");
  CHECK(hello.uuid == options.uuid);
  CHECK_FALSE(rig.worker.is_welcome());
}

TEST_CASE("without a welcome hello is repeated ever more slowly on fresh connections", "[worker]") {
  WorkerRig rig;
  rig.start();
  Duration nominal = limits::hello_repeat;
  for (std::uint32_t greeting = 2; greeting <= 6; ++greeting) {
    const Duration waited = rig.pass_to_deadline();
    CHECK(waited >= nominal * 8 / 10);
    CHECK(waited <= nominal * 12 / 10);
    rig.expect<OpenConnection>();
    CHECK(rig.expect_sent<Hello>().greeting == greeting);
    nominal = std::min<Duration>(nominal * 2, 16s);
    // A manager that says anything at all is no reason to give up.
    rig.receive(Unknown{.kind = 99});
  }
}

TEST_CASE("two workers do not repeat their hellos in the same moment", "[worker]") {
  WorkerOptions other = plain_options();
  other.uuid.low += 1;
  WorkerRig one;
  WorkerRig two(other);
  one.start();
  two.start();
  CHECK(one.worker.next_deadline() != two.worker.next_deadline());
}

TEST_CASE("only the welcome of the latest hello opens a session", "[worker]") {
  WorkerRig rig;
  rig.start();
  rig.pass_to_deadline();
  CHECK(rig.claim_all() == "connect, hello 2");
  rig.terms.greeting = 1;
  rig.receive(rig.terms);
  CHECK_FALSE(rig.worker.is_welcome());
  rig.welcome();
  CHECK(rig.worker.is_welcome());
  // Once more, late: the session stays as it is.
  rig.receive(rig.terms);
  CHECK(rig.worker.counters().messages_ignored == 2);
  CHECK(rig.worker.counters().sessions == 1);
}

// The manager had forgotten the session, and took the repeated hello for a new one.
TEST_CASE("a second session for the same hello is answered by a greater hello", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.do_task(3);
  rig.run_task(4);
  rig.welcome();
  const Hello hello = rig.expect_sent<Hello>();
  CHECK(hello.greeting == 2);
  CHECK(hello.resume == SessionId{101});
  CHECK(hello.holdings.size() == 2);
  // What the other session brings is not of the one that will be welcomed.
  rig.receive_task(5);
  rig.receive(Who{});
  rig.expect_nothing();
  rig.welcome({{AttemptId{4}, Verdict::keep}});
  rig.expect_nothing();
  CHECK(rig.worker.counters().sessions == 2);
  rig.receive_task(5);  // not a repetition: nothing newer than 4 was kept
  rig.finish(0, 4);
  CHECK(rig.claim_all() == "result 4, start 5");
}

TEST_CASE("a welcome that does not fit is no session, and the connection is changed", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.terms.incarnation = 5;
  rig.pass(1s);
  rig.receive(Who{});
  CHECK(rig.claim_all() == "hello 2");
  rig.welcome();
  REQUIRE(rig.worker.is_welcome());
  rig.receive(Who{});
  CHECK(rig.claim_all() == "hello 3");

  const Welcome good = rig.terms;
  SECTION("older incarnation") { rig.terms.incarnation = 4; }
  SECTION("another farm") { rig.terms.farm = 2; }
  SECTION("another version") { rig.terms.version = 2; }
  SECTION("features that were not offered") { rig.terms.features |= feature::batch; }
  SECTION("heartbeats too often") { rig.terms.heartbeat = 1ms; }
  SECTION("suspect before a heartbeat is due") { rig.terms.suspect = 1s; }
  SECTION("dead before suspect") { rig.terms.dead = 1s; }
  SECTION("no room for results") { rig.terms.unacknowledged_max = 0; }
  rig.notes.clear();
  rig.welcome();
  CHECK_FALSE(rig.worker.is_welcome());
  REQUIRE(rig.notes.size() == 1);
  CHECK(rig.notes[0].level == 0);
  // What else comes on that connection does not count.
  rig.receive_task(7);
  CHECK(rig.pass_to_deadline() <= limits::reconnect_backoff_max * 12 / 10);
  rig.expect<OpenConnection>();
  const Hello hello = rig.expect_sent<Hello>();
  CHECK(hello.incarnation == 5);
  CHECK(hello.farm == 1);
  rig.terms = good;
  rig.welcome();
  CHECK(rig.worker.is_welcome());
}

TEST_CASE("a lost session is resumed at once with all that is held", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.do_task(1);
  const std::uint32_t slot = rig.run_task(2);
  rig.receive_task(3);
  rig.pass(1s);
  rig.lose_connection();
  rig.expect<OpenConnection>();
  const Hello hello = rig.expect_sent<Hello>();
  CHECK(hello.greeting == 2);
  CHECK(hello.resume == SessionId{101});
  CHECK(hello.incarnation == 1);
  CHECK(hello.holdings == std::vector<Holding>{{AttemptId{2}, HoldingState::running},
                                               {AttemptId{3}, HoldingState::unstarted},
                                               {AttemptId{1}, HoldingState::result}});
  // What ends now waits for the welcome; what waits does not start.
  rig.finish(slot, 2);
  rig.expect_nothing();
  rig.welcome({{AttemptId{2}, Verdict::keep},
               {AttemptId{3}, Verdict::keep},
               {AttemptId{1}, Verdict::keep}});
  CHECK(rig.claim_all() == "result 1, result 2, start 3");
  CHECK(rig.worker.counters().results_sent == 2);
  CHECK(rig.worker.counters().results_repeated == 1);
}

TEST_CASE("a manager that refuses connections is tried with growing pauses", "[worker]") {
  WorkerRig rig;
  rig.start();
  Duration total{};
  for (int i = 0; i < 10; ++i) {
    rig.lose_connection();
    rig.lose_connection();  // Told twice, counted once.
    rig.expect_nothing();
    const Duration waited = rig.pass_to_deadline();
    CHECK(waited >= limits::reconnect_backoff_min * 8 / 10);
    CHECK(waited <= limits::reconnect_backoff_max * 12 / 10);
    total += waited;
    CHECK(rig.claim_all() == "connect, hello " + std::to_string(i + 2));
  }
  CHECK(total > 4s);
}

TEST_CASE("sessions that are lost at once do not spin", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  for (int i = 0; i < 5; ++i) {
    rig.lose_connection();
    rig.expect_nothing();
    CHECK(rig.pass_to_deadline() > Duration::zero());
    rig.expect<OpenConnection>();
    rig.expect_sent<Hello>();
    rig.welcome();
  }
  rig.pass(1s);
  rig.lose_connection();
  CHECK(rig.claim_all() == "connect, hello 7");
}

// A manager restarts behind a connection that libzmq mends by itself. Each of the worker's messages
// that were under way is answered by Who.
TEST_CASE("several whos in a row bring one hello on the same connection", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.receive(Who{});
  rig.receive(Who{});
  rig.receive(Who{});
  CHECK(rig.claim_all() == "hello 2");
  // Lost as well: repeated like any other.
  rig.pass_to_deadline();
  CHECK(rig.claim_all() == "connect, hello 3");
  rig.welcome();
  rig.receive(Who{});
  CHECK(rig.claim_all() == "hello 4");
}

TEST_CASE("while it greets a worker says nothing but hello", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  const std::uint32_t slot = rig.run_task(1);
  rig.receive(Who{});
  CHECK(rig.claim_all() == "hello 2");
  rig.finish(slot, 1);
  rig.receive_task(2);
  rig.receive(Kill{.attempt = AttemptId{2}});
  rig.receive(Heartbeat{.session = SessionId{101}, .echo = true});
  rig.expect_nothing();
}

TEST_CASE("heartbeats fill the silence and tell how far the worker has come", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  CHECK(rig.pass_to_deadline() == 2s);
  CHECK(rig.expect_sent<Heartbeat>() == Heartbeat{.session = SessionId{101}});
  rig.pass(1s);
  rig.do_task(1);
  rig.run_task(2);
  // The result was a sign of life.
  CHECK(rig.pass_to_deadline() == 2s);
  CHECK(rig.expect_sent<Heartbeat>().started == 2);
}

// A worker without heartbeats idles. Its manager restarts behind a connection that mends by itself:
// only the silence shows.
TEST_CASE("without the feature no heartbeats are sent, but the manager is judged all the same",
          "[worker]") {
  WorkerRig rig;
  rig.terms.features = 0;
  rig.start_and_welcome();
  rig.receive(Heartbeat{.session = SessionId{101}, .echo = true});
  rig.expect_sent<Heartbeat>();
  CHECK(rig.pass_to_deadline() == 20s);
  CHECK(rig.claim_all() == "connect, hello 2");
}

TEST_CASE("an echo is answered at once, one of another session is not", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.receive(Heartbeat{.session = SessionId{100}, .echo = true});
  rig.expect_nothing();
  rig.receive(Heartbeat{.session = SessionId{101}, .echo = true});
  CHECK(rig.expect_sent<Heartbeat>().echo == false);
}

TEST_CASE("a silent manager is asked, then given up for a fresh connection", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  std::string said;
  for (int i = 0; i < 10; ++i) {
    CHECK(rig.pass_to_deadline() == 2s);
    said += rig.claim_all() + "; ";
  }
  CHECK(
      said ==
      "heartbeat; heartbeat; echo?; echo?; echo?; echo?; echo?; echo?; echo?; connect, hello 2; ");
}

TEST_CASE("any word of the manager is a sign of life", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  for (int i = 0; i < 40; ++i) {
    rig.pass(1s);
    rig.receive(Unknown{.kind = 99});
  }
  CHECK(rig.worker.is_welcome());
  CHECK(rig.claim_all().find("echo") == std::string::npos);
}

// The worker's process is stopped for a minute. The manager's heartbeats of that minute lie in the
// socket.
TEST_CASE("a stall of the worker is no silence of the manager", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.now += 60s;
  rig.step(WorkerLoopStalled{.gap = 60s});
  rig.pass(0s);
  CHECK(rig.worker.is_welcome());
  CHECK(rig.claim_all() == "heartbeat");
  rig.pass(19s);
  CHECK(rig.worker.is_welcome());
  rig.pass(1s);
  CHECK_FALSE(rig.worker.is_welcome());
  rig.claim_all();
}

TEST_CASE("a stall while greeting moves the repetition", "[worker]") {
  WorkerRig rig;
  rig.start();
  const Instant before = *rig.worker.next_deadline();
  rig.now += 50s;
  rig.step(WorkerLoopStalled{.gap = 50s});
  CHECK(*rig.worker.next_deadline() == before + 50s);
}

TEST_CASE("a refusal for good ends the worker with its words", "[worker]") {
  WorkerRig rig;
  rig.start();
  rig.receive(Refuse{.code = RefuseCode::cookie, .greeting = 1, .words = "wrong cookie"});
  const EndWorker end = rig.expect<EndWorker>();
  CHECK(end.status == ExitStatus::do_not_restart);
  CHECK_FALSE(end.at_once);
  CHECK(end.words == "refused by the manager: wrong cookie");
  CHECK(rig.worker.ended());
  CHECK(rig.worker.next_deadline() == std::nullopt);
  rig.receive(rig.terms);
  rig.pass(100s);
}

TEST_CASE("a refusal of the session stops what runs before the end", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  const std::uint32_t slot = rig.run_task(1);
  rig.receive(Refuse{.session = SessionId{101}, .words = "malformed"});
  CHECK(rig.expect<StopTask>().reason == StopTask::Reason::leaving);
  rig.finish(slot, 1);
  CHECK(rig.claim_all() == "end 5");
}

TEST_CASE("a refusal with a time is obeyed, not before it and not much after", "[worker]") {
  WorkerRig rig;
  rig.start();
  rig.receive(Refuse{.greeting = 1, .retry = 10s, .words = "too many sessions"});
  rig.expect_nothing();
  const Duration waited = rig.pass_to_deadline();
  CHECK(waited >= 10s);
  CHECK(waited <= 15s);
  CHECK(rig.claim_all() == "connect, hello 2");
}

// The pause counted as time without a manager: a worker that was told to come back in a minute gave
// up before that.
TEST_CASE("whoever is told to wait tries again before giving up, however long that is",
          "[worker]") {
  const Duration retry{GENERATE(45s, 60s, 600s)};  // jittered, the first passes 60 s for some
  WorkerRig rig;
  rig.start();
  rig.receive(Refuse{.greeting = 1, .retry = retry, .words = "too many sessions"});
  CHECK(rig.pass_to_deadline() >= retry);
  CHECK(rig.claim_all() == "connect, hello 2");
  const Instant tried = rig.now;
  SECTION("it is welcome") {
    rig.welcome();
    CHECK(rig.worker.is_welcome());
  }
  SECTION("nobody answers: the time begins anew") {
    while (!rig.worker.ended()) {
      rig.unclaimed.clear();
      rig.pass_to_deadline();
    }
    CHECK(rig.now == tried + 60s);
    CHECK(rig.claim_all() == "end 5");
  }
}

TEST_CASE("refusals of other hellos and sessions are ignored", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.receive(Refuse{.session = SessionId{100}, .words = "replaced"});
  rig.receive(Refuse{.greeting = 7, .words = "of somebody else"});
  CHECK(rig.worker.is_welcome());
  // The session that is to be resumed is closed by the manager itself: no reason to stop greeting.
  rig.receive(Who{});
  rig.receive(Refuse{.session = SessionId{101}, .words = "replaced"});
  CHECK(rig.claim_all() == "hello 2");
  CHECK_FALSE(rig.worker.ended());
}

TEST_CASE("a worker without a manager gives up and says after how long", "[worker]") {
  WorkerRig rig;
  rig.start();
  while (!rig.worker.ended()) {
    rig.unclaimed.clear();
    rig.pass_to_deadline();
  }
  CHECK(rig.now == Instant{1h} + 60s);
  const EndWorker end = rig.expect<EndWorker>();
  CHECK(end.status == ExitStatus::do_not_restart);
  CHECK(end.words == "no manager for 60 s");
}

TEST_CASE("giving up stops what runs first", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  const std::uint32_t slot = rig.run_task(1);
  rig.pass(20s);
  CHECK(rig.claim_all() == "connect, hello 2");
  rig.lose_connection();
  rig.pass(40s);
  CHECK(rig.claim_all() == "stop 1");
  rig.pass(1s);
  rig.finish(slot, 1);
  CHECK(rig.claim_all() == "end 5");
}

// On a busy machine a manager's own workers ended before it came to answer them.
TEST_CASE("a worker that is to give up soon waits longer where there is a connection", "[worker]") {
  WorkerOptions options = plain_options();
  options.give_up_after = 3s;
  WorkerRig rig(options);
  rig.start();
  rig.step(WorkerConnected{});
  const Instant begun = rig.now;
  SECTION("as long as that stands") {
    rig.pass(1s);
    rig.lose_connection();
    rig.pass(2s);
    CHECK(rig.worker.ended());
  }
  SECTION("not where the next ones don't come about: its host is gone") {
    while (!rig.worker.ended()) {
      rig.pass_to_deadline();
      REQUIRE(rig.now - begun < 20s);
    }
  }
  SECTION("as any other") {
    for (int second = 1; second < 60; ++second) {
      rig.pass(1s);  // and greets again by new ones
      CHECK_FALSE(rig.worker.ended());
      rig.step(WorkerConnected{});
    }
    rig.pass(1s);
    CHECK(rig.worker.ended());
  }
  rig.claim_all();
}

TEST_CASE("a worker that never gives up does not", "[worker]") {
  WorkerOptions options = plain_options();
  options.give_up_after = Duration::max();
  WorkerRig rig(options);
  rig.start();
  for (int i = 0; i < 1000; ++i) rig.pass_to_deadline();
  CHECK_FALSE(rig.worker.ended());
  rig.claim_all();
}

// It may have been a Task. Its attempt hung at the manager for as long as the session lasted.
TEST_CASE("a malformed message ends the session, and a fresh hello tells what is held",
          "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.do_task(1);
  rig.run_task(2);
  rig.pass(1s);
  rig.notes.clear();
  rig.step(WorkerMalformedReceived{"no frames"});
  CHECK_FALSE(rig.worker.is_welcome());
  // On the same connection: its end would look like the worker's.
  const Hello hello = rig.expect_sent<Hello>();
  CHECK(hello.greeting == 2);
  CHECK(hello.resume == SessionId{101});
  CHECK(hello.holdings == std::vector<Holding>{{AttemptId{2}, HoldingState::running},
                                               {AttemptId{1}, HoldingState::result}});
  REQUIRE(rig.notes.size() == 1);
  CHECK(rig.notes[0].level == 0);
  CHECK(rig.notes[0].text == "closed the session for a malformed message: no frames");
  CHECK(rig.worker.counters().messages_malformed == 1);
  CHECK(rig.worker.counters().connections_lost == 0);
  rig.welcome({{AttemptId{2}, Verdict::keep}, {AttemptId{1}, Verdict::drop}});
  rig.finish(0, 2);
  CHECK(rig.claim_all() == "result 2");
}

TEST_CASE("a malformed message while there is no session is counted, and nothing else",
          "[worker]") {
  WorkerRig rig;
  rig.start();
  const std::optional<Instant> deadline = rig.worker.next_deadline();
  rig.step(WorkerMalformedReceived{"no frames"});
  CHECK(rig.worker.counters().messages_malformed == 1);
  CHECK(rig.worker.next_deadline() == deadline);
}

// A manager may send the same in each session, say as the answer to each hello.
TEST_CASE("malformed messages in session after session bring pauses, and one line in the log",
          "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  Duration total{};
  for (int i = 0; i < 10; ++i) {
    rig.step(WorkerMalformedReceived{"no frames"});
    rig.step(WorkerMalformedReceived{"nor these"});  // the connection is left, not yet closed
    rig.expect_nothing();
    const Duration waited = rig.pass_to_deadline();
    CHECK(waited >= limits::reconnect_backoff_min * 8 / 10);
    CHECK(waited <= limits::reconnect_backoff_max * 12 / 10);
    total += waited;
    rig.expect<OpenConnection>();
    rig.expect_sent<Hello>();
    rig.welcome();
  }
  CHECK(total > 4s);
  CHECK(rig.worker.counters().messages_malformed == 20);
  CHECK(std::count_if(rig.notes.begin(), rig.notes.end(),
                      [](const WorkerNote& note) { return note.level == 0; }) == 1);
}

TEST_CASE("a manager that sends what can't be read is not lost to a monitored worker", "[worker]") {
  WorkerOptions options = plain_options();
  options.monitored = true;
  WorkerRig rig(options);
  rig.start_and_welcome();
  rig.run_task(1);
  rig.step(WorkerMalformedReceived{"no frames"});
  rig.pass_to_deadline();
  CHECK(rig.claim_all() == "connect, hello 2");
  rig.welcome({{AttemptId{1}, Verdict::keep}});
  CHECK(rig.worker.running_count() == 1);
}

TEST_CASE("an idle monitored worker outlives its manager, a computing one does not", "[worker]") {
  WorkerOptions options = plain_options();
  options.monitored = true;
  SECTION("idle") {
    WorkerRig rig(options);
    rig.start_and_welcome();
    rig.pass(1s);
    rig.lose_connection();
    CHECK(rig.claim_all() == "connect, hello 2");
    rig.pass(10s);
    CHECK_FALSE(rig.worker.ended());
    rig.claim_all();
  }
  SECTION("computing, on the manager's host") {
    WorkerRig rig(options);
    rig.start_and_welcome();
    rig.run_task(1);
    rig.lose_connection();
    const EndWorker end = rig.expect<EndWorker>();
    CHECK(end.status == ExitStatus::manager_lost);
    CHECK(end.at_once);
  }
  SECTION("computing, elsewhere") {
    options.manager_lost_after = 3s;
    WorkerRig rig(options);
    rig.start_and_welcome();
    rig.run_task(1);
    rig.pass(1s);
    rig.lose_connection();
    CHECK(rig.claim_all() == "connect, hello 2");
    rig.pass(1s);
    rig.lose_connection();
    rig.pass(1s);
    CHECK(rig.claim_all() == "connect, hello 3");
    rig.pass(1s);
    CHECK(rig.claim_all() == "end 7!");
  }
  SECTION("computing, welcomed again in time") {
    options.manager_lost_after = 3s;
    WorkerRig rig(options);
    rig.start_and_welcome();
    rig.run_task(1);
    rig.pass(1s);
    rig.lose_connection();
    rig.pass(1s);
    rig.welcome({{AttemptId{1}, Verdict::keep}});
    rig.pass(3s);
    CHECK(rig.claim_all() == "connect, hello 2, heartbeat");
  }
}

}  // namespace
}  // namespace fanmill::core::test
