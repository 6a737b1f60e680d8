// A core::Worker on a bench: steps it, checks its invariants after every step, and hands its
// actions to the test one by one. A rig that goes out of scope with an action that nobody claimed
// fails its test.
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "core/worker.hpp"

namespace fanmill::core::test {

using namespace std::chrono_literals;

/// In one or two words: "hello", "start 7", "end 5".
std::string in_short(const WorkerAction& action);
/// All of them, notes left out, separated by commas; "-" if there are none.
std::string in_short(const std::deque<WorkerAction>& actions);

/// A worker with fixed ids and one slot.
WorkerOptions plain_options();

class WorkerRig {
 public:
  explicit WorkerRig(WorkerOptions given = plain_options());
  ~WorkerRig();
  WorkerRig(const WorkerRig&) = delete;
  WorkerRig& operator=(const WorkerRig&) = delete;

  void step(WorkerEvent event);
  void receive(Message message) { step(WorkerMessageReceived{std::move(message)}); }
  /// Goes to that later moment at once and ticks once.
  void pass(Duration duration);
  /// Goes to the next deadline and ticks. Returns how far that was.
  Duration pass_to_deadline();

  /// Claims the next action, which must be of this kind.
  template <typename Action>
  Action expect() {
    INFO("unclaimed: " << in_short(unclaimed));
    REQUIRE_FALSE(unclaimed.empty());
    REQUIRE(std::holds_alternative<Action>(unclaimed.front()));
    Action action = std::get<Action>(std::move(unclaimed.front()));
    unclaimed.pop_front();
    return action;
  }
  /// Claims the next action, which must send a message of this kind.
  template <typename Kind>
  Kind expect_sent() {
    INFO("unclaimed: " << in_short(unclaimed));
    REQUIRE_FALSE(unclaimed.empty());
    WorkerSend sent = expect<WorkerSend>();
    REQUIRE(std::holds_alternative<Kind>(sent.message));
    return std::get<Kind>(std::move(sent.message));
  }
  void expect_nothing() {
    INFO("unclaimed: " << in_short(unclaimed));
    REQUIRE(unclaimed.empty());
  }
  /// Claims all that is left, in short.
  std::string claim_all();

  // The usual beginnings. Each claims what it causes.
  Hello start();
  void welcome(std::vector<Judgement> judgements = {});
  void start_and_welcome();
  /// A task with this attempt number, of a group of the same number.
  void receive_task(std::uint64_t attempt, std::uint32_t acknowledged = 0,
                    Duration time_limit = {});
  /// The same, and it starts.
  std::uint32_t run_task(std::uint64_t attempt, Duration time_limit = {});
  /// The function of that slot returned, with a result.
  void finish(std::uint32_t slot, std::uint64_t attempt);
  /// Task taken, run, and its result sent.
  void do_task(std::uint64_t attempt);
  void lose_connection();

  /// What the manager would say; `welcome` sends it with the latest greeting and a new session.
  Welcome terms;
  WorkerOptions options;
  Worker worker;
  Instant now{1h};
  std::deque<WorkerAction> unclaimed;
  std::vector<WorkerNote> notes;

 private:
  void take(WorkerActions&& actions);
  std::uint32_t greeting_ = 0;  // of the latest hello that the worker said
};

}  // namespace fanmill::core::test
