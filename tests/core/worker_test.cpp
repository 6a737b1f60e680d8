// Every fact in every state: what a worker does, or that it ignores it.
#include <functional>
#include <utility>

#include "catch.hpp"
#include "worker_rig.hpp"

namespace fanmill::core::test {
namespace {

void make_open(WorkerRig& rig) {
  rig.start_and_welcome();
  rig.pass(1s);  // So that a lost connection is no sign of a session that can't last.
}

// Attempt 1 is a result that is not acknowledged, 2 runs, 3 waits.
void make_busy(WorkerRig& rig) {
  make_open(rig);
  rig.do_task(1);
  rig.run_task(2);
  rig.receive_task(3);
}

struct State {
  std::string name;
  std::function<void(WorkerRig&)> enter;
};

const std::vector<State>& states() {
  static const std::vector<State> list = {
      {"fresh", [](WorkerRig&) {}},
      {"greeting", [](WorkerRig& rig) { rig.start(); }},
      {"waiting",
       [](WorkerRig& rig) {
         rig.start();
         rig.lose_connection();
       }},
      {"open", make_open},
      {"busy", make_busy},
      {"finish",
       [](WorkerRig& rig) {
         make_busy(rig);
         rig.receive(Goodbye{.session = rig.terms.session, .drain = true});
       }},
      {"drain",
       [](WorkerRig& rig) {
         make_busy(rig);
         rig.step(StopRequested{.drain = true});
       }},
      {"leave",
       [](WorkerRig& rig) {
         make_busy(rig);
         rig.step(StopRequested{});
       }},
      {"closed",
       [](WorkerRig& rig) {
         make_busy(rig);
         rig.receive(Goodbye{.session = rig.terms.session});
       }},
      {"ended",
       [](WorkerRig& rig) {
         rig.start_and_welcome();
         rig.step(StopRequested{});
       }},
  };
  return list;
}

using Fact = std::function<void(WorkerRig&)>;

Fact says(Message message) {
  return [message](WorkerRig& rig) { rig.receive(message); };
}

// The session that every state has, or had, is 101.
constexpr SessionId session{101};

struct Row {
  std::string fact;
  Fact happen;
  std::string expected;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> list = {
      {"started", [](WorkerRig& rig) { rig.step(WorkerStarted{}); },
       "fresh: connect, hello 1; greeting waiting open busy finish drain leave closed ended: -"},
      {"connection lost", [](WorkerRig& rig) { rig.lose_connection(); },
       "fresh greeting waiting closed ended: -; open leave: connect, hello 2; busy finish drain: "
       "drop 2, connect, hello 2"},
      {"malformed", [](WorkerRig& rig) { rig.step(WorkerMalformedReceived{"?"}); },
       "fresh greeting waiting closed: ignored; open leave: hello 2; busy finish drain: drop "
       "2, hello 2; ended: -"},
      {"stop", [](WorkerRig& rig) { rig.step(StopRequested{}); },
       "fresh greeting waiting: end 5; open: goodbye, end 5; busy finish drain: stop 2; leave "
       "closed ended: -"},
      {"stop, drain", [](WorkerRig& rig) { rig.step(StopRequested{.drain = true}); },
       "fresh greeting waiting: end 5; open: goodbye, end 5; busy finish: drain; drain leave "
       "closed ended: -"},
      {"loop stalled", [](WorkerRig& rig) { rig.step(WorkerLoopStalled{.gap = 5s}); },
       "fresh greeting waiting open busy finish drain leave closed ended: -"},
      {"task finished", [](WorkerRig& rig) { rig.finish(0, 2); },
       "fresh greeting waiting open: ignored; busy finish: result 2, start 3; drain: result 2, "
       "echo?; leave: echo?; closed: end 5; ended: -"},
      {"another task finished", [](WorkerRig& rig) { rig.finish(0, 9); },
       "fresh greeting waiting open busy finish drain leave closed: ignored; ended: -"},
      {"executor died",
       [](WorkerRig& rig) { rig.step(ExecutorDied{.slot = 0, .attempt = AttemptId{2}}); },
       "fresh greeting waiting open: ignored; busy finish: crashed 2, start 3; drain: crashed 2, "
       "echo?; leave: echo?; closed: end 5; ended: -"},
      {"task begun",
       [](WorkerRig& rig) { rig.step(TaskBegun{.slot = 0, .attempt = AttemptId{2}}); },
       "fresh greeting waiting open busy finish drain leave closed ended: -"},
      {"output written",
       [](WorkerRig& rig) {
         rig.step(OutputWritten{.slot = 0, .attempt = AttemptId{2}, .bytes = Bytes("x")});
       },
       "fresh greeting waiting open leave closed: ignored; busy finish drain: output 2 from 0; "
       "ended: -"},
      {"welcome",
       [](WorkerRig& rig) {
         rig.welcome({{AttemptId{2}, Verdict::keep}});
       },
       "fresh waiting closed: ignored; greeting ended: -; open leave: hello 2; busy finish "
       "drain: drop 2, hello 2"},
      {"welcome, repeated",
       [](WorkerRig& rig) {
         rig.terms.greeting = 1;
         rig.receive(rig.terms);
       },
       "fresh waiting open busy finish drain leave closed: ignored; greeting ended: -"},
      {"welcome of another hello",
       [](WorkerRig& rig) {
         rig.terms.greeting = 77;
         rig.receive(rig.terms);
       },
       "fresh greeting waiting open busy finish drain leave closed: ignored; ended: -"},
      {"refuse of the session, for good", says(Refuse{.session = session}),
       "fresh greeting waiting closed: ignored; open: end 5; busy finish drain: drop 2, stop "
       "2; leave ended: -"},
      {"refuse of the session, for a time", says(Refuse{.session = session, .retry = 1s}),
       "fresh greeting waiting closed: ignored; open leave ended: -; busy finish drain: drop "
       "2"},
      {"refuse of the hello, for good", says(Refuse{.greeting = 1}),
       "fresh closed: ignored; greeting waiting open: end 5; busy finish drain: drop 2, stop "
       "2; leave ended: -"},
      {"refuse of the hello, for a time", says(Refuse{.greeting = 1, .retry = 1s}),
       "fresh closed: ignored; greeting waiting open leave ended: -; busy finish drain: drop "
       "2"},
      {"refuse of another hello", says(Refuse{.greeting = 77}),
       "fresh greeting waiting open busy finish drain leave closed: ignored; ended: -"},
      {"who", says(Who{}),
       "fresh greeting waiting closed: ignored; open leave: hello 2; busy finish drain: drop "
       "2, hello 2; ended: -"},
      {"task", says(Task{.attempt = AttemptId{4}, .group = GroupId{4}, .task = TaskId{4}}),
       "fresh greeting waiting closed: ignored; open: start 4; busy finish drain leave ended: -"},
      {"task, repeated",
       says(Task{.attempt = AttemptId{2}, .group = GroupId{2}, .task = TaskId{2}}),
       "fresh greeting waiting busy finish drain leave closed: ignored; open: start 2; ended: -"},
      {"kill of a running one", says(Kill{.attempt = AttemptId{2}}),
       "fresh greeting waiting closed: ignored; open: killed 2; busy finish drain: stop 2; leave "
       "ended: -"},
      {"kill of a waiting one", says(Kill{.attempt = AttemptId{3}}),
       "fresh greeting waiting closed: ignored; open: killed 3; busy finish drain leave: unstarted "
       "3; ended: -"},
      {"kill of an ended one", says(Kill{.attempt = AttemptId{1}}),
       "fresh greeting waiting closed: ignored; open: killed 1; busy finish drain leave ended: -"},
      {"kill of an unknown one", says(Kill{.attempt = AttemptId{9}}),
       "fresh greeting waiting closed: ignored; open busy finish drain leave: killed 9; ended: -"},
      {"kill of a group", says(Kill{.session = session, .group = GroupId{2}}),
       "fresh greeting waiting closed: ignored; open leave ended: -; busy finish drain: stop 2"},
      {"recall of a running one", says(Kill{.attempt = AttemptId{2}, .if_unstarted = true}),
       "fresh greeting waiting closed: ignored; open: killed 2; busy finish drain leave: "
       "heartbeat; ended: -"},
      {"recall of a waiting one", says(Kill{.attempt = AttemptId{3}, .if_unstarted = true}),
       "fresh greeting waiting closed: ignored; open: killed 3; busy finish drain leave: unstarted "
       "3; ended: -"},
      {"heartbeat", says(Heartbeat{.session = session, .acknowledged = 1}),
       "fresh greeting waiting closed: ignored; open busy finish drain leave ended: -"},
      {"heartbeat, echo", says(Heartbeat{.session = session, .echo = true}),
       "fresh greeting waiting closed: ignored; open busy finish drain leave: heartbeat; ended: -"},
      {"goodbye", says(Goodbye{.session = session}),
       "fresh greeting waiting closed: ignored; open: end 5; busy finish drain: drop 2, stop "
       "2; leave ended: -"},
      {"goodbye, drain", says(Goodbye{.session = session, .drain = true}),
       "fresh greeting waiting closed: ignored; open: goodbye, end 5; busy finish drain leave "
       "ended: -"},
      {"goodbye of another session", says(Goodbye{.session = SessionId{7}}),
       "fresh greeting waiting open busy finish drain leave closed: ignored; ended: -"},
      {"hello", says(Hello{}),
       "fresh greeting waiting open busy finish drain leave closed: ignored; ended: -"},
      {"result", says(Result{.attempt = AttemptId{2}}),
       "fresh greeting waiting open busy finish drain leave closed: ignored; ended: -"},
      {"killed", says(Killed{.attempt = AttemptId{2}}),
       "fresh greeting waiting open busy finish drain leave closed: ignored; ended: -"},
      {"output", says(Output{.attempt = AttemptId{2}, .bytes = Bytes("x")}),
       "fresh greeting waiting open busy finish drain leave closed: ignored; ended: -"},
      {"output taken, of none that was sent",
       says(OutputTaken{.attempt = AttemptId{2}, .offset = 1}),
       "fresh greeting waiting open busy finish drain leave closed: ignored; ended: -"},
      {"a part of a task that waits for none",
       says(Part{.attempt = AttemptId{3}, .total = 1, .bytes = Bytes("x")}),
       "fresh greeting waiting closed: ignored; open busy finish drain leave: part taken 3 to 1; "
       "ended: -"},
      {"part taken, of none that was sent", says(PartTaken{.attempt = AttemptId{2}, .offset = 1}),
       "fresh greeting waiting open busy finish drain leave closed: ignored; ended: -"},
      {"unknown kind", says(Unknown{.kind = 99}),
       "fresh greeting waiting open busy finish drain leave closed: ignored; ended: -"},
  };
  return list;
}

std::uint64_t ignored(const WorkerCounters& counters) {
  return counters.messages_ignored + counters.duplicates_ignored + counters.messages_malformed +
         counters.outputs_dropped;
}

// "state state: what it does; state: ..." in the order of the states.
std::string what_happens(const Fact& happen) {
  std::vector<std::pair<std::string, std::string>> cells;
  for (const State& state : states()) {
    WorkerOptions options = plain_options();
    options.features |= feature::output | feature::parts;
    WorkerRig rig(options);
    state.enter(rig);
    rig.claim_all();
    const std::uint64_t before = ignored(rig.worker.counters());
    happen(rig);
    std::string done = rig.claim_all();
    if (done == "-" && ignored(rig.worker.counters()) > before) done = "ignored";
    std::size_t at = 0;
    while (at < cells.size() && cells[at].second != done) ++at;
    if (at == cells.size()) {
      cells.emplace_back(state.name, done);
    } else {
      cells[at].first += " " + state.name;
    }
  }
  std::string text;
  for (const auto& [names, done] : cells) {
    if (!text.empty()) text += "; ";
    text.append(names).append(": ").append(done);
  }
  return text;
}

// "ignored" was counted; "-" changes at most what the worker knows.
TEST_CASE("every fact in every state is handled or ignored", "[worker]") {
  for (const Row& row : rows()) {
    INFO(row.fact);
    CHECK(what_happens(row.happen) == row.expected);
  }
}

}  // namespace
}  // namespace fanmill::core::test
