// A manager and a worker wired together by hand: what neither alone can show, and what the
// simulator's network, which behaves like ZeroMQ's, does not bring about.
#include "manager_fixture.hpp"
#include "worker_rig.hpp"

namespace fanmill::core::test {
namespace {

/// One worker at one manager, on one connection (peer 1).
struct Pair {
  ManagerFixture farm;
  WorkerRig worker;
  std::uint32_t hellos = 0;

  /// Carries to the manager what the worker has said; what it ordered at home stays unclaimed.
  bool carry_to_manager() {
    bool any = false;
    std::deque<WorkerAction> rest;
    for (WorkerAction& action : std::exchange(worker.unclaimed, {})) {
      auto* send = std::get_if<WorkerSend>(&action);
      if (send == nullptr) {
        rest.push_back(std::move(action));
        continue;
      }
      if (std::holds_alternative<Hello>(send->message)) hellos += 1;
      farm.say(1, std::move(send->message));
      any = true;
    }
    worker.unclaimed = std::move(rest);
    return any;
  }

  /// Carries to the worker what the manager has said; what it told others stays unclaimed.
  bool carry_to_worker() {
    bool any = false;
    std::deque<ManagerAction> rest;
    for (ManagerAction& action : std::exchange(farm.unclaimed, {})) {
      auto* send = std::get_if<Send>(&action);
      if (send == nullptr) {
        rest.push_back(std::move(action));
        continue;
      }
      worker.receive(std::move(send->message));
      any = true;
    }
    farm.unclaimed = std::move(rest);
    return any;
  }

  /// Until neither has anything to say.
  void talk() {
    int rounds = 0;
    while (carry_to_manager() | carry_to_worker()) REQUIRE(++rounds < 10);
  }
};

}  // namespace

// A worker's hello comes a second time when the session that it opened is over: nothing was heard
// of the worker for too long. The manager opens another session, in which it gives tasks and counts
// results, while the worker counts them in the first: acknowledgements would never fit again.
TEST_CASE("a hello that is repeated after its session's end does not keep the two apart",
          "[unit][manager][worker]") {
  Pair pair;
  const Hello hello = pair.worker.start();
  pair.farm.say(1, hello);
  pair.talk();
  REQUIRE(pair.worker.worker.is_welcome());
  pair.farm.items(1);
  pair.talk();
  const StartTask first = pair.worker.expect<StartTask>();
  pair.farm.pass(20s);
  pair.worker.now += 20s;
  CHECK(pair.farm.take() == "forget 1");

  pair.farm.say(1, hello);
  SECTION("its welcome shows the worker that there are two") { pair.talk(); }
  SECTION("else the session that the worker names shows it to the manager") {
    CHECK(in_short(pair.farm.unclaimed.front()) == "1: welcome");
    pair.farm.unclaimed.pop_front();
    pair.carry_to_worker();  // the task, which names no session
    pair.worker.pass(0s);    // a heartbeat is due
    pair.talk();
    CHECK(pair.farm.counters().whos_sent == 1);
  }
  CHECK(pair.hellos == 1);

  // Its task was queued again when the session ended; what runs of it is not wanted any more.
  CHECK(pair.worker.expect<StopTask>().attempt == first.task.attempt);
  pair.worker.step(TaskFinished{.slot = first.slot, .attempt = first.task.attempt, .result = {}});
  pair.talk();
  const StartTask again = pair.worker.expect<StartTask>();
  pair.worker.step(TaskFinished{.slot = again.slot, .attempt = again.task.attempt, .result = {}});
  pair.talk();
  CHECK(pair.farm.take() == "item 0 decided by 0");
  CHECK(pair.worker.worker.unacknowledged_count() == 0);

  // They mean the same session from now on.
  pair.worker.receive(Heartbeat{.session = pair.farm.session_of(1), .echo = true});
  CHECK(pair.worker.expect_sent<Heartbeat>().session == pair.farm.session_of(1));
}

// The manager heard nothing of it, and waited for the answer.
TEST_CASE("a task that its worker could not read is given again, and nobody is to blame",
          "[unit][manager][worker]") {
  Pair pair;
  pair.farm.say(1, pair.worker.start());
  pair.talk();
  pair.farm.open_job({.lost_attempts_max = 1});
  pair.farm.items(1);
  CHECK(pair.farm.take() == "1: task 1 (0.0)");
  pair.worker.now += 1s;
  pair.worker.step(WorkerMalformedReceived{"a header that is cut off"});
  pair.talk();
  const StartTask start = pair.worker.expect<StartTask>();
  CHECK(start.task.number == 2);
  pair.worker.step(TaskFinished{.slot = start.slot, .attempt = start.task.attempt, .result = {}});
  pair.talk();
  CHECK(pair.farm.take() == "item 0 decided by 0");
}

}  // namespace fanmill::core::test
