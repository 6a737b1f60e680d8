// All that an honest session said, said again: in order, backwards, shuffled; from the same
// connection, another of the same key, and another key.
#include <algorithm>
#include <cstdio>
#include <random>

#include "catch.hpp"
#include "hostile_farm.hpp"

using namespace fanmill;
using namespace fanmill::hostile_test;

namespace {

using Record = std::vector<std::vector<std::string>>;

constexpr std::size_t tasks_of_session = 20;

/// A session as it should be, from hello to goodbye.
Record honest_session(HostileFarm& farm, const KeyHolder& key) {
  Record record;
  const auto peer = farm.connect(key);
  peer->record = &record;
  const SessionId session = peer->join().session;
  const std::vector<std::string> texts(tasks_of_session, "recorded");
  const std::uint64_t item = farm.submit("hostile", texts);
  for (std::size_t i = 0; i < tasks_of_session; ++i) {
    const auto task = peer->wait_for<core::Task>();
    peer->send(core::Heartbeat{.session = session, .started = static_cast<std::uint32_t>(i + 1)});
    peer->send(core::Result{.attempt = task.attempt, .payload = Payload::raw("recorded answer")});
  }
  for (std::size_t i = 0; i < tasks_of_session; ++i) (void)farm.farm().wait_for_item(item + i);
  peer->send(core::Goodbye{.session = session, .words = "done"});
  farm.farm().wait_until([](const core::Manager& manager) { return manager.worker_count() == 1; });
  return record;
}

/// Says all of it, then waits until the manager has read it.
void say(HostileFarm& farm, Peer& peer, const Record& record) {
  const std::uint64_t before = farm.farm().loop().counters().messages_in;
  for (const auto& frames : record) peer.send(frames);
  farm.farm().wait_until_counters(
      [&](const net::LoopCounters& now) { return now.messages_in >= before + record.size(); });
}

}  // namespace

TEST_CASE("a session that is said again, in whatever order and by whomever, changes no outcome") {
  HostileFarm farm;
  std::mt19937_64 random(seed_of(4711));
  const Record record = honest_session(farm, farm.liar);
  REQUIRE(record.size() == 2 + 2 * tasks_of_session);
  std::vector<Record> orders = {record, Record(record.rbegin(), record.rend())};
  for (int i = 0; i < 8; ++i) {
    orders.push_back(record);
    std::shuffle(orders.back().begin(), orders.back().end(), random);
  }

  // While they are said, tasks are open: one at the honest worker, others at a peer that waits.
  const std::uint64_t held = farm.submit_held();
  const auto waits = farm.connect(farm.thief);
  const SessionId waiting = waits->join().session;
  const std::uint64_t item = farm.submit("hostile", {"mine"});
  const auto task = waits->wait_for<core::Task>();
  const core::Counters before = farm.counters();

  const auto same = farm.connect(farm.liar);
  (void)same->join();
  for (const Record& order : orders) {
    say(farm, *same, order);  // again and again by one connection
    for (const KeyHolder* key : {&farm.liar, &farm.thief}) {
      const auto other = farm.connect(*key);
      say(farm, *other, order);
    }
    farm.check_unharmed();
  }
  const core::Counters after = farm.counters();
  CHECK(after.tasks_failed == 0);
  CHECK(after.results_late == 0);
  CHECK(after.messages_malformed == 0);
  CHECK(after.groups_ended - before.groups_ended == 2 * orders.size());  // those of check_unharmed
  std::printf("%zu messages said again; %llu results of nobody's attempts, %llu hellos stale\n",
              3 * orders.size() * record.size(),
              static_cast<unsigned long long>(after.results_unknown - before.results_unknown),
              static_cast<unsigned long long>(after.hellos_stale - before.hellos_stale));
  CHECK(after.results_unknown > before.results_unknown);

  waits->send(core::Heartbeat{.session = waiting, .echo = true});
  CHECK(waits->wait_for<core::Heartbeat>().session == waiting);
  waits->send(core::Result{.attempt = task.attempt, .payload = Payload::raw("true")});
  CHECK(farm.farm().wait_for_item(item).result.answers.front().payload.bytes.view() == "true");
  farm.release();
  farm.check_answer(held, "held");
}

TEST_CASE("messages of a session in a wrong order cost nobody else anything") {
  HostileFarm farm;
  std::mt19937_64 random(seed_of(815));
  // What a peer says of its own tasks, shuffled and each up to three times, while it is given more.
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    const auto peer = farm.connect(farm.liar);
    const SessionId session = peer->join().session;
    farm.submit("hostile", {"a", "b"});
    const auto first = peer->wait_for<core::Task>();
    Record record;
    for (const core::Message& message : std::vector<core::Message>{
             core::Heartbeat{.session = session, .started = 2},
             core::Heartbeat{.session = session, .started = 1},
             core::Result{.attempt = first.attempt, .payload = Payload::raw("x")},
             core::Killed{.attempt = first.attempt},
             core::Result{.attempt = first.attempt,
             .outcome = core::AttemptOutcome::failed,
             .error_text = "x"},
             core::Goodbye{.session = session, .drain = true},
             core::Output{.attempt = first.attempt, .offset = 0, .bytes = Bytes("x")},
             core::Goodbye{.session = session},
             core::Message{peer->hello},
         }) {
      for (std::uint64_t i = 0; i <= random() % 3; ++i) record.push_back(test::frames_of(message));
    }
    std::shuffle(record.begin(), record.end(), random);
    say(farm, *peer, record);
    farm.check_unharmed();
  }
  // What those left open an honest worker finishes.
  farm.start_worker("hostile");
  farm.farm().wait_until([](const core::Manager& manager) {
    return manager.counters().groups_ended == manager.counters().groups_submitted;
  });
}
