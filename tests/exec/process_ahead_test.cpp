// Tasks that wait: at the keepers that run those before them, or for a keeper.
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <map>

#include "processes.hpp"

using namespace fanmill;
using namespace fanmill::test;
using Kind = Completion::Kind;

namespace {

std::string text_of(const Completion& completion) { return completion.payload.bytes.str(); }

/// A pipe that a task waits at, once, until somebody opens it.
class Gate {
 public:
  Gate() {
    std::string name = "/tmp/fanmill-gate.XXXXXX";
    folder_ = ::mkdtemp(name.data());
    REQUIRE(::mkfifo((folder_ + "/open").c_str(), 0600) == 0);
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { std::filesystem::remove_all(folder_); }

  /// A line of shell that waits.
  [[nodiscard]] std::string wait() const {
    return "touch " + folder_ + "/begun; cat " + folder_ + "/open";
  }
  [[nodiscard]] bool begun() const { return std::filesystem::exists(folder_ + "/begun"); }
  /// Waits until the task is there.
  void open() const { std::ofstream(folder_ + "/open").flush(); }

 private:
  std::string folder_;
};

std::map<std::uint32_t, Completion> by_place(std::vector<Completion> completions) {
  std::map<std::uint32_t, Completion> found;
  for (Completion& each : completions) found[each.slot] = std::move(each);
  return found;
}

}  // namespace

TEST_CASE("tasks that wait at a keeper run one after another, each with its own end",
          "[processes]") {
  Fixture farm({.programs = shell()});
  REQUIRE(farm.executor().ahead_count() >= 3);
  farm.start(0, 0, "echo one");
  farm.start(1, 0, "exit 3");
  farm.start(2, 0, "kill -9 $$");
  farm.start(3, 0, "echo four");
  const std::vector<Completion> ended = farm.take(4);
  std::vector<std::uint32_t> order;
  for (const Completion& each : ended) order.push_back(each.slot);
  CHECK(order == std::vector<std::uint32_t>{0, 1, 2, 3});
  CHECK(text_of(ended[0]) == "one\n");
  CHECK(ended[1].detail == 256 + 3);
  CHECK(ended[2].detail == SIGKILL);
  CHECK(text_of(ended[3]) == "four\n");
}

TEST_CASE("tasks beyond what the keepers hold wait for one, and each answer is its own",
          "[processes]") {
  // More than waits at the keepers, so that some wait for one.
  Fixture farm({.slots = 2, .programs = resident("while read line; do echo $line; done")});
  const std::uint32_t places = 2 + farm.executor().ahead_count();
  constexpr std::uint32_t count = 20'000;
  std::uint32_t begun = 0;
  std::map<std::uint32_t, std::string> expected;
  const auto begin = [&](std::uint32_t place) {
    expected[place] = std::to_string(begun++);
    farm.start(place, 0, expected[place]);
  };
  while (begun < places) begin(begun);
  for (std::uint32_t ended = 0; ended < count; ++ended) {
    const Completion each = farm.take_one();
    CHECK(text_of(each) == expected[each.slot]);
    if (begun < count) begin(each.slot);
  }
}

TEST_CASE("what waits is stopped, or called off, without having begun", "[processes]") {
  const Gate gate;
  Fixture farm({.programs = shell()});
  farm.start(0, 0, gate.wait() + "; echo first");
  farm.start(1, 0, "echo never");
  farm.start(2, 0, "echo never");
  farm.start(3, 0, "echo last");
  farm.executor().stop(1);
  farm.executor().revoke(2);
  wait_until([&] { return gate.begun(); });
  auto ended = by_place(farm.take(2));
  CHECK(ended[1].kind == Kind::died);
  CHECK(ended[1].error_text == "stopped");
  CHECK(ended[2].kind == Kind::revoked);
  // It has begun, so this changes nothing.
  farm.executor().revoke(0);
  gate.open();
  ended = by_place(farm.take(2));
  CHECK(text_of(ended[0]) == "first\n");
  CHECK(text_of(ended[3]) == "last\n");
}

TEST_CASE("no task waits behind a long one while another keeper is idle", "[processes]") {
  const Gate gate;
  Fixture farm({.slots = 2, .programs = shell()});
  farm.start(0, 0, gate.wait() + "; echo long");
  for (std::uint32_t place = 1; place < 12; ++place) farm.start(place, 0, "echo short");
  for (const Completion& each : farm.take(11)) {
    CHECK(each.slot != 0);
    CHECK(text_of(each) == "short\n");
  }
  gate.open();
  CHECK(text_of(farm.take_one()) == "long\n");
}

TEST_CASE("a killed keeper loses what it ran, and what waited there runs elsewhere",
          "[processes]") {
  const Gate gate;
  Fixture farm({.programs = shell()});
  farm.start(0, 0, "echo before");
  farm.start(1, 0, gate.wait());
  farm.start(2, 0, "echo after");
  farm.start(3, 0, "echo never");
  wait_until([&] { return gate.begun(); });
  farm.executor().stop(3);
  // Not the spare, which would be given the next task while it dies.
  for (const pid_t keeper : named("fanmill-keeper")) {
    if (child_count(keeper) > 0) ::kill(keeper, SIGKILL);
  }
  auto ended = by_place(farm.take(4));
  CHECK(text_of(ended[0]) == "before\n");
  CHECK(ended[1].kind == Kind::died);
  CHECK(ended[1].error_type == "lost its keeper");
  CHECK(text_of(ended[2]) == "after\n");
  CHECK(ended[3].error_text == "stopped");
}

TEST_CASE("which of those that waited runs is told", "[processes]") {
  const Gate first;
  const Gate second;
  const Gate third;
  Fixture farm({.slots = 2, .programs = shell()});
  farm.start(0, 0, first.wait());
  farm.start(1, 0, ":");
  farm.start(2, 0, third.wait());   // waits behind the first
  farm.start(3, 0, second.wait());  // and this behind the other, which ends
  CHECK(farm.take_one().slot == 1);
  wait_until([&] { return second.begun(); });
  std::vector<Begun> begun;
  farm.executor().take_begun(begun);
  std::vector<std::uint32_t> places;
  for (const Begun& each : begun) places.push_back(each.slot);
  CHECK(places == std::vector<std::uint32_t>{0, 1, 3});
  first.open();
  // Before the next has ended, too: then nobody would be told that it had begun.
  CHECK(farm.take_one().slot == 0);
  farm.executor().take_begun(begun);
  CHECK(begun.back().slot == 2);
  second.open();
  third.open();
  farm.take(2);
}

TEST_CASE("a large result does not wait for what follows it", "[processes]") {
  const Gate gate;
  Fixture farm({.programs = shell({}, 4U << 20)});
  farm.start(0, 0, "head -c 3000000 /dev/zero");
  farm.start(1, 0, gate.wait());
  CHECK(text_of(farm.take_one()).size() == 3'000'000);
  wait_until([&] { return gate.begun(); });
  gate.open();
  CHECK(farm.take_one().slot == 1);
}

TEST_CASE("a short task's result comes though a long one follows it", "[processes]") {
  const Gate gate;
  Fixture farm({.programs = shell()});
  for (int round = 0; round < 20; ++round) {
    farm.start(0, 0, ":");
    farm.start(1, 0, gate.wait());
    CHECK(farm.take_one().slot == 0);
    farm.executor().stop(1);
    CHECK(farm.take_one().slot == 1);
  }
}

TEST_CASE("after a kill the next programs are in the keeper's cgroup as before", "[processes]") {
  Fixture farm({.programs = shell()});
  if (farm.executor().grade() != Grade::cgroup) return;
  const std::string where = "grep ^0:: /proc/self/cgroup";
  const std::string before = text_of(farm.run(where));
  CHECK_THAT(before, Catch::Matchers::ContainsSubstring("/fanmill-"));
  for (int round = 0; round < 3; ++round) {
    const Gate gate;
    farm.start(0, 0, gate.wait());
    wait_until([&] { return gate.begun(); });
    farm.executor().stop(0);
    CHECK(farm.take_one().kind == Kind::died);
    CHECK(text_of(farm.run(where)) == before);
  }
}
