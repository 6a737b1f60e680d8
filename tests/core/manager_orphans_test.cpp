// What the end of a session leaves of its attempts: orphans, with which their worker may come back,
// or nothing. Who returns with them, and what is made of it, is in manager_returns_test.
#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

constexpr Policy client{Policy::Kind::client};

/// Worker 1, with two slots, holds attempts 1 (being killed: item 0 is decided), 2 (running), 3 and
/// 4 (waiting), each of an item of its own.
struct Loaded : ManagerFixture {
  Loaded() {
    join(1, guest());
    for (int i = 0; i < 4; ++i) race(1, client);
    decide(0);
    CHECK(take() ==
          "1: task 1 (0.0), 1: task 2 (1.0), 1: task 3 (2.0), 1: task 4 (3.0), 1: kill 1");
  }
  /// Or the client would not let the items go.
  void decide_all() {
    for (std::uint64_t item = 1; item <= 3; ++item) decide(item);
  }
  static Guest guest(std::vector<Holding> holdings = {}) {
    return {.worker = 1, .slots = 2, .prefetch = 1, .holdings = std::move(holdings)};
  }
  static std::vector<Holding> all() { return {running(1), running(2), unstarted(3), unstarted(4)}; }
};

/// How often the task of the next order was blamed for the loss of a worker.
std::size_t blames(ManagerFixture& farm) {
  return farm.expect<DeliverTaskEnd>().outcome.errors.size();
}

}  // namespace

TEST_CASE("a lost session leaves orphans of the tasks that are still open", "[unit][manager]") {
  Loaded farm;
  const bool falls_silent = GENERATE(false, true);
  if (!falls_silent) farm.lose(1);
  CHECK(farm.manager.ready_count() == 0);  // it has its grace
  farm.pass(falls_silent ? 20s : 3s);
  CHECK(farm.take() == "forget 1");
  CHECK(farm.counters().workers_lost == 1);
  CHECK(farm.manager.ready_count() == 3);

  SECTION("it comes back with them") {
    farm.greet(2, Loaded::guest(Loaded::all()));
    // Of the first nothing was left: its task had ended.
    CHECK(farm.take() == "2: welcome kill 1 keep 2 keep 3 keep 4");
    CHECK(farm.manager.ready_count() == 0);
    farm.say(2, result_of(2));
    CHECK(blames(farm) == 1);
    farm.say(2, result_of(3));
    CHECK(farm.take() == "2: heartbeat 1, end 2.0 result, 2: heartbeat 2");
    farm.say(2, result_of(4));
    CHECK(blames(farm) == 0);  // it had only waited
    farm.say(2, killed(1));
  }
  SECTION("it does not: they go to another worker in their old order, and are forgotten") {
    farm.join(2, {.slots = 3});
    CHECK(farm.take() == "2: task 5 (1.0), 2: task 6 (2.0), 2: task 7 (3.0)");
    for (std::uint64_t attempt = 5; attempt <= 7; ++attempt) farm.say(2, result_of(attempt));
    CHECK(blames(farm) == 1);
  }
  farm.take();
  farm.decide_all();
  farm.check_empty();
}

TEST_CASE("a session that its worker ended, or had to, leaves no orphans", "[unit][manager]") {
  Loaded farm;
  SECTION("goodbye") {
    farm.say(1, Goodbye{.session = farm.session_of(1)});
    CHECK(farm.take() == "forget 1");
  }
  SECTION("what is no message") {
    farm.turn(MalformedReceived{.peer = PeerId{1}, .reason = "nonsense"});
    CHECK(farm.take() == "1: refuse malformed, forget 1");
  }
  SECTION("a message that only managers send") {
    farm.say(1, Who{});
    CHECK(farm.take() == "1: refuse protocol, forget 1");
  }
  SECTION("a new hello that is refused") {
    Hello hello = farm.hello_of(1, Loaded::guest(Loaded::all()));
    hello.farm = 1;
    farm.say(1, hello);
    CHECK(farm.take() == "1: refuse farm, forget 1");
  }
  CHECK(farm.counters().workers_lost == 0);
  CHECK(farm.counters().workers_left == 1);
  CHECK(farm.manager.ready_count() == 3);
  // It has given up whatever it claims now.
  farm.greet(2, Loaded::guest(Loaded::all()));
  CHECK(farm.take() ==
        "2: welcome kill 1 kill 2 kill 3 kill 4, "
        "2: task 5 (1.0), 2: task 6 (2.0), 2: task 7 (3.0)");
  farm.say(2, killed(1));
  farm.say(2, killed(2));
  for (std::uint64_t attempt = 5; attempt <= 7; ++attempt) {
    farm.say(2, result_of(attempt));
    CHECK(blames(farm) == 0);
    CHECK(farm.take() == "2: heartbeat " + std::to_string(attempt - 4));
  }
  farm.decide_all();
  farm.check_empty();
}

TEST_CASE("what a new session does not name is no orphan of the old one", "[unit][manager]") {
  Loaded farm;
  farm.greet(1, Loaded::guest({running(2), unstarted(4)}));
  CHECK(farm.take() == "1: welcome keep 2 keep 4, 1: task 5 (2.0)");
  farm.greet(1, Loaded::guest({running(2), with_result(3), running(4), running(5)}));
  CHECK(farm.take() == "1: welcome keep 2 drop 3 keep 4 keep 5");
  CHECK(farm.counters().workers_lost == 0);
  farm.decide_all();
  CHECK(farm.take() == "1: kill 2, 1: kill 5, 1: kill 4");
  for (const std::uint64_t attempt : {2U, 4U, 5U}) farm.say(1, killed(attempt));
  farm.check_empty();
}

// Each loss leaves one; their task's end must take them all with it.
TEST_CASE("a task that was lost twice has two orphans, and either may answer", "[unit][manager]") {
  ManagerFixture farm;
  for (std::uint64_t worker = 1; worker <= 2; ++worker) {
    farm.join(worker);
    if (worker == 1) farm.race(1, client);
    farm.lose(worker);
    farm.pass(3s);
  }
  CHECK(farm.take() == "1: task 1 (0.0), forget 1, 2: task 2 (0.0), forget 2");
  farm.join(3);
  CHECK(farm.take() == "3: task 3 (0.0)");
  const std::uint64_t first = GENERATE(1U, 2U);
  const std::uint64_t second = 3 - first;
  farm.greet(4, {.worker = first, .holdings = {with_result(first)}});
  CHECK(farm.take() == "4: welcome keep " + std::to_string(first));
  farm.say(4, result_of(first));
  CHECK(farm.take() == "3: kill 3, end 0.0 result, 4: heartbeat 1");
  farm.greet(5, {.worker = second, .holdings = {with_result(second)}});
  CHECK(farm.take() == "5: welcome drop " + std::to_string(second));
  farm.say(3, killed(3));
  farm.decide(0);
  farm.check_empty();
}

TEST_CASE("the loss that ends a task leaves no orphan of it", "[unit][manager]") {
  ManagerFixture farm;
  farm.open_job({.lost_attempts_max = 1});
  farm.join(1, {.same_host = true});
  farm.race(1, client);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.lose(1);
  CHECK(farm.take() == "forget 1, end 0.0 quarantined");
  farm.greet(2, {.worker = 1, .holdings = {with_result(1)}});
  CHECK(farm.take() == "2: welcome drop 1");
}

}  // namespace fanmill::core::test
