// Peers that say anything in any order, truths and lies, with clients that do anything that they
// may: no assertion and no invariant breaks, every group ends once, nothing is left behind.
#include <map>
#include <random>

#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

class Monkey {
 public:
  explicit Monkey(std::uint32_t seed) : random_(seed) {
    ManagerActions none;
    manager_.step(now_, JobOpened{.job = JobId{1}, .options = {.retries = 1}}, none);
  }

  void act() {
    now_ += std::chrono::milliseconds(below(32) == 0 ? below(9000) : below(200));
    step(event());
    if (below(2) == 0) {
      carry_out([&](ManagerActions& out) { manager_.tick(now_, out); });
      REQUIRE(ManagerInvariants::check_handed_out(manager_) == std::vector<std::string>{});
    }
  }

  void finish() {
    step(JobClosed{JobId{1}});
    step(JobCancelled{JobId{1}});
    step(ShutdownRequested{});
    CHECK(ManagerInvariants::leftovers(manager_) == std::vector<std::string>{});
    CHECK(jobs_over_ == 1);
    for (const auto& [item, ends] : ends_) CHECK(ends <= 1);
    const Counters& counters = manager_.counters();
    CHECK(counters.groups_ended == counters.groups_submitted);
    CHECK(counters.tasks_submitted == counters.tasks_ok + counters.tasks_failed +
                                          counters.tasks_quarantined + counters.tasks_killed +
                                          counters.tasks_dropped);
  }

 private:
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_()) % limit; }
  AttemptId any_attempt() {
    const std::uint64_t newest = manager_.counters().attempts;
    return attempt(newest + 2 - std::min<std::uint64_t>(newest + 1, below(8)));
  }
  /// Mostly one that this peer was given.
  AttemptId attempt_of(PeerId peer) {
    const std::vector<AttemptId>& given = given_[peer.value];
    return given.empty() || below(8) == 0 ? any_attempt() : given[random_() % given.size()];
  }
  SessionId session_of(PeerId peer) {
    return below(8) == 0 ? SessionId{attempt(1 + below(50)).value} : session_[peer.value];
  }

  ManagerEvent event() {
    const PeerId peer{1 + below(6)};
    switch (below(64)) {
      case 0:
        return below(4) == 0 ? ManagerEvent(MalformedReceived{peer, "nonsense"})
                             : ManagerEvent(DrainRequested{session_of(peer)});
      case 1:
        return ConnectionLost{peer};
      case 2:
        return LoopStalled{1ms};
      case 3:
      case 4:
      case 5:
        return MessageReceived{.peer = peer, .message = hello(peer), .address = "here"};
      case 6:
      case 7:
        return update(below(static_cast<std::uint32_t>(policies_.size()) + 1));
      case 8:
      case 9:
      case 10:
      case 11:
      case 12:
      case 13:
      case 14:
        policies_.push_back(policy());
        return GroupSubmitted{.job = JobId{1},
                              .item = policies_.size() - 1,
                              .policy = policies_.back(),
                              .tasks = tasks()};
      default:
        return MessageReceived{.peer = peer, .message = message(peer)};
    }
  }

  // Only groups of policy client are updated without a decision.
  ManagerEvent update(std::size_t item) {
    const bool client = item < policies_.size() && policies_[item].kind == Policy::Kind::client;
    return GroupUpdated{.group = GroupId{attempt(item + 1).value},
                        .add = tasks(),
                        .replace = client && below(3) == 0,
                        .done = !client || below(2) == 0};
  }

  Message message(PeerId peer) {
    switch (below(16)) {
      case 0:
        return below(4) == 0 ? Message(Goodbye{.session = session_of(peer), .drain = below(2) == 0})
                             : Message(Unknown{.kind = 50});
      case 1:
        return below(8) == 0 ? Message(Who{}) : Message(killed(1 + below(99)));
      case 9:
        return Output{.attempt = attempt_of(peer),
                      .offset = below(4) == 0 ? below(100) : 0,
                      .bytes = Bytes(std::string(1 + below(9), 'o'))};
      case 2:
      case 3:
      case 4:
        return Killed{.attempt = attempt_of(peer), .unstarted = below(2) == 0};
      case 5:
      case 6:
      case 7:
      case 8:
        return Heartbeat{.session = session_of(peer), .started = below(10), .echo = below(2) == 0};
      default:
        return core::Result{.attempt = attempt_of(peer),
                            .outcome = static_cast<AttemptOutcome>(below(8) < 6 ? 0 : below(5)),
                            .nothing = below(3) == 0};
    }
  }

  // Mostly the worker that always speaks over this connection, or over the one before it.
  Hello hello(PeerId peer) {
    Hello hello{.slots = static_cast<std::uint16_t>(1 + below(3)),
                .containment = below(2) == 0 ? Containment::process : Containment::cgroup,
                .features = below(64),
                .encodings = 15,
                .uuid = {.low = (peer.value + 1) / 2, .high = below(16) == 0 ? 1U : 0U},
                .boot = {.low = 1 + below(2), .high = 1},
                .greeting = ++greetings_ - below(2),
                .prefetch = below(3),
                .functions = {""}};
    for (const std::uint64_t before : {peer.value - 1, peer.value, peer.value + 1}) {
      for (const AttemptId given : given_[before]) {
        if (below(3) != 0)
          hello.holdings.push_back({given, static_cast<HoldingState>(1 + below(3))});
      }
    }
    if (below(8) == 0) hello.holdings.push_back({any_attempt(), HoldingState::running});
    return hello;
  }

  Policy policy() { return {static_cast<Policy::Kind>(below(6)), 1 + below(3)}; }
  std::vector<TaskSpec> tasks() {
    std::vector<TaskSpec> list(below(5));
    for (std::uint32_t i = 0; i < list.size(); ++i) {
      list[i] = {.payload = Payload::raw("xx"), .stage = i / 2, .time_limit = below(2) * 1s};
    }
    return list;
  }

  void step(ManagerEvent event) {
    carry_out([&](ManagerActions& out) { manager_.step(now_, std::move(event), out); });
  }

  template <typename Do>
  void carry_out(Do&& work) {
    ManagerActions actions;
    work(actions);
    for (const ManagerAction& action : actions) {
      if (const auto* end = std::get_if<DeliverGroupEnd>(&action)) ends_[end->item] += 1;
      if (std::holds_alternative<DeliverJobEnd>(action)) jobs_over_ += 1;
      if (const auto* send = std::get_if<Send>(&action)) note(*send);
    }
    REQUIRE(ManagerInvariants::check(manager_) == std::vector<std::string>{});
  }

  void note(const Send& send) {
    std::vector<AttemptId>& given = given_[send.peer.value];
    if (const auto* welcome = std::get_if<Welcome>(&send.message)) {
      session_[send.peer.value] = welcome->session;
      given.clear();
      for (const Judgement& judgement : welcome->judgements) given.push_back(judgement.attempt);
    }
    if (const auto* task = std::get_if<Task>(&send.message)) given.push_back(task->attempt);
    if (given.size() > 6) given.erase(given.begin());
  }

  static ManagerOptions options() {
    ManagerOptions options = bench_options();
    options.prefetch = 1;
    options.credit_bytes = 15;
    options.sessions_max = 4;
    return options;
  }

  std::mt19937 random_;
  Manager manager_{options()};
  Instant now_{1h};
  std::vector<Policy> policies_;  // by item
  std::uint32_t greetings_ = 1;
  int jobs_over_ = 0;
  std::map<std::uint64_t, std::vector<AttemptId>> given_;  // by peer, the latest few
  std::map<std::uint64_t, SessionId> session_;             // by peer, the latest
  std::map<std::uint64_t, int> ends_;
};

}  // namespace

TEST_CASE("no order of truths and lies breaks an invariant", "[unit][manager]") {
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    Monkey monkey(seed);
    for (int i = 0; i < 400; ++i) monkey.act();
    monkey.finish();
  }
}

}  // namespace fanmill::core::test
