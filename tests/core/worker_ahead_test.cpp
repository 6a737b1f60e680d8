// Tasks handed to the executor ahead of time: how many, what is said of them, and how they come back.
#include "worker_rig.hpp"

namespace fanmill::core::test {
namespace {

WorkerOptions ahead_options(std::uint32_t ahead_max = 3) {
  WorkerOptions options = plain_options();
  options.ahead_max = ahead_max;
  options.ahead_time = 9ms;  // three tasks of the rig
  return options;
}

/// Welcome, and with one task done, of 3 ms.
struct AheadRig : WorkerRig {
  explicit AheadRig(WorkerOptions given = ahead_options()) : WorkerRig(std::move(given)) {
    start_and_welcome();
    do_task(1);
  }

  void receive_tasks(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t attempt = first; attempt <= last; ++attempt) receive_task(attempt);
  }
  /// Tasks 2 to 4 at the executor, of which 2 runs.
  void fill() {
    receive_tasks(2, 4);
    REQUIRE(claim_all() == "start 2, start 3, start 4");
  }
  Heartbeat next_heartbeat() {
    pass(terms.heartbeat);
    return expect_sent<Heartbeat>();
  }
  void end(std::uint32_t slot, std::uint64_t attempt, Duration busy) {
    step(TaskFinished{.slot = slot, .attempt = AttemptId{attempt}, .result = {.busy = busy}});
  }
};

}  // namespace

TEST_CASE("before a task has ended none is handed over ahead", "[unit][worker]") {
  WorkerRig rig(ahead_options());
  rig.start_and_welcome();
  rig.receive_task(1);
  rig.receive_task(2);
  CHECK(rig.claim_all() == "start 1");
}

TEST_CASE("short tasks are handed over ahead, as many as fit", "[unit][worker]") {
  AheadRig rig;
  rig.receive_tasks(2, 9);
  CHECK(rig.claim_all() == "start 2, start 3, start 4, start 5");
  rig.finish(0, 2);
  CHECK(rig.claim_all() == "result 2, start 6");
}

TEST_CASE("no more are handed over ahead than take the time for it", "[unit][worker]") {
  AheadRig rig(ahead_options(100));
  rig.receive_tasks(2, 9);
  CHECK(rig.claim_all() == "start 2, start 3, start 4, start 5");  // 9 ms of 3 ms each
  rig.end(0, 2, 80ms);
  CHECK(rig.claim_all() == "result 2");  // now 12 ms each
}

TEST_CASE("with several slots each has its share ahead", "[unit][worker]") {
  WorkerOptions options = ahead_options(100);
  options.slots = 2;
  AheadRig rig(options);
  rig.receive_tasks(2, 20);
  CHECK(rig.claim_all() ==
        "start 2, start 3, start 4, start 5, start 6, start 7, start 8, start 9");
}

TEST_CASE("what waits at the executor has not started", "[unit][worker]") {
  AheadRig rig;
  rig.fill();
  CHECK(rig.next_heartbeat().started == 2);
  rig.finish(0, 2);
  rig.claim_all();
  CHECK(rig.next_heartbeat().started == 3);
}

TEST_CASE("a time limit begins with the task, not with its wait", "[unit][worker]") {
  AheadRig rig;
  rig.terms.heartbeat = 1000s;
  rig.terms.suspect = rig.terms.dead = 2000s;
  rig.receive_task(2);
  rig.receive_task(3, 0, 1s);
  rig.claim_all();
  rig.pass(1500ms);
  rig.finish(0, 2);
  rig.claim_all();
  rig.pass(900ms);
  CHECK(rig.claim_all() == "-");
  rig.pass(100ms);
  CHECK(rig.claim_all() == "stop 3");
}

TEST_CASE("what waits at the executor is given back when it is asked for", "[unit][worker]") {
  AheadRig rig;
  rig.fill();
  rig.receive(Kill{.attempt = AttemptId{4}, .if_unstarted = true});
  rig.receive(Kill{.attempt = AttemptId{4}, .if_unstarted = true});  // repeated on the way
  CHECK(rig.claim_all() == "revoke 4");
  rig.step(TaskRevoked{.slot = 2, .attempt = AttemptId{4}});
  CHECK(rig.claim_all() == "unstarted 4");
  CHECK(rig.worker.running_count() == 2);
}

/// An executor of two slots that says what it has begun: tasks 2 and 3 run, 4 to 6 wait.
struct ToldRig : AheadRig {
  static WorkerOptions options() {
    WorkerOptions options = ahead_options();
    options.slots = 2;
    options.begins_told = true;
    return options;
  }
  ToldRig() : AheadRig(options()) {}
  void fill_told(Duration limit_of_4 = {}) {
    receive_task(2);
    receive_task(3);
    receive_task(4, 0, limit_of_4);
    receive_tasks(5, 6);
    REQUIRE(claim_all() == "start 2, start 3, start 4, start 5, start 6");
  }
  void begin(std::uint32_t slot, std::uint64_t attempt) {
    step(TaskBegun{.slot = slot, .attempt = AttemptId{attempt}});
  }
};

TEST_CASE(
    "what an executor begins out of order is what runs, and heartbeats count no further than all",
    "[unit][worker]") {
  ToldRig rig;
  rig.fill_told();
  rig.finish(1, 3);
  rig.begin(3, 5);
  rig.claim_all();
  CHECK(rig.next_heartbeat().started == 3);
  rig.receive(Kill{.attempt = AttemptId{5}, .if_unstarted = true});
  CHECK(rig.expect_sent<Heartbeat>().started == 3);  // too late, but that 4 began would be wrong
  rig.receive(Kill{.attempt = AttemptId{4}, .if_unstarted = true});
  CHECK(rig.claim_all() == "revoke 4");
  rig.step(TaskRevoked{.slot = 2, .attempt = AttemptId{4}});
  CHECK(rig.claim_all() == "unstarted 4");
  CHECK(rig.next_heartbeat().started == 5);
  rig.finish(0, 2);
  rig.claim_all();
  rig.begin(4, 6);
  CHECK(rig.next_heartbeat().started == 6);
}

TEST_CASE("the time limit of a task that waits begins when it is told to have begun",
          "[unit][worker]") {
  ToldRig rig;
  rig.terms.heartbeat = 1000s;
  rig.terms.suspect = rig.terms.dead = 2000s;
  rig.fill_told(1s);
  rig.finish(1, 3);
  rig.begin(3, 5);
  rig.claim_all();
  rig.pass(1500ms);
  CHECK(rig.claim_all() == "-");
  rig.finish(3, 5);
  rig.begin(2, 4);
  rig.begin(2, 4);  // said twice
  rig.claim_all();
  rig.pass(900ms);
  CHECK(rig.claim_all() == "-");
  rig.pass(100ms);
  CHECK(rig.claim_all() == "stop 4");
}

TEST_CASE("a free slot of an executor that tells what it begins is not filled twice",
          "[unit][worker]") {
  ToldRig rig;
  rig.fill_told();
  rig.finish(0, 2);
  rig.finish(1, 3);
  rig.claim_all();
  rig.receive(Task{.attempt = AttemptId{7}, .number = 2});
  CHECK(rig.claim_all() == "-");  // a retry runs alone: 4 to 6 are begun first
  rig.begin(2, 4);
  rig.begin(3, 5);
  rig.finish(2, 4);
  rig.begin(4, 6);
  CHECK(rig.claim_all() == "result 4");
  rig.finish(3, 5);
  CHECK(rig.claim_all() == "result 5, start 7");
}

TEST_CASE("a task that began before it could be given back is told to have started",
          "[unit][worker]") {
  AheadRig rig;
  rig.fill();
  rig.receive(Kill{.attempt = AttemptId{3}, .if_unstarted = true});
  CHECK(rig.claim_all() == "revoke 3");
  rig.finish(0, 2);
  CHECK(rig.expect_sent<Heartbeat>().started == 3);
  CHECK(rig.claim_all() == "result 2");
  rig.finish(1, 3);
  CHECK(rig.claim_all() == "result 3");
}

TEST_CASE("a kill of what waits at the executor is answered like any other", "[unit][worker]") {
  AheadRig rig;
  rig.fill();
  rig.receive(Kill{.attempt = AttemptId{3}});
  CHECK(rig.claim_all() == "stop 3");
  rig.step(TaskRevoked{.slot = 1, .attempt = AttemptId{3}});
  CHECK(rig.claim_all() == "killed 3");
  // Whoever is asked back and then killed is stopped once, and answered once.
  rig.receive(Kill{.attempt = AttemptId{4}, .if_unstarted = true});
  rig.receive(Kill{.attempt = AttemptId{4}});
  CHECK(rig.claim_all() == "revoke 4, stop 4");
  rig.step(TaskRevoked{.slot = 2, .attempt = AttemptId{4}});
  CHECK(rig.claim_all() == "killed 4");
}

TEST_CASE("a retry is not handed over ahead, and nothing behind it", "[unit][worker]") {
  AheadRig rig;
  const auto receive = [&](std::uint64_t attempt, std::uint32_t number) {
    rig.receive(Task{.attempt = AttemptId{attempt},
                     .group = GroupId{attempt},
                     .number = number,
                     .task = TaskId{attempt}});
  };
  receive(2, 1);
  receive(3, 2);
  receive(4, 1);
  CHECK(rig.claim_all() == "start 2");
  rig.finish(0, 2);
  CHECK(rig.claim_all() == "result 2, start 3");
  rig.finish(0, 3);
  CHECK(rig.claim_all() == "result 3, start 4");
}

TEST_CASE("a hello names what waits at the executor as unstarted", "[unit][worker]") {
  AheadRig rig;
  rig.fill();
  rig.pass(2s);
  rig.claim_all();
  rig.lose_connection();
  rig.expect<OpenConnection>();
  const auto hello = rig.expect_sent<Hello>();
  using State = HoldingState;
  CHECK(hello.holdings == std::vector<Holding>{{AttemptId{2}, State::running},
                                               {AttemptId{3}, State::unstarted},
                                               {AttemptId{4}, State::unstarted},
                                               {AttemptId{1}, State::result}});
  // It may have begun meanwhile; dropped or killed, it ends all the same.
  rig.welcome({{AttemptId{2}, Verdict::keep},
               {AttemptId{3}, Verdict::drop},
               {AttemptId{4}, Verdict::kill}});
  CHECK(rig.claim_all() == "stop 3, stop 4");
  rig.step(TaskRevoked{.slot = 1, .attempt = AttemptId{3}});
  rig.step(TaskRevoked{.slot = 2, .attempt = AttemptId{4}});
  CHECK(rig.claim_all() == "killed 4");
}

TEST_CASE("a hello does not name what is on its way back", "[unit][worker]") {
  AheadRig rig;
  rig.fill();
  rig.receive(Kill{.attempt = AttemptId{4}, .if_unstarted = true});
  rig.claim_all();
  rig.pass(2s);
  rig.claim_all();
  rig.receive(Who{});
  const auto hello = rig.expect_sent<Hello>();
  CHECK(hello.holdings.size() == 3);
  for (const Holding& holding : hello.holdings) CHECK(holding.attempt != AttemptId{4});
  // Whenever its end is told, nobody waits for it.
  const bool before = GENERATE(true, false);
  if (before) rig.step(TaskRevoked{.slot = 2, .attempt = AttemptId{4}});
  rig.welcome({{AttemptId{2}, Verdict::keep},
               {AttemptId{3}, Verdict::keep},
               {AttemptId{1}, Verdict::drop}});
  if (!before) {
    CHECK(rig.claim_all() == "stop 4");
    rig.step(TaskRevoked{.slot = 2, .attempt = AttemptId{4}});
  }
  CHECK(rig.claim_all() == "-");
  CHECK(rig.worker.running_count() == 2);
}

TEST_CASE("what went wrong does not make a worker hasten", "[unit][worker]") {
  AheadRig rig(ahead_options(100));
  for (std::uint64_t attempt = 2; attempt < 30; ++attempt) {
    rig.receive_task(attempt);
    rig.claim_all();
    rig.step(TaskFinished{.slot = 0,
                          .attempt = AttemptId{attempt},
                          .result = {.outcome = AttemptOutcome::failed, .busy = 1ns}});
    rig.claim_all();
  }
  rig.receive_tasks(30, 50);
  CHECK(rig.claim_all() == "start 30, start 31, start 32, start 33");
}

/// A worker that can't kill, with 2 running and 3 and 4 waiting, has lost its connection.
struct LostRig : AheadRig {
  static WorkerOptions options() {
    WorkerOptions options = ahead_options();
    options.features &= ~feature::kill;
    return options;
  }
  LostRig() : AheadRig(options()) {
    fill();
    pass(2s);
    lose_connection();
  }
};

TEST_CASE("a worker that can't kill gives back what waits when a welcome says kill",
          "[unit][worker]") {
  LostRig rig;
  rig.claim_all();
  rig.welcome({{AttemptId{2}, Verdict::keep}, {AttemptId{3}, Verdict::kill}});
  // 4 is unknown to the manager, and 1 recorded.
  CHECK(rig.claim_all() == "revoke 3, stop 4");
  // It was too late: no result is waited for.
  rig.finish(0, 2);
  rig.claim_all();
  rig.finish(1, 3);
  CHECK(rig.claim_all() == "killed 3");
}

// A worker that can't kill greeted a new manager while a task waited at its executor, which began it before
// the welcome came. That said kill; the task gave a result all the same. The manager, told that it had
// not begun, did not count that one, and the acknowledgements were one short for ever.
TEST_CASE("what begins between hello and a welcome that says kill is answered as killed",
          "[unit][worker]") {
  LostRig rig;
  rig.finish(0, 2);  // and 3 begins
  rig.claim_all();
  rig.welcome({{AttemptId{2}, Verdict::keep},
               {AttemptId{3}, Verdict::kill},
               {AttemptId{4}, Verdict::keep}});
  CHECK(rig.claim_all() == "result 2");
  rig.finish(1, 3);
  CHECK(rig.claim_all() == "killed 3");
}

// Its time limit was forgotten with its result, and it ran for ever.
TEST_CASE("what begins between hello and a welcome that says kill still has its time limit",
          "[unit][worker]") {
  const bool begins_before = GENERATE(true, false);
  AheadRig rig(LostRig::options());
  rig.receive_task(2);
  rig.receive_task(3, 0, 1s);
  REQUIRE(rig.claim_all() == "start 2, start 3");
  rig.pass(2s);
  rig.lose_connection();
  if (begins_before) rig.finish(0, 2);
  rig.claim_all();
  rig.welcome({{AttemptId{2}, Verdict::keep}, {AttemptId{3}, Verdict::kill}});
  if (!begins_before) {
    CHECK(rig.claim_all() == "revoke 3");
    rig.finish(0, 2);  // and 3 begins after all
  }
  CHECK(rig.claim_all() == (begins_before ? "result 2" : "heartbeat, result 2"));
  rig.pass(900ms);
  CHECK(rig.claim_all() == "-");
  rig.pass(100ms);
  CHECK(rig.claim_all() == "stop 3");
  rig.finish(1, 3);
  CHECK(rig.claim_all() == "killed 3");
}

TEST_CASE("what was killed and goes on is stopped when nobody waits for its end any more",
          "[unit][worker]") {
  LostRig rig;
  rig.finish(0, 2);  // and 3 begins
  rig.claim_all();
  rig.welcome({{AttemptId{2}, Verdict::keep},
               {AttemptId{3}, Verdict::kill},
               {AttemptId{4}, Verdict::drop}});
  CHECK(rig.claim_all() == "stop 4, result 2");
  SECTION("as a later welcome does not name it") {
    rig.pass(2s);
    rig.lose_connection();
    rig.claim_all();
    rig.welcome({{AttemptId{2}, Verdict::drop}});
    CHECK(rig.claim_all() == "stop 3");
  }
  SECTION("as its worker leaves") {
    rig.step(StopRequested{});
    CHECK(rig.claim_all() == "stop 3");
  }
}

TEST_CASE("whoever leaves stops what waits at the executor, too", "[unit][worker]") {
  AheadRig rig;
  rig.fill();
  rig.step(StopRequested{});
  CHECK(rig.claim_all() == "stop 2, stop 3, stop 4");
}

// A manager gives a racing task to a free slot only, so one that came behind others that wait is no
// winner for whose sake somebody is to be killed.
TEST_CASE("only the end of a task that was sent ahead may be told a little later",
          "[unit][worker]") {
  WorkerRig rig;
  rig.start_and_welcome();
  for (const std::uint64_t attempt : {1, 2, 3}) rig.receive_task(attempt);
  CHECK_FALSE(rig.expect<StartTask>().gathers);
  rig.finish(0, 1);
  rig.expect_sent<Result>();
  // A slot whose task is being killed is free to the manager.
  CHECK_FALSE(rig.expect<StartTask>().gathers);
  rig.finish(0, 2);
  rig.expect_sent<Result>();
  CHECK(rig.expect<StartTask>().gathers);
}

}  // namespace fanmill::core::test
