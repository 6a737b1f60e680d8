// What tasks write to their standard output, as far as the worker's state machine sees it.
#include "catch.hpp"
#include "worker_rig.hpp"

namespace fanmill::core::test {
namespace {

WorkerOptions passing_options() {
  WorkerOptions options = plain_options();
  options.features |= feature::output;
  return options;
}

OutputWritten written(std::uint64_t attempt, std::string_view text) {
  return {.slot = 0, .attempt = AttemptId{attempt}, .bytes = Bytes(text)};
}

OutputTaken taken(std::uint64_t attempt, std::uint64_t offset) {
  return {.attempt = AttemptId{attempt}, .offset = offset};
}

}  // namespace

TEST_CASE("output is sent as it comes, each piece with its place", "[unit][worker]") {
  WorkerRig rig(passing_options());
  rig.start_and_welcome();
  rig.receive_task(1);
  CHECK(rig.expect<StartTask>().passes_output);
  rig.step(written(1, "one\n"));
  CHECK(rig.expect_sent<Output>() == Output{AttemptId{1}, 0, Bytes("one\n")});
  rig.step(written(1, "two\n"));
  CHECK(rig.expect_sent<Output>() == Output{AttemptId{1}, 4, Bytes("two\n")});
  rig.finish(0, 1);
  CHECK(rig.expect_sent<Result>().attempt == AttemptId{1});
}

TEST_CASE("a piece larger than a frame of the session is sent in several", "[unit][worker]") {
  WorkerRig rig(passing_options());
  rig.terms.frame_bytes_max = limits::header_bytes_max;
  rig.start_and_welcome();
  rig.run_task(1);
  const std::string text(5000, 'x');
  rig.step(written(1, text));
  CHECK(rig.expect_sent<Output>().bytes.size() == 4096);
  const Output rest = rig.expect_sent<Output>();
  CHECK(rest.offset == 4096);
  CHECK(rest.bytes.size() == 904);
}

TEST_CASE("a task in a session without the feature passes no output on", "[unit][worker]") {
  WorkerRig rig(passing_options());
  rig.terms.features &= ~feature::output;
  rig.start_and_welcome();
  rig.receive_task(1);
  CHECK_FALSE(rig.expect<StartTask>().passes_output);
  rig.step(written(1, "x"));
  CHECK(rig.worker.counters().outputs_dropped == 1);
}

TEST_CASE("what was taken is told to the executor", "[unit][worker]") {
  WorkerRig rig(passing_options());
  rig.start_and_welcome();
  rig.run_task(1);
  rig.step(written(1, "12345678"));
  rig.expect_sent<Output>();
  rig.receive(taken(1, 5));
  CHECK(rig.expect<TakeOutput>().taken == 5);

  SECTION("once, if it is told twice or late") {
    rig.receive(taken(1, 5));
    rig.receive(taken(1, 3));
  }
  SECTION("and not beyond what was sent") { rig.receive(taken(1, 9)); }
  SECTION("nor after the task's end") {
    rig.finish(0, 1);
    rig.expect_sent<Result>();
    rig.receive(taken(1, 8));
  }
  rig.expect_nothing();
}

TEST_CASE("a task that was told to stop is not heard any more", "[unit][worker]") {
  WorkerRig rig(passing_options());
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive(Kill{.attempt = AttemptId{1}});
  rig.expect<StopTask>();
  rig.step(written(1, "late"));
  rig.expect_nothing();
  rig.finish(0, 1);
  rig.expect_sent<Killed>();
}

TEST_CASE("output is passed on in one session only", "[unit][worker]") {
  WorkerRig rig(passing_options());
  rig.start_and_welcome();
  rig.run_task(1);
  rig.step(written(1, "before"));
  rig.expect_sent<Output>();
  rig.pass(1s);
  rig.lose_connection();
  // A task that waits for room must go on.
  CHECK(rig.expect<DropOutput>().attempt == AttemptId{1});
  CHECK(rig.claim_all() == "connect, hello 2");
  rig.step(written(1, "between"));
  rig.welcome({{AttemptId{1}, Verdict::keep}});
  rig.step(written(1, "after"));
  rig.receive(taken(1, 6));
  rig.expect_nothing();
  rig.finish(0, 1);
  rig.expect_sent<Result>();
}

TEST_CASE("a task that was kept unstarted begins to pass its output on", "[unit][worker]") {
  WorkerRig rig(passing_options());
  rig.start_and_welcome();
  rig.run_task(1);
  rig.receive_task(2);
  rig.pass(1s);
  rig.lose_connection();
  CHECK(rig.claim_all() == "drop 1, connect, hello 2");
  rig.welcome({{AttemptId{1}, Verdict::keep}, {AttemptId{2}, Verdict::keep}});
  rig.finish(0, 1);
  rig.expect_sent<Result>();
  CHECK(rig.expect<StartTask>().passes_output);
  rig.step(written(2, "hello"));
  CHECK(rig.expect_sent<Output>() == Output{AttemptId{2}, 0, Bytes("hello")});
}

}  // namespace fanmill::core::test
