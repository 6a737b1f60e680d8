// Every state of a session against every event: what is answered, and what is ignored ("-"). Peers
// that are not known stand in the first column, since they have no session at all.
#include <array>
#include <functional>

#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

// A new kind of message or event needs its row below.
static_assert(std::variant_size_v<Message> == 17);
static_assert(std::variant_size_v<ManagerEvent> == 13);

enum class State { unknown, idle, busy, suspect, draining, killing, lost };
constexpr std::array states = {State::unknown,  State::idle,    State::busy, State::suspect,
                               State::draining, State::killing, State::lost};
constexpr std::array names = {"unknown", "idle", "busy", "suspect", "draining", "killing", "lost"};

/// Brings peer 1 into the state. From busy on its worker holds attempt 1, of item 0.
void enter(ManagerFixture& farm, State state) {
  if (state == State::unknown) return;
  farm.join(1);
  if (state == State::idle) return;
  farm.race(1, {Policy::Kind::client});
  if (state == State::suspect) farm.pass(6s);
  if (state == State::draining) farm.turn(DrainRequested{farm.session_of(1)});
  if (state == State::killing) farm.decide(0);
  if (state == State::lost) farm.lose(1);
  farm.take();
}

SessionId session_of(const ManagerFixture& farm, State state) {
  return state == State::unknown ? SessionId{7} : farm.session_of(1);
}

struct Row {
  const char* event;
  std::function<void(ManagerFixture&, State)> happen;
  std::array<const char*, states.size()> answers;
};

/// A row of a message that does not depend on the state.
std::function<void(ManagerFixture&, State)> say(Message message) {
  return [message](ManagerFixture& farm, State) { farm.say(1, message); };
}

std::function<void(ManagerFixture&, State)> turn(ManagerEvent event) {
  return [event](ManagerFixture& farm, State) { farm.turn(event); };
}

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < states.size(); ++i) {
      ManagerFixture farm;
      enter(farm, states[i]);
      row.happen(farm, states[i]);
      INFO(names[i] << ", " << row.event);
      CHECK(farm.take() == row.answers[i]);
    }
  }
}

constexpr const char* who = "1: who";
constexpr const char* out = "1: refuse protocol, forget 1";
constexpr const char* malformed = "1: refuse malformed, forget 1";

}  // namespace

TEST_CASE("every message in every state of a session is handled or ignored", "[unit][manager]") {
  const std::vector<Row> rows = {
      // event, what happens, {unknown, idle, busy, suspect, draining, killing, lost}
      {"hello",
       [](ManagerFixture& farm, State) { farm.greet(1, {.holdings = {running(1)}}); },
       {"1: welcome kill 1", "1: welcome kill 1", "1: welcome keep 1", "1: welcome keep 1",
        "1: welcome keep 1, 1: goodbye drain", "1: welcome kill 1", "1: welcome keep 1"}},
      {"hello of before",
       [](ManagerFixture& farm, State) { farm.greet(1, {.greeting = 1}); },
       {"1: welcome", "-", "-", "-", "-", "-", "-"}},
      {"hello of another worker",
       [](ManagerFixture& farm, State) { farm.greet(1, {.worker = 2}); },
       {"1: welcome", out, out, out, out, out, "1: welcome"}},
      {"result",
       say(result_of(1)),
       {who, "-", "end 0.0 result, 1: heartbeat 1", "end 0.0 result, 1: heartbeat 1",
        "end 0.0 result, 1: heartbeat 1", "1: heartbeat 1", who}},
      {"failure",
       say(failure_of(1)),
       {who, "-", "end 0.0 failed, 1: heartbeat 1", "end 0.0 failed, 1: heartbeat 1",
        "end 0.0 failed, 1: heartbeat 1", "1: heartbeat 1", who}},
      {"result of what it was not given", say(result_of(9)), {who, "-", "-", "-", "-", "-", who}},
      {"killed", say(killed(1)), {who, "-", "1: task 2 (0.0)", "1: task 2 (0.0)", "-", "-", who}},
      {"killed what it was not given", say(killed(9)), {who, "-", "-", "-", "-", "-", who}},
      {"heartbeat",
       [](ManagerFixture& farm, State state) {
         farm.say(1, Heartbeat{.session = session_of(farm, state), .started = 1});
       },
       {who, "-", "-", "-", "-", "-", who}},
      {"heartbeat that asks",
       [](ManagerFixture& farm, State state) {
         farm.say(1, Heartbeat{.session = session_of(farm, state), .echo = true});
       },
       {who, "1: heartbeat 0", "1: heartbeat 0", "1: heartbeat 0", "1: heartbeat 0",
        "1: heartbeat 0", who}},
      {"heartbeat of another session",
       say(Heartbeat{.session = SessionId{99}, .echo = true}),
       {who, who, who, who, who, who, who}},
      {"goodbye",
       [](ManagerFixture& farm, State state) {
         farm.say(1, Goodbye{.session = session_of(farm, state)});
       },
       {who, "forget 1", "forget 1", "forget 1", "forget 1", "forget 1", who}},
      {"drain",
       [](ManagerFixture& farm, State state) {
         farm.say(1, Goodbye{.session = session_of(farm, state), .drain = true});
       },
       {who, "-", "-", "-", "-", "-", who}},
      {"goodbye of another session",
       say(Goodbye{.session = SessionId{99}}),
       {who, who, who, who, who, who, who}},
      {"heartbeat of another session, after one of this",
       [](ManagerFixture& farm, State state) {
         farm.step(MessageReceived{.peer = PeerId{1},
                                   .message = Heartbeat{.session = session_of(farm, state)}});
         farm.take();
         farm.say(1, Heartbeat{.session = SessionId{99}, .echo = true});
       },
       {who, "-", "-", "-", "-", "-", who}},
      {"output without the feature",
       say(Output{.attempt = attempt(1), .bytes = Bytes("x")}),
       {who, "-", out, out, out, out, who}},
      {"output of what it was not given",
       say(Output{.attempt = attempt(9), .bytes = Bytes("x")}),
       {who, "-", "-", "-", "-", "-", who}},
      {"output taken", say(OutputTaken{}), {who, out, out, out, out, out, who}},
      {"a part without the feature",
       say(Part{.attempt = attempt(1), .total = 1, .bytes = Bytes("x")}),
       {who, out, out, out, out, out, who}},
      {"part taken without the feature",
       say(PartTaken{.attempt = attempt(1), .offset = 1}),
       {who, out, out, out, out, out, who}},
      {"a result in parts without the feature",
       say(Result{.attempt = attempt(1),
                  .payload = {.bytes = {}, .encoding = Encoding::raw},
                  .in_parts = true}),
       {who, "-", out, out, out, out, who}},
      {"results without the feature",
       [](ManagerFixture& farm, State state) {
         farm.say(1, Results{.session = session_of(farm, state), .results = {result_of(1)}});
       },
       {who, out, out, out, out, out, who}},
      {"results of another session",
       say(Results{.session = SessionId{99}, .results = {result_of(1)}}),
       {who, who, who, who, who, who, who}},
      {"tasks", say(Tasks{}), {who, out, out, out, out, out, who}},
      {"unknown kind", say(Unknown{.kind = 999}), {who, "-", "-", "-", "-", "-", who}},
      {"welcome", say(Welcome{}), {who, out, out, out, out, out, who}},
      {"refuse", say(Refuse{}), {who, out, out, out, out, out, who}},
      {"who", say(Who{}), {who, out, out, out, out, out, who}},
      {"task", say(Task{}), {who, out, out, out, out, out, who}},
      {"kill", say(Kill{}), {who, out, out, out, out, out, who}},
      {"no message at all",
       turn(MalformedReceived{.peer = PeerId{1}, .reason = "nonsense"}),
       {malformed, malformed, malformed, malformed, malformed, malformed, malformed}},
  };
  check(rows);
}

TEST_CASE("every other event in every state of a session is handled or ignored",
          "[unit][manager]") {
  const std::vector<Row> rows = {
      // event, what happens, {unknown, idle, busy, suspect, draining, killing, lost}
      {"connection lost",
       turn(ConnectionLost{PeerId{1}}),
       {"-", "forget 1", "forget 1", "forget 1", "forget 1", "forget 1", "-"}},
      {"silence",
       [](ManagerFixture& farm, State) { farm.pass(20s); },
       {"-", "forget 1", "forget 1", "forget 1", "forget 1", "forget 1", "-"}},
      {"drain requested",
       [](ManagerFixture& farm, State state) {
         farm.turn(DrainRequested{session_of(farm, state)});
       },
       {"-", "1: goodbye drain", "1: goodbye drain", "1: goodbye drain", "-", "1: goodbye drain",
        "-"}},
      {"loop stalled", turn(LoopStalled{100s}), {"-", "-", "-", "-", "-", "-", "-"}},
      {"job opened",
       turn(JobOpened{.client = embedded_client, .job = JobId{5}, .options = {}}),
       {"-", "-", "-", "-", "-", "-", "-"}},
      {"group submitted",
       [](ManagerFixture& farm, State) { farm.race(1); },
       {"-", "1: task 1 (0.0)", "-", "-", "-", "1: task 2 (1.0)", "-"}},
      {"group decided",
       turn(GroupUpdated{.group = GroupId{attempt(1).value}, .done = true}),
       {"-", "-", "1: kill 1", "1: kill 1", "1: kill 1", "-", "-"}},
      {"output consumed of what has ended",
       turn(OutputConsumed{.attempt = attempt(9), .offset = 7}),
       {"-", "-", "-", "-", "-", "-", "-"}},
      {"job closed",
       turn(JobClosed{JobId{1}}),
       {"job 1 over", "job 1 over", "-", "-", "-", "job 1 over", "-"}},
      {"job cancelled",
       turn(JobCancelled{JobId{1}}),
       {"job 1 over", "job 1 over", "1: kill 1, job 1 over", "1: kill 1, job 1 over",
        "1: kill 1, job 1 over", "job 1 over", "job 1 over"}},
      {"job drained",
       turn(JobDrained{JobId{1}}),
       {"job 1 over", "job 1 over", "-", "-", "-", "job 1 over", "-"}},
      {"shutdown",
       turn(ShutdownRequested{}),
       {"job 1 over", "job 1 over, 1: goodbye closed, forget 1",
        "1: kill 1, job 1 over, 1: goodbye closed, forget 1",
        "1: kill 1, job 1 over, 1: goodbye closed, forget 1",
        "1: kill 1, job 1 over, 1: goodbye closed, forget 1",
        "job 1 over, 1: goodbye closed, forget 1", "job 1 over"}},
  };
  check(rows);
}

}  // namespace fanmill::core::test
