// The simulator's own parts: it repeats itself, its randomness is the same everywhere, and its
// oracles object to what they are there for.
#include "catch.hpp"
#include "group_oracle.hpp"
#include "network.hpp"
#include "session_oracle.hpp"
#include "world.hpp"

using namespace fanmill;
using namespace fanmill::sim;
using namespace std::chrono_literals;

namespace {

/// One job with one group of `tasks` tasks that answer, submitted to a GroupOracle.
struct OneGroup {
  explicit OneGroup(core::Policy policy, std::uint32_t tasks, core::JobOptions options = {}) {
    oracle.opened(
        {.client = core::embedded_client, .job = JobId{1}, .options = std::move(options)});
    std::vector<core::TaskSpec> specs;
    for (std::uint32_t task = 0; task < tasks; ++task) {
      works.push_back({.task = task, .micros = 10 + task, .stage = task});
      specs.push_back(task_spec(works.back()));
    }
    oracle.submitted({.job = JobId{1}, .item = 0, .policy = policy, .tasks = specs});
  }
  core::Task message(std::uint32_t task, std::uint32_t number = 1) const {
    return {.attempt = AttemptId{100 + 10 * task + number},
            .group = GroupId{7},
            .number = number,
            .item = 0,
            .task = TaskId{50 + task},
            .payload = task_spec(works[task]).payload};
  }
  core::Result answer(std::uint32_t task) const { return {.payload = answer_of(works[task])}; }
  core::DeliverGroupEnd end(bool decided, std::vector<std::uint32_t> answers) const {
    core::DeliverGroupEnd end{.job = JobId{1}, .group = GroupId{7}};
    end.result.decided = decided;
    for (const std::uint32_t task : answers)
      end.result.answers.push_back({.task = task, .payload = answer_of(works[task])});
    return end;
  }

  GroupOracle oracle;
  std::vector<Work> works;
};

constexpr core::Policy first{.kind = core::Policy::Kind::first};
constexpr core::Policy stages{.kind = core::Policy::Kind::stages};
constexpr core::Policy all{.kind = core::Policy::Kind::all};

/// A worker with one slot, and no prefetch, that is welcome at `SessionOracle`.
struct OneSession {
  OneSession() : group(all, 3), oracle(options(), group.oracle, tally) {
    core::Hello hello{.slots = 1,
                      .features = core::feature::heartbeat | core::feature::kill,
                      .uuid = {.low = 1, .high = 1},
                      .greeting = 1,
                      .functions = {""}};
    oracle.received(start, peer, hello);
    oracle.sent(start, peer,
                core::Welcome{.session = session, .features = hello.features, .greeting = 1});
    oracle.step_ended();
  }
  static core::ManagerOptions options() { return {.prefetch = 0}; }
  core::Task task(std::uint32_t index, std::uint32_t serial) const {
    core::Task task = group.message(index);
    task.attempt = AttemptId{(std::uint64_t{1} << serial_bits) + serial};
    return task;
  }
  core::WorkerInfo info() const { return {.session = session, .peer = peer}; }

  Instant start{};
  PeerId peer{1};
  SessionId session{(std::uint64_t{1} << serial_bits) + 1};
  Tally tally;
  OneGroup group;
  SessionOracle oracle;
};

}  // namespace

TEST_CASE("the same seed gives the same run", "[sim]") {
  make_assertions_violations();
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Tally tally;
    const RunReport once = run_seed(seed, Trace::Mode::quiet, tally);
    // Watching it must not change it either.
    const RunReport again = run_seed(seed, Trace::Mode::keep_last, tally);
    CHECK(once.trace_hash == again.trace_hash);
    CHECK(once.steps == again.steps);
    CHECK(!once.violation);
  }
  Tally tally;
  CHECK(run_seed(1, Trace::Mode::quiet, tally).trace_hash !=
        run_seed(2, Trace::Mode::quiet, tally).trace_hash);
}

TEST_CASE("random numbers are the same on every machine", "[sim]") {
  Rng rng{1};
  Rng same{1};
  Rng other{2};
  const std::uint64_t number = rng.next();
  CHECK(number == same.next());
  CHECK(number != other.next());
  CHECK(mix(0) == 0xe220a8397b1dcdafU);  // splitmix64's first number from seed 0
  for (int i = 0; i < 1000; ++i) {
    CHECK(rng.below(7) < 7);
    const Duration drawn = rng.skewed(1ms, 1s);
    CHECK((drawn >= 1ms && drawn <= 1s));
  }
}

TEST_CASE("work survives its payload, and lies differ from answers", "[sim]") {
  const Work work{
      .run = 3, .job = 1, .item = 4, .task = 2, .micros = 77, .time_limit_ms = 5, .deaf = 1};
  CHECK(work_of(task_spec(work).payload) == work);
  CHECK(answer_of(work) != lie_of(work));
  CHECK(!work_of(Payload::raw("something else")));
}

TEST_CASE("a link keeps the order, and what is sent to a link that is gone vanishes", "[sim]") {
  Agenda agenda;
  Trace trace(Trace::Mode::quiet);
  Tally tally;
  Network network(agenda, Rng{5}, trace, tally);
  WireWriter writer;
  const LinkIndex link = network.connect({.latency = 1ms, .jitter = 5ms}, 1);
  for (std::uint32_t i = 1; i <= 20; ++i)
    network.send_to_worker(network.link(link).peer,
                           writer.write(core::Killed{.attempt = AttemptId{i}}, 1));
  std::uint64_t received = 0;
  while (!agenda.empty()) {
    const Event event = agenda.take();
    CHECK(event.kind == Event::Kind::reach_worker);
    const auto decoded = read(*network.take_for_worker(event.whom));
    CHECK(std::get<core::Killed>(decoded.value().message).attempt.value == ++received);
  }
  CHECK(received == 20);

  network.close(link, false);
  network.send_to_worker(network.link(link).peer,
                         writer.write(core::Who{.protocol_min = 1, .protocol_max = 1}, 1));
  while (!agenda.empty()) CHECK(agenda.take().kind == Event::Kind::link_notice_manager);
  CHECK(tally.of(Count::send_to_gone) == 1);
}

TEST_CASE("the oracle of groups accepts a race that is won", "[sim][oracle]") {
  OneGroup group(first, 3);
  group.oracle.sent(0, group.message(0));
  group.oracle.sent(1, group.message(1));
  group.oracle.result(1, group.answer(1));
  group.oracle.delivered(group.end(true, {1}));
  CHECK_NOTHROW(group.oracle.step_ended());
  CHECK(group.oracle.take_ended() == std::vector<TaskIndex>{1, 0, 2});
}

TEST_CASE("the oracle of groups objects", "[sim][oracle]") {
  OneGroup group(first, 2);
  group.oracle.sent(0, group.message(0));

  SECTION("to an end before the decision") {
    CHECK_THROWS_AS(group.oracle.delivered(group.end(false, {})), Violation);
  }
  SECTION("to a decision that is not told") {
    group.oracle.result(0, group.answer(0));
    CHECK_THROWS_AS(group.oracle.step_ended(), Violation);
  }
  SECTION("to an end that is told twice") {
    group.oracle.result(0, group.answer(0));
    group.oracle.delivered(group.end(true, {0}));
    CHECK_THROWS_AS(group.oracle.delivered(group.end(true, {0})), Violation);
  }
  SECTION("to another answer than the one that came") {
    group.oracle.result(0, group.answer(0));
    CHECK_THROWS_AS(group.oracle.delivered(group.end(true, {1})), Violation);
  }
  SECTION("to a task that is sent after the decision") {
    group.oracle.result(0, group.answer(0));
    CHECK_THROWS_AS(group.oracle.sent(1, group.message(1)), Violation);
  }
  SECTION("to a result that the function does not give") {
    CHECK_THROWS_AS(group.oracle.result(0, {.payload = lie_of(group.works[0])}), Violation);
  }
  SECTION("to attempts that are not counted") {
    CHECK_THROWS_AS(group.oracle.sent(0, group.message(0, 3)), Violation);
  }
}

TEST_CASE("the oracle of groups objects to a stage that begins too early", "[sim][oracle]") {
  OneGroup group(stages, 2);
  group.oracle.sent(0, group.message(0));
  CHECK_THROWS_AS(group.oracle.sent(1, group.message(1)), Violation);
}

TEST_CASE("the oracle of groups objects to a retry too many", "[sim][oracle]") {
  OneGroup group(all, 2, {.retries = 1});
  const core::Result failed{.outcome = core::AttemptOutcome::failed};
  group.oracle.sent(0, group.message(0, 1));
  group.oracle.result(0, failed);
  CHECK_NOTHROW(group.oracle.sent(0, group.message(0, 2)));
  group.oracle.result(0, failed);
  CHECK_THROWS_AS(group.oracle.sent(0, group.message(0, 3)), Violation);
}

TEST_CASE("the oracle of sessions objects", "[sim][oracle]") {
  OneSession one;
  one.oracle.sent(one.start, one.peer, one.task(0, 1));

  SECTION("to a task beyond the credit") {
    CHECK_THROWS_AS(one.oracle.sent(one.start, one.peer, one.task(1, 2)), Violation);
  }
  SECTION("to an attempt id that is used again") {
    one.oracle.received(one.start, one.peer, core::Killed{.attempt = one.task(0, 1).attempt});
    CHECK_THROWS_AS(one.oracle.sent(one.start, one.peer, one.task(1, 1)), Violation);
  }
  SECTION("to a kill without a cause") {
    const core::Kill kill{.attempt = one.task(0, 1).attempt};
    CHECK_THROWS_AS(one.oracle.sent(one.start, one.peer, kill), Violation);
  }
  SECTION("to a worker that is given up while it is heard") {
    CHECK_THROWS_AS(one.oracle.sessions_seen(one.start + 1s, {}), Violation);
  }
  SECTION("but not to one that was silent for too long") {
    CHECK_NOTHROW(one.oracle.sessions_seen(one.start + limits::silence_dead, {}));
  }
  SECTION("to a message for a session that is gone") {
    one.oracle.connection_lost(one.start, one.peer);
    const core::Heartbeat heartbeat{.session = one.session};
    CHECK_THROWS_AS(one.oracle.sent(one.start, one.peer, heartbeat), Violation);
  }
  SECTION("to work for a suspect") {
    one.oracle.received(one.start, one.peer, core::Killed{.attempt = one.task(0, 1).attempt});
    CHECK_THROWS_AS(
        one.oracle.sent(one.start + limits::silence_suspect + 1s, one.peer, one.task(1, 2)),
        Violation);
  }
  SECTION("to an acknowledgement of what never came") {
    one.oracle.worker_sent({.low = 1, .high = 1}, core::Hello{.greeting = 1});
    one.oracle.worker_sent({.low = 1, .high = 1}, core::Result{.attempt = one.task(0, 1).attempt});
    const core::Heartbeat heartbeat{.session = one.session, .acknowledged = 1};
    CHECK_THROWS_AS(one.oracle.sent(one.start, one.peer, heartbeat), Violation);
  }
  SECTION("to a loser that is left alive") {
    one.group.oracle.cancelled(JobId{1});
    one.oracle.step_ended();
    CHECK_THROWS_AS(one.oracle.turn_ended(), Violation);
  }
}
