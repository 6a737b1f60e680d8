// How attempts and tasks end: results, kills, retries, losses, limits, quarantine.
#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

constexpr Policy client{Policy::Kind::client};

/// A worker that can end nothing that runs.
Guest deaf() { return {.features = feature::heartbeat}; }

std::vector<std::string> texts(const std::vector<TaskError>& errors) {
  std::vector<std::string> list;
  for (const TaskError& error : errors) list.push_back(to_string(error));
  return list;
}

}  // namespace

TEST_CASE("a result ends its task, with its payload and the time it took", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.race(1, client);
  farm.say(1, result_of(1, "42"));
  farm.expect_sent<Task>(1);
  const DeliverTaskEnd end = farm.expect<DeliverTaskEnd>();
  CHECK(end.client == embedded_client);
  CHECK(end.job == JobId{1});
  CHECK(end.group == farm.group_of(0));
  CHECK(end.task == 0);
  CHECK(end.outcome ==
        Outcome{.kind = OutcomeKind::result, .payload = Payload::json("42"), .busy = 1ms});
  CHECK(farm.take() == "1: heartbeat 1");
  CHECK(farm.counters().tasks_ok == 1);
}

TEST_CASE("a result that comes twice counts once, also as acknowledged", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(2);
  farm.say(1, result_of(1));
  CHECK(farm.take() == "1: task 1 (0.0), item 0 decided by 0, 1: task 2 (1.0)");
  farm.say(1, result_of(1));
  CHECK(farm.take() == "-");
  CHECK(farm.counters().results_unknown == 1);
  farm.say(1, result_of(2));
  CHECK(farm.take() == "item 1 decided by 0, 1: heartbeat 2");
}

TEST_CASE("a result of another worker's attempt changes nothing", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.join(2);
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.say(2, result_of(1));
  farm.say(2, killed(1));
  CHECK(farm.take() == "-");
  CHECK(farm.counters().results_unknown == 1);
  CHECK(farm.manager.workers()[0].held == 1);
}

TEST_CASE("a result after the decision is counted as late, and acknowledged", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.join(2);
  farm.race(2);
  farm.say(1, result_of(1));
  CHECK(farm.take() ==
        "1: task 1 (0.0), 2: task 2 (0.1), 2: kill 2, item 0 decided by 0 1 killed, "
        "1: heartbeat 1");
  farm.say(2, result_of(2));
  CHECK(farm.take() == "2: heartbeat 1");
  CHECK(farm.counters().results_late == 1);
  CHECK(farm.counters().tasks_ok == 1);
  farm.check_empty();
}

TEST_CASE("a worker that can kill gets its next task with the kill", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.race(1, client);
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.decide(0);
  CHECK(farm.take() == "1: kill 1, 1: task 2 (1.0)");
  farm.say(1, killed(1));
  farm.say(1, killed(1));  // twice
  CHECK(farm.take() == "-");
  CHECK(farm.counters().kills_confirmed == 1);
}

TEST_CASE("a worker that can't kill stays busy until it answers", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, deaf());
  farm.race(1, client);
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.decide(0);
  CHECK(farm.take() == "1: recall 1");  // in case that it has not started
  SECTION("with its result") {
    farm.say(1, result_of(1));
    CHECK(farm.counters().results_late == 1);
  }
  SECTION("with Killed, if it had not started") { farm.say(1, killed(1, true)); }
  CHECK(farm.take() == "1: task 2 (1.0)");
}

TEST_CASE("a task that waits at a worker is killed without a wait for the answer",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.prefetch = 1, .features = feature::heartbeat});
  farm.items(1);
  farm.race(1, client);
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (1.0)");
  farm.decide(1);
  CHECK(farm.take() == "1: recall 2, 1: task 3 (2.0)");
  farm.say(1, killed(2, true));
  CHECK(farm.take() == "-");
}

TEST_CASE("a function's failure is the task's outcome unless retries are asked for",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.race(1, client);
  farm.say(1, failure_of(1));
  farm.expect_sent<Task>(1);
  const Outcome outcome = farm.expect<DeliverTaskEnd>().outcome;
  CHECK(outcome.kind == OutcomeKind::failed);
  CHECK(texts(outcome.errors) == std::vector<std::string>{"attempt 1 on node:1 failed: Trouble"});
  CHECK(farm.take() == "1: heartbeat 1");
  CHECK(farm.counters().tasks_failed == 1);
}

TEST_CASE("failures are retried as often as the job says, with the evidence of each",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.open_job({.retries = 2});
  farm.race(1, client);
  const TaskId task = farm.expect_sent<Task>(1).task;
  farm.say(1, failure_of(1));
  const Task second = farm.expect_sent<Task>(1);
  CHECK(second.task == task);
  CHECK(second.number == 2);
  farm.say(1, failure_of(2, AttemptOutcome::time_limit));
  CHECK(farm.expect_sent<Task>(1).number == 3);
  SECTION("until one succeeds") {
    farm.say(1, result_of(3));
    CHECK(farm.expect<DeliverTaskEnd>().outcome.errors.size() == 2);
  }
  SECTION("until they are used up") {
    farm.say(1, failure_of(3));
    const Outcome outcome = farm.expect<DeliverTaskEnd>().outcome;
    CHECK(outcome.kind == OutcomeKind::failed);
    CHECK(texts(outcome.errors) ==
          std::vector<std::string>{"attempt 1 on node:1 failed: Trouble",
                                   "attempt 2 on node:1 ran past its time limit: Trouble",
                                   "attempt 3 on node:1 failed: Trouble"});
  }
  CHECK(farm.take() == "1: heartbeat 3");
}

TEST_CASE("an error carries the evidence that its result brought", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.race(1, client);
  Result failure = failure_of(1);
  failure.detail = 256 + 3;
  failure.busy = 1500ms;
  failure.cpu = 1400ms;
  failure.memory = std::uint64_t{312} << 20U;
  farm.say(1, failure);
  farm.expect_sent<Task>(1);
  const TaskError error = farm.expect<DeliverTaskEnd>().outcome.errors.at(0);
  CHECK(error.detail == 256 + 3);
  CHECK(error.wall == 1500ms);
  CHECK(error.cpu == 1400ms);
  CHECK(error.memory == std::uint64_t{312} << 20U);
  CHECK(farm.take() == "1: heartbeat 1");
}

TEST_CASE("of many errors the last few are kept", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.open_job({.retries = 20});
  farm.race(1, client);
  for (std::uint64_t i = 1; i <= 21; ++i) farm.say(1, failure_of(i));
  while (!std::holds_alternative<DeliverTaskEnd>(farm.unclaimed.front())) {
    farm.unclaimed.pop_front();
  }
  const std::vector<TaskError> errors = farm.expect<DeliverTaskEnd>().outcome.errors;
  REQUIRE(errors.size() == limits::errors_kept_max);
  CHECK(errors.front().attempt == 14);
  CHECK(errors.back().attempt == 21);
  farm.take();
}

TEST_CASE("crashes and lost workers together lead to quarantine, with the evidence of all",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.join(2, {.same_host = true});
  farm.race(1, client);
  Result crash = failure_of(1, AttemptOutcome::crashed);
  crash.error_type = {};
  crash.detail = 11;
  farm.say(1, crash);
  CHECK(farm.take() == "1: task 1 (0.0), 2: task 2 (0.0), 1: heartbeat 1");
  farm.lose(2);
  CHECK(farm.take() == "forget 2, 1: task 3 (0.0)");
  crash.attempt = attempt(3);
  crash.detail = 256 + 3;
  farm.say(1, crash);
  const Outcome outcome = farm.expect<DeliverTaskEnd>().outcome;
  CHECK(outcome.kind == OutcomeKind::quarantined);
  CHECK(texts(outcome.errors) ==
        std::vector<std::string>{
            "attempt 1 on node:1 crashed: signal 11",
            "attempt 2 on node:2 was lost with its worker: its connection was lost",
            "attempt 3 on node:1 crashed: exit status 3"});
  CHECK(farm.take() == "1: heartbeat 2");
  CHECK(farm.counters().tasks_quarantined == 1);
  farm.decide(0);
  farm.check_empty();
}

TEST_CASE("what a task died of is told once", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.open_job({.lost_attempts_max = 1});
  farm.race(1, client);
  Result crash = failure_of(1, AttemptOutcome::crashed);
  crash.error_type = "signal 11 (SIGSEGV)";
  crash.error_text = {};
  crash.detail = 11;
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.say(1, crash);
  CHECK(texts(farm.expect<DeliverTaskEnd>().outcome.errors) ==
        std::vector<std::string>{"attempt 1 on node:1 crashed: signal 11 (SIGSEGV)"});
  CHECK(farm.take() == "1: heartbeat 1");
}

TEST_CASE("crashes use up no retries, and failures no lost attempts", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.open_job({.retries = 2, .lost_attempts_max = 3});
  farm.race(1, client);
  farm.say(1, failure_of(1));
  farm.say(1, failure_of(2, AttemptOutcome::crashed));
  farm.say(1, failure_of(3));
  farm.say(1, failure_of(4, AttemptOutcome::crashed));
  farm.say(1, result_of(5));
  CHECK(farm.take() ==
        "1: task 1 (0.0), 1: task 2 (0.0), 1: task 3 (0.0), 1: task 4 (0.0), 1: task 5 (0.0), "
        "end 0.0 result, 1: heartbeat 5");
}

TEST_CASE("only tasks that had started are blamed for the loss of their worker",
          "[unit][manager]") {
  ManagerFixture farm;
  for (int i = 0; i < 2; ++i) farm.race(1, client);
  for (std::uint64_t peer = 1; peer <= 3; ++peer) {
    farm.join(peer, {.prefetch = 1, .same_host = true});
    farm.lose(peer);
  }
  CHECK(farm.take() ==
        "1: task 1 (0.0), 1: task 2 (1.0), forget 1, 2: task 3 (0.0), 2: task 4 (1.0), forget 2, "
        "3: task 5 (0.0), 3: task 6 (1.0), forget 3, end 0.0 quarantined");
  farm.join(4);
  farm.say(4, result_of(7));
  farm.expect_sent<Task>(4);
  CHECK(farm.expect<DeliverTaskEnd>().outcome.errors.empty());
  CHECK(farm.take() == "4: heartbeat 1");
}

TEST_CASE("heartbeats tell which tasks have started, for the blame", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.lost_attempts_max = 1});
  for (int i = 0; i < 3; ++i) farm.race(1, client);
  farm.join(1, {.prefetch = 2, .same_host = true});
  farm.beat(1, 2);  // the first one's result is on its way
  farm.take();
  farm.lose(1);
  CHECK(farm.take() == "forget 1, end 0.0 quarantined, end 1.0 quarantined");
  CHECK(farm.manager.ready_count() == 1);
}

TEST_CASE("a heartbeat that claims more starts than there were tasks is cut down",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.prefetch = 1});
  farm.beat(1, 1000000);
  farm.items(2);
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (1.0)");
  farm.join(2);
  CHECK(farm.take() == "1: recall 2");  // it is still thought to wait
}

TEST_CASE("the manager ends a task whose worker does not, 5 s after its time limit",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.submit({{.time_limit = 60s}}, client);
  farm.take();
  for (int i = 0; i < 16; ++i) {
    farm.pass(4s);
    farm.beat(1, 1);
  }
  farm.pass(999ms);
  CHECK(farm.take() == "-");
  farm.pass(1ms);
  CHECK(in_short(farm.expect<Send>()) == "1: kill 1");
  const Outcome outcome = farm.expect<DeliverTaskEnd>().outcome;
  CHECK(outcome.kind == OutcomeKind::failed);
  REQUIRE(outcome.errors.size() == 1);
  CHECK(outcome.errors[0].kind == TaskError::Kind::time_limit);
  CHECK(outcome.errors[0].worker == "node:1");
  farm.say(1, killed(1));
  farm.decide(0);
  farm.check_empty();
}

TEST_CASE("a time limit counts while the task runs, not while it waits", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.prefetch = 1, .features = feature::kill});
  farm.items(1);
  farm.submit({{.time_limit = 1s}});
  farm.pass(100s);
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (1.0)");
  farm.say(1, result_of(1));
  farm.pass(5999ms);
  CHECK(farm.take() == "item 0 decided by 0, 1: heartbeat 1");
  farm.pass(1ms);
  CHECK(farm.take() == "1: kill 2, item 1 undecided 1 errors");
}

// The worker's cable is out for a while. It ended the task in time and can't say so; its limit,
// seen from here, used to count as a failed attempt.
TEST_CASE("no time limit counts against a suspect, until it is heard again", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.submit({{.time_limit = 2s}}, client);
  farm.pass(14s);  // suspect since 6 s; the limit and its slack are over since 7 s
  CHECK(farm.take() == "1: task 1 (0.0)");
  SECTION("its result counts") {
    farm.say(1, result_of(1));
    CHECK(farm.take() == "end 0.0 result, 1: heartbeat 1");
  }
  SECTION("still running then, the task is ended at the next look") {
    farm.beat(1, 1);
    CHECK(farm.take() == "-");
    farm.pass(3s);  // looked at 12 s, again at 17 s
    CHECK(farm.take() == "1: kill 1, end 0.0 failed");
    farm.say(1, killed(1));
  }
  SECTION("dead, it is lost like any other") {
    farm.pass(6s);
    CHECK(farm.take() == "forget 1");
    CHECK(farm.manager.ready_count() == 1);
  }
  farm.decide(0);
  farm.check_empty();
}

TEST_CASE("no time limit counts against a lost connection, and who returns is timed anew",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.features = feature::kill});
  farm.submit({{.time_limit = 1s}}, client);
  farm.pass(5s);
  farm.lose(1);
  farm.pass(2s);  // the limit and its slack were over after 6 s
  CHECK(farm.take() == "1: task 1 (0.0), forget 1");
  farm.greet(2, {.worker = 1, .features = feature::kill, .holdings = {running(1)}});
  farm.pass(5999ms);
  CHECK(farm.take() == "2: welcome keep 1");
  farm.pass(1ms);
  CHECK(farm.take() == "2: kill 1, end 0.0 failed");
  farm.say(2, killed(1));
  farm.decide(0);
  farm.check_empty();
}

TEST_CASE("a task past its time limit is retried like any other failure", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.retries = 1});
  farm.join(1, {.features = feature::kill});
  farm.submit({{.time_limit = 1s}});
  farm.pass(6s);
  CHECK(farm.take() == "1: task 1 (0.0), 1: kill 1, 1: task 2 (0.0)");
  farm.say(1, killed(1));
  farm.say(1, result_of(2));
  CHECK(farm.take() == "item 0 decided by 0, 1: heartbeat 1");
}

TEST_CASE("a rejected task is tried elsewhere, and given up after three", "[unit][manager]") {
  ManagerFixture farm;
  for (std::uint64_t peer = 1; peer <= 3; ++peer) farm.join(peer);
  farm.items(1);
  farm.say(1, failure_of(1, AttemptOutcome::rejected));
  farm.say(2, failure_of(2, AttemptOutcome::rejected));
  CHECK(farm.take() ==
        "1: task 1 (0.0), 2: task 2 (0.0), 1: heartbeat 1, 3: task 3 (0.0), 2: heartbeat 1");
  farm.say(3, failure_of(3, AttemptOutcome::rejected));
  CHECK(farm.take() == "item 0 undecided 3 errors, 3: heartbeat 1");
  CHECK(farm.counters().tasks_quarantined == 1);
}

TEST_CASE("a Killed that nobody asked for counts as a crash", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.race(1, client);
  for (std::uint64_t i = 1; i <= 3; ++i) farm.say(1, killed(i));
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (0.0), 1: task 3 (0.0), end 0.0 quarantined");
}

TEST_CASE("the third loss may end the group while its other tasks are lost alike",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.lost_attempts_max = 1});
  farm.join(1, {.slots = 3, .prefetch = 1, .same_host = true});
  farm.race(3);
  farm.race(1);
  farm.take();
  farm.lose(1);
  CHECK(farm.take() == "forget 1, item 0 undecided 3 errors");
  CHECK(farm.manager.ready_count() == 1);
}

TEST_CASE("an attempt that is lost, returns and is lost again counts once", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.lost_attempts_max = 2});
  farm.race(1, client);
  farm.join(1);
  for (std::uint64_t peer = 1; peer <= 3; ++peer) {
    farm.lose(peer);
    farm.pass(3s);
    farm.greet(peer + 1, {.worker = 1, .holdings = {running(1)}});
  }
  CHECK(farm.take() ==
        "1: task 1 (0.0), forget 1, 2: welcome keep 1, forget 2, 3: welcome keep 1, forget 3, "
        "4: welcome keep 1");
  farm.say(4, result_of(1));
  CHECK(farm.take() == "end 0.0 result, 4: heartbeat 1");
}

}  // namespace fanmill::core::test
