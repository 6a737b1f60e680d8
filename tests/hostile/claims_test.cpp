// Accepted peers that speak for what is not theirs: attempts of others, tasks never given, sessions.
#include <random>
#include <set>

#include "catch.hpp"
#include "codec/samples.hpp"
#include "hostile_farm.hpp"

using namespace fanmill;
using namespace fanmill::hostile_test;

namespace {

constexpr std::uint64_t id_base = std::uint64_t{3} << 40;
constexpr const char* forged = "forged";

/// Everything that a worker may say of an attempt.
std::vector<core::Message> words_about(AttemptId attempt) {
  using core::AttemptOutcome;
  std::vector<core::Message> all = {
      core::Result{.attempt = attempt, .payload = Payload::raw(forged)},
      core::Result{.attempt = attempt, .nothing = true},
      core::Killed{.attempt = attempt},
      core::Killed{.attempt = attempt, .unstarted = true},
      core::Output{.attempt = attempt, .offset = 0, .bytes = Bytes(forged)},
      core::Output{.attempt = attempt, .offset = ~std::uint64_t{0} - 65536, .bytes = Bytes(forged)},
  };
  for (const AttemptOutcome outcome : {AttemptOutcome::failed, AttemptOutcome::crashed,
                                       AttemptOutcome::time_limit, AttemptOutcome::rejected}) {
    all.emplace_back(core::Result{.attempt = attempt, .outcome = outcome, .error_text = forged});
  }
  return all;
}

/// Waits until the manager has taken all that this peer has said, in its session.
void fence(HostileFarm& farm, Peer& peer, SessionId session) {
  const std::uint64_t before = farm.counters().messages_unknown;
  peer.send(core::Heartbeat{.session = session});
  // Of a kind that nobody knows: it is counted, and only in a session.
  peer.send({codec_test::poked(test::frames_of(core::Who{1, 1}).front(), 12, std::uint16_t{255})});
  bool is_open = false;
  farm.farm().wait_until([&](const core::Manager& manager) {
    is_open = !manager.worker_name(session).empty();
    return manager.counters().messages_unknown > before;
  });
  CHECK(is_open);
}

}  // namespace

TEST_CASE("what a peer says of an attempt of another has no effect") {
  HostileFarm farm;
  const std::uint64_t held = farm.submit_held();  // attempt 1
  const AttemptId others{id_base + 1};
  for (const KeyHolder* key : {&farm.liar, &farm.honest}) {  // also another worker of the same key
    CAPTURE(key->name);
    const core::Counters before = farm.counters();
    const auto peer = farm.connect(*key);
    const SessionId own = peer->join().session;
    fence(farm, *peer, own);  // from here on it is known that the peer is in this session
    for (const core::Message& message : words_about(others)) peer->send(message);
    // As if it had started what it was not given, and for the other's session.
    peer->send(core::Heartbeat{.session = own, .started = ~std::uint32_t{0}});
    peer->send(core::Heartbeat{.session = SessionId{id_base + 1}, .started = 1});
    peer->send(core::Goodbye{.session = SessionId{id_base + 1}, .drain = true});
    peer->send(core::Goodbye{.session = SessionId{id_base + 1}});
    fence(farm, *peer, own);
    const core::Counters after = farm.counters();
    CHECK(after.results_unknown - before.results_unknown == 6);
    CHECK(after.outputs_unknown - before.outputs_unknown == 2);
    CHECK(after.messages_unexpected - before.messages_unexpected == 3);
    CHECK(after.tasks_requeued == 0);
    CHECK(after.tasks_failed == 0);
    farm.check_unharmed();
  }
  farm.release();
  farm.check_answer(held, "held");
  farm.wait_until_alone();
}

TEST_CASE("a hello that names attempts of others as held is told to end them") {
  HostileFarm farm;
  const std::uint64_t held = farm.submit_held();
  for (const auto state :
       {core::HoldingState::running, core::HoldingState::unstarted, core::HoldingState::result}) {
    CAPTURE(static_cast<int>(state));
    const std::uint64_t refused = farm.counters().claims_refused;
    const auto peer = farm.connect(farm.liar);
    peer->hello.holdings = {{AttemptId{id_base + 1}, state}};
    peer->hello.resume = SessionId{id_base + 1};
    peer->hello.farm = farm.default_options().farm;
    peer->hello.incarnation = 3;
    const core::Welcome welcome = peer->join();
    REQUIRE(welcome.judgements.size() == 1);
    CHECK(welcome.judgements.front().verdict != core::Verdict::keep);
    CHECK(farm.counters().claims_refused == refused + 1);
    // It does not do as it was told.
    for (const core::Message& message : words_about(AttemptId{id_base + 1})) peer->send(message);
    fence(farm, *peer, welcome.session);
    farm.check_unharmed();
  }
  farm.release();
  farm.check_answer(held, "held");
  farm.wait_until_alone();
}

TEST_CASE("a hello that names as many attempts as it can costs nothing when it has gone") {
  HostileFarm farm;
  const std::uint64_t held = farm.submit_held();
  std::mt19937_64 random(seed_of(11));
  for (int round = 0; round < 20; ++round) {
    const auto peer = farm.connect(farm.liar);
    peer->hello.slots = round % 2 == 0 ? 1 : limits::slots_max;
    std::set<std::uint64_t> ids;
    // Of this manager, around the newest, and of all that there ever could be.
    for (std::uint64_t i = 1; i <= 1000; ++i) ids.insert(id_base + i);
    for (std::uint64_t i = 1; i <= 1000; ++i) ids.insert((std::uint64_t{2} << 40) + i);
    while (ids.size() < limits::holdings_max) ids.insert(random() | 1U);
    for (const std::uint64_t id : ids) {
      const auto state = static_cast<core::HoldingState>(1 + random() % 3);
      peer->hello.holdings.push_back({AttemptId{id}, state});
    }
    const core::Welcome welcome = peer->join();
    CHECK(welcome.judgements.size() == ids.size());
    for (const core::Judgement& each : welcome.judgements) {
      if (each.verdict == core::Verdict::keep) FAIL("attempt " << each.attempt << " was kept");
    }
    if (round % 2 == 0) peer->send(core::Goodbye{.session = welcome.session});
  }
  farm.check_unharmed();
  farm.release();
  farm.check_answer(held, "held");
  farm.wait_until_alone();
}

TEST_CASE("results of tasks that will be given later are not taken for them") {
  HostileFarm farm;
  const auto peer = farm.connect(farm.liar);
  const SessionId own = peer->join().session;
  for (std::uint64_t next = 1; next <= 200; ++next) {
    for (const core::Message& message : words_about(AttemptId{id_base + next})) peer->send(message);
  }
  fence(farm, *peer, own);
  CHECK(farm.counters().results_unknown == 1200);
  // They get the ids that were spoken of.
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) texts.push_back("task " + std::to_string(i));
  const std::uint64_t item = farm.submit("honest", texts);
  for (std::size_t i = 0; i < texts.size(); ++i) farm.check_answer(item + i, texts[i]);
  CHECK(farm.counters().results_late == 0);
  farm.check_unharmed();
}

TEST_CASE("a task is answered once, whatever its worker says of it afterwards") {
  HostileFarm farm;
  const auto peer = farm.connect(farm.liar);
  const SessionId own = peer->join().session;
  const std::uint64_t item = farm.submit("hostile", {"one"});
  const auto task = peer->wait_for<core::Task>();
  peer->send(core::Result{.attempt = task.attempt, .payload = Payload::raw("first")});
  for (const core::Message& message : words_about(task.attempt)) peer->send(message);
  fence(farm, *peer, own);
  CHECK(farm.farm().wait_for_item(item).result.answers.front().payload.bytes.view() == "first");
  CHECK(farm.counters().groups_ended == 1);
  CHECK(farm.counters().results_unknown == 6);
  farm.check_unharmed();
}

TEST_CASE("who repeats a worker's hello with another key is one more worker, with nothing") {
  HostileFarm farm;
  const auto victim = farm.connect(farm.liar);
  const core::Welcome welcome = victim->join();
  const std::uint64_t item = farm.submit("hostile", {"one"});
  const auto task = victim->wait_for<core::Task>();
  const auto thief = farm.connect(farm.thief);
  thief->hello = victim->hello;
  thief->hello.resume = welcome.session;
  thief->hello.holdings = {{task.attempt, core::HoldingState::running}};
  const core::Welcome stolen = thief->join();
  CHECK(stolen.session != welcome.session);
  REQUIRE(stolen.judgements.size() == 1);
  CHECK(stolen.judgements.front().verdict == core::Verdict::kill);
  for (const core::Message& message : words_about(task.attempt)) thief->send(message);
  fence(farm, *thief, stolen.session);
  // The victim goes on in its session.
  victim->send(core::Result{.attempt = task.attempt, .payload = Payload::raw("mine")});
  CHECK(farm.farm().wait_for_item(item).result.answers.front().payload.bytes.view() == "mine");
  fence(farm, *victim, welcome.session);
  farm.check_unharmed();
}
