// Jobs, groups and policies: who decides, what becomes of the rest.
#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

constexpr Policy client{Policy::Kind::client};

/// Three workers, one slot each, on a group of three tasks: attempts 1, 2, 3.
struct Race : ManagerFixture {
  explicit Race(Policy policy) {
    for (std::uint64_t peer = 1; peer <= 3; ++peer) join(peer);
    race(3, policy);
    CHECK(take() == "1: task 1 (0.0), 2: task 2 (0.1), 3: task 3 (0.2)");
  }
  void only_step(std::uint64_t peer, Message message) {
    step(MessageReceived{.peer = PeerId{peer}, .message = std::move(message)});
  }
};

}  // namespace

TEST_CASE("the first result kills the others in the very step in which it arrives",
          "[unit][manager]") {
  Race farm(Policy::first());
  farm.only_step(2, result_of(2));
  CHECK(farm.take() == "1: kill 1, 3: kill 3, item 0 decided by 1 2 killed");
  CHECK(farm.counters().tasks_killed == 2);
  farm.tick();
  CHECK(farm.take() == "2: heartbeat 1");
  farm.say(1, killed(1));
  farm.say(3, killed(3));
  CHECK(farm.take() == "-");
  farm.check_empty();
}

TEST_CASE("queued tasks of a decided group are dropped", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.race(4);
  farm.say(1, result_of(1));
  CHECK(farm.take() == "1: task 1 (0.0), item 0 decided by 0 3 dropped, 1: heartbeat 1");
  CHECK(farm.counters().tasks_dropped == 3);
}

TEST_CASE("the freed workers get the next group's tasks in the same turn", "[unit][manager]") {
  Race farm(Policy::first());
  farm.race(3);
  farm.say(1, result_of(1));
  CHECK(farm.take() ==
        "2: kill 2, 3: kill 3, item 0 decided by 0 2 killed, 1: task 4 (1.0), 2: task 5 (1.1), "
        "3: task 6 (1.2)");
}

// Two workers could be computing for good what nobody wanted, while the task that would have ended that was
// on its way to a third that was no more.
TEST_CASE("a worker that ends with a killed task gets no other with the kill", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.join(2, {.containment = Containment::process});
  farm.race(2);
  farm.race(2);
  farm.say(1, result_of(1));
  CHECK(farm.take() ==
        "1: task 1 (0.0), 2: task 2 (0.1), 2: kill 2, item 0 decided by 0 1 killed, "
        "1: task 3 (1.0)");
  SECTION("its next process does") {
    farm.join(3, {.containment = Containment::process});
    CHECK(farm.take() == "3: task 4 (1.1)");
    farm.lose(2);
    CHECK(farm.take() == "forget 2");
  }
  SECTION("it does if it goes on all the same") {
    farm.say(2, killed(2));
    CHECK(farm.take() == "2: task 4 (1.1)");
  }
}

TEST_CASE("of two results in one turn the first wins, the second is late", "[unit][manager]") {
  Race farm(Policy::first());
  farm.only_step(3, result_of(3));
  farm.only_step(1, result_of(1));
  CHECK(farm.take() == "1: kill 1, 2: kill 2, item 0 decided by 2 2 killed");
  farm.tick();
  CHECK(farm.take() == "3: heartbeat 1, 1: heartbeat 1");
  CHECK(farm.counters().results_late == 1);
}

TEST_CASE("with policy first, nothing is a result too", "[unit][manager]") {
  Race farm(Policy::first());
  farm.only_step(2, nothing_of(2));
  CHECK(farm.take() == "1: kill 1, 3: kill 3, item 0 decided by 1? 2 killed");
  farm.tick();
  farm.take();
}

TEST_CASE("a failure does not decide a race", "[unit][manager]") {
  Race farm(Policy::first());
  farm.say(1, failure_of(1));
  CHECK(farm.take() == "1: heartbeat 1");
  SECTION("another may win") {
    farm.say(2, result_of(2));
    CHECK(farm.take() == "3: kill 3, item 0 decided by 1 1 errors 1 killed, 2: heartbeat 1");
  }
  SECTION("or all fail") {
    farm.say(2, failure_of(2));
    farm.say(3, failure_of(3));
    CHECK(farm.take() == "2: heartbeat 1, item 0 undecided 3 errors, 3: heartbeat 1");
  }
}

TEST_CASE("the first answer ignores nothings", "[unit][manager]") {
  Race farm(Policy::first_answer());
  farm.say(1, nothing_of(1));
  CHECK(farm.take() == "1: heartbeat 1");
  SECTION("until one answers") {
    farm.say(3, result_of(3));
    CHECK(farm.take() == "2: kill 2, item 0 decided by 2 1 killed, 3: heartbeat 1");
  }
  SECTION("until nobody is left") {
    farm.say(2, nothing_of(2));
    farm.say(3, nothing_of(3));
    CHECK(farm.take() == "2: heartbeat 1, item 0 undecided, 3: heartbeat 1");
  }
}

TEST_CASE("k answers decide, nothings not counted", "[unit][manager]") {
  Race farm(Policy::answers(2));
  farm.say(2, result_of(2));
  CHECK(farm.take() == "2: heartbeat 1");
  SECTION("in the order of arrival") {
    farm.say(1, result_of(1));
    CHECK(farm.take() == "3: kill 3, item 0 decided by 1+0 1 killed, 1: heartbeat 1");
  }
  SECTION("too few: undecided, but what there is comes along") {
    farm.say(1, nothing_of(1));
    farm.say(3, failure_of(3));
    CHECK(farm.take() == "1: heartbeat 1, item 0 undecided by 1 1 errors, 3: heartbeat 1");
  }
}

TEST_CASE("policy all waits for every task and keeps every result", "[unit][manager]") {
  Race farm(Policy::all());
  farm.say(3, result_of(3));
  farm.say(1, nothing_of(1));
  farm.say(2, failure_of(2));
  CHECK(farm.take() ==
        "3: heartbeat 1, 1: heartbeat 1, item 0 decided by 2+0? 1 errors, 2: heartbeat 1");
}

TEST_CASE("a stage's tasks wait until the stage before has ended", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.slots = 4});
  farm.submit({{.stage = 0}, {.stage = 0}, {.stage = 1}, {.stage = 7}}, Policy::stages());
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (0.1)");
  farm.say(1, nothing_of(1));
  CHECK(farm.take() == "1: heartbeat 1");
  farm.say(1, failure_of(2));
  CHECK(farm.take() == "1: task 3 (0.2)");
  SECTION("an answer ends the rest") {
    farm.say(1, result_of(3));
    CHECK(farm.take() == "item 0 decided by 2 1 errors 1 dropped, 1: heartbeat 3");
  }
  SECTION("none: the next") {
    farm.say(1, nothing_of(3));
    farm.say(1, nothing_of(4));
    CHECK(farm.take() == "1: task 4 (0.3), item 0 undecided 1 errors, 1: heartbeat 4");
  }
}

TEST_CASE("a later stage goes before the groups that came later, in its own order",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.submit({{.stage = 0}, {.stage = 1}, {.stage = 1}}, Policy::stages());
  farm.items(1);
  farm.join(1);
  farm.say(1, nothing_of(1));
  farm.say(1, nothing_of(2));
  farm.say(1, nothing_of(3));
  CHECK(farm.take() ==
        "1: task 1 (0.0), 1: task 2 (0.1), 1: task 3 (0.2), item 0 undecided, 1: task 4 (1.0)");
}

// A group whose stages began with 1 was taken for one that had begun, and jumped the queue.
TEST_CASE("a group's first stage waits its turn, whatever its number", "[unit][manager]") {
  ManagerFixture farm;
  farm.items(1);
  farm.submit({{.stage = 1}, {.stage = 1}}, Policy::stages());
  farm.join(1, {.slots = 3});
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (1.0), 1: task 3 (1.1)");
}

TEST_CASE("a group without tasks ends at once: all of nothing is decided, the rest is not",
          "[unit][manager]") {
  ManagerFixture farm;
  for (const Policy policy : {Policy::first(), Policy::first_answer(), Policy::answers(1),
                              Policy::all(), Policy::stages()}) {
    farm.submit({}, policy);
  }
  CHECK(farm.take() ==
        "item 0 undecided, item 1 undecided, item 2 undecided, item 3 decided, item 4 undecided");
  farm.check_empty();
}

TEST_CASE("of a group's many errors the last few are kept", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.race(12);
  for (std::uint64_t i = 1; i <= 12; ++i) {
    Result failure = failure_of(i);
    failure.error_text = std::to_string(i);
    farm.say(1, failure);
  }
  while (!std::holds_alternative<DeliverGroupEnd>(farm.unclaimed.front())) {
    farm.unclaimed.pop_front();
  }
  const std::vector<TaskError> errors = farm.expect<DeliverGroupEnd>().result.errors;
  REQUIRE(errors.size() == limits::errors_kept_max);
  CHECK(errors.front().text == "5");
  CHECK(errors.back().text == "12");
  CHECK(farm.take() == "1: heartbeat 12");
}

TEST_CASE("a client's group tells the end of every task and waits for the word",
          "[unit][manager]") {
  Race farm(client);
  farm.say(1, result_of(1));
  farm.say(2, nothing_of(2));
  farm.say(3, failure_of(3));
  CHECK(farm.take() ==
        "end 0.0 result, 1: heartbeat 1, end 0.1 nothing, 2: heartbeat 1, end 0.2 failed, "
        "3: heartbeat 1");
  farm.step(JobClosed{JobId{1}});
  CHECK(farm.take() == "-");
  farm.decide(0);
  CHECK(farm.take() == "job 1 over");
}

TEST_CASE("what a client adds goes to the front of the queue, in order", "[unit][manager]") {
  ManagerFixture farm;
  farm.submit({}, client);
  farm.items(1);
  farm.submit({}, client);
  farm.update(0, 2);
  farm.update(2, 2);
  farm.join(1, {.slots = 5});
  CHECK(farm.take() ==
        "1: task 1 (2.0), 1: task 2 (2.1), 1: task 3 (0.0), 1: task 4 (0.1), 1: task 5 (1.0)");
}

TEST_CASE("a client may replace all tasks of its group", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.race(3, client);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.update(0, 1, true);
  CHECK(farm.take() == "1: kill 1, 1: task 2 (0.3)");
  CHECK(farm.counters().tasks_dropped == 2);
  farm.say(1, killed(1));
  farm.say(1, result_of(2));
  CHECK(farm.take() == "end 0.3 result, 1: heartbeat 1");
}

TEST_CASE("a client's decision kills and drops on arrival", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.slots = 2});
  farm.race(3, client);
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (0.1)");
  farm.step(GroupUpdated{.group = farm.group_of(0), .done = true});
  CHECK(farm.take() == "1: kill 1, 1: kill 2");
  CHECK(farm.counters().groups_ended == 1);
  farm.decide(0);     // twice
  farm.update(0, 1);  // late
  CHECK(farm.take() == "-");
  farm.say(1, killed(1));
  farm.say(1, killed(2));
  farm.check_empty();
}

TEST_CASE("both attempts of a race may be at the same worker", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.slots = 2, .prefetch = 1});
  farm.race(4);
  farm.take();
  farm.say(1, result_of(2));
  CHECK(farm.take() == "1: kill 1, item 0 decided by 1 1 killed 2 dropped, 1: heartbeat 1");
  farm.say(1, killed(1));
  CHECK(farm.take() == "-");
  farm.check_empty();
}

TEST_CASE("a job ends with its last group once it is closed", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  farm.step(JobClosed{JobId{1}});
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, job 1 over, 1: heartbeat 1");
  farm.step(JobClosed{JobId{1}});
  farm.items(1);  // too late
  CHECK(farm.take() == "-");
}

TEST_CASE("a cancelled job kills, drops and ends at once", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.race(2);
  farm.items(2);
  farm.step(JobCancelled{JobId{1}});
  CHECK(farm.take() == "1: task 1 (0.0), 1: kill 1, job 1 over");
  farm.step(JobCancelled{JobId{1}});
  CHECK(farm.take() == "-");
  CHECK(farm.manager.ready_count() == 0);
  farm.say(1, killed(1));
}

TEST_CASE("a drained job finishes the groups that have begun and withdraws the others",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.race(2);
  farm.race(2);
  farm.items(2);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.step(JobDrained{JobId{1}});
  CHECK(farm.take() == "item 1 withdrawn, item 2 withdrawn, item 3 withdrawn");
  CHECK(farm.manager.ready_count() == 1);
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0 1 dropped, job 1 over, 1: heartbeat 1");
}

TEST_CASE("a drained job goes on with what has begun as long as there are workers",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.join(2);
  farm.items(3);
  CHECK(farm.take() == "1: task 1 (0.0), 2: task 2 (1.0)");
  farm.step(JobDrained{JobId{1}});
  CHECK(farm.take() == "item 2 withdrawn");
  farm.say(1, Goodbye{.session = farm.session_of(1)});
  CHECK(farm.take() == "forget 1");
  farm.say(2, result_of(2));
  CHECK(farm.take() == "item 1 decided by 0, 2: task 3 (0.0)");

  // Lost, its task is held for the grace; then it is nobody's.
  farm.turn(ConnectionLost{PeerId{2}});
  CHECK(farm.take() == "forget 2");
  farm.pass(3s);
  CHECK(farm.take() == "item 0 withdrawn, job 1 over");
}

TEST_CASE("a client's group of a drained job ends without workers, too", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.race(2, {.kind = Policy::Kind::client});
  farm.say(1, result_of(1));
  CHECK(farm.take() == "1: task 1 (0.0), end 0.0 result, 1: task 2 (0.1)");
  farm.step(JobDrained{JobId{1}});
  farm.say(1, Goodbye{.session = farm.session_of(1)});
  CHECK(farm.take() == "forget 1, item 0 withdrawn, job 1 over");
}

TEST_CASE("a job without groups ends when it is drained", "[unit][manager]") {
  ManagerFixture farm;
  farm.step(JobDrained{JobId{1}});
  farm.open_job({});
  farm.step(JobDrained{JobId{2}});
  farm.step(JobDrained{JobId{2}});
  CHECK(farm.take() == "job 1 over, job 2 over");
}

TEST_CASE("tasks for a function that no worker has are told of once", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.observe_level = 1;
  ManagerFixture farm(options);
  farm.open_job({.functions = {"nope"}});
  farm.items(2);
  farm.pass(10s);
  CHECK(farm.take() == "-");  // nobody is there: that is another matter
  farm.join(1);
  CHECK(farm.take() == "saw joined");
  farm.pass(5s);
  CHECK_THAT(farm.take(),
             ContainsSubstring("saw function missing: 2 tasks for the function nope; the workers "
                               "that are here have no names for their functions"));
  farm.pass(5s);
  CHECK_THAT(farm.take(), !ContainsSubstring("missing"));
  farm.step(JobCancelled{JobId{2}});
  farm.take();
}

TEST_CASE("what workers offer is told with the tasks that wait", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.observe_level = 1;
  ManagerFixture farm(options);
  farm.join(1, {.encodings = encoding_bit(Encoding::raw), .functions = {"a", "b"}});
  farm.take();
  farm.items(1);
  farm.pass(5s);
  CHECK_THAT(farm.take(),
             ContainsSubstring("1 task; the workers that are here take no structured"));
  farm.join(2, {.functions = {"a", "c"}});
  farm.take();
  farm.open_job({.functions = {"nope"}});
  farm.items(1);
  farm.pass(5s);
  CHECK_THAT(farm.take(), ContainsSubstring("nope; the workers that are here offer a, c"));
  farm.step(JobCancelled{JobId{1}});
  farm.step(JobCancelled{JobId{2}});
  farm.take();
}

TEST_CASE("slots are counted for as long as their workers are there", "[unit][manager]") {
  ManagerFixture farm;
  farm.pass(1s);
  farm.join(1, {.slots = 3});
  farm.pass(2s);
  CHECK(farm.manager.counters().slots_present == 6s);
  farm.join(2);
  farm.pass(1s);
  CHECK(farm.manager.counters().slots_present == 10s);
  farm.turn(ConnectionLost{PeerId{1}});
  farm.pass(1s);
  CHECK(farm.manager.counters().slots_present == 11s);
  farm.take();
}

TEST_CASE("a job without groups ends when it is closed or cancelled", "[unit][manager]") {
  ManagerFixture farm;
  farm.step(JobClosed{JobId{1}});
  farm.open_job({});
  farm.step(JobCancelled{JobId{2}});
  CHECK(farm.take() == "job 1 over, job 2 over");
}

TEST_CASE("jobs share the workers and end one by one", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  farm.open_job({});
  farm.items(2);
  farm.step(JobCancelled{JobId{1}});
  farm.tick();
  CHECK(farm.take() == "1: task 1 (0.0), 1: kill 1, job 1 over, 1: task 2 (1.0)");
  farm.step(JobClosed{JobId{2}});
  farm.say(1, killed(1));
  farm.say(1, result_of(2));
  farm.say(1, result_of(3));
  CHECK(farm.take() ==
        "item 1 decided by 0, 1: task 3 (2.0), item 2 decided by 0, job 2 over, 1: heartbeat 2");
}

TEST_CASE("groups that end are observed with what they freed", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.observe_level = 2;
  ManagerFixture farm(options);
  farm.join(1, {.slots = 2});
  farm.race(3);
  farm.say(1, result_of(1));
  CHECK(farm.take() ==
        "saw joined, 1: task 1 (0.0), saw assigned, 1: task 2 (0.1), saw assigned, saw ended, "
        "1: kill 2, item 0 decided by 0 1 killed 1 dropped, saw group ended, 1: heartbeat 1");
  farm.say(1, Goodbye{.session = farm.session_of(1)});
  farm.take();
}

}  // namespace fanmill::core::test
