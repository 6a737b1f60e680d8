// Batches: what travels together, what travels alone, and that nothing overtakes anything.
#include "manager_fixture.hpp"
#include "worker_rig.hpp"

namespace fanmill::core::test {
namespace {

Guest batch_guest(std::uint32_t prefetch = 9) {
  Guest guest;
  guest.prefetch = prefetch;
  guest.features |= feature::batch;
  return guest;
}

TaskSpec spec_of(std::size_t payload_bytes) {
  return {.payload = Payload::raw(std::string(payload_bytes, 'x'))};
}

/// How many tasks each message to the peer has, in their order; claims all.
std::string sizes_of(ManagerFixture& farm) {
  std::string text;
  for (const ManagerAction& action : farm.unclaimed) {
    const Message& message = std::get<Send>(action).message;
    const auto* batch = std::get_if<Tasks>(&message);
    text += text.empty() ? "" : " ";
    text += batch == nullptr ? "alone" : std::to_string(batch->tasks.size());
  }
  farm.unclaimed.clear();
  return text;
}

WorkerOptions batch_options() {
  WorkerOptions options = plain_options();
  options.features |= feature::batch;
  options.slots = 2;
  return options;
}

/// Welcome, with batches in force.
struct BatchRig : WorkerRig {
  explicit BatchRig(WorkerOptions given = batch_options()) : WorkerRig(std::move(given)) {
    terms.features |= feature::batch;
    start_and_welcome();
  }

  void receive_tasks(std::uint64_t first, std::uint64_t last, std::uint32_t acknowledged = 0) {
    Tasks batch{.session = terms.session, .acknowledged = acknowledged, .tasks = {}};
    for (std::uint64_t attempt = first; attempt <= last; ++attempt)
      batch.tasks.push_back(
          {.attempt = AttemptId{attempt}, .group = GroupId{attempt}, .task = TaskId{attempt}});
    receive(batch);
  }
  void give(std::uint32_t slot, std::uint64_t attempt, std::size_t payload_bytes) {
    step(TaskFinished{.slot = slot,
                      .attempt = AttemptId{attempt},
                      .result = {.payload = Payload::raw(std::string(payload_bytes, 'x'))}});
    pass(0s);
  }
  void fail(std::uint32_t slot, std::uint64_t attempt) {
    step(TaskFinished{.slot = slot,
                      .attempt = AttemptId{attempt},
                      .result = {.outcome = AttemptOutcome::failed, .error_text = "no"}});
  }
};

}  // namespace

TEST_CASE("what is sent ahead goes to one worker after the other in rows", "[unit][manager]") {
  ManagerFixture farm;
  // Each may hold 64, of which four are a row.
  for (const std::uint64_t peer : {1, 2, 3}) farm.join(peer, batch_guest(63));
  farm.take();
  SECTION("that begin with what its free slot takes") {
    farm.race(8, Policy::all());
    CHECK(sizes_of(farm) == "4 3 1");
  }
  SECTION("but what they hold stays even") {
    farm.race(12, Policy::all());
    CHECK(sizes_of(farm) == "4 4 4");
  }
}

TEST_CASE("workers that take no batches are sent tasks ahead in turn", "[unit][manager]") {
  ManagerFixture farm;
  Guest guest;
  guest.prefetch = 63;
  for (const std::uint64_t peer : {1, 2}) farm.join(peer, guest);
  farm.take();
  farm.race(6, Policy::all());
  CHECK(farm.take() ==
        "1: task 1 (0.0), 2: task 2 (0.1), 1: task 3 (0.2), 2: task 4 (0.3), 1: task 5 (0.4), "
        "2: task 6 (0.5)");
}

TEST_CASE("tasks of one turn travel together, a lone one in a batch of its own",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, batch_guest());
  farm.race(1, Policy::all());
  CHECK(farm.take() == "1: task 1 (0.0) acknowledged 0");
  farm.race(3, Policy::all());
  CHECK(farm.take() == "1: task 2 (1.0) + task 3 (1.1) + task 4 (1.2) acknowledged 0");
}

TEST_CASE("a worker without the feature gets its tasks one by one, in the same run",
          "[unit][manager]") {
  ManagerFixture farm;
  Guest plain;
  plain.prefetch = 2;
  farm.join(1, batch_guest(2));
  farm.join(2, plain);
  farm.race(6, Policy::all());
  std::map<std::uint64_t, std::string> messages;
  for (const ManagerAction& action : farm.unclaimed) {
    const Send& send = std::get<Send>(action);
    messages[send.peer.value] += std::holds_alternative<Tasks>(send.message) ? "B" : "t";
  }
  farm.unclaimed.clear();
  CHECK(messages[1] == "B");
  CHECK(messages[2] == "ttt");
}

TEST_CASE("the results so far are acknowledged by the next batch", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, batch_guest(1));
  farm.race(4, Policy::all());
  farm.take();
  farm.say(1, Results{.session = farm.session_of(1), .results = {result_of(1), result_of(2)}});
  CHECK(farm.take() == "1: task 3 (0.2) + task 4 (0.3) acknowledged 2");
}

TEST_CASE("results together are recorded like results alone", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, batch_guest());
  farm.race(2, Policy::all());
  farm.race(1);
  farm.take();
  // One of them a repetition, one of what it was never given: neither counts.
  farm.say(1, Results{.session = farm.session_of(1),
                      .started = 3,
                      .results = {result_of(1), result_of(1), result_of(9), nothing_of(3),
                                  failure_of(2)}});
  CHECK(farm.take() == "item 1 decided by 0?, item 0 decided by 0 1 errors, 1: heartbeat 3");
  CHECK(farm.counters().results_unknown == 2);
  farm.check_empty();
}

TEST_CASE("a batch of results tells what was started", "[unit][manager]") {
  // All that has started and is lost counts as a lost attempt of its task.
  for (const std::uint32_t started : {0U, 3U}) {
    ManagerFixture farm;
    farm.open_job({.lost_attempts_max = 1});
    farm.join(1, batch_guest());
    farm.race(4, Policy::all());
    farm.take();
    farm.step(MessageReceived{
        .peer = PeerId{1},
        .message =
            Results{.session = farm.session_of(1), .started = started, .results = {result_of(1)}}});
    farm.lose(1);
    farm.pass(limits::grace_remote);
    farm.unclaimed.clear();
    CHECK(farm.counters().tasks_quarantined == (started == 0 ? 1 : 2));
  }
}

TEST_CASE("a kill is not overtaken by the tasks that follow it", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, batch_guest(1));
  farm.race(2, {Policy::Kind::client});
  farm.race(2, Policy::all());
  farm.take();
  farm.decide(0);
  const std::string orders = farm.take();
  CHECK_THAT(orders, Catch::Matchers::StartsWith("1: kill 1"));
  CHECK_THAT(orders, ContainsSubstring("task"));
}

TEST_CASE("what is large, or to be converted, travels alone and in its place", "[unit][manager]") {
  ManagerFixture farm;
  Guest guest = batch_guest();
  guest.encodings = encoding_bit(Encoding::object) | encoding_bit(Encoding::raw);
  farm.join(1, guest);
  std::vector<TaskSpec> tasks(7, spec_of(8));
  tasks[2] = spec_of(limits::batched_payload_bytes_max + 1);
  tasks[5].payload = Payload::json("1");
  farm.submit(std::move(tasks), Policy::all());
  CHECK(sizes_of(farm) == "2 alone 2 alone 1");
}

TEST_CASE("a batch has so many bytes at most", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, batch_guest(40));
  constexpr std::size_t payload = limits::batched_payload_bytes_max;
  constexpr std::size_t fit = limits::batch_bytes_max / limits::batched_bytes(payload);
  farm.submit(std::vector<TaskSpec>(2 * fit + 1, spec_of(payload)), Policy::all());
  const std::string full = std::to_string(fit);
  CHECK(sizes_of(farm) == full + " " + full + " 1");
}

TEST_CASE("no batch is larger than a frame may be", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.frame_bytes_max = limits::header_bytes_max;
  ManagerFixture farm(options);
  farm.join(1, batch_guest(100));
  // Four would fit, were it not for the header.
  constexpr std::size_t payload = limits::header_bytes_max / 4 - limits::batch_record_bytes;
  farm.submit(std::vector<TaskSpec>(6, spec_of(payload)), Policy::all());
  CHECK(sizes_of(farm) == "3 3");
}

TEST_CASE("a batch of tasks is taken in its order", "[unit][worker]") {
  BatchRig rig;
  rig.receive_tasks(1, 4);
  CHECK(rig.claim_all() == "start 1, start 2");
  // Repeated on the way: nothing of it is news.
  rig.receive_tasks(1, 4);
  CHECK(rig.claim_all() == "-");
  CHECK(rig.worker.counters().duplicates_ignored == 4);
}

TEST_CASE("a batch of another session is nobody's", "[unit][worker]") {
  BatchRig rig;
  rig.receive(Tasks{.session = SessionId{rig.terms.session.value + 1},
                    .tasks = {{.attempt = AttemptId{1}}}});
  CHECK(rig.claim_all() == "-");
  CHECK(rig.worker.counters().messages_ignored == 1);
}

TEST_CASE("results of one turn travel together, at its end", "[unit][worker]") {
  BatchRig rig;
  rig.receive_tasks(1, 3);
  rig.claim_all();
  rig.finish(0, 1);
  rig.finish(1, 2);
  CHECK(rig.claim_all() == "start 3");
  rig.pass(0s);
  CHECK(rig.claim_all() == "result 1 + result 2 (started 3)");
  rig.finish(0, 3);
  rig.pass(0s);
  CHECK(rig.claim_all() == "result 3 (started 3)");
}

TEST_CASE("a lone result that is large travels alone", "[unit][worker]") {
  BatchRig rig;
  rig.receive_tasks(1, 2);
  rig.claim_all();
  rig.give(0, 1, limits::batched_payload_bytes_max);
  CHECK(rig.claim_all() == "result 1 (started 2)");
  rig.give(1, 2, limits::batched_payload_bytes_max + 1);
  CHECK(rig.claim_all() == "result 2");
}

TEST_CASE("a result with words travels alone and in its place", "[unit][worker]") {
  WorkerOptions options = batch_options();
  options.slots = 5;
  BatchRig rig(options);
  rig.receive_tasks(1, 5);
  rig.claim_all();
  for (std::uint32_t slot : {0U, 1U}) rig.finish(slot, slot + 1);
  rig.fail(2, 3);
  for (std::uint32_t slot : {3U, 4U}) rig.finish(slot, slot + 1);
  rig.pass(0s);
  CHECK(rig.claim_all() ==
        "result 1 + result 2 (started 5), failed 3, result 4 + result 5 (started 5)");
}

TEST_CASE("whatever is said comes after the results before it", "[unit][worker]") {
  BatchRig rig;
  rig.receive_tasks(1, 3);
  rig.claim_all();
  rig.finish(0, 1);
  rig.receive(Kill{.attempt = AttemptId{9}});
  CHECK(rig.claim_all() == "start 3, result 1 (started 3), killed 9");
  rig.finish(0, 3);
  rig.step(StopRequested{});
  CHECK(rig.claim_all() == "stop 2");
  rig.step(ExecutorDied{.slot = 1, .attempt = AttemptId{2}});
  CHECK(rig.claim_all() == "result 3 (started 3), echo?");
}

TEST_CASE("the end of a retry is told before anything else begins", "[unit][worker]") {
  WorkerOptions options = batch_options();
  options.slots = 1;
  BatchRig rig(options);
  Tasks batch{.session = rig.terms.session, .tasks = {}};
  for (std::uint64_t attempt = 1; attempt <= 3; ++attempt)
    batch.tasks.push_back({.attempt = AttemptId{attempt},
                           .group = GroupId{attempt},
                           .number = attempt == 2 ? 2U : 1U,
                           .task = TaskId{attempt}});
  rig.receive(batch);
  CHECK(rig.claim_all() == "start 1");
  rig.finish(0, 1);
  CHECK(rig.claim_all() == "result 1 (started 1), start 2");
  rig.finish(0, 2);
  CHECK(rig.claim_all() == "result 2 (started 2), start 3");
  rig.finish(0, 3);
  CHECK(rig.claim_all() == "-");
}

TEST_CASE("results that wait when a session ends are judged like any other", "[unit][worker]") {
  BatchRig rig;
  rig.receive_tasks(1, 2);
  rig.claim_all();
  rig.finish(0, 1);
  rig.finish(1, 2);
  rig.pass(2s);
  rig.claim_all();
  rig.lose_connection();
  CHECK(rig.claim_all() == "connect, hello 2");
  rig.welcome({{AttemptId{1}, Verdict::drop}, {AttemptId{2}, Verdict::keep}});
  CHECK(rig.claim_all() == "result 2 (started 0)");
}

TEST_CASE("batches of results keep to the bytes of a frame", "[unit][worker]") {
  WorkerOptions options = batch_options();
  options.slots = 100;
  BatchRig rig(options);
  rig.terms.frame_bytes_max = limits::header_bytes_max;
  rig.lose_connection();
  rig.pass_to_deadline();
  rig.welcome();
  rig.claim_all();
  rig.receive_tasks(1, 100);
  rig.claim_all();
  for (std::uint32_t slot = 0; slot < 100; ++slot) rig.finish(slot, slot + 1);
  rig.pass(0s);
  std::size_t results = 0;
  while (!rig.unclaimed.empty()) {
    const auto batch = rig.expect_sent<Results>();
    results += batch.results.size();
    CHECK(limits::batch_header_bytes + batch.results.size() * limits::batched_bytes(1) <=
          limits::header_bytes_max);
  }
  CHECK(results == 100);
}

}  // namespace fanmill::core::test
