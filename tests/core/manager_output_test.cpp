// What tasks write to their standard output, on its way through the manager to the client.
#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

constexpr std::uint64_t chunk = limits::output_chunk_bytes_max;
constexpr std::uint64_t window = limits::output_window_bytes;

Guest passing_guest() {
  Guest guest;
  guest.features |= feature::output;
  return guest;
}

Output output(std::uint64_t serial, std::uint64_t offset, std::uint64_t size) {
  return {.attempt = attempt(serial),
          .offset = offset,
          .bytes = Bytes(std::string(static_cast<std::size_t>(size), 'o'))};
}

/// A listening job, and attempt 1 of item 0 at peer 1.
void start(ManagerFixture& farm, const Guest& guest = passing_guest()) {
  farm.open_job({.output = true});
  farm.join(1, guest);
  farm.race(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
}

/// The whole window, and claims it.
void fill_window(ManagerFixture& farm) {
  for (std::uint64_t offset = 0; offset < window; offset += chunk)
    farm.say(1, output(1, offset, chunk));
  farm.unclaimed.clear();
}

OutputConsumed consumed(std::uint64_t serial, std::uint64_t offset) {
  return {.attempt = attempt(serial), .offset = offset};
}

void finish(ManagerFixture& farm, std::uint64_t serial) {
  farm.say(1, result_of(serial));
  farm.take();
}

}  // namespace

TEST_CASE("output reaches the client before the result", "[unit][manager]") {
  ManagerFixture farm;
  start(farm);
  farm.step(MessageReceived{.peer = PeerId{1}, .message = output(1, 0, 5)});
  farm.step(MessageReceived{.peer = PeerId{1}, .message = output(1, 5, 2)});
  farm.say(1, result_of(1));
  CHECK(farm.take() ==
        "output 0.0#1 from 0, output 0.0#1 from 5, item 0 decided by 0, 1: heartbeat 1");
}

TEST_CASE("the worker is told what the client took, when that is worth a message",
          "[unit][manager]") {
  ManagerFixture farm;
  start(farm);
  fill_window(farm);
  farm.turn(consumed(1, limits::output_taken_step - chunk));
  CHECK(farm.take() == "-");
  farm.turn(consumed(1, limits::output_taken_step));
  CHECK(farm.take() == "1: taken 1 to 262144");
  farm.turn(consumed(1, window));
  CHECK(farm.take() == "1: taken 1 to 1048576");
  farm.say(1, output(1, window, chunk));
  CHECK(farm.take() == "output 0.0#1 from 1048576");
  finish(farm, 1);
}

// Else a worker that bounds its messages, too, would wait for ever.
TEST_CASE("many small messages are worth one as well", "[unit][manager]") {
  ManagerFixture farm;
  start(farm);
  for (std::uint64_t i = 0; i < limits::output_messages_step; ++i) {
    CHECK(farm.take() == "-");
    farm.say(1, output(1, i, 1));
    farm.take();
    farm.turn(consumed(1, i + 1));
  }
  CHECK(farm.take() == "1: taken 1 to 256");
  finish(farm, 1);
}

TEST_CASE("output that nobody listens to is taken at once", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, passing_guest());
  farm.race(1);
  farm.take();
  for (std::uint64_t offset = 0; offset < limits::output_taken_step; offset += chunk)
    farm.say(1, output(1, offset, chunk));
  CHECK(farm.take() == "1: taken 1 to 262144");
  finish(farm, 1);
}

TEST_CASE("output counts from the session that holds the attempt, and once", "[unit][manager]") {
  ManagerFixture farm;
  start(farm);
  farm.join(2, passing_guest());
  farm.say(2, output(1, 0, 5));  // another's
  farm.say(1, output(9, 0, 5));  // nobody's
  CHECK(farm.take() == "-");
  farm.say(1, output(1, 0, 5));
  CHECK(farm.take() == "output 0.0#1 from 0");
  farm.say(1, output(1, 0, 5));  // repeated on the way
  CHECK(farm.take() == "-");
  CHECK(farm.counters().outputs_unknown == 3);
  finish(farm, 1);
  farm.say(1, output(1, 5, 5));  // late
  CHECK(farm.take() == "-");
}

TEST_CASE("a worker that lies about its output is sent away", "[unit][manager]") {
  const std::string away = "1: refuse protocol, forget 1";
  ManagerFixture farm;
  SECTION("a gap") {
    start(farm);
    farm.say(1, output(1, 1, 5));
  }
  SECTION("partly what it has sent before") {
    start(farm);
    farm.say(1, output(1, 0, 5));
    CHECK(farm.take() == "output 0.0#1 from 0");
    farm.say(1, output(1, 3, 5));
  }
  SECTION("more than the window") {
    start(farm);
    fill_window(farm);
    farm.say(1, output(1, window, 1));
  }
  SECTION("without the feature") {
    start(farm, {});
    farm.say(1, output(1, 0, 5));
  }
  CHECK(farm.take() == away);
  CHECK(farm.counters().messages_unexpected == 1);
}

TEST_CASE("a worker that can't end its task need not wait for its reader", "[unit][manager]") {
  Guest guest = passing_guest();
  guest.features &= ~feature::kill;
  ManagerFixture farm;
  start(farm, guest);
  farm.say(1, output(1, 0, 5));
  farm.take();
  farm.decide(0);
  CHECK(farm.take() == "1: taken 1 to 5, 1: recall 1");
  farm.say(1, output(1, 5, chunk));  // dropped
  farm.turn(consumed(1, 5));         // of what was delivered before
  CHECK(farm.take() == "-");
  finish(farm, 1);
}

TEST_CASE("each attempt's output begins anew", "[unit][manager]") {
  ManagerFixture farm;
  start(farm);
  farm.say(1, output(1, 0, 5));
  farm.say(1, failure_of(1, AttemptOutcome::crashed));
  CHECK(farm.take() == "output 0.0#1 from 0, 1: task 2 (0.0)");
  farm.turn(consumed(1, 5));
  farm.say(1, output(2, 0, 3));
  CHECK(farm.take() == "output 0.0#2 from 0");
  finish(farm, 2);
}

}  // namespace fanmill::core::test
