// Who gets what: order, room, matching, conversion.
#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

ManagerOptions with_prefetch(std::uint32_t prefetch) {
  ManagerOptions options = bench_options();
  options.prefetch = prefetch;
  return options;
}

TaskSpec task_of(Payload payload, std::uint32_t function = 0) {
  return {.payload = std::move(payload), .function = function};
}

constexpr EncodingSet only(Encoding encoding) { return encoding_bit(encoding); }

}  // namespace

TEST_CASE("a task names its group, item, attempt and limits", "[unit][manager]") {
  ManagerFixture farm;
  farm.items(1);
  farm.submit({{.payload = Payload::json("[1]"), .time_limit = 30s}});
  farm.join(1, {.slots = 2});
  farm.expect_sent<Task>(1);
  const Task task = farm.expect_sent<Task>(1);
  CHECK(task.attempt == attempt(2));
  CHECK(task.group == farm.group_of(1));
  CHECK(task.function == 0);
  CHECK(task.acknowledged == 0);
  CHECK(task.time_limit == 30s);
  CHECK(task.number == 1);
  CHECK(task.item == 1);
  CHECK(task.task.valid());
  CHECK(task.payload == Payload::json("[1]"));
}

TEST_CASE("the task that has waited longest goes first, whatever its function", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.functions = {"square", "cube"}});
  for (const std::uint32_t function : {1U, 0U, 0U, 1U}) farm.submit({{.function = function}});
  farm.join(1, {.functions = {"", "square", "cube"}});
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.say(1, result_of(1));
  farm.say(1, result_of(2));
  farm.say(1, result_of(3));
  CHECK(farm.take() ==
        "item 0 decided by 0, 1: task 2 (1.0), item 1 decided by 0, 1: task 3 (2.0), "
        "item 2 decided by 0, 1: task 4 (3.0)");
}

TEST_CASE("free slots are filled before anything is prefetched", "[unit][manager]") {
  ManagerFixture farm(with_prefetch(1));
  farm.items(5);
  farm.step(MessageReceived{.peer = PeerId{1}, .message = farm.hello_of(1, {})});
  farm.step(MessageReceived{.peer = PeerId{2}, .message = farm.hello_of(2, {.slots = 2})});
  CHECK(farm.take() == "1: welcome, 2: welcome");  // tasks are handed out by the tick
  farm.tick();
  CHECK(farm.take() ==
        "1: task 1 (0.0), 2: task 2 (1.0), 2: task 3 (2.0), 1: task 4 (3.0), 2: task 5 (4.0)");
}

TEST_CASE("a worker holds at most its slots and the prefetch for each", "[unit][manager]") {
  ManagerFixture farm(with_prefetch(1));
  farm.items(20);
  farm.join(1, {.slots = 2, .prefetch = 2});
  CHECK(farm.manager.ready_count() == 14);
  farm.join(2, {.slots = 3});
  CHECK(farm.manager.ready_count() == 8);
  CHECK(farm.manager.workers()[0].held == 6);
  farm.say(1, result_of(1));
  CHECK(farm.manager.ready_count() == 7);
  farm.take();
}

TEST_CASE("a worker is not sent more bytes than its credit", "[unit][manager]") {
  ManagerOptions options = with_prefetch(8);
  options.credit_bytes = 10;
  ManagerFixture farm(options);
  farm.join(1);
  for (int i = 0; i < 4; ++i) farm.submit({task_of(Payload::raw("sixsix"))});
  CHECK(farm.take() == "1: task 1 (sixsix), 1: task 2 (sixsix)");
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 1: task 3 (sixsix)");
}

TEST_CASE("of its credit in bytes a worker has a quarter beyond its slots, on this host an eighth",
          "[unit][manager]") {
  ManagerOptions options = with_prefetch(8);
  options.credit_bytes = 64;
  ManagerFixture farm(options);
  const bool is_here = GENERATE(true, false);
  const auto slots = GENERATE(as<std::uint16_t>(), 1, 3);
  farm.join(1, {.slots = slots, .same_host = is_here});
  for (int i = 0; i < 16; ++i) farm.submit({task_of(Payload::raw("eight by"))});
  CHECK(farm.manager.workers()[0].held == slots + (is_here ? 1U : 2U));
  farm.say(1, result_of(1));
  CHECK(farm.manager.workers()[0].held == slots + (is_here ? 1U : 2U));
  farm.take();
}

TEST_CASE("a payload larger than all credit goes to a worker that holds nothing else",
          "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.credit_bytes = 4;
  ManagerFixture farm(options);
  farm.join(1, {.slots = 4});
  for (int i = 0; i < 2; ++i) farm.submit({task_of(Payload::raw("sixsix"))});
  CHECK(farm.take() == "1: task 1 (sixsix)");
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 1: task 2 (sixsix)");
}

TEST_CASE("a task names its function by the index in the worker's hello", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.functions = {"cube", ""}});
  farm.submit({{.function = 0}, {.function = 1}}, Policy::all());
  farm.join(1, {.functions = {"square"}});
  CHECK(farm.expect_sent<Task>(1).function == 0);  // no name: the first function, whatever it is
  farm.join(2, {.functions = {"square", "root", "cube"}});
  CHECK(farm.expect_sent<Task>(2).function == 2);
  CHECK(farm.take() == "-");
}

TEST_CASE("a task that nobody can take waits, and stops nobody else", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.functions = {"cube", "square"}});
  farm.submit({{.function = 0}});
  farm.submit({{.function = 1}});
  farm.join(1, {.functions = {"square"}});
  CHECK(farm.take() == "1: task 1 (1.0)");
  farm.join(2, {.functions = {"square"}});
  CHECK(farm.take() == "-");
  farm.join(3, {.functions = {"cube"}});
  CHECK(farm.take() == "3: task 2 (0.0)");
}

TEST_CASE("raw payloads go only to workers that take raw", "[unit][manager]") {
  ManagerFixture farm;
  farm.submit({task_of(Payload::raw("raw"))});
  farm.submit({task_of(Payload::json("json"))});
  farm.join(1, {.encodings = only(Encoding::json)});
  CHECK(farm.take() == "1: task 1 (json)");
  farm.join(2, {.encodings = only(Encoding::raw)});
  CHECK(farm.take() == "2: task 2 (raw)");
}

TEST_CASE("a worker that takes no encoding is given no payload", "[unit][manager]") {
  ManagerFixture farm;
  farm.items(1);
  farm.join(1, {.encodings = 0});
  CHECK(farm.take() == "-");
}

// They counted as structured, so that a worker which takes raw payloads only never got one.
TEST_CASE("a task without a payload goes to any worker that has its function", "[unit][manager]") {
  const EncodingSet encodings =
      GENERATE(EncodingSet{0}, only(Encoding::raw), only(Encoding::json), only(Encoding::object));
  ManagerFixture farm;
  farm.open_job({.functions = {"", "square", "cube"}});
  const auto submit = [&](std::uint64_t item, std::uint32_t function) {
    farm.turn(GroupSubmitted{
        .job = JobId{2}, .item = item, .policy = {}, .tasks = {TaskSpec{.function = function}}});
  };
  submit(0, 1);
  submit(1, 2);
  submit(2, 0);
  farm.join(1, {.slots = 3, .encodings = encodings, .functions = {"root", "square"}});
  const Task named = farm.expect_sent<Task>(1);
  CHECK(named.function == 1);
  CHECK(named.payload.encoding == Encoding::none);
  CHECK(farm.take() == "1: task 2 ()");
  CHECK(farm.manager.ready_count() == 1);  // of cube
}

TEST_CASE("structured payloads are converted for workers that do not take theirs",
          "[unit][manager]") {
  ManagerFixture farm;
  const Payload object{.bytes = Bytes("object"), .encoding = Encoding::object};
  farm.submit({task_of(object)});
  farm.join(1, {.encodings = only(Encoding::json)});
  CHECK(farm.take() == "1: task 1 (object) as json");
  farm.submit({task_of(Payload::json("json"))});
  farm.join(2, {.encodings = only(Encoding::object)});
  CHECK(farm.take() == "2: task 2 (json) as object");
  farm.submit({task_of(object)});
  farm.join(3, {.encodings = only(Encoding::object) | only(Encoding::json)});
  CHECK(farm.take() == "3: task 3 (object)");
}

TEST_CASE("results are acknowledged by the next task, without a message of their own",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.slots = 2});
  farm.items(3);
  CHECK(farm.take() == "1: task 1 (0.0), 1: task 2 (1.0)");
  farm.say(1, result_of(1));
  CHECK(farm.expect<DeliverGroupEnd>().result.decided);
  CHECK(farm.expect_sent<Task>(1).acknowledged == 1);
  CHECK(farm.take() == "-");
}

TEST_CASE("results that no task follows are acknowledged together in the same tick",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.slots = 2});
  farm.items(2);
  farm.take();
  farm.step(MessageReceived{.peer = PeerId{1}, .message = result_of(1)});
  farm.step(MessageReceived{.peer = PeerId{1}, .message = result_of(2)});
  CHECK(farm.take() == "item 0 decided by 0, item 1 decided by 0");
  farm.tick();
  CHECK(farm.take() == "1: heartbeat 2");
}

ManagerOptions patient_options() {
  ManagerOptions options = bench_options();
  options.acknowledge_wait = 20ms;
  return options;
}

TEST_CASE("an acknowledgement waits for a task to ride along with", "[unit][manager]") {
  ManagerFixture farm(patient_options());
  farm.join(1);
  farm.items(1);
  farm.take();
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0");
  farm.now += 19ms;
  farm.tick();
  CHECK(farm.take() == "-");

  SECTION("which comes") {
    farm.items(1);
    CHECK(farm.expect_sent<Task>(1).acknowledged == 1);
    farm.now += 1ms;
    farm.tick();
    farm.say(1, result_of(2));
    CHECK(farm.take() == "item 1 decided by 0");
    CHECK(farm.manager.next_deadline() == farm.now + 20ms);  // not when the first would have been
  }
  SECTION("but not for ever") {
    CHECK(farm.manager.next_deadline() == farm.now + 1ms);
    farm.now += 1ms;
    farm.tick();
    CHECK(farm.take() == "1: heartbeat 1");
  }
  SECTION("nor when the worker asks") {
    farm.beat(1, 1, true);
    CHECK(farm.take() == "1: heartbeat 1");
    farm.now += 1ms;
    farm.tick();
    CHECK(farm.take() == "-");
  }
  SECTION("nor with a session that is over") {
    farm.lose(1);
    CHECK(farm.take() == "forget 1");
    farm.pass(10s);
    CHECK(farm.take() == "-");
  }
}

TEST_CASE("results that come one after another are acknowledged by when the first came",
          "[unit][manager]") {
  ManagerFixture farm(patient_options());
  farm.join(1, {.slots = 2});
  farm.join(2);
  farm.items(3);
  farm.take();
  farm.say(1, result_of(1));
  farm.now += 15ms;
  farm.say(2, result_of(3));
  farm.say(1, result_of(2));
  farm.take();
  farm.now += 5ms;
  farm.tick();
  CHECK(farm.take() == "1: heartbeat 2");
  farm.now += 15ms;
  farm.tick();
  CHECK(farm.take() == "2: heartbeat 1");
}

// What a late loop reads first has the late time; it waited for as long as the stall was.
TEST_CASE("an acknowledgement is not held up by a stall", "[unit][manager]") {
  ManagerFixture farm(patient_options());
  farm.join(1);
  farm.items(1);
  farm.take();
  farm.now += 60s;
  farm.step(MessageReceived{.peer = PeerId{1}, .message = result_of(1)});
  farm.turn(LoopStalled{60s});
  CHECK(farm.take() == "item 0 decided by 0");
  CHECK(farm.manager.next_deadline() == farm.now + 20ms);
  farm.now += 20ms;
  farm.tick();
  CHECK(farm.take() == "1: heartbeat 1");
}

// It starts no more tasks at its limit, and would wait for a word that waits for a task.
TEST_CASE("a worker that may keep few results is not left waiting", "[unit][manager]") {
  ManagerOptions options = patient_options();
  options.unacknowledged_max = GENERATE(1U, 7U, 8U);
  const std::uint32_t held = options.unacknowledged_max < 8 ? 0 : 1;
  ManagerFixture farm(options);
  farm.join(1, {.slots = 4});
  farm.join(2);
  farm.items(5);
  farm.take();
  farm.say(2, result_of(5));  // comes before, but is in no hurry
  farm.take();
  for (std::uint32_t i = 0; i < held; ++i) {
    farm.say(1, result_of(i + 1));
    farm.expect<DeliverGroupEnd>();
    CHECK(farm.take() == "-");
  }
  farm.say(1, result_of(held + 1));
  farm.expect<DeliverGroupEnd>();
  CHECK(farm.take() == "1: heartbeat " + std::to_string(held + 1));
}

TEST_CASE("assignments are observed with their payload", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.observe_level = 2;
  ManagerFixture farm(options);
  farm.join(1);
  CHECK(farm.take() == "saw joined");
  farm.items(1);
  farm.expect_sent<Task>(1);
  const Observation assigned = farm.expect<Observation>();
  CHECK(assigned.kind == Observation::Kind::task_assigned);
  CHECK(assigned.worker == "node:1");
  CHECK(assigned.attempt == attempt(1));
  CHECK(assigned.payload == Payload::json("0.0"));
  farm.say(1, result_of(1, "42"));
  const Observation ended = farm.expect<Observation>();
  CHECK(ended.kind == Observation::Kind::task_ended);
  CHECK(ended.payload == Payload::json("42"));
  CHECK(farm.take() == "item 0 decided by 0, saw group ended, 1: heartbeat 1");
  farm.say(1, Goodbye{.session = farm.session_of(1)});
  CHECK(farm.take() == "forget 1, saw left");
}

// A racing task that waits at a worker may wait behind one that never ends by itself. It goes to a
// free slot or stays in the queue; the losers' slots are free in the turn in which the race is
// decided.
TEST_CASE("a task whose siblings may decide its group is never prefetched", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.prefetch = 3});
  farm.join(2, {.prefetch = 3});
  farm.race(3);
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0), 2: task 2 (0.1)");
  CHECK(farm.manager.ready_count() == 2);
}

}  // namespace fanmill::core::test
