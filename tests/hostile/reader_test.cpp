// A peer that takes tasks and never reads: what waits for it is bounded by its credit, others go on,
// and it is given up at last.
#include <iostream>

#include "catch.hpp"
#include "hostile_farm.hpp"

using namespace fanmill;
using namespace fanmill::hostile_test;
using namespace std::chrono_literals;

namespace {

core::ManagerOptions short_of_patience() {
  core::ManagerOptions options = HostileFarm::default_options();
  options.heartbeat = 250ms;
  options.suspect = 2s;
  options.dead = 4s;
  return options;
}

/// What the manager counts as held by it.
std::uint32_t held_by(HostileFarm& farm, SessionId session) {
  std::uint32_t held = 0;
  farm.farm().loop().query([&](const core::Manager& manager) {
    for (const core::WorkerInfo& each : manager.workers()) {
      if (each.session == session) held = each.held;
    }
  });
  return held;
}

SessionId session_of_honest(HostileFarm& farm) {
  SessionId session;
  farm.farm().loop().query(
      [&](const core::Manager& manager) { session = manager.workers().front().session; });
  return session;
}

/// Tasks for a peer that never reads are handed out until its credit is used up; then it is given
/// up, and an honest worker does them all.
void check_never_read(const std::vector<std::string>& texts, std::uint16_t slots,
                      std::uint32_t held_max, bool waits_here) {
  HostileFarm farm(short_of_patience());
  const SessionId honest = session_of_honest(farm);
  const auto peer = farm.connect(farm.liar, 1);
  peer->hello.slots = slots;
  peer->hello.prefetch = 7;
  peer->send(peer->next_hello());
  farm.farm().wait_until([](const core::Manager& manager) { return manager.worker_count() == 2; });
  const std::uint64_t item = farm.submit("hostile", texts);
  // It speaks, so that it is not given up before; the first session is the honest worker's.
  const SessionId own{honest.value + 1};
  farm.farm().wait_until([&](const core::Manager& manager) {
    peer->send(core::Heartbeat{.session = own});
    return manager.counters().attempts >= held_max;
  });
  if (waits_here) {
    farm.farm().wait_until_counters([&](const net::LoopCounters& now) {
      peer->send(core::Heartbeat{.session = own});
      return now.outboxes == 1;
    });
  }
  const std::uint32_t held = held_by(farm, own);
  std::cout << "held by a peer that never reads: " << held << " tasks of " << texts.size() << ", "
            << (held * texts.front().size() >> 10) << " KiB" << std::endl;
  CHECK(held <= held_max);
  farm.check_unharmed();
  // Silence ends it, and what waited for it goes with it.
  farm.farm().wait_until([](const core::Manager& manager) { return manager.worker_count() == 1; });
  farm.farm().wait_until_counters([](const net::LoopCounters& now) { return now.outboxes == 0; });
  farm.start_worker("hostile");
  for (std::size_t i = 0; i < texts.size(); i += texts.size() / 16)
    farm.check_answer(item + i, texts[i]);
  farm.farm().wait_until([](const core::Manager& manager) {
    return manager.counters().groups_ended == manager.counters().groups_submitted;
  });
  CHECK(farm.counters().tasks_ok == farm.counters().tasks_submitted);
}

}  // namespace

TEST_CASE("a peer that never reads holds no more bytes of tasks than its credit") {
  constexpr std::size_t size = 16U << 10;
  // (16 KiB divide it; a last task may begin below it and end beyond.)
  check_never_read(std::vector<std::string>(2'000, std::string(size, 'x')), limits::slots_max,
                   limits::credit_bytes / size, false);
}

TEST_CASE("a peer that never reads holds no more tasks than a hello can name") {
  check_never_read(std::vector<std::string>(40'000, "small"), limits::slots_max,
                   static_cast<std::uint32_t>(limits::tasks_held_in(limits::frame_bytes_max)),
                   true);
}

TEST_CASE("a peer that asks and never reads gets no more answers held than a queue takes") {
  HostileFarm farm;
  const auto peer = farm.connect(farm.liar, 1);
  peer->send(peer->next_hello());
  constexpr std::uint64_t count = 60'000;
  const std::uint64_t before = farm.farm().loop().counters().messages_in;
  for (std::uint64_t i = 0; i < count; ++i) peer->send(core::Heartbeat{.session = SessionId{1}});
  farm.farm().wait_until_counters(
      [&](const net::LoopCounters& now) { return now.messages_in >= before + count; });
  const net::LoopCounters counters = farm.farm().loop().counters();
  CHECK(counters.sends_dropped > 0);
  CHECK(counters.outboxes == 0);
  farm.check_unharmed();
}
