// A check that never fails is untested: each statement is broken once.
#include "core/worker_invariants.hpp"

#include <algorithm>
#include <functional>

#include "catch.hpp"
#include "core/worker_state.hpp"
#include "worker_rig.hpp"

namespace fanmill::core::test {
namespace {

// A state with a session, a running task with a time limit, a waiting one and a result.
WorkerState sound_state() {
  WorkerOptions options = plain_options();
  options.features |= feature::output;
  WorkerState state(options);
  WorkerActions out;
  Instant now{1h};
  const auto happen = [&](auto fact) {
    state.on(now, fact, out);
    state.settle(now, out);
  };
  happen(WorkerStarted{});
  happen(WorkerMessageReceived{Welcome{.session = SessionId{1},
                                       .features = feature::time_limit | feature::output,
                                       .greeting = 1,
                                       .heartbeat = 2s,
                                       .suspect = 6s,
                                       .dead = 20s,
                                       .frame_bytes_max = limits::frame_bytes_max,
                                       .unacknowledged_max = 10}});
  for (std::uint64_t attempt = 1; attempt <= 3; ++attempt) {
    happen(WorkerMessageReceived{Task{.attempt = AttemptId{attempt},
                                      .group = GroupId{1},
                                      .time_limit = 1s,
                                      .task = TaskId{attempt}}});
    if (attempt == 1) happen(TaskFinished{.slot = 0, .attempt = AttemptId{1}});
  }
  return state;
}

TEST_CASE("a sound worker violates nothing", "[worker]") {
  CHECK(WorkerInvariants::check(sound_state()) == std::vector<std::string>{});
}

struct Damage {
  std::string statement;  // that no longer holds
  std::function<void(WorkerState&)> do_it;
};

TEST_CASE("each way to break a worker is noticed", "[worker]") {
  const std::vector<Damage> damages = {
      {"no more tasks are at the executor than it takes",
       [](WorkerState& state) { state.options.slots = 0; }},
      {"tasks wait at the executor only while its slots are busy",
       [](WorkerState& state) {
         const std::uint32_t slot = state.slots.insert({.attempt = AttemptId{9}});
         state.ahead.push_back(state.slots, slot);
         state.options.slots = 2;
       }},
      {"each task at the executor runs or waits there",
       [](WorkerState& state) { state.running.erase(state.slots, 0); }},
      {"those that run have started, those that wait have not",
       [](WorkerState& state) { state.slots[0].started = false; }},
      {"retries at the executor are counted",
       [](WorkerState& state) { state.slots[0].number = 2; }},
      {"the slot of each attempt that is not forgotten is known",
       [](WorkerState& state) { state.attempts.put(2, 1); }},
      {"the order of time limits is that of the running tasks",
       [](WorkerState& state) { state.due_slots.clear(); }},
      {"only a task with a time limit, not told to stop for another reason, has one running",
       [](WorkerState& state) { state.slots[0].fate = Fate::killed; }},
      {"output is passed on in a session that takes it",
       [](WorkerState& state) { state.terms.features &= ~feature::output; }},
      {"what is under way of a task's output fits in the window",
       [](WorkerState& state) { state.slots[0].output_taken = 1; }},
      {"what is under way of a task's output fits in the window",
       [](WorkerState& state) { state.slots[0].output_sent = limits::output_window_bytes + 1; }},
      {"tasks wait in the order in which they came",
       [](WorkerState& state) { state.queue.push(Task{.attempt = AttemptId{4}}, 0); }},
      {"each attempt is held once: running, waiting or as a result",
       [](WorkerState& state) {
         state.queue.erase(AttemptId{3});
         state.queue.push(Task{.attempt = AttemptId{2}}, 2);
       }},
      {"the attempts of the results are known",
       [](WorkerState& state) { state.attempts.put(1, 0); }},
      {"no attempt that is held is newer than the newest",
       [](WorkerState& state) { state.newest = AttemptId{1}; }},
      {"no task was started that was not taken",
       [](WorkerState& state) { state.tasks_passed = 4; }},
      {"the next hello has its time exactly while a session is sought",
       [](WorkerState& state) { state.hello_at = Instant{2h}; }},
      {"the next hello has its time exactly while a session is sought",
       [](WorkerState& state) { state.link = Link::waiting; }},
      {"every result was sent in the open session, or waits for the end of the turn; without one, "
       "none counts as sent",
       [](WorkerState& state) { state.results_sent = 0; }},
      {"results wait for each other only in a session that takes batches",
       [](WorkerState& state) { state.results_wait = true; }},
      {"an open session has an id", [](WorkerState& state) { state.session = {}; }},
      {"an open session is not lost", [](WorkerState& state) { state.lost_at = Instant{1h}; }},
      {"no feature is in force that was not offered",
       [](WorkerState& state) { state.terms.features |= feature::batch; }},
      {"no task waits that could run", [](WorkerState& state) { state.options.slots = 2; }},
      {"results are on their way in parts only in a session that takes them",
       [](WorkerState& state) { state.part_out.add(AttemptId{1}, Bytes("large")); }},
      {"of each large result some parts are still to be sent",
       [](WorkerState& state) {
         state.large.push_back(state.results.front());
         state.results.pop_front();
       }},
      {"parts wait only for others to be told of",
       [](WorkerState& state) { state.part_out.add(AttemptId{1}, Bytes("large")); }},
      {"tasks wait for parts only in a session that takes them",
       [](WorkerState& state) { state.queue.find_task(AttemptId{3})->in_parts = true; }},
      {"the parts that came are of a task that waits for more",
       [](WorkerState& state) {
         state.part_in.take({.attempt = AttemptId{3}, .total = 2, .bytes = Bytes("x")}, true);
       }},
      {"whoever has a manager has said hello", [](WorkerState& state) { state.greeting = 0; }},
      {"whoever wants no session leaves", [](WorkerState& state) { state.link = Link::closed; }},
      {"whoever leaves has told every task to stop",
       [](WorkerState& state) { state.intent = Intent::leave; }},
      {"no task is given back by who stays",
       [](WorkerState& state) { state.slots[0].fate = Fate::given_back; }},
      {"whoever leaves works, waits with a limit, or has ended",
       [](WorkerState& state) { state.intent = Intent::leave; }},
      {"only who leaves waits to leave",
       [](WorkerState& state) { state.wait = Wait::acknowledgements; }},
  };
  for (const Damage& damage : damages) {
    WorkerState state = sound_state();
    damage.do_it(state);
    INFO(damage.statement);
    const std::vector<std::string> violated = WorkerInvariants::check(state);
    CHECK(std::find(violated.begin(), violated.end(), damage.statement) != violated.end());
  }
}

}  // namespace
}  // namespace fanmill::core::test
