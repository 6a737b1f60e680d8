// Credit: how many tasks a worker is given, by what its latest tasks took.
#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

ManagerOptions adapting(std::uint32_t prefetch_most = 50) {
  ManagerOptions options = bench_options();
  options.prefetch = 1;
  options.prefetch_most = prefetch_most;
  return options;
}

Guest in_threads() {
  Guest guest;
  guest.containment = Containment::stop_token;
  return guest;
}

/// A farm with one worker and more tasks than it will be given.
struct CreditFarm : ManagerFixture {
  explicit CreditFarm(ManagerOptions options = adapting(), const Guest& guest = {})
      : ManagerFixture(options) {
    join(1, guest);
    race(2000, Policy::all());
    given_ = count_given();
  }

  /// The oldest task ended after so long. Returns how many the worker holds then.
  std::size_t answer(Duration busy) {
    Result result = result_of(++answered_);
    result.busy = busy;
    say(1, std::move(result));
    given_ += count_given();
    return given_ - answered_;
  }
  std::size_t held() const { return given_ - answered_; }

 private:
  std::size_t count_given() {
    std::size_t count = 0;
    for (const ManagerAction& action : unclaimed) {
      if (const Send* send = std::get_if<Send>(&action))
        count += std::holds_alternative<Task>(send->message) ? 1 : 0;
    }
    unclaimed.clear();
    return count;
  }

  std::size_t given_ = 0;
  std::uint64_t answered_ = 0;
};

}  // namespace

TEST_CASE("a worker whose tasks are short is given more, by one for each result",
          "[unit][manager]") {
  CreditFarm farm;
  CHECK(farm.held() == 2);
  CHECK(farm.answer(10us) == 3);
  CHECK(farm.answer(10us) == 4);
  for (int i = 0; i < 200; ++i) farm.answer(10us);
  CHECK(farm.held() == 51);  // one runs, fifty wait
}

TEST_CASE("as many wait at a worker as take 5 ms, in processes of their own 10 ms",
          "[unit][manager]") {
  CreditFarm farm(adapting(), in_threads());
  CreditFarm processes;
  for (int i = 0; i < 200; ++i) {
    farm.answer(500us);
    processes.answer(500us);
  }
  CHECK(farm.held() == 11);
  CHECK(processes.held() == 21);
}

TEST_CASE("with several slots each has its share of what waits", "[unit][manager]") {
  Guest guest = in_threads();
  guest.slots = 4;
  CreditFarm farm(adapting(), guest);
  CHECK(farm.held() == 8);
  for (int i = 0; i < 400; ++i) farm.answer(500us);
  CHECK(farm.held() == 44);
}

TEST_CASE("credit falls at once when tasks become long", "[unit][manager]") {
  CreditFarm farm;
  for (int i = 0; i < 200; ++i) farm.answer(10us);
  // What it holds is used up before it is given more than one beside the running one.
  CHECK(farm.answer(10s) == 50);
  while (farm.held() > 2) farm.answer(10s);
  CHECK(farm.answer(10s) == 2);
}

TEST_CASE("long tasks leave credit where it is", "[unit][manager]") {
  CreditFarm farm;
  for (int i = 0; i < 20; ++i) CHECK(farm.answer(1s) == 2);
}

TEST_CASE("what goes wrong at once earns no credit", "[unit][manager]") {
  CreditFarm farm;
  for (std::uint64_t serial = 1; serial <= 20; ++serial) {
    farm.say(1, failure_of(serial));
    farm.unclaimed.clear();
  }
  CHECK(farm.manager.workers().front().held == 2);
}

TEST_CASE("a worker held up by a long task gets no more, and gives back what waits",
          "[unit][manager]") {
  CreditFarm farm;
  for (int i = 0; i < 200; ++i) farm.answer(10us);
  REQUIRE(farm.held() == 51);
  // Busy, but not for long: it keeps what it has.
  farm.pass(limits::prefetch_patience / 2);
  CHECK(farm.take() == "-");
  farm.join(2, {.prefetch = 1});
  farm.take();
  for (std::uint32_t i = 0; i < 100; ++i) farm.race(1, Policy::all());
  farm.take();
  // At the next heartbeat all but the one that it would always have is asked back, though the other
  // worker is busy as well.
  farm.pass(bench_options().heartbeat);
  const std::string orders = farm.take();
  CHECK(std::count(orders.begin(), orders.end(), 'r') == 49);  // 49 recalls
  CHECK_THAT(orders, ContainsSubstring("1: recall 251"));
}

TEST_CASE("what waits behind a long task comes back also when its worker was offered more",
          "[unit][manager]") {
  CreditFarm farm;
  for (int i = 0; i < 200; ++i) farm.answer(10us);
  REQUIRE(farm.held() == 51);
  // One of them is wanted no more, so there is room for another, which is not used.
  farm.now += 2 * limits::prefetch_patience;
  farm.say(1, killed(251, true));
  farm.unclaimed.clear();
  farm.pass(bench_options().heartbeat);
  const std::string orders = farm.take();
  CHECK(std::count(orders.begin(), orders.end(), 'r') >= 45);
}

TEST_CASE("credit that somebody fixed does not move", "[unit][manager]") {
  SECTION("the manager") {
    ManagerOptions options = adapting(0);
    options.prefetch = 3;
    CreditFarm farm(options);
    for (int i = 0; i < 50; ++i) CHECK(farm.answer(10us) == 4);
  }
  SECTION("the worker") {
    CreditFarm farm(adapting(), {.prefetch = 3});
    for (int i = 0; i < 50; ++i) CHECK(farm.answer(10us) == 4);
  }
  SECTION("a worker without heartbeats computes on its only thread") {
    CreditFarm farm(adapting(), {.features = plain_features});
    for (int i = 0; i < 50; ++i) CHECK(farm.answer(10us) == 1);
  }
}

TEST_CASE("what is sent ahead is spread over the workers", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.prefetch = 9;
  ManagerFixture farm(options);
  farm.join(1);
  farm.join(2);
  farm.race(10, Policy::all());
  std::map<std::uint64_t, int> given;
  for (const ManagerAction& action : farm.unclaimed) given[std::get<Send>(action).peer.value] += 1;
  farm.unclaimed.clear();
  CHECK(given[1] == 5);
  CHECK(given[2] == 5);
}

}  // namespace fanmill::core::test
