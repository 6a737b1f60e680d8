// Ends of tasks that the worker hears of together.
#include "worker_rig.hpp"

namespace fanmill::core::test {
namespace {

WorkerOptions row_options(std::uint16_t slots) {
  WorkerOptions options = plain_options();
  options.slots = slots;
  options.ahead_max = 4;
  options.ahead_time = 30ms;
  return options;
}

/// With one task done, so that others are handed over ahead.
struct RowRig : WorkerRig {
  explicit RowRig(std::uint16_t slot_count = 1) : WorkerRig(row_options(slot_count)) {
    start_and_welcome();
    do_task(1);
  }
  /// Tasks 2 to `last`, all at the executor.
  void fill(std::uint64_t last) {
    for (std::uint64_t attempt = 2; attempt <= last; ++attempt) {
      receive_task(attempt);
      slots.push_back(expect<StartTask>().slot);
    }
  }
  /// Of the tasks of `fill`.
  void end_row(const std::vector<std::uint64_t>& attempts) {
    TasksFinished row;
    for (const std::uint64_t attempt : attempts) {
      row.tasks.push_back({.slot = slots.at(attempt - 2),
                           .attempt = AttemptId{attempt},
                           .result = {.busy = 3ms, .payload = Payload::raw("!")}});
    }
    step(std::move(row));
  }
  std::uint32_t started() {
    pass(terms.heartbeat);
    return expect_sent<Heartbeat>().started;
  }

  std::vector<std::uint32_t> slots;
};

}  // namespace

TEST_CASE("ends that come together are results in their order, and make room", "[unit][worker]") {
  RowRig rig;
  rig.fill(5);
  rig.end_row({2, 3, 4});
  CHECK(rig.claim_all() == "result 2, result 3, result 4");
  CHECK(rig.worker.running_count() == 1);
  rig.receive_task(6);
  CHECK(rig.claim_all() == "start 6");
  CHECK(rig.started() == 5);  // which nobody has heard of but by the ends before it
}

// Its beginning was never noticed. Were it not counted, a manager would take it for unstarted.
TEST_CASE("what has ended has started, though it waited a row ago", "[unit][worker]") {
  RowRig rig;
  rig.fill(4);
  rig.end_row({2, 3, 4});
  rig.claim_all();
  CHECK(rig.started() == 4);
}

TEST_CASE("the ends of two threads come in any order", "[unit][worker]") {
  RowRig rig(2);
  rig.fill(6);
  rig.end_row({4, 2});
  CHECK(rig.claim_all() == "result 4, result 2");
  CHECK(rig.started() == 5);
  rig.end_row({6, 3, 5});
  CHECK(rig.claim_all() == "result 6, result 3, result 5");
  CHECK(rig.started() == 6);
  CHECK(rig.worker.running_count() == 0);
}

TEST_CASE("in a row each end is answered as it has to be, and one that comes twice once",
          "[unit][worker]") {
  RowRig rig;
  rig.fill(5);
  rig.receive(Kill{.attempt = AttemptId{3}});
  rig.receive(Kill{.attempt = AttemptId{4}, .if_unstarted = true});
  CHECK(rig.claim_all() == "stop 3, revoke 4");
  rig.end_row({2, 3, 3, 4});
  CHECK(rig.claim_all() == "result 2, killed 3, result 4");
  CHECK(rig.worker.counters().duplicates_ignored == 1);
  CHECK(rig.worker.running_count() == 1);
}

TEST_CASE("behind a row what has begun is told to whoever asks for it back, and its limit runs",
          "[unit][worker]") {
  RowRig rig;
  rig.terms.heartbeat = 1000s;
  rig.terms.suspect = rig.terms.dead = 2000s;
  rig.fill(3);
  rig.receive_task(4, 0, 1s);
  CHECK(rig.claim_all() == "start 4");
  rig.receive(Kill{.attempt = AttemptId{4}, .if_unstarted = true});
  CHECK(rig.claim_all() == "revoke 4");
  rig.end_row({2, 3});
  CHECK(rig.claim_all() == "result 2, result 3, heartbeat");
  rig.pass(900ms);
  CHECK(rig.claim_all() == "-");
  rig.pass(100ms);
  CHECK(rig.claim_all() == "stop 4");
}

TEST_CASE("what a row ends is known before a task is begun that may take the process with it",
          "[unit][worker]") {
  WorkerOptions options = row_options(2);
  options.features |= feature::batch;
  WorkerRig rig(options);
  rig.start_and_welcome();
  for (const std::uint64_t attempt : {1, 2}) rig.receive_task(attempt);
  rig.receive(Task{.attempt = AttemptId{3}, .number = 2, .task = TaskId{3}});
  CHECK(rig.claim_all() == "start 1, start 2");
  TasksFinished row;
  for (std::uint32_t slot = 0; slot < 2; ++slot)
    row.tasks.push_back({.slot = slot, .attempt = AttemptId{slot + 1}, .result = {}});
  rig.step(std::move(row));
  CHECK(rig.expect_sent<Results>().results.size() == 2);
  CHECK(rig.claim_all() == "start 3");
}

TEST_CASE("results of a row are kept until they are acknowledged, all at once or some",
          "[unit][worker]") {
  RowRig rig;
  rig.receive(Heartbeat{.session = rig.terms.session, .acknowledged = 1});
  rig.fill(5);
  rig.end_row({2, 3, 4, 5});
  rig.claim_all();
  CHECK(rig.worker.unacknowledged_count() == 4);
  const std::uint32_t some = GENERATE(2U, 4U);
  rig.receive(Heartbeat{.session = rig.terms.session, .acknowledged = 1 + some});
  CHECK(rig.worker.unacknowledged_count() == 4 - some);
  // Of what is still held the result is the answer; of the others nothing is known any more.
  rig.receive(Kill{.attempt = AttemptId{3}});
  rig.receive(Kill{.attempt = AttemptId{4}});
  CHECK(rig.claim_all() == (some == 2 ? "killed 3" : "killed 3, killed 4"));
  rig.pass(10s);
  rig.claim_all();
  rig.lose_connection();
  rig.expect<OpenConnection>();
  CHECK(rig.expect_sent<Hello>().holdings.size() == 4 - some);
}

}  // namespace fanmill::core::test
