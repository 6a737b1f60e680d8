// Tasks, kills, time limits and the verdicts of a welcome.
#include "catch.hpp"
#include "worker_rig.hpp"

namespace fanmill::core::test {
namespace {

TEST_CASE("tasks start in the order received, as slots become free", "[worker]") {
  WorkerOptions options = plain_options();
  options.slots = 2;
  WorkerRig rig(options);
  rig.start_and_welcome();
  for (std::uint64_t attempt = 1; attempt <= 4; ++attempt) rig.receive_task(attempt);
  CHECK(rig.claim_all() == "start 1, start 2");
  CHECK(rig.worker.running_count() == 2);
  rig.finish(1, 2);
  CHECK(rig.claim_all() == "result 2, start 3");
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "result 1, start 4");
}

TEST_CASE("a task that came twice runs once", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.receive_task(5);
  rig.receive_task(5);
  rig.receive_task(4);
  CHECK(rig.claim_all() == "start 5");
  rig.finish(0, 5);
  rig.receive_task(5);
  CHECK(rig.claim_all() == "result 5");
  CHECK(rig.worker.counters().duplicates_ignored == 3);
}

TEST_CASE("a task that this worker can't run is rejected at once", "[worker]") {
  WorkerOptions options = plain_options();
  options.encodings = encoding_bit(Encoding::json);
  WorkerRig rig(options);
  rig.start_and_welcome();
  Task task{.attempt = AttemptId{1}, .group = GroupId{1}, .task = TaskId{1}};
  SECTION("unknown function") { task.function = 1; }
  SECTION("unknown encoding") { task.payload = Payload::raw("x"); }
  rig.receive(task);
  const Result result = rig.expect_sent<Result>();
  CHECK(result.outcome == AttemptOutcome::rejected);
  CHECK_FALSE(result.error_text.empty());
  CHECK(rig.worker.unacknowledged_count() == 1);
  // A task without a payload needs no encoding.
  rig.receive(Task{.attempt = AttemptId{2}, .group = GroupId{2}, .task = TaskId{2}});
  CHECK(rig.claim_all() == "start 2");
}

TEST_CASE("an executor's death is a crash with its evidence", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  const std::uint32_t slot = rig.run_task(1);
  rig.receive_task(2);
  rig.step(ExecutorDied{.slot = slot,
                        .attempt = AttemptId{1},
                        .detail = 11,
                        .text = "the last words",
                        .busy = 4ms,
                        .type = "signal 11 (SIGSEGV)",
                        .cpu = 3ms,
                        .memory = 4096});
  CHECK(rig.expect_sent<Result>() == Result{.attempt = AttemptId{1},
                                            .outcome = AttemptOutcome::crashed,
                                            .detail = 11,
                                            .busy = 4ms,
                                            .error_type = "signal 11 (SIGSEGV)",
                                            .error_text = "the last words",
                                            .cpu = 3ms,
                                            .memory = 4096});
  CHECK(rig.claim_all() == "start 2");
}

TEST_CASE("an end that is told twice counts once", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  const std::uint32_t slot = rig.run_task(1);
  rig.finish(slot, 1);
  rig.step(ExecutorDied{.slot = slot, .attempt = AttemptId{1}, .detail = 9});
  CHECK(rig.claim_all() == "result 1");
  CHECK(rig.worker.counters().duplicates_ignored == 1);
}

TEST_CASE("a queued task that is killed never starts", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive_task(2);
  rig.receive_task(3);
  rig.receive(Kill{.attempt = AttemptId{2}, .if_unstarted = GENERATE(true, false)});
  CHECK(rig.expect_sent<Killed>() == Killed{.attempt = AttemptId{2}, .unstarted = true});
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "result 1, start 3");
}

TEST_CASE("a running task that is killed stops once and has no result", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive(Kill{.attempt = AttemptId{1}});
  rig.receive(Kill{.attempt = AttemptId{1}});
  const StopTask stop = rig.expect<StopTask>();
  CHECK(stop.attempt == AttemptId{1});
  CHECK(stop.reason == StopTask::Reason::killed);
  rig.expect_nothing();
  SECTION("its function returns") { rig.finish(0, 1); }
  SECTION("its executor dies") {
    rig.step(ExecutorDied{.slot = 0, .attempt = AttemptId{1}, .detail = 9, .busy = 3ms});
  }
  CHECK(rig.expect_sent<Killed>() == Killed{.attempt = AttemptId{1}, .busy = 3ms});
  CHECK(rig.worker.unacknowledged_count() == 0);
}

TEST_CASE("a recall of a started task is answered by how far the worker is", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive(Kill{.attempt = AttemptId{1}, .if_unstarted = true});
  CHECK(rig.expect_sent<Heartbeat>().started == 1);
}

TEST_CASE("what heartbeats count includes tasks that were recalled before", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive_task(2);
  rig.receive_task(3);
  rig.receive(Kill{.attempt = AttemptId{2}, .if_unstarted = true});
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "unstarted 2, result 1, start 3");
  rig.pass(2s);
  // The third Task of the session runs: whoever was sent before it is not waiting.
  CHECK(rig.expect_sent<Heartbeat>().started == 3);
}

TEST_CASE("a kill of an ended task is answered by its result, of an unknown one by killed",
          "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.do_task(1);
  rig.receive(Kill{.attempt = AttemptId{1}});
  rig.expect_nothing();
  rig.receive(Heartbeat{.session = SessionId{101}, .acknowledged = 1});
  rig.receive(Kill{.attempt = AttemptId{1}});
  CHECK(rig.expect_sent<Killed>() == Killed{.attempt = AttemptId{1}});
}

TEST_CASE("a group is killed as a whole", "[worker]") {
  WorkerOptions options = plain_options();
  options.slots = 2;
  WorkerRig rig(options);
  rig.start_and_welcome();
  for (std::uint64_t attempt = 1; attempt <= 5; ++attempt) {
    rig.receive(Task{
        .attempt = AttemptId{attempt}, .group = GroupId{attempt % 2 + 1}, .task = TaskId{attempt}});
  }
  CHECK(rig.claim_all() == "start 1, start 2");
  rig.receive(Kill{.session = SessionId{100}, .group = GroupId{2}});
  rig.expect_nothing();  // Of another session.
  SECTION("all of it") {
    rig.receive(Kill{.session = SessionId{101}, .group = GroupId{2}});
    CHECK(rig.claim_all() == "stop 1, unstarted 3, unstarted 5");
    rig.finish(0, 1);
    CHECK(rig.claim_all() == "killed 1, start 4");
  }
  SECTION("what has not started") {
    rig.receive(Kill{.session = SessionId{101}, .group = GroupId{2}, .if_unstarted = true});
    CHECK(rig.claim_all() == "unstarted 3, unstarted 5, heartbeat");
  }
  SECTION("a group that it does not hold") {
    rig.receive(Kill{.session = SessionId{101}, .group = GroupId{9}});
    rig.expect_nothing();
  }
}

TEST_CASE("a worker that can't stop a task ignores its kill and sends the result", "[worker]") {
  WorkerOptions options = plain_options();
  options.features = feature::heartbeat;
  WorkerRig rig(options);
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive_task(2);
  rig.receive(Kill{.attempt = AttemptId{1}});
  rig.receive(Kill{.attempt = AttemptId{2}});
  CHECK(rig.claim_all() == "unstarted 2");
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "result 1");
}

TEST_CASE("a monitored worker ends at once when its running task is killed", "[worker]") {
  WorkerOptions options = plain_options();
  options.monitored = true;
  WorkerRig rig(options);
  rig.start_and_welcome();
  SECTION("by attempt") {
    rig.run_task(1);
    rig.receive(Kill{.attempt = AttemptId{1}});
    CHECK(rig.claim_all() == "end 6!");
  }
  SECTION("by group") {
    rig.run_task(1);
    rig.receive(Kill{.session = SessionId{101}, .group = GroupId{1}});
    CHECK(rig.claim_all() == "end 6!");
  }
  SECTION("not for a queued one") {
    rig.run_task(1);
    rig.receive_task(2);
    rig.receive(Kill{.attempt = AttemptId{2}});
    CHECK(rig.claim_all() == "unstarted 2");
  }
  SECTION("by the verdict of a welcome") {
    rig.run_task(1);
    rig.receive(Who{});
    rig.welcome({{AttemptId{1}, Verdict::kill}});
    CHECK(rig.claim_all() == "hello 2, end 6!");
  }
}

TEST_CASE("a task that runs too long is stopped, and that is its outcome", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1, 500ms);
  CHECK(rig.pass_to_deadline() == 500ms);
  CHECK(rig.expect<StopTask>().reason == StopTask::Reason::time_limit);
  // Even if the function returns something after all: it was told to stop, so who knows what that
  // is.
  rig.pass(10ms);
  rig.finish(0, 1);
  const Result result = rig.expect_sent<Result>();
  CHECK(result.outcome == AttemptOutcome::time_limit);
  CHECK(result.error_text == "ended at its time limit of 500 ms");
  CHECK(result.payload == Payload{});
}

TEST_CASE("a kill after the time limit has the last word", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1, 500ms);
  rig.pass(500ms);
  rig.receive(Kill{.attempt = AttemptId{1}});
  CHECK(rig.claim_all() == "stop 1");
  rig.step(ExecutorDied{.slot = 0, .attempt = AttemptId{1}, .detail = 9});
  CHECK(rig.claim_all() == "killed 1");
}

TEST_CASE("a time limit runs from the start, not from the arrival, and ends with the task",
          "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive_task(2, 0, 500ms);
  rig.pass(1s);
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "result 1, start 2");
  rig.pass(400ms);
  rig.finish(0, 2);
  rig.pass(1s);
  CHECK(rig.claim_all() == "result 2");
}

TEST_CASE("a time limit that is not in force is the manager's matter", "[worker]") {
  WorkerRig rig;
  rig.terms.features &= ~feature::time_limit;
  rig.start_and_welcome();
  rig.run_task(1, 500ms);
  rig.pass(1s);
  rig.expect_nothing();
}

TEST_CASE("a deaf function past its time limit keeps its slot; a monitored worker ends",
          "[worker]") {
  WorkerOptions options = plain_options();
  options.monitored = GENERATE(false, true);
  WorkerRig rig(options);
  rig.start_and_welcome();
  rig.run_task(1, 500ms);
  rig.pass(500ms);
  CHECK(rig.claim_all() == "stop 1");
  rig.pass(2s);
  if (!options.monitored) {
    CHECK(rig.claim_all() == "heartbeat");
    CHECK(rig.worker.running_count() == 1);
    return;
  }
  // It is a time limit, not a lost worker: the manager is told before the process ends.
  CHECK(rig.expect_sent<Result>().outcome == AttemptOutcome::time_limit);
  CHECK(rig.expect_sent<Goodbye>().detail == static_cast<std::uint32_t>(ExitStatus::killed));
  const EndWorker end = rig.expect<EndWorker>();
  CHECK(end.status == ExitStatus::killed);
  CHECK_FALSE(end.at_once);
  CHECK(end.words == "its task ran past its time limit of 500 ms and did not stop when told to");
}

TEST_CASE("a deaf function past its time limit ends its monitored worker without a manager, too",
          "[worker]") {
  WorkerOptions options = plain_options();
  options.monitored = true;
  options.manager_lost_after = 60s;
  WorkerRig rig(options);
  rig.start_and_welcome();
  rig.run_task(1, 500ms);
  rig.step(WorkerConnectionLost{});
  rig.pass_to_deadline();
  rig.claim_all();
  rig.pass(600ms);
  CHECK_THAT(rig.claim_all(), Catch::Matchers::ContainsSubstring("stop 1"));
  rig.pass(3s);
  CHECK_THAT(rig.claim_all(), Catch::Matchers::ContainsSubstring("end 6"));
}

TEST_CASE("each verdict does to each holding what it says", "[worker]") {
  const AttemptId attempt{GENERATE(std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3})};
  const auto verdict = GENERATE(0, 1, 2, 3);
  CAPTURE(attempt, verdict);
  WorkerRig rig;
  rig.start_and_welcome();
  if (attempt.value == 1) {
    rig.do_task(1);
  } else if (attempt.value == 2) {
    rig.run_task(2);
  } else {
    // Waits, for the slot is taken by one that the manager keeps.
    rig.run_task(2);
    rig.receive_task(3);
  }
  rig.receive(Who{});
  rig.expect_sent<Hello>();
  std::vector<Judgement> judgements;
  if (attempt.value == 3) judgements.push_back({AttemptId{2}, Verdict::keep});
  if (verdict != 0) judgements.push_back({attempt, static_cast<Verdict>(verdict)});
  rig.welcome(judgements);
  const std::string at_welcome = rig.claim_all();
  if (attempt.value > 1) rig.finish(0, 2);
  const std::string at_end = rig.claim_all();
  const std::string row = at_welcome + " | " + at_end;
  //                                   not named, keep, drop, kill
  static const std::string result[] = {"- | -", "result 1 | -", "- | -", "killed 1 | -"};
  static const std::string running[] = {"stop 2 | -", "- | result 2", "stop 2 | -",
                                        "stop 2 | killed 2"};
  static const std::string unstarted[] = {"- | result 2", "- | result 2, start 3", "- | result 2",
                                          "unstarted 3 | result 2"};
  const std::string* expected = attempt.value == 1   ? result
                                : attempt.value == 2 ? running
                                                     : unstarted;
  CHECK(row == expected[verdict]);
}

TEST_CASE("a task that ended between hello and welcome is judged as what it is now", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive(Who{});
  rig.expect_sent<Hello>();
  rig.finish(0, 1);
  SECTION("keep") {
    rig.welcome({{AttemptId{1}, Verdict::keep}});
    CHECK(rig.claim_all() == "result 1");
  }
  SECTION("kill") {
    rig.welcome({{AttemptId{1}, Verdict::kill}});
    CHECK(rig.expect_sent<Killed>() == Killed{.attempt = AttemptId{1}, .busy = 3ms});
  }
}

// A killed task ends while its worker greets a second time: the hello names it as running, the
// welcome says kill, and there is nothing left to kill. The manager waited for a Killed that never
// came, and the slot stayed taken. Found by the simulator.
TEST_CASE("a killed task that ended between hello and welcome is answered after the welcome",
          "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive(Kill{.attempt = AttemptId{1}});
  rig.expect<StopTask>();
  rig.receive(Who{});
  rig.expect_sent<Hello>();
  rig.finish(0, 1);
  rig.expect_nothing();
  rig.welcome({{AttemptId{1}, Verdict::kill}});
  CHECK(rig.expect_sent<Killed>() == Killed{.attempt = AttemptId{1}});
}

TEST_CASE("kept tasks do not count among those of the new session", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive_task(2);
  rig.receive(Who{});
  rig.expect_sent<Hello>();
  rig.welcome({{AttemptId{1}, Verdict::keep}, {AttemptId{2}, Verdict::keep}});
  rig.receive_task(3);
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "result 1, start 2");
  rig.receive(Heartbeat{.session = SessionId{102}, .echo = true});
  CHECK(rig.expect_sent<Heartbeat>().started == 0);
  rig.finish(0, 2);
  CHECK(rig.claim_all() == "result 2, start 3");
  rig.receive(Heartbeat{.session = SessionId{102}, .echo = true});
  CHECK(rig.expect_sent<Heartbeat>().started == 1);
}

// A manager without a memory starts again with the same incarnation, and its ids begin anew.
TEST_CASE("attempt ids may begin anew with a session, apart from those kept", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(5);
  rig.receive(Who{});
  rig.expect_sent<Hello>();
  SECTION("forgotten") {
    rig.welcome();
    rig.expect<StopTask>();
    rig.receive_task(5);
    rig.finish(0, 5);
    CHECK(rig.claim_all() == "start 5");
  }
  SECTION("kept") {
    rig.welcome({{AttemptId{5}, Verdict::keep}});
    rig.receive_task(5);
    CHECK(rig.worker.counters().duplicates_ignored == 1);
  }
}

}  // namespace
}  // namespace fanmill::core::test
