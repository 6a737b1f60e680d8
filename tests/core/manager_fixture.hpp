// A core::Manager on a bench, with workers that say hello and a job that takes groups. It tells the
// time, checks ManagerInvariants after every step and keeps the manager's orders until the test
// claims them. A fixture that goes out of scope with an order that nobody claimed, or whose
// manager keeps anything after its shutdown, fails its test.
//
// Numbers are small: peers as the test numbers them; attempts, groups and sessions by their serial
// numbers, which count from 1 in the order in which they are made; items from 0 in the order of
// their submission. Each submitted task's payload is "item.task", as in "0.2".
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "core/manager.hpp"
#include "core/manager_invariants.hpp"

namespace fanmill::core::test {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

/// An order in a few words: "1: task 7 (0.2)", "1: kill 7", "item 0 decided by 2", "forget 1".
std::string in_short(const ManagerAction& action);

/// What a worker says in its hello. By default it is on another host and has all features.
struct Guest {
  std::uint64_t worker = 0;    // its uuid; 0: the number of its peer
  std::uint32_t greeting = 0;  // 0: one higher than its last
  std::uint16_t slots = 1;
  std::uint32_t prefetch = 0;
  bool same_host = false;
  FeatureSet features = feature::heartbeat | feature::kill | feature::time_limit;
  EncodingSet encodings =
      encoding_bit(Encoding::object) | encoding_bit(Encoding::json) | encoding_bit(Encoding::raw);
  Containment containment = Containment::cgroup;
  std::vector<std::string> functions = {""};
  std::vector<Holding> holdings = {};
};

/// Its only thread computes: no heartbeats, no kill of what runs.
inline constexpr FeatureSet plain_features = 0;

/// The defaults, but no prefetch: a worker with one slot gets one task. And results are acknowledged
/// in the turn that brings them.
ManagerOptions bench_options();

AttemptId attempt(std::uint64_t serial, std::uint32_t incarnation = 1);
Holding running(std::uint64_t attempt_serial);
Holding unstarted(std::uint64_t attempt_serial);
Holding with_result(std::uint64_t attempt_serial);
Result result_of(std::uint64_t attempt_serial, std::string_view text = "1");
Result nothing_of(std::uint64_t attempt_serial);
Result failure_of(std::uint64_t attempt_serial, AttemptOutcome outcome = AttemptOutcome::failed);
Killed killed(std::uint64_t attempt_serial, bool unstarted = false);

class ManagerFixture {
 public:
  explicit ManagerFixture(ManagerOptions options = bench_options());
  ~ManagerFixture();
  ManagerFixture(const ManagerFixture&) = delete;
  ManagerFixture& operator=(const ManagerFixture&) = delete;

  // Facts. `turn` is one turn of the loop, the step and the tick; so are all that follow it.
  void step(ManagerEvent event);
  void tick();
  void turn(ManagerEvent event);
  /// Ticks at every deadline on the way, like the shell. Heartbeats that only show that the manager
  /// lives are claimed here.
  void pass(Duration duration);
  Hello hello_of(std::uint64_t peer, const Guest& guest);
  void greet(std::uint64_t peer, const Guest& guest = {});
  /// Greets, and claims the welcome, leaving what was ordered before and after it.
  Welcome join(std::uint64_t peer, const Guest& guest = {});
  void say(std::uint64_t peer, Message message);
  void beat(std::uint64_t peer, std::uint32_t started = 0, bool echo = false);
  void lose(std::uint64_t peer);
  /// The latest that a welcome to this peer named.
  [[nodiscard]] SessionId session_of(std::uint64_t peer) const { return sessions_.at(peer); }

  // Jobs. The first is open from the start, without retries.
  void open_job(JobOptions options);
  void submit(std::vector<TaskSpec> tasks, Policy policy = Policy::first());
  /// One group of so many tasks.
  void race(std::uint32_t tasks, Policy policy = Policy::first());
  /// So many groups of one task each.
  void items(std::uint32_t count);
  void update(std::uint64_t item, std::uint32_t add, bool replace = false);
  void decide(std::uint64_t item);
  [[nodiscard]] GroupId group_of(std::uint64_t item) const { return groups_.at(item); }

  // Claims.
  /// All orders since the last claim, in short, separated by commas; "-" if there are none.
  std::string take();
  /// The next order, which must be of this kind.
  template <typename Action>
  Action expect() {
    INFO("unclaimed: " << unclaimed_in_short());
    REQUIRE_FALSE(unclaimed.empty());
    REQUIRE(std::holds_alternative<Action>(unclaimed.front()));
    Action action = std::get<Action>(std::move(unclaimed.front()));
    unclaimed.pop_front();
    return action;
  }
  /// The next order, which must send a message of this kind to this peer.
  template <typename Kind>
  Kind expect_sent(std::uint64_t peer) {
    Send sent = expect<Send>();
    INFO("sent: " << in_short(ManagerAction(sent)));
    REQUIRE(sent.peer == PeerId{peer});
    REQUIRE(std::holds_alternative<Kind>(sent.message));
    return std::get<Kind>(std::move(sent.message));
  }
  [[nodiscard]] const Counters& counters() const { return manager.counters(); }
  /// Closes the job: it must end at once, and leave nothing.
  void check_empty();

  Manager manager;
  Instant now{1h};
  std::deque<ManagerAction> unclaimed;

 private:
  [[nodiscard]] std::string unclaimed_in_short() const;
  void name_task(std::uint64_t item, TaskSpec& spec);
  void take_in(ManagerActions&& actions);

  JobId job_{1};
  std::uint64_t items_ = 0;
  std::map<std::uint64_t, SessionId> sessions_;         // by peer
  std::map<std::uint64_t, std::uint32_t> greetings_;    // by worker
  std::map<std::uint64_t, GroupId> groups_;             // by item
  std::map<std::uint64_t, std::uint32_t> tasks_given_;  // by item
};

}  // namespace fanmill::core::test
