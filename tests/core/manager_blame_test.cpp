// What is learnt from failures: retries elsewhere, evidence, workers at which everything fails.
#include <set>

#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

constexpr Policy client{Policy::Kind::client};

ManagerOptions impatient(Duration retry_elsewhere = 3s) {
  ManagerOptions options = bench_options();
  options.retry_elsewhere = retry_elsewhere;
  return options;
}

ManagerOptions watched() {
  ManagerOptions options = bench_options();
  options.observe_level = 1;
  return options;
}

std::uint64_t serial(AttemptId id) { return id.value & ((std::uint64_t{1} << serial_bits) - 1); }

/// Answers every task at once, and the tasks that this brings, until none is left. Those of these
/// workers fail, of the others `fails_each`th. What is neither a task nor the end of an item is
/// returned in short.
std::string work_off(ManagerFixture& farm, const std::set<std::uint64_t>& bad,
                     std::uint64_t fails_each = 0) {
  std::string seen;
  while (!farm.unclaimed.empty()) {
    const ManagerAction action = std::move(farm.unclaimed.front());
    farm.unclaimed.pop_front();
    const Send* send = std::get_if<Send>(&action);
    const Task* task = send == nullptr ? nullptr : std::get_if<Task>(&send->message);
    if (task != nullptr) {
      const std::uint64_t number = serial(task->attempt);
      const bool fails =
          bad.count(send->peer.value) != 0 || (fails_each != 0 && number / 2 % fails_each == 0);
      farm.say(send->peer.value, fails ? failure_of(number) : result_of(number));
    } else if (in_short(action).find("heartbeat") == std::string::npos &&
               !std::holds_alternative<DeliverGroupEnd>(action)) {
      (seen += seen.empty() ? "" : ", ") += in_short(action);
    }
  }
  return seen.empty() ? "-" : seen;
}

}  // namespace

TEST_CASE("a task that went wrong is tried on another worker first", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.retries = 1});
  farm.join(1, {.same_host = true});
  farm.race(1, client);
  farm.join(2);
  CHECK(farm.take() == "1: task 1 (0.0)");
  SECTION("its function failed") {
    farm.say(1, failure_of(1));
    CHECK(farm.take() == "2: task 2 (0.0), 1: heartbeat 1");
  }
  SECTION("its executor crashed") {
    farm.say(1, failure_of(1, AttemptOutcome::crashed));
    CHECK(farm.take() == "2: task 2 (0.0), 1: heartbeat 1");
  }
  SECTION("its worker could not run it") {
    farm.say(1, failure_of(1, AttemptOutcome::rejected));
    CHECK(farm.take() == "2: task 2 (0.0), 1: heartbeat 1");
  }
  SECTION("its worker was lost, and came back") {
    farm.say(2, Goodbye{.session = farm.session_of(2)});
    farm.lose(1);
    farm.step(MessageReceived{.peer = PeerId{11}, .message = farm.hello_of(11, {.worker = 1})});
    farm.join(3);
    CHECK(farm.take() == "forget 2, forget 1, 11: welcome, 3: task 2 (0.0)");
  }
  SECTION("and from there on the first again") {
    farm.say(1, failure_of(1));
    farm.say(2, failure_of(2, AttemptOutcome::crashed));
    CHECK(farm.take() == "2: task 2 (0.0), 1: heartbeat 1, 1: task 3 (0.0), 2: heartbeat 1");
  }
}

TEST_CASE("a retry waits for another worker while its own goes on with other tasks",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.retries = 1});
  farm.join(1);
  farm.join(2);
  farm.items(3);
  CHECK(farm.take() == "1: task 1 (0.0), 2: task 2 (1.0)");
  farm.say(1, failure_of(1));
  CHECK(farm.take() == "1: task 3 (2.0)");
  farm.say(2, result_of(2));
  CHECK(farm.take() == "item 1 decided by 0, 2: task 4 (0.0)");
}

TEST_CASE("a retry does not wait for another worker for ever", "[unit][manager]") {
  ManagerFixture farm(impatient());
  farm.open_job({.retries = 1});
  farm.join(1);
  farm.join(2);
  farm.items(2);
  farm.say(1, failure_of(1));
  farm.take();
  farm.pass(2s);
  CHECK(farm.take() == "-");
  farm.pass(2s);
  CHECK(farm.take() == "1: task 3 (0.0)");
}

TEST_CASE("a retry waits for nobody if nobody else takes such tasks", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.functions = {"f"}, .retries = 1});
  farm.join(1, {.functions = {"f"}});
  SECTION("the other has another function") { farm.join(2, {.functions = {"g"}}); }
  SECTION("the other drains") {
    farm.join(2, {.functions = {"f"}});
    farm.turn(DrainRequested{farm.session_of(2)});
  }
  SECTION("the other is lost for the moment") {
    farm.join(2, {.functions = {"f"}});
    farm.lose(2);
  }
  farm.take();
  farm.items(1);
  farm.say(1, failure_of(1));
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (0.0)");
}

TEST_CASE("a retry that waits at another worker stays there, though its first one idles",
          "[unit][manager]") {
  ManagerFixture farm(impatient());
  farm.open_job({.retries = 1});
  farm.join(1, {.prefetch = 1});
  farm.join(2, {.prefetch = 1});
  farm.items(2);
  farm.say(1, failure_of(1));
  CHECK(farm.take() == "1: task 1 (0.0), 2: task 2 (1.0), 2: task 3 (0.0), 1: heartbeat 1");
  SECTION("until its time is over") {
    farm.pass(2s);
    CHECK(farm.take() == "-");
    farm.pass(2s);
    CHECK(farm.take() == "2: recall 3");
    farm.say(2, killed(3, true));
    CHECK(farm.take() == "1: task 4 (0.0)");
  }
  SECTION("until a third one is free") {
    farm.join(3, {.prefetch = 1});
    CHECK(farm.take() == "2: recall 3");
    farm.say(2, killed(3, true));
    CHECK(farm.take() == "3: task 4 (0.0)");
  }
}

TEST_CASE("the end of a retry's wait frees also those behind it", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.retries = 1});
  farm.join(1);
  farm.join(2, {.prefetch = 1});
  farm.items(3);
  CHECK(farm.take() == "1: task 1 (0.0), 2: task 2 (1.0), 2: task 3 (2.0)");
  farm.say(1, failure_of(1));  // has to wait for the second worker
  CHECK(farm.take() == "2: recall 3, 1: heartbeat 1");
  farm.say(2, failure_of(2));
  // The first retry goes to the second worker, so the second one, which was behind it, to the first.
  CHECK(farm.take() == "2: task 4 (0.0), 1: task 5 (1.0)");
}

TEST_CASE("a retry of a race waits for a free slot elsewhere", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.retries = 1});
  farm.join(1, {.prefetch = 1});
  farm.join(2, {.prefetch = 1});
  farm.race(2);
  farm.say(1, failure_of(1));
  CHECK(farm.take() == "1: task 1 (0.0), 2: task 2 (0.1), 1: heartbeat 1");
  farm.say(2, nothing_of(2));
  CHECK(farm.take() == "item 0 decided by 1? 1 dropped, 2: heartbeat 1");
}

TEST_CASE("neither drains nor kills nor time limits lead to quarantine", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.retries = 2, .lost_attempts_max = 1});
  farm.join(1);
  farm.submit({{.time_limit = 1s}}, client);
  farm.say(1, failure_of(1, AttemptOutcome::time_limit));
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (0.0)");
  for (int i = 0; i < 6; ++i) {  // the worker does not keep the limit itself
    farm.pass(1s);
    farm.beat(1, 2);
  }
  CHECK(farm.take() == "1: kill 2, 1: task 3 (0.0)");
  farm.say(1, killed(2));
  farm.say(1, Goodbye{.session = farm.session_of(1)});  // while it runs
  farm.join(2);
  CHECK(farm.take() == "forget 1, 2: task 4 (0.0)");
  farm.turn(DrainRequested{farm.session_of(2)});
  farm.say(2, killed(4));  // given back on the way out
  farm.join(3, {.same_host = true, .containment = Containment::process});
  CHECK(farm.take() == "2: goodbye drain, 3: task 5 (0.0)");
  farm.say(3, result_of(5));
  const Outcome outcome = farm.expect<DeliverTaskEnd>().outcome;
  CHECK(outcome.kind == OutcomeKind::result);
  CHECK(outcome.errors.size() == 2);
  CHECK(farm.take() == "3: heartbeat 1");
}

TEST_CASE("a quarantine tells every attempt that led to it, whatever failed in between",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.retries = 100, .lost_attempts_max = 10});
  farm.join(1);
  const bool decided_by_client = GENERATE(true, false);
  farm.race(1, decided_by_client ? client : Policy::first());
  for (std::uint64_t i = 1; i <= 40; ++i) {
    farm.say(1, failure_of(i, i % 4 == 0 ? AttemptOutcome::crashed : AttemptOutcome::failed));
  }
  while (std::holds_alternative<Send>(farm.unclaimed.front())) farm.unclaimed.pop_front();
  const std::vector<TaskError> errors = decided_by_client
                                            ? farm.expect<DeliverTaskEnd>().outcome.errors
                                            : farm.expect<DeliverGroupEnd>().result.errors;
  REQUIRE(errors.size() == 10);
  for (std::uint32_t i = 0; i < 10; ++i) {
    CHECK(errors[i].kind == TaskError::Kind::crashed);
    CHECK(errors[i].attempt == 4 * (i + 1));
  }
  CHECK(farm.take() == "1: heartbeat 40");
}

TEST_CASE("a client may answer a quarantine with the same task again, which starts afresh",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.lost_attempts_max = 2});
  farm.join(1);
  farm.race(1, client);
  farm.say(1, failure_of(1, AttemptOutcome::crashed));
  farm.say(1, failure_of(2, AttemptOutcome::crashed));
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (0.0), end 0.0 quarantined, 1: heartbeat 2");
  farm.update(0, 1);
  farm.say(1, failure_of(3, AttemptOutcome::crashed));
  farm.say(1, result_of(4));
  CHECK(farm.take() == "1: task 3 (0.1), 1: task 4 (0.1), end 0.1 result, 1: heartbeat 4");
}

TEST_CASE("a worker whose tasks all fail while others succeed is drained and named",
          "[unit][manager]") {
  ManagerFixture farm(watched());
  farm.join(1);
  farm.join(2);
  farm.take();
  farm.items(40);
  CHECK(work_off(farm, {1}) ==
        "saw failing: its last 11 tasks gave no result, while other workers gave 10, "
        "1: goodbye drain");
  CHECK(farm.counters().workers_failing == 1);
  CHECK(farm.counters().tasks_failed == 11);
  CHECK(farm.manager.workers()[0].state == WorkerInfo::State::draining);

  SECTION("it is asked again if it comes back without having left") {
    farm.lose(1);
    farm.pass(limits::grace_remote);
    farm.take();
    farm.join(11, {.worker = 1});
    CHECK(farm.take() == "11: goodbye drain, saw joined");
    farm.items(1);
    CHECK(work_off(farm, {}) == "-");
    CHECK(farm.manager.workers().front().tasks_done == 0);
  }
  SECTION("and forgotten when it has left") {
    farm.say(1, Goodbye{.session = farm.session_of(1), .detail = 5});
    CHECK(farm.take() == "forget 1, saw left");
    farm.join(11, {.worker = 1});
    CHECK(farm.take() == "saw joined");
  }
}

TEST_CASE("a bad worker is better than none", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  SECTION("it is the only one") { farm.items(40); }
  SECTION("the others have left") {
    farm.join(2);
    farm.items(18);
    CHECK(work_off(farm, {1}) == "-");
    farm.say(2, Goodbye{.session = farm.session_of(2)});
    farm.items(20);
  }
  work_off(farm, {1});
  CHECK(farm.counters().workers_failing == 0);
}

TEST_CASE("a worker is not drained for what may not be its fault", "[unit][manager]") {
  ManagerFixture farm;
  SECTION("others fail as well") {
    farm.join(1);
    farm.join(2);
    farm.items(100);
    CHECK(work_off(farm, {1}, 5) == "-");
  }
  SECTION("all its failures are of one group") {
    farm.join(1);
    farm.join(2);
    farm.race(100, {Policy::Kind::all});
    CHECK(work_off(farm, {1}) == "-");
  }
  SECTION("one mishap took all that ran") {
    farm.join(1, {.slots = 12});
    farm.join(2, {.slots = 12});
    farm.items(24);
    CHECK(work_off(farm, {1}) == "-");
  }
  SECTION("others do other tasks") {
    farm.open_job({.functions = {"f"}});
    farm.join(1, {.functions = {"f"}});
    farm.join(2, {.functions = {"f", "g"}});
    farm.items(100);
    CHECK(work_off(farm, {1}) == "-");
  }
  CHECK(farm.counters().workers_failing == 0);
}

TEST_CASE("one result shows that a worker is sound", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.join(2);
  farm.items(16);
  CHECK(work_off(farm, {1}) == "-");
  farm.items(2);
  CHECK(work_off(farm, {}) == "-");
  farm.items(16);
  CHECK(work_off(farm, {1}) == "-");
  CHECK(farm.counters().workers_failing == 0);
}

}  // namespace fanmill::core::test
