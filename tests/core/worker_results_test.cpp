// Results: kept until acknowledged, bounded, cut to size.
#include "catch.hpp"
#include "worker_rig.hpp"

namespace fanmill::core::test {
namespace {

TEST_CASE("a result is kept until it is acknowledged, by a task or a heartbeat", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  for (std::uint64_t attempt = 1; attempt <= 3; ++attempt) rig.do_task(attempt);
  CHECK(rig.worker.unacknowledged_count() == 3);
  rig.receive_task(4, 1);
  CHECK(rig.claim_all() == "start 4");
  CHECK(rig.worker.unacknowledged_count() == 2);
  rig.receive(Heartbeat{.session = SessionId{101}, .acknowledged = 3});
  CHECK(rig.worker.unacknowledged_count() == 0);
}

TEST_CASE("an acknowledgement never goes back, nor beyond what was sent", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  for (std::uint64_t attempt = 1; attempt <= 3; ++attempt) rig.do_task(attempt);
  rig.receive(Heartbeat{.session = SessionId{101}, .acknowledged = 2});
  rig.notes.clear();
  rig.receive(Heartbeat{.session = SessionId{101}, .acknowledged = 1});
  CHECK(rig.worker.unacknowledged_count() == 1);
  CHECK(rig.notes.empty());
  rig.receive(Heartbeat{.session = SessionId{101}, .acknowledged = 4});
  CHECK(rig.worker.unacknowledged_count() == 1);
  CHECK(rig.notes.size() == 1);
}

TEST_CASE("acknowledgements count from the session's own results", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.do_task(1);
  rig.do_task(2);
  rig.receive(Heartbeat{.session = SessionId{101}, .acknowledged = 1});
  rig.receive(Who{});
  CHECK(rig.expect_sent<Hello>().holdings ==
        std::vector<Holding>{{AttemptId{2}, HoldingState::result}});
  rig.welcome({{AttemptId{2}, Verdict::keep}});
  CHECK(rig.claim_all() == "result 2");
  rig.receive(Heartbeat{.session = SessionId{102}, .acknowledged = 1});
  CHECK(rig.worker.unacknowledged_count() == 0);
}

TEST_CASE("too many unacknowledged results hold back further starts", "[worker]") {
  WorkerRig rig;
  rig.terms.unacknowledged_max = 2;
  rig.start_and_welcome();
  rig.do_task(1);
  rig.do_task(2);
  rig.receive_task(3);
  rig.expect_nothing();
  rig.receive(Heartbeat{.session = SessionId{101}, .acknowledged = 1});
  CHECK(rig.claim_all() == "start 3");
}

TEST_CASE("what runs counts as a result that will wait", "[worker]") {
  WorkerOptions options = plain_options();
  options.slots = 3;
  WorkerRig rig(options);
  rig.terms.unacknowledged_max = 2;
  rig.start_and_welcome();
  for (std::uint64_t attempt = 1; attempt <= 3; ++attempt) rig.receive_task(attempt);
  CHECK(rig.claim_all() == "start 1, start 2");
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "result 1");
  rig.receive(Heartbeat{.session = SessionId{101}, .acknowledged = 1});
  CHECK(rig.claim_all() == "start 3");
}

// The manager's limit and its frames need not fit each other.
TEST_CASE("no more results wait than half of what a hello can name", "[worker]") {
  WorkerRig rig;
  rig.terms.frame_bytes_max = 4096;
  rig.start_and_welcome();
  for (std::uint64_t attempt = 1; attempt <= 4096 / 16 / 2; ++attempt) rig.do_task(attempt);
  rig.receive_task(1000);
  rig.expect_nothing();
  rig.receive(Heartbeat{.session = SessionId{101}, .acknowledged = 1});
  CHECK(rig.claim_all() == "start 1000");
}

TEST_CASE("long error texts are cut between characters", "[worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  rig.run_task(1);
  // Two bytes each, the limit falls into the middle of one.
  std::string text = "x";
  while (text.size() < limits::error_text_max + 10) text += "\xc3\xa9";
  rig.step(TaskFinished{.slot = 0,
                        .attempt = AttemptId{1},
                        .result = {.outcome = AttemptOutcome::failed,
                                   .error_type = std::string(1000, 'T'),
                                   .error_text = text}});
  const Result result = rig.expect_sent<Result>();
  CHECK(result.error_type.size() == limits::error_type_max);
  CHECK(result.error_text == text.substr(0, limits::error_text_max - 1));
}

// Sent as it is, it would be refused by the manager's frame limit, kept, and sent again for ever.
TEST_CASE("a result that no frame can carry becomes a failure", "[worker]") {
  WorkerRig rig;
  rig.terms.frame_bytes_max = 4096;
  rig.start_and_welcome();
  rig.run_task(1);
  rig.step(TaskFinished{.slot = 0,
                        .attempt = AttemptId{1},
                        .result = {.payload = Payload::raw(std::string(4097, 'x'))}});
  const Result result = rig.expect_sent<Result>();
  CHECK(result.outcome == AttemptOutcome::failed);
  CHECK(result.error_type == "payload_too_large");
  CHECK(result.error_text == "the result has 4097 bytes; the manager takes 4096");
}

// It was answered by a Killed, for which nobody had asked: to the manager that was a crash.
TEST_CASE("what is held never outgrows one hello, and a task beyond it goes elsewhere",
          "[worker]") {
  WorkerRig rig;
  rig.terms.frame_bytes_max = 4096;
  constexpr std::uint64_t room = 4096 / 16;
  rig.start_and_welcome();
  rig.do_task(1);
  rig.run_task(2);
  for (std::uint64_t attempt = 3; attempt <= room; ++attempt) rig.receive_task(attempt);
  rig.expect_nothing();
  SECTION("there is room again") {
    rig.receive_task(room + 1, 1);
    rig.expect_nothing();
    return;
  }
  rig.receive_task(room + 1);
  rig.expect_nothing();  // the session was short
  rig.pass_to_deadline();
  rig.expect<OpenConnection>();
  const Hello hello = rig.expect_sent<Hello>();
  CHECK(hello.holdings.size() == room);
  for (const Holding& holding : hello.holdings) CHECK(holding.attempt.value <= room);
}

}  // namespace
}  // namespace fanmill::core::test
