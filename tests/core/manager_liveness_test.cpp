// Who is alive: silence, lost connections, and how the manager shows that it lives itself.
#include "manager_fixture.hpp"

namespace fanmill::core::test {

using State = WorkerInfo::State;

TEST_CASE("a worker that is silent for 6 s gets no work until it is heard again",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.pass(5999ms);
  CHECK(farm.manager.workers()[0].state == State::live);
  farm.pass(1ms);
  CHECK(farm.manager.workers()[0].state == State::suspect);
  CHECK(farm.manager.slot_count() == 0);
  CHECK(farm.counters().sessions_suspected == 1);
  farm.items(1);
  CHECK(farm.take() == "-");
  farm.beat(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  CHECK(farm.manager.slot_count() == 1);
}

// A silent worker is suspected, is heard, and falls silent a second time. The timer of its silence
// stood at its death by then, so the second suspicion came as late as that, and tasks went to a
// worker that was not there. Found by the simulator.
TEST_CASE("a worker that was heard again is suspected again after 6 s", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.pass(7s);
  farm.beat(1);
  CHECK(farm.manager.workers()[0].state == State::live);
  farm.pass(5999ms);
  CHECK(farm.manager.workers()[0].state == State::live);
  farm.pass(1ms);
  CHECK(farm.manager.workers()[0].state == State::suspect);
  farm.items(1);
  CHECK(farm.take() == "-");
  farm.beat(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
}

TEST_CASE("a suspect keeps its work and its result counts", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  farm.pass(19s);
  farm.say(1, result_of(1));
  CHECK(farm.take() == "1: task 1 (0.0), item 0 decided by 0, 1: heartbeat 1");
  CHECK(farm.counters().tasks_requeued == 0);
}

TEST_CASE("a worker that is silent for 20 s is dead, its tasks go elsewhere", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  farm.pass(10s);
  farm.join(2);
  farm.pass(9999ms);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.beat(2);
  farm.pass(1ms);
  CHECK(farm.take() == "forget 1, 2: task 2 (0.0)");
  CHECK(farm.counters().workers_lost == 1);
  CHECK(farm.manager.worker_count() == 1);
  farm.beat(1);
  CHECK(farm.take() == "1: who");
}

TEST_CASE("whatever a worker says is a sign of life", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.beat(1);
  const Message message =
      GENERATE(Message(Heartbeat{.session = SessionId{1}}), Message(Unknown{.kind = 99}),
               Message(result_of(7)), Message(killed(7)));
  for (int time = 0; time < 6; ++time) {
    farm.pass(5s);
    farm.say(1, message);
  }
  CHECK(farm.manager.workers()[0].state == State::live);
  CHECK(farm.counters().sessions_suspected == 0);
}

TEST_CASE("a worker without heartbeats is never suspect while it holds a task", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.features = plain_features});
  farm.items(1);
  farm.pass(300s);
  CHECK(farm.take() == "1: task 1 (0.0)");
  CHECK(farm.manager.workers()[0].state == State::live);
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 1: heartbeat 1");
}

TEST_CASE("an idle worker without heartbeats is asked for one", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.features = plain_features});
  farm.pass(2s);
  CHECK(farm.take() == "1: ask 0");
  SECTION("it answers, and lives") {
    for (int time = 0; time < 20; ++time) {
      farm.beat(1);
      farm.pass(2s);
      CHECK(farm.take() == "1: ask 0");
    }
    CHECK(farm.counters().sessions_suspected == 0);
  }
  SECTION("it does not, and is suspect, then dead") {
    farm.pass(4s);
    CHECK(farm.take() == "1: ask 0, 1: ask 0");
    CHECK(farm.manager.workers()[0].state == State::suspect);
    farm.pass(14s);
    CHECK_THAT(farm.take(), ContainsSubstring("forget 1"));
    CHECK(farm.manager.worker_count() == 0);
  }
}

TEST_CASE("the silence of a worker without heartbeats counts from its last result",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.features = plain_features});
  farm.items(1);
  farm.pass(100s);
  farm.say(1, result_of(1));
  farm.pass(5999ms);
  CHECK(farm.manager.workers()[0].state == State::live);
  farm.pass(1ms);
  CHECK(farm.manager.workers()[0].state == State::suspect);
  farm.take();
}

TEST_CASE("a worker without heartbeats gets no prefetch unless it asks for it", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.prefetch = 1;
  ManagerFixture farm(options);
  farm.join(1, {.features = plain_features});
  farm.items(3);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.join(2, {.prefetch = 1, .features = plain_features});
  CHECK(farm.take() == "2: task 2 (1.0), 2: task 3 (2.0)");
}

TEST_CASE("on the manager's own host a lost connection is a dead worker", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.same_host = true});
  farm.items(1);
  farm.join(2);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.lose(1);
  CHECK(farm.take() == "forget 1, 2: task 2 (0.0)");
  CHECK(farm.counters().workers_lost == 1);
}

TEST_CASE("elsewhere a lost connection has 3 s to come back", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  farm.join(2);
  farm.lose(1);
  CHECK(farm.take() == "1: task 1 (0.0), forget 1");
  CHECK(farm.manager.workers()[0].state == State::lost);
  CHECK(farm.manager.slot_count() == 1);
  farm.pass(2999ms);
  CHECK(farm.take() == "-");
  farm.pass(1ms);
  CHECK(farm.take() == "2: task 2 (0.0)");
}

TEST_CASE("a boot id that nobody knows is nobody's host", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.boot = {};
  ManagerFixture farm(options);
  Hello hello = farm.hello_of(1, {});
  hello.boot = {};
  farm.say(1, hello);
  farm.lose(1);
  CHECK(farm.take() == "1: welcome, forget 1");
  CHECK(farm.manager.worker_count() == 1);
}

TEST_CASE("a lost session is told nothing and given nothing", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.lose(1);
  farm.items(1);
  farm.now += 2500ms;
  farm.tick();
  CHECK(farm.take() == "forget 1");
  farm.lose(1);  // told twice
  CHECK(farm.manager.worker_count() == 1);
}

// The manager's host was suspended for a minute: nobody had a chance to be heard.
TEST_CASE("a stall of the loop ages nobody", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  farm.join(2);
  farm.lose(2);
  CHECK(farm.take() == "1: task 1 (0.0), forget 2");
  farm.pass(1s);
  const Instant before = *farm.manager.next_deadline();
  farm.now += 60s;
  farm.turn(LoopStalled{60s});
  CHECK(farm.manager.next_deadline() == before + 60s);
  CHECK(farm.take() == "-");
  farm.pass(1999ms);
  CHECK(farm.manager.worker_count() == 2);
  farm.pass(1ms);
  CHECK(farm.manager.worker_count() == 1);  // 3 s of attentive time
  farm.pass(16999ms);
  CHECK(farm.manager.worker_count() == 1);
  farm.pass(1ms);
  CHECK(farm.manager.worker_count() == 0);  // 20 s of it
  CHECK(farm.take() == "forget 1");
}

TEST_CASE("a stall moves a task's time limit", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.features = feature::kill});
  farm.submit({{.time_limit = 10s}});
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.now += 60s;
  farm.turn(LoopStalled{60s});
  farm.pass(14999ms);
  CHECK(farm.take() == "-");
  farm.pass(1ms);
  CHECK_THAT(farm.take(), ContainsSubstring("1: kill 1"));
}

TEST_CASE("a heartbeat is sent when nothing else was for 2 s", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.pass(1s);
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.now += 1999ms;
  farm.tick();
  CHECK(farm.take() == "-");
  farm.now += 1ms;
  farm.tick();
  CHECK(farm.take() == "1: heartbeat 0");
  farm.now += 2s;
  farm.tick();
  CHECK(farm.take() == "1: heartbeat 0");
}

TEST_CASE("heartbeats of sessions that came one after another go out together", "[unit][manager]") {
  ManagerFixture farm;
  for (std::uint64_t peer = 1; peer <= 20; ++peer) {
    farm.join(peer);
    farm.pass(1ms);
  }
  farm.take();
  int turns = 0;
  int beats = 0;
  const Instant end = farm.now + 2s;
  while (*farm.manager.next_deadline() <= end) {
    farm.now = *farm.manager.next_deadline();
    farm.tick();
    turns += 1;
    const std::string said = farm.take();
    for (std::size_t at = 0; (at = said.find("heartbeat", at)) != std::string::npos; ++at)
      beats += 1;
  }
  CHECK(beats == 20);
  CHECK(turns <= 2);  // moments are 31 ms apart
}

TEST_CASE("a heartbeat that asks is answered at once, with what was recorded", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  farm.say(1, result_of(1));
  farm.take();
  farm.step(MessageReceived{.peer = PeerId{1},
                            .message = Heartbeat{.session = farm.session_of(1), .echo = true}});
  CHECK(farm.take() == "1: heartbeat 1");
}

TEST_CASE("no deadline runs on a farm without workers", "[unit][manager]") {
  ManagerFixture farm;
  CHECK_FALSE(farm.manager.next_deadline());
  farm.join(1);
  CHECK(farm.manager.next_deadline() == farm.now + 2s);
  farm.say(1, Goodbye{.session = farm.session_of(1)});
  CHECK(farm.take() == "forget 1");
  CHECK_FALSE(farm.manager.next_deadline());
}

}  // namespace fanmill::core::test
