// A task that is alone in its group has no records while it waits and while its worker has it. Whatever
// out of the ordinary happens to it, the manager's orders are those for a task that has had records
// from the first: each story here is told twice, and where tasks are observed, they have records.
#include <functional>

#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

constexpr Duration limit = 10s;

ManagerOptions options_of(int observe_level) {
  ManagerOptions options = bench_options();
  options.prefetch = 2;
  options.observe_level = observe_level;
  return options;
}

/// Job 2 allows a retry, and takes output. Worker 1 runs item 0 as attempt 1, and items 1 and 2 wait
/// there as attempts 2 and 3.
struct Farm : ManagerFixture {
  explicit Farm(int observe_level) : ManagerFixture(options_of(observe_level)) {
    open_job({.retries = 1, .output = true});
    join(1, guest);
    for (int i = 0; i < 3; ++i) submit({{.time_limit = limit}});
    CHECK(in_full() == "1: task 1 (0.0), 1: task 2 (1.0), 1: task 3 (2.0)");
  }

  static Guest guest_with(std::vector<Holding> holdings) {
    Guest again = guest;
    again.holdings = std::move(holdings);
    return again;
  }
  void finish() {
    take_orders();
    // Whoever is here answers what it was sent last.
    for (int round = 0; round < 8; ++round) {
      for (const auto& [attempt, peer] : std::exchange(sent_, {}))
        say(peer, core::Result{.attempt = attempt, .payload = Payload::json("2")});
      take_orders();
    }
    turn(JobCancelled{JobId{2}});
    take_orders();
  }

  /// All orders since the last claim but observations, in short; the rest of what they say is noted.
  std::string in_full() {
    std::erase_if(unclaimed, [](const ManagerAction& action) {
      return std::holds_alternative<Observation>(action);
    });
    for (const ManagerAction& action : unclaimed) note(action);
    return take();
  }
  void take_orders() { notes += in_full() + "\n"; }

  inline static const Guest guest = {.features = feature::heartbeat | feature::kill |
                                                 feature::time_limit | feature::output |
                                                 feature::parts};
  std::string notes;

 private:
  void note(const ManagerAction& action) {
    std::ostringstream text;
    if (const auto* send = std::get_if<Send>(&action)) {
      if (const auto* task = std::get_if<Task>(&send->message)) {
        text << task->group << task->task << " item " << task->item << " number " << task->number
             << " limit " << task->time_limit.count() << " " << task->payload.bytes.view();
        sent_.emplace_back(task->attempt, send->peer.value);
      }
    } else if (const auto* end = std::get_if<DeliverGroupEnd>(&action)) {
      text << end->job << end->group;
      for (const TaskError& error : end->result.errors) text << "; " << to_string(error);
      for (const Answer& answer : end->result.answers)
        text << "; " << answer.payload.bytes.view() << " of " << answer.session;
    } else if (const auto* output = std::get_if<DeliverOutput>(&action)) {
      text << output->job << output->attempt << output->bytes.view();
    }
    notes += text.str() + "\n";
  }

  std::vector<std::pair<AttemptId, std::uint64_t>> sent_;
};

struct Story {
  const char* name;
  std::function<void(Farm&)> happen;
  const char* orders;
};

void tell(const Story& story) {
  INFO(story.name);
  std::string notes[2];
  Counters counters[2];
  for (const int told : {0, 1}) {
    INFO((told == 0 ? "without records" : "with records"));
    Farm farm(told == 0 ? 0 : 2);
    story.happen(farm);
    CHECK(farm.in_full() == story.orders);
    farm.finish();
    notes[told] = farm.notes;
    counters[told] = farm.counters();
  }
  CHECK(notes[0] == notes[1]);
  CHECK(counters[0].tasks_ok == counters[1].tasks_ok);
  CHECK(counters[0].tasks_failed == counters[1].tasks_failed);
  CHECK(counters[0].tasks_killed == counters[1].tasks_killed);
  CHECK(counters[0].tasks_dropped == counters[1].tasks_dropped);
  CHECK(counters[0].tasks_requeued == counters[1].tasks_requeued);
  CHECK(counters[0].tasks_quarantined == counters[1].tasks_quarantined);
  CHECK(counters[0].groups_ended == counters[1].groups_ended);
  CHECK(counters[0].busy == counters[1].busy);
}

core::Result failed(std::uint64_t serial, AttemptOutcome outcome) {
  core::Result result = failure_of(serial, outcome);
  result.busy = 2ms;
  return result;
}

Output output_of(std::uint64_t serial, std::uint64_t offset, std::string_view text) {
  return {.attempt = attempt(serial), .offset = offset, .bytes = Bytes(text)};
}

}  // namespace

TEST_CASE("a lone task that is answered ends", "[unit][manager]") {
  tell({"in order",
        [](Farm& farm) {
          for (const std::uint64_t each : {1, 2, 3}) farm.say(1, result_of(each));
        },
        "item 0 decided by 0, 1: heartbeat 1, item 1 decided by 0, 1: heartbeat 2, item 2 decided "
        "by 0, "
        "1: heartbeat 3"});
  tell({"the last first, and twice",
        [](Farm& farm) {
          for (const std::uint64_t each : {3, 3, 1, 2, 1}) farm.say(1, result_of(each));
        },
        "item 2 decided by 0, 1: heartbeat 1, item 0 decided by 0, 1: heartbeat 2, item 1 decided "
        "by 0, "
        "1: heartbeat 3"});
}

TEST_CASE("a lone task that fails is tried again, then failed", "[unit][manager]") {
  tell({"failed",
        [](Farm& farm) {
          farm.say(1, failed(2, AttemptOutcome::failed));
          farm.say(1, failed(4, AttemptOutcome::failed));
        },
        "1: task 4 (1.0), item 1 undecided 2 errors, 1: heartbeat 2"});
  tell({"crashed",
        [](Farm& farm) {
          for (const std::uint64_t each : {1, 4, 5}) {
            farm.say(1, failed(each, AttemptOutcome::crashed));
          }
        },
        "1: task 4 (0.0), 1: task 5 (0.0), item 0 undecided 3 errors, 1: heartbeat 3"});
  tell({"given up",
        [](Farm& farm) {
          farm.say(1, killed(1));
          farm.say(1, result_of(4));
        },
        "1: task 4 (0.0), item 0 decided by 0, 1: heartbeat 1"});
}

TEST_CASE("a lone task of a lost worker is queued again, and kept if it returns",
          "[unit][manager]") {
  tell({"lost", [](Farm& farm) { farm.lose(1), farm.pass(4s), farm.join(2, Farm::guest); },
        "forget 1, 2: task 4 (0.0), 2: task 5 (1.0), 2: task 6 (2.0)"});
  tell({"lost three times",
        [](Farm& farm) {
          for (const std::uint64_t peer : {2, 3, 4}) {
            farm.lose(peer - 1);
            farm.pass(4s);
            farm.join(peer, Farm::guest);
          }
        },
        "forget 1, 2: task 4 (0.0), 2: task 5 (1.0), 2: task 6 (2.0), forget 2, 3: task 7 (0.0), "
        "3: task 8 (1.0), 3: task 9 (2.0), forget 3, item 0 undecided 3 errors, 4: task 10 (1.0), "
        "4: task 11 (2.0)"});
  tell({"returned in time",
        [](Farm& farm) {
          farm.lose(1);
          farm.greet(2, [] {
            Guest guest = Farm::guest_with({running(1), unstarted(2), with_result(3)});
            guest.worker = 1;
            return guest;
          }());
          farm.say(2, result_of(3));
          farm.say(2, result_of(2));
          farm.say(2, failed(1, AttemptOutcome::failed));
        },
        "forget 1, 2: welcome keep 1 keep 2 keep 3, item 2 decided by 0, 2: heartbeat 1, item 1 "
        "decided "
        "by 0, 2: heartbeat 2, 2: task 4 (0.0)"});
  tell(
      {"returned late",
       [](Farm& farm) {
         farm.lose(1);
         farm.pass(4s);
         Guest guest = Farm::guest_with({running(1), with_result(3)});
         guest.worker = 1;
         farm.greet(2, guest);
         farm.say(2, result_of(3));
       },
       "forget 1, 2: welcome keep 1 keep 3, 2: task 4 (1.0), item 2 decided by 0, 2: heartbeat 1"});
  tell({"not named", [](Farm& farm) { farm.greet(1, Farm::guest_with({running(2)})); },
        "1: welcome keep 2, 1: task 4 (0.0), 1: task 5 (2.0)"});
  tell({"said goodbye", [](Farm& farm) { farm.say(1, Goodbye{.session = farm.session_of(1)}); },
        "forget 1"});
}

TEST_CASE("a lone task is recalled", "[unit][manager]") {
  const auto ask = [](Farm& farm) { farm.join(2, Farm::guest); };
  tell({"and given back",
        [&](Farm& farm) {
          ask(farm);
          farm.say(1, killed(3, true));
        },
        "1: recall 3, 2: task 4 (2.0)"});
  tell({"and has begun",
        [&](Farm& farm) {
          ask(farm);
          farm.say(1, result_of(1));
          farm.beat(1, 3);
          farm.say(1, result_of(3));
        },
        "1: recall 3, item 0 decided by 0, 1: heartbeat 1, item 2 decided by 0, 1: heartbeat 2"});
  tell({"as its worker leaves",
        [](Farm& farm) {
          farm.turn(DrainRequested{farm.session_of(1)});
          farm.say(1, killed(2, true));
          farm.say(1, killed(3, true));
          farm.say(1, result_of(1));
        },
        "1: goodbye drain, 1: recall 2, 1: recall 3, item 0 decided by 0, 1: heartbeat 1"});
}

TEST_CASE("a lone task's time limit passes", "[unit][manager]") {
  tell({"at its worker",
        [](Farm& farm) {
          farm.turn(OutputConsumed{attempt(1), 0});
          for (int i = 0; i < 40 && farm.counters().tasks_failed == 0; ++i) {
            farm.beat(1, 1);
            farm.pass(1s);
          }
        },
        "1: kill 1, 1: task 4 (0.0)"});
}

TEST_CASE("a lone task writes output", "[unit][manager]") {
  tell({"and ends",
        [](Farm& farm) {
          farm.say(1, output_of(1, 0, "one"));
          farm.say(1, output_of(1, 3, "two"));
          farm.turn(OutputConsumed{attempt(1), 6});
          farm.turn(OutputConsumed{attempt(2), 0});  // of which there is none
          farm.say(1, result_of(1));
        },
        "output 0.0#1 from 0, output 0.0#1 from 3, item 0 decided by 0, 1: heartbeat 1"});
  tell({"and fails, and writes again",
        [](Farm& farm) {
          farm.say(1, output_of(1, 0, "one"));
          farm.say(1, failed(1, AttemptOutcome::failed));
          farm.say(1, output_of(4, 0, "two"));
        },
        "output 0.0#1 from 0, 1: task 4 (0.0), output 0.0#2 from 0"});
}

TEST_CASE("a lone task's result comes in parts", "[unit][manager]") {
  tell({"whole, after the time limit that it was in time for",
        [](Farm& farm) {
          farm.say(1, Part{.attempt = attempt(1), .offset = 0, .total = 4, .bytes = Bytes("12")});
          farm.beat(1, 1);
          farm.say(1, Part{.attempt = attempt(1), .offset = 2, .total = 4, .bytes = Bytes("34")});
          core::Result result = result_of(1, "");
          result.in_parts = true;
          farm.say(1, result);
        },
        "1: part taken 1 to 4, item 0 decided by 0, 1: heartbeat 1"});
}

TEST_CASE("a lone task's group or job is ended from without", "[unit][manager]") {
  tell({"its client ends the groups",
        [](Farm& farm) {
          farm.submit({{.time_limit = limit}});  // one that waits
          farm.decide(3);
          farm.decide(0);
          farm.decide(2);
          farm.say(1, result_of(1));  // late
          farm.say(1, killed(3, true));
        },
        "1: kill 1, 1: kill 3, 1: heartbeat 1"});
  tell({"the job is cancelled",
        [](Farm& farm) {
          farm.submit({{.time_limit = limit}});
          farm.say(1, result_of(2));
          farm.turn(JobCancelled{JobId{2}});
          for (const std::uint64_t each : {1, 3, 4}) farm.say(1, killed(each));
        },
        "item 1 decided by 0, 1: task 4 (3.0), 1: kill 1, 1: kill 3, 1: kill 4, "
        "job 2 "
        "over"});
  tell({"the job is drained: what has begun goes on",
        [](Farm& farm) {
          farm.submit({{.time_limit = limit}});
          farm.turn(JobDrained{JobId{2}});
          for (const std::uint64_t each : {1, 2, 3}) farm.say(1, result_of(each));
        },
        "item 3 withdrawn, item 0 decided by 0, 1: heartbeat 1, item 1 decided by 0, 1: heartbeat "
        "2, "
        "item 2 decided by 0, job 2 over, 1: heartbeat 3"});
  tell({"the job is drained, and its last worker goes",
        [](Farm& farm) {
          farm.turn(JobDrained{JobId{2}});
          farm.lose(1);
          farm.pass(4s);
        },
        "forget 1, item 0 withdrawn, item 1 withdrawn, item 2 withdrawn, job 2 over"});
  tell({"the job ends with its last task",
        [](Farm& farm) {
          farm.turn(JobClosed{JobId{2}});
          for (const std::uint64_t each : {1, 2, 3}) farm.say(1, result_of(each));
        },
        "item 0 decided by 0, 1: heartbeat 1, item 1 decided by 0, 1: heartbeat 2, item 2 decided "
        "by 0, "
        "job 2 over, 1: heartbeat 3"});
}

TEST_CASE("what an answer means to a lone task's group, by its policy", "[unit][manager]") {
  const auto ends_as = [](Policy policy, bool nothing) {
    std::string ends[2];
    for (const int told : {0, 1}) {
      ManagerFixture farm(options_of(told == 0 ? 0 : 2));
      farm.join(1);
      farm.race(1, policy);
      farm.take();
      farm.say(1, nothing ? nothing_of(1) : result_of(1));
      std::erase_if(farm.unclaimed, [](const ManagerAction& action) {
        return !std::holds_alternative<DeliverGroupEnd>(action);
      });
      ends[told] = farm.take();
    }
    CHECK(ends[0] == ends[1]);
    return ends[0];
  };
  CHECK(ends_as(Policy::first(), false) == "item 0 decided by 0");
  CHECK(ends_as(Policy::first(), true) == "item 0 decided by 0?");
  CHECK(ends_as(Policy::first_answer(), false) == "item 0 decided by 0");
  CHECK(ends_as(Policy::first_answer(), true) == "item 0 undecided");
  CHECK(ends_as(Policy::answers(1), false) == "item 0 decided by 0");
  CHECK(ends_as(Policy::answers(2), false) == "item 0 undecided by 0");
  CHECK(ends_as(Policy::all(), false) == "item 0 decided by 0");
  CHECK(ends_as(Policy::all(), true) == "item 0 decided by 0?");
  CHECK(ends_as(Policy::stages(), true) == "item 0 undecided");
}

TEST_CASE("a lone task that failed is as old as it was, beside tasks of another kind",
          "[unit][manager]") {
  ManagerFixture farm(options_of(0));
  farm.open_job({.functions = {"f", "g"}, .retries = 1});
  farm.submit({{.function = 1}});
  farm.join(1, {.functions = {"f"}});
  farm.submit({{.function = 0}});
  CHECK(farm.take() == "1: task 1 (1.0)");
  farm.turn(DrainRequested{farm.session_of(1)});
  farm.say(1, failure_of(1));
  CHECK(farm.take() == "1: goodbye drain, 1: heartbeat 1");
  farm.join(2, {.functions = {"f", "g"}});
  CHECK(farm.take() == "2: task 2 (0.0), 2: task 3 (1.0)");
  farm.say(2, result_of(2));
  farm.say(2, result_of(3));
  CHECK(farm.take() == "item 0 decided by 0, 2: heartbeat 1, item 1 decided by 0, 2: heartbeat 2");
}

// What a lane's tasks have in common stands there once, also for those at workers.
TEST_CASE("a lone task keeps its policy and its limit though others come that differ",
          "[unit][manager]") {
  ManagerFixture farm(options_of(0));
  farm.join(1);
  farm.race(1, Policy::first_answer());
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.race(1, Policy::all());
  farm.submit({{.time_limit = limit}}, Policy::first_answer());
  CHECK(farm.expect_sent<Task>(1).time_limit == Duration::zero());
  CHECK(farm.expect_sent<Task>(1).time_limit == limit);
  farm.say(1, nothing_of(1));
  farm.say(1, nothing_of(2));
  farm.say(1, nothing_of(3));
  CHECK(farm.take() ==
        "item 0 undecided, 1: heartbeat 1, item 1 decided by 0?, 1: heartbeat 2, item 2 undecided, "
        "1: heartbeat 3");
}

// One that hangs gets its records in the end, so that its lane need not reach back to it; it can be
// answered all the same.
TEST_CASE("a lone task that hangs while many others end loses nothing", "[unit][manager]") {
  ManagerFixture farm(options_of(0));
  farm.join(1);
  farm.items(1);
  farm.join(2);
  CHECK(farm.take() == "1: task 1 (0.0)");
  ManagerActions actions;
  const auto step = [&](ManagerEvent event) {
    actions.clear();
    farm.manager.step(farm.now, std::move(event), actions);
    farm.manager.tick(farm.now, actions);
  };
  for (std::uint64_t serial = 2; serial < 80'000; ++serial) {
    step(GroupSubmitted{
        .job = JobId{1}, .item = serial, .tasks = {TaskSpec{.payload = Payload::json("1")}}});
    step(MessageReceived{.peer = PeerId{2}, .message = result_of(serial)});
  }
  REQUIRE(ManagerInvariants::check(farm.manager) == std::vector<std::string>{});
  CHECK_THAT(ManagerInvariants::leftovers(farm.manager),
             Catch::Matchers::VectorContains(std::string("1 task left")));
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 1: heartbeat 1");
  CHECK(farm.counters().tasks_ok == 79'999);
}

}  // namespace fanmill::core::test
