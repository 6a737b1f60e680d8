#include "worker_rig.hpp"

#include <exception>

#include "core/worker_invariants.hpp"

namespace fanmill::core::test {
namespace {

std::string in_short(const Message& message) {
  struct Words {
    std::string operator()(const Hello& hello) const {
      return "hello " + std::to_string(hello.greeting);
    }
    std::string operator()(const Result& result) const {
      static constexpr const char* outcomes[] = {"result", "failed", "crashed", "limit",
                                                 "rejected"};
      return std::string(outcomes[static_cast<int>(result.outcome)]) + " " +
             std::to_string(result.attempt.value);
    }
    std::string operator()(const Killed& killed) const {
      return (killed.unstarted ? "unstarted " : "killed ") + std::to_string(killed.attempt.value);
    }
    std::string operator()(const Heartbeat& heartbeat) const {
      return heartbeat.echo ? "echo?" : "heartbeat";
    }
    std::string operator()(const Goodbye& goodbye) const {
      return goodbye.drain ? "drain" : "goodbye";
    }
    std::string operator()(const Output& output) const {
      return "output " + std::to_string(output.attempt.value) + " from " +
             std::to_string(output.offset);
    }
    std::string operator()(const Results& results) const {
      std::string text;
      for (const Result& result : results.results) {
        text += text.empty() ? "" : " + ";
        text += (*this)(result);
      }
      return text + " (started " + std::to_string(results.started) + ")";
    }
    std::string operator()(const Part& part) const {
      return "part " + std::to_string(part.attempt.value) + " from " + std::to_string(part.offset);
    }
    std::string operator()(const PartTaken& taken) const {
      return "part taken " + std::to_string(taken.attempt.value) + " to " +
             std::to_string(taken.offset);
    }
    std::string operator()(const OutputTaken&) const { return "OUTPUT TAKEN"; }
    std::string operator()(const Tasks&) const { return "TASKS"; }
    std::string operator()(const Welcome&) const { return "WELCOME"; }
    std::string operator()(const Refuse&) const { return "REFUSE"; }
    std::string operator()(const Who&) const { return "WHO"; }
    std::string operator()(const Task&) const { return "TASK"; }
    std::string operator()(const Kill&) const { return "KILL"; }
    std::string operator()(const Unknown&) const { return "UNKNOWN"; }
  };
  return std::visit(Words{}, message);
}

}  // namespace

std::string in_short(const WorkerAction& action) {
  struct Words {
    std::string operator()(const OpenConnection&) const { return "connect"; }
    std::string operator()(const WorkerSend& send) const { return in_short(send.message); }
    std::string operator()(const StartTask& start) const {
      return "start " + std::to_string(start.task.attempt.value);
    }
    std::string operator()(const StopTask& stop) const {
      return "stop " + std::to_string(stop.attempt.value);
    }
    std::string operator()(const RevokeTask& revoke) const {
      return "revoke " + std::to_string(revoke.attempt.value);
    }
    std::string operator()(const TakeOutput& take) const {
      return "take " + std::to_string(take.attempt.value) + " to " + std::to_string(take.taken);
    }
    std::string operator()(const DropOutput& drop) const {
      return "drop " + std::to_string(drop.attempt.value);
    }
    std::string operator()(const EndWorker& end) const {
      return "end " + std::to_string(static_cast<int>(end.status)) + (end.at_once ? "!" : "");
    }
    std::string operator()(const WorkerNote& note) const { return "note " + note.text; }
  };
  return std::visit(Words{}, action);
}

std::string in_short(const std::deque<WorkerAction>& actions) {
  std::string list;
  for (const WorkerAction& action : actions) {
    if (!list.empty()) list += ", ";
    list += in_short(action);
  }
  return list.empty() ? "-" : list;
}

WorkerOptions plain_options() {
  return {.uuid = {.low = 7, .high = 9}, .software = "test", .host = "here"};
}

WorkerRig::WorkerRig(WorkerOptions given)
    : terms{.features = given.features,
            .farm = 1,
            .incarnation = 1,
            .heartbeat = 2s,
            .suspect = 6s,
            .dead = 20s,
            .frame_bytes_max = limits::frame_bytes_max,
            .unacknowledged_max = limits::unacknowledged_results_max,
            .payload_bytes_max = limits::payload_bytes_max},
      options(given),
      worker(std::move(given)) {
  terms.session = SessionId{100};
}

WorkerRig::~WorkerRig() {
  if (std::uncaught_exceptions() > 0) return;
  INFO("nothing unclaimed");
  CHECK(in_short(unclaimed) == "-");
}

void WorkerRig::step(WorkerEvent event) {
  WorkerActions actions;
  worker.step(now, std::move(event), actions);
  take(std::move(actions));
}

void WorkerRig::pass(Duration duration) {
  now += duration;
  WorkerActions actions;
  worker.tick(now, actions);
  take(std::move(actions));
  // A deadline that has passed and stays would make the shell spin.
  CHECK(worker.next_deadline().value_or(Instant::max()) > now);
}

Duration WorkerRig::pass_to_deadline() {
  const std::optional<Instant> deadline = worker.next_deadline();
  REQUIRE(deadline.has_value());
  const Duration duration = std::max(*deadline - now, Duration::zero());
  pass(duration);
  return duration;
}

void WorkerRig::take(WorkerActions&& actions) {
  for (WorkerAction& action : actions) {
    if (const auto* send = std::get_if<WorkerSend>(&action)) {
      if (const auto* hello = std::get_if<Hello>(&send->message)) greeting_ = hello->greeting;
    }
    if (auto* note = std::get_if<WorkerNote>(&action)) {
      notes.push_back(std::move(*note));
    } else {
      unclaimed.push_back(std::move(action));
    }
  }
  const std::vector<std::string> violated = WorkerInvariants::check(worker);
  REQUIRE(violated == std::vector<std::string>{});
}

std::string WorkerRig::claim_all() {
  std::string list = in_short(unclaimed);
  unclaimed.clear();
  return list;
}

Hello WorkerRig::start() {
  step(WorkerStarted{});
  expect<OpenConnection>();
  return expect_sent<Hello>();
}

void WorkerRig::welcome(std::vector<Judgement> judgements) {
  terms.greeting = greeting_;
  terms.judgements = std::move(judgements);
  terms.session.value += 1;
  receive(terms);
}

void WorkerRig::start_and_welcome() {
  start();
  welcome();
  expect_nothing();
}

void WorkerRig::receive_task(std::uint64_t attempt, std::uint32_t acknowledged,
                             Duration time_limit) {
  receive(Task{.attempt = AttemptId{attempt},
               .group = GroupId{attempt},
               .acknowledged = acknowledged,
               .time_limit = time_limit,
               .task = TaskId{attempt},
               .payload = Payload::raw("?")});
}

std::uint32_t WorkerRig::run_task(std::uint64_t attempt, Duration time_limit) {
  receive_task(attempt, 0, time_limit);
  const StartTask start = expect<StartTask>();
  REQUIRE(start.task.attempt == AttemptId{attempt});
  return start.slot;
}

void WorkerRig::finish(std::uint32_t slot, std::uint64_t attempt) {
  step(TaskFinished{.slot = slot,
                    .attempt = AttemptId{attempt},
                    .result = {.busy = 3ms, .payload = Payload::raw("!")}});
}

void WorkerRig::do_task(std::uint64_t attempt) {
  finish(run_task(attempt), attempt);
  REQUIRE(expect_sent<Result>().attempt == AttemptId{attempt});
}

void WorkerRig::lose_connection() { step(WorkerConnectionLost{}); }

}  // namespace fanmill::core::test
