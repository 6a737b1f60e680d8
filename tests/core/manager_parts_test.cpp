// Payloads in parts, as the manager sees them: of tasks on their way out, of results on their way in.
#include "manager_fixture.hpp"

namespace fanmill::core::test {
namespace {

constexpr std::uint64_t part = limits::header_bytes_max;  // a frame's size, and so a part's
constexpr std::uint64_t window = limits::part_window(part);

ManagerOptions small_frames() {
  ManagerOptions options = bench_options();
  options.frame_bytes_max = part;
  options.payload_bytes_max = 100 * part;
  return options;
}

Guest taker() {
  Guest guest;
  guest.features |= feature::parts;
  return guest;
}

TaskSpec large(std::uint64_t bytes = 6 * part) {
  return {.payload = Payload::raw(std::string(bytes, 'x'))};
}

PartTaken taken(std::uint64_t serial, std::uint64_t offset) {
  return {.attempt = attempt(serial), .offset = offset};
}

Part part_of(std::uint64_t serial, std::uint64_t offset, std::uint64_t size, std::uint64_t total) {
  return {.attempt = attempt(serial),
          .offset = offset,
          .total = total,
          .bytes = Bytes(std::string(size, 'r'))};
}

Result result_in_parts(std::uint64_t serial) {
  return {.attempt = attempt(serial),
          .payload = {.bytes = {}, .encoding = Encoding::raw},
          .in_parts = true};
}

constexpr const char* first_window =
    "1: task 1 (in parts), 1: part 1 from 0, 1: part 1 from 4096, 1: part 1 from 8192, "
    "1: part 1 from 12288";

}  // namespace

TEST_CASE("a welcome tells what a payload may have, if it may come in parts", "[unit][manager]") {
  ManagerFixture farm(small_frames());
  CHECK(farm.join(1, taker()).payload_bytes_max == 100 * part);
  CHECK(farm.join(2).payload_bytes_max == 0);
}

TEST_CASE("a large task is announced, and its parts go as far as its worker takes them",
          "[unit][manager]") {
  ManagerFixture farm(small_frames());
  farm.join(1, taker());
  farm.submit({large()});
  CHECK(farm.take() == first_window);
  farm.say(1, taken(1, 2 * part));
  CHECK(farm.take() == "1: part 1 from 16384, 1: part 1 from 20480");
  farm.say(1, taken(1, 6 * part));
  farm.say(1, result_of(1));
  CHECK(farm.take() == "item 0 decided by 0, 1: heartbeat 1");
  farm.check_empty();
}

TEST_CASE("a large task goes to nobody who takes no parts, and small ones go there meanwhile",
          "[unit][manager]") {
  ManagerOptions options = small_frames();
  options.observe_level = 1;
  ManagerFixture farm(options);
  farm.join(1);
  farm.take();
  farm.submit({large()});
  CHECK(farm.take() == "-");
  farm.submit({TaskSpec{}});
  CHECK(farm.take() == "1: task 1 (1.0)");
  farm.pass(options.heartbeat);
  const auto told = farm.expect<Observation>();
  CHECK(told.kind == Observation::Kind::function_missing);
  CHECK_THAT(told.text, ContainsSubstring("take no raw payloads of more than 4096 bytes"));

  farm.join(2, taker());
  CHECK_THAT(farm.take(), ContainsSubstring("2: task 2 (in parts)"));
}

TEST_CASE("a large payload goes as it is, so to who takes its encoding", "[unit][manager]") {
  ManagerFixture farm(small_frames());
  Guest guest = taker();
  guest.encodings = encoding_bit(Encoding::json);
  farm.join(1, guest);
  farm.submit({{.payload = {Bytes(std::string(2 * part, 'x')), Encoding::object}}});
  CHECK(farm.take() == "-");
  farm.submit({{.payload = {Bytes(std::string(2 * part, 'x')), Encoding::json}}});
  CHECK_THAT(farm.take(), ContainsSubstring("1: task 1 (in parts)"));
}

TEST_CASE("a kill stops the parts of its task, and others take their place", "[unit][manager]") {
  ManagerFixture farm(small_frames());
  Guest guest = taker();
  guest.slots = 2;
  farm.join(1, guest);
  farm.submit({large(50 * part)}, {Policy::Kind::client});
  farm.submit({large(2 * part)});
  CHECK(farm.take() == std::string(first_window) + ", 1: task 2 (in parts)");
  farm.decide(0);
  CHECK(farm.take() == "1: kill 1");
  // What was under way still comes there.
  farm.say(1, taken(1, window));
  CHECK(farm.take() == "1: part 2 from 0, 1: part 2 from 4096");
  farm.say(1, killed(1, true));
  CHECK(farm.take() == "-");
}

TEST_CASE("a task whose payload was on its way is not blamed for the loss of its worker",
          "[unit][manager]") {
  ManagerFixture farm(small_frames());
  farm.open_job({.lost_attempts_max = 1});
  Guest guest = taker();
  guest.same_host = true;
  farm.join(1, guest);
  farm.submit({large()});
  farm.take();
  SECTION("not if it can't have begun") {
    farm.say(1, taken(1, 6 * part - 1));  // of which only a window was sent: a lie, ignored
    farm.take();
    farm.lose(1);
    CHECK(farm.take() == "forget 1");
    farm.join(2, taker());
    CHECK_THAT(farm.take(), ContainsSubstring("2: task 2 (in parts), 2: part 2 from 0"));
  }
  SECTION("but if it has") {
    farm.say(1, taken(1, window));
    farm.say(1, taken(1, 6 * part));
    farm.take();
    farm.lose(1);
    CHECK_THAT(farm.take(), ContainsSubstring("item 0 undecided"));
  }
}

TEST_CASE("a task on its way is not asked back for who idles, only what waits behind it",
          "[unit][manager]") {
  ManagerFixture farm(small_frames());
  Guest guest = taker();
  guest.prefetch = 1;
  farm.join(1, guest);
  farm.submit({large()});
  farm.submit({TaskSpec{}});
  CHECK(farm.take() == std::string(first_window) + ", 1: task 2 (1.0)");
  farm.join(2, taker());
  CHECK(farm.take() == "1: recall 2");
  farm.tick();
  CHECK(farm.take() == "-");
}

TEST_CASE("nothing counts as started behind a payload that is on its way", "[unit][manager]") {
  ManagerFixture farm(small_frames());
  farm.open_job({.lost_attempts_max = 1});
  Guest guest = taker();
  guest.slots = 2;
  guest.same_host = true;
  farm.join(1, guest);
  farm.submit({large()});
  farm.submit({TaskSpec{}});
  CHECK(farm.take() == std::string(first_window) + ", 1: task 2 (1.0)");
  farm.lose(1);
  CHECK(farm.take() == "forget 1");  // neither is quarantined
  farm.join(2);
  CHECK(farm.take() == "2: task 3 (1.0)");
}

TEST_CASE("a session that is resumed begins the payload anew", "[unit][manager]") {
  ManagerFixture farm(small_frames());
  farm.join(1, taker());
  farm.submit({large()});
  farm.take();
  farm.join(1, taker());  // it names nothing: what came half was thrown away
  CHECK_THAT(farm.take(), ContainsSubstring("1: task 2 (in parts), 1: part 2 from 0"));
  farm.say(1, taken(1, window));  // of before
  CHECK(farm.take() == "-");
}

TEST_CASE("the credit in bytes counts large payloads whole", "[unit][manager]") {
  ManagerOptions options = small_frames();
  options.credit_bytes = 2 * part;
  ManagerFixture farm(options);
  Guest guest = taker();
  guest.slots = 4;
  farm.join(1, guest);
  farm.submit({large(3 * part)});
  farm.submit({large(3 * part)});
  CHECK_THAT(farm.take(), !ContainsSubstring("task 2"));
  farm.say(1, taken(1, 3 * part));
  farm.say(1, result_of(1));
  CHECK_THAT(farm.take(), ContainsSubstring("task 2"));
}

TEST_CASE("a large result comes together from its parts", "[unit][manager]") {
  ManagerFixture farm(small_frames());
  farm.join(1, taker());
  farm.race(1);
  farm.take();
  const std::uint64_t total = 3 * part;
  farm.say(1, part_of(1, 0, part, total));
  CHECK(farm.take() == "1: part taken 1 to 4096");
  farm.say(1, part_of(1, 0, part, total));  // twice
  CHECK(farm.take() == "-");
  CHECK(farm.counters().parts_unknown == 1);
  farm.say(1, part_of(1, part, 100, total));  // less than is worth a word
  CHECK(farm.take() == "-");
  farm.say(1, part_of(1, part + 100, part, total));
  CHECK(farm.take() == "1: part taken 1 to 8292");
  farm.say(1, part_of(1, 2 * part + 100, part - 100, total));
  CHECK(farm.take() == "1: part taken 1 to 12288");
  farm.say(1, result_in_parts(1));
  const auto end = farm.expect<DeliverGroupEnd>();
  REQUIRE(end.result.answers.size() == 1);
  CHECK(end.result.answers[0].payload == Payload::raw(std::string(total, 'r')));
  CHECK(farm.take() == "1: heartbeat 1");
}

TEST_CASE("the time limit of a task does not count while its result is on its way",
          "[unit][manager]") {
  ManagerFixture farm(small_frames());
  farm.join(1, taker());
  farm.submit({{.time_limit = 1s}});
  farm.take();
  farm.say(1, part_of(1, 0, part, 2 * part));
  farm.take();
  for (int i = 0; i < 10; ++i) {
    farm.beat(1, 1);
    farm.pass(1s);
  }
  CHECK(farm.take() == "-");
  farm.say(1, part_of(1, part, part, 2 * part));
  farm.say(1, result_in_parts(1));
  CHECK_THAT(farm.take(), ContainsSubstring("item 0 decided"));
}

TEST_CASE("parts of a result that nobody needs any more are taken and dropped", "[unit][manager]") {
  ManagerFixture farm(small_frames());
  Guest guest = taker();
  farm.join(1, guest);
  farm.race(1, {Policy::Kind::client});
  farm.take();
  farm.say(1, part_of(1, 0, part, 3 * part));
  farm.decide(0);
  CHECK(farm.take() == "1: part taken 1 to 4096, 1: kill 1");
  farm.say(1, part_of(1, part, part, 3 * part));
  CHECK(farm.take() == "1: part taken 1 to 8192");
  SECTION("its worker stops when the kill comes") {
    farm.say(1, killed(1));
    CHECK(farm.counters().kills_confirmed == 1);
    farm.say(1, part_of(1, 2 * part, part, 3 * part));  // if it does not, nobody waits for it
    CHECK(farm.take() == "1: part taken 1 to 12288");
  }
  SECTION("or had said all before") {
    farm.say(1, part_of(1, 2 * part, part, 3 * part));
    farm.say(1, result_in_parts(1));
    CHECK(farm.counters().results_late == 1);
    farm.take();
  }
  farm.check_empty();
}

TEST_CASE("a worker that lies about parts loses its session, and nobody else notices",
          "[unit][manager]") {
  ManagerFixture farm(small_frames());
  farm.join(1, taker());
  farm.race(1);
  farm.race(1);
  farm.take();
  const auto refused = [&] {
    const auto refuse = farm.expect_sent<Refuse>(1);
    CHECK(refuse.code == RefuseCode::protocol);
    CHECK(farm.take() == "forget 1");
    return refuse.words;
  };
  SECTION("a gap") {
    farm.say(1, part_of(1, 1, part, 3 * part));
    CHECK_THAT(refused(), ContainsSubstring("expected 0"));
  }
  SECTION("another size than before") {
    farm.say(1, part_of(1, 0, part, 3 * part));
    farm.take();
    farm.say(1, part_of(1, part, part, 4 * part));
    CHECK_THAT(refused(), ContainsSubstring("others said"));
  }
  SECTION("more than is allowed") {
    farm.say(1, part_of(1, 0, part, 101 * part));
    CHECK_THAT(refused(), ContainsSubstring("payload_bytes_max"));
  }
  SECTION("a result whose parts did not come") {
    farm.say(1, result_in_parts(1));
    CHECK_THAT(refused(), ContainsSubstring("did not come before it"));
  }
  SECTION("a result before the last of its parts") {
    farm.say(1, part_of(1, 0, part, 3 * part));
    farm.take();
    farm.say(1, result_in_parts(1));
    CHECK_THAT(refused(), ContainsSubstring("did not come before it"));
  }
}

TEST_CASE("parts for what the session does not hold are told of, and not kept", "[unit][manager]") {
  ManagerFixture farm(small_frames());
  farm.join(1, taker());
  farm.join(2, taker());
  farm.race(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.say(2, part_of(1, 0, part, 3 * part));  // another's
  CHECK(farm.take() == "2: part taken 1 to 4096");
  farm.say(2, part_of(99, 0, part, 3 * part));
  CHECK(farm.take() == "2: part taken 99 to 4096");
  CHECK(farm.counters().parts_unknown == 2);
  farm.say(1, result_of(1));
  farm.take();
}

TEST_CASE("a second large result in the middle of the first is a lie", "[unit][manager]") {
  ManagerFixture farm(small_frames());
  Guest guest = taker();
  guest.slots = 2;
  farm.join(1, guest);
  farm.race(1);
  farm.race(1);
  farm.take();
  farm.say(1, part_of(1, 0, part, 3 * part));
  farm.take();
  farm.say(1, part_of(2, 0, part, 3 * part));
  CHECK_THAT(farm.expect_sent<Refuse>(1).words, ContainsSubstring("is not whole"));
  farm.take();
}

}  // namespace fanmill::core::test
