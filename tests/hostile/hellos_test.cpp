// Ten thousand hellos: by one connection and by ten thousand, of one worker and of ever new ones.
#include <iostream>

#include "catch.hpp"
#include "hostile_farm.hpp"
#include "net/identity.hpp"

using namespace fanmill;
using namespace fanmill::hostile_test;

namespace {

constexpr std::uint32_t hellos = 10'000;
constexpr std::size_t wave = 50;
// What memory may differ by after all have gone: free lists of the allocator and of libzmq.
constexpr std::size_t memory_slack = 8U << 20;

/// Memory before and after; the same, or something was kept.
class Flat {
 public:
  Flat(HostileFarm& farm, std::string what)
      : farm_(farm), what_(std::move(what)), before_(resident_bytes()) {}
  void check() const {
    farm_.farm().forget_observations();  // the fixture's, not the manager's
    const std::size_t after = resident_bytes();
    std::cout << what_ << ": " << (before_ >> 10) << " KiB before, " << (after >> 10)
              << " KiB after" << std::endl;
    if (!is_sanitized()) CHECK(after < before_ + memory_slack);
  }

 private:
  HostileFarm& farm_;
  std::string what_;
  std::size_t before_;
};

struct Told {
  std::size_t welcome = 0;
  std::size_t limit = 0;
};

/// Connections that say hello, all at once; then they go. What they were told.
Told say_hello(HostileFarm& farm, const KeyHolder& key, core::Uuid worker, std::uint32_t greeting) {
  std::vector<std::unique_ptr<Peer>> peers;
  for (std::size_t i = 0; i < wave; ++i) {
    peers.push_back(farm.connect(key));
    core::Hello& hello = peers.back()->hello;
    hello.uuid = worker.valid() ? worker : net::random_uuid();
    hello.greeting = greeting + static_cast<std::uint32_t>(i);
    peers.back()->send(hello);
    // Of the same worker an older greeting that comes later is a repetition: not answered.
    if (worker.valid()) (void)peers.back()->wait_for<core::Welcome>();
  }
  Told told;
  for (const auto& peer : peers) {
    if (worker.valid()) {
      told.welcome += 1;
      if (peer == peers.back()) continue;
      CHECK(peer->wait_for<core::Refuse>().code == core::RefuseCode::replaced);
      continue;
    }
    const core::Message message = peer->receive();
    if (std::holds_alternative<core::Welcome>(message)) {
      told.welcome += 1;
    } else {
      const auto& refuse = std::get<core::Refuse>(message);
      CHECK(refuse.code == core::RefuseCode::limit);
      CHECK(refuse.retry > Duration::zero());
      CHECK_FALSE(refuse.words.empty());
      told.limit += 1;
    }
  }
  return told;
}

}  // namespace

TEST_CASE("ten thousand hellos of one worker by one connection are ten thousand welcomes") {
  HostileFarm farm;
  const auto peer = farm.connect(farm.liar);
  (void)peer->join();
  const Flat memory(farm, "ten thousand hellos of one worker");
  for (std::uint32_t i = 0; i < hellos; ++i) peer->send(peer->next_hello());
  core::Welcome welcome;
  for (std::uint32_t i = 0; i < hellos; ++i) welcome = peer->wait_for<core::Welcome>();
  CHECK(welcome.greeting == peer->hello.greeting);
  memory.check();
  CHECK(farm.counters().sessions_resumed == hellos);
  farm.farm().wait_until([](const core::Manager& manager) { return manager.worker_count() == 2; });
  // The same one again: repetitions, which nobody answers.
  for (std::uint32_t i = 0; i < hellos; ++i) peer->send(peer->hello);
  peer->send(core::Heartbeat{.session = welcome.session, .echo = true});
  CHECK(std::holds_alternative<core::Heartbeat>(peer->receive()));
  CHECK(farm.counters().hellos_stale == hellos);
  memory.check();
  farm.check_unharmed();
}

TEST_CASE("ten thousand workers on one connection are each welcomed or refused, one at a time") {
  HostileFarm farm;
  const auto peer = farm.connect(farm.liar);
  (void)peer->join();
  const Flat memory(farm, "ten thousand workers by one connection");
  std::uint32_t welcomed = 0;
  std::uint32_t refused = 0;
  for (std::uint32_t i = 0; i < hellos; ++i) {
    peer->hello.uuid = net::random_uuid();
    peer->send(peer->next_hello());
    const core::Message message = peer->receive();
    const auto* refuse = std::get_if<core::Refuse>(&message);
    if (refuse == nullptr) {
      REQUIRE(std::holds_alternative<core::Welcome>(message));
      welcomed += 1;
    } else {
      REQUIRE(refuse->code == core::RefuseCode::protocol);
      refused += 1;
    }
  }
  CHECK(welcomed == hellos / 2);
  CHECK(refused == hellos / 2);
  memory.check();
  farm.check_unharmed();
}

TEST_CASE("ten thousand connections that say hello leave nothing behind") {
  HostileFarm farm;
  const core::Uuid one = net::random_uuid();
  Told told;
  std::uint32_t greeting = 1;
  const auto say = [&](const KeyHolder& key, core::Uuid worker) {
    const Told more = say_hello(farm, key, worker, greeting);
    greeting += wave;
    told.welcome += more.welcome;
    told.limit += more.limit;
    farm.wait_until_alone();
    return more;
  };
  // Tables, free lists and the like have their size after the first of each.
  for (const KeyHolder* key : {&farm.liar, &farm.bounded}) {
    (void)say(*key, one);
    (void)say(*key, {});
  }
  const std::size_t connections = is_sanitized() ? 250 : 2'500;  // of each of four kinds
  const Flat memory(farm, std::to_string(4 * connections) + " connections that said hello");
  for (std::size_t done = 0; done < connections; done += wave) {
    CHECK(say(farm.liar, one).welcome == wave);
    CHECK(say(farm.liar, {}).welcome == wave);
    CHECK(say(farm.bounded, one).welcome == wave);  // it moves, and so has one session only
    const Told bounded = say(farm.bounded, {});
    CHECK(bounded.welcome == farm.bounded.sessions_max);
    CHECK(bounded.limit == wave - farm.bounded.sessions_max);
    if (done % 500 == 0) farm.check_unharmed();
  }
  memory.check();
  farm.check_unharmed();
  CHECK(farm.counters().workers_lost + farm.counters().sessions_resumed >= told.welcome - 1);
}
