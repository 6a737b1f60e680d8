// Who may come in, and what the first words are.
#include "manager_fixture.hpp"

namespace fanmill::core::test {

TEST_CASE("a hello is answered by a welcome that names all terms", "[unit][manager]") {
  ManagerFixture farm;
  const Welcome welcome = farm.join(1, {.features = feature::heartbeat | FeatureSet{1} << 40U});
  CHECK(welcome.version == 1);
  CHECK(incarnation_of(welcome.session) == 1);
  CHECK(welcome.features == feature::heartbeat);  // of those offered, what the manager speaks
  CHECK(welcome.farm == 77);
  CHECK(welcome.incarnation == 1);
  CHECK(welcome.greeting == 1);
  CHECK(welcome.heartbeat == limits::heartbeat_interval);
  CHECK(welcome.suspect == limits::silence_suspect);
  CHECK(welcome.dead == limits::silence_dead);
  CHECK(welcome.frame_bytes_max == limits::frame_bytes_max);
  CHECK(welcome.unacknowledged_max == limits::unacknowledged_results_max);
  CHECK(welcome.judgements.empty());
  CHECK(farm.counters().sessions_opened == 1);
}

TEST_CASE("what a worker may hold fits in the hello that names it", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.frame_bytes_max = limits::header_bytes_max;  // 256 records
  options.unacknowledged_max = GENERATE(5U, 100000U);
  ManagerFixture farm(options);
  const Welcome welcome = farm.join(1, {.slots = 100, .prefetch = 5});
  CHECK(welcome.unacknowledged_max == std::min(options.unacknowledged_max, 128U));
  farm.items(129);
  CHECK(farm.manager.workers()[0].held == 128);
  CHECK(farm.manager.ready_count() == 1);
  farm.take();
}

TEST_CASE("what a hello says of a worker can be asked for", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.worker = 4711, .slots = 3});
  const std::vector<WorkerInfo> workers = farm.manager.workers();
  REQUIRE(workers.size() == 1);
  CHECK(workers[0].name == "node:4711");
  CHECK(workers[0].address == "10.0.0.1:5");
  CHECK(workers[0].software == "bench 1");
  CHECK(workers[0].slots == 3);
  CHECK(workers[0].state == WorkerInfo::State::live);
  CHECK(workers[0].session == farm.session_of(1));
  CHECK(farm.manager.slot_count() == 3);
}

TEST_CASE("every hello gets a session of its own", "[unit][manager]") {
  ManagerFixture farm;
  const Welcome first = farm.join(1);
  const Welcome second = farm.join(2);
  CHECK(first.session < second.session);
  CHECK(farm.manager.worker_count() == 2);
}

TEST_CASE("a worker without a common version is refused with both ranges and whom to upgrade",
          "[unit][manager]") {
  ManagerFixture farm;
  Hello hello = farm.hello_of(1, {});
  const auto [low, high, upgrade] = GENERATE(table<std::uint16_t, std::uint16_t, std::string>({
      {2, 4, "upgrade the manager"},
      {0, 0, "upgrade the worker"},
  }));
  hello.protocol_min = low;
  hello.protocol_max = high;
  farm.say(1, hello);
  const Refuse refuse = farm.expect_sent<Refuse>(1);
  CHECK(refuse.code == RefuseCode::version);
  CHECK(refuse.protocol_min == limits::protocol_min);
  CHECK(refuse.protocol_max == limits::protocol_max);
  CHECK(refuse.greeting == hello.greeting);
  CHECK(refuse.retry == 0s);
  CHECK_THAT(refuse.words, ContainsSubstring("versions 1 to 1"));
  CHECK_THAT(refuse.words, ContainsSubstring("the worker " + std::to_string(low) + " to " +
                                             std::to_string(high)));
  CHECK_THAT(refuse.words, ContainsSubstring(upgrade));
  CHECK(farm.take() == "forget 1");
  CHECK(farm.manager.worker_count() == 0);
  CHECK(farm.counters().hellos_refused == 1);
}

TEST_CASE("of two ranges that overlap, the highest common version is chosen", "[unit][manager]") {
  ManagerFixture farm;
  Hello hello = farm.hello_of(1, {});
  hello.protocol_max = 9;
  farm.say(1, hello);
  CHECK(farm.expect_sent<Welcome>(1).version == limits::protocol_max);
}

TEST_CASE("a worker that wants another farm is refused, one that wants any is not",
          "[unit][manager]") {
  ManagerFixture farm;
  Hello hello = farm.hello_of(1, {});
  hello.farm = 78;
  farm.say(1, hello);
  const Refuse refuse = farm.expect_sent<Refuse>(1);
  CHECK(refuse.code == RefuseCode::farm);
  CHECK_THAT(refuse.words, ContainsSubstring("78") && ContainsSubstring("77"));
  CHECK(farm.take() == "forget 1");
  hello.farm = 77;
  farm.say(2, hello);
  hello.farm = 0;
  hello.uuid.low = 3;
  farm.say(3, hello);
  CHECK(farm.take() == "2: welcome, 3: welcome");
}

TEST_CASE("a worker with the wrong cookie is refused", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.cookie = "crumbs";
  ManagerFixture farm(options);
  Hello hello = farm.hello_of(1, {});
  hello.cookie = "raisin";
  farm.say(1, hello);
  const Refuse refuse = farm.expect_sent<Refuse>(1);
  CHECK(refuse.code == RefuseCode::cookie);
  CHECK_THAT(refuse.words, !ContainsSubstring("crumbs"));
  CHECK(farm.take() == "forget 1");
  hello.cookie = "crumbs";
  farm.say(1, hello);
  CHECK(farm.take() == "1: welcome");
}

TEST_CASE("a worker that has seen a newer incarnation of this farm is told to try again later",
          "[unit][manager]") {
  ManagerFixture farm;
  Hello hello = farm.hello_of(1, {});
  hello.incarnation = 2;
  hello.farm = 77;
  farm.say(1, hello);
  const Refuse refuse = farm.expect_sent<Refuse>(1);
  CHECK(refuse.code == RefuseCode::old_manager);
  CHECK(refuse.retry > 0s);
  CHECK(farm.take() == "forget 1");
}

TEST_CASE("past the limit of sessions a worker is told to try again later", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.sessions_max = 1;
  ManagerFixture farm(options);
  farm.join(1);
  farm.greet(2);
  const Refuse refuse = farm.expect_sent<Refuse>(2);
  CHECK(refuse.code == RefuseCode::limit);
  CHECK(refuse.retry > 0s);
  CHECK_THAT(refuse.words, ContainsSubstring("1 worker"));
  CHECK(farm.take() == "forget 2");
}

// A full manager counted a returning worker as one more, refused it and gave its running task to
// somebody else. Its new session takes the place of the old one: there is always room for that.
TEST_CASE("a worker that comes back is not one too many", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.sessions_max = 1;
  ManagerFixture farm(options);
  farm.join(1);
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  farm.greet(2, {.worker = 1, .holdings = {running(1)}});
  CHECK(farm.take() == "1: refuse replaced, forget 1, 2: welcome keep 1");
}

TEST_CASE("a repeated or an older hello is ignored", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.greeting = 5});
  farm.greet(1, {.greeting = 5});
  farm.greet(2, {.worker = 1, .greeting = 4});
  CHECK(farm.take() == "-");
  CHECK(farm.counters().hellos_stale == 2);
  CHECK(farm.manager.worker_count() == 1);
}

TEST_CASE("a hello that the manager forgot is taken with any greeting", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1, {.greeting = 5});
  farm.say(1, Goodbye{.session = farm.session_of(1)});
  CHECK(farm.take() == "forget 1");
  farm.greet(1, {.greeting = 1});
  CHECK(farm.take() == "1: welcome");
}

TEST_CASE("an unknown peer is asked who it is, whatever it says", "[unit][manager]") {
  ManagerFixture farm;
  farm.say(9, result_of(1));
  const Who who = farm.expect_sent<Who>(9);
  CHECK(who.protocol_min == limits::protocol_min);
  CHECK(who.protocol_max == limits::protocol_max);
  farm.say(9, Heartbeat{.session = SessionId{5}});
  farm.say(9, Unknown{.kind = 99});
  farm.say(9, Task{});
  CHECK(farm.take() == "9: who, 9: who, 9: who");
  CHECK(farm.counters().whos_sent == 4);
}

// Its hello was repeated after the end of the session that it had opened: the worker is in that
// one still, and knows nothing of the other.
TEST_CASE("a worker that names another session than its connection's is asked who it is",
          "[unit][manager]") {
  ManagerFixture farm;
  const SessionId first = farm.join(1).session;
  farm.pass(20s);
  CHECK(farm.take() == "forget 1");
  farm.join(1, {.greeting = 1});
  const auto say_old = [&] { farm.say(1, Heartbeat{.session = first, .echo = true}); };
  say_old();
  say_old();  // sent before the first Who arrived
  CHECK(farm.take() == "1: who, 1: who");
  farm.join(1);
  CHECK(farm.manager.worker_count() == 1);
  farm.beat(1);
  say_old();  // whoever has named the session is in it
  CHECK(farm.take() == "-");
  CHECK(farm.counters().messages_unexpected == 3);
}

TEST_CASE("an unknown peer that sends no message of the protocol is refused", "[unit][manager]") {
  ManagerFixture farm;
  farm.turn(MalformedReceived{.peer = PeerId{9}, .reason = "no magic"});
  const Refuse refuse = farm.expect_sent<Refuse>(9);
  CHECK(refuse.code == RefuseCode::malformed);
  CHECK(refuse.words == "no magic");
  CHECK(farm.take() == "forget 9");
  CHECK(farm.counters().messages_malformed == 1);
}

TEST_CASE("a second worker on one connection closes the first one's session", "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.greet(1, {.worker = 2});
  CHECK(farm.take() == "1: refuse protocol, forget 1");
  CHECK(farm.manager.worker_count() == 0);
}

// The refusal forgot the peer, and the session's end forgot it again.
TEST_CASE("a worker whose new hello is refused loses its session, and is forgotten once",
          "[unit][manager]") {
  ManagerFixture farm;
  farm.join(1);
  farm.items(1);
  CHECK(farm.take() == "1: task 1 (0.0)");
  Hello hello = farm.hello_of(1, {});
  hello.farm = 1;
  farm.say(1, hello);
  CHECK(farm.take() == "1: refuse farm, forget 1");
  CHECK(farm.manager.ready_count() == 1);
}

TEST_CASE("joins, returns, refusals and departures are observed", "[unit][manager]") {
  ManagerOptions options = bench_options();
  options.observe_level = 1;
  ManagerFixture farm(options);
  farm.greet(1, {.slots = 2, .functions = {"", "square", "cube"}});
  CHECK(in_short(farm.unclaimed.front()) == "1: welcome");
  farm.unclaimed.pop_front();
  const Observation joined = farm.expect<Observation>();
  CHECK(joined.kind == Observation::Kind::worker_joined);
  CHECK(joined.worker == "node:1 at 10.0.0.1:5");
  CHECK(joined.text == "bench 1, 2 slots, square, cube, kills reach all descendants at once");
  farm.greet(1);
  CHECK(farm.take() == "1: welcome, saw returned");
  farm.pass(7s);
  CHECK(farm.take() == "saw suspect");
  farm.beat(1);
  CHECK(farm.take() == "saw recovered");
  Hello hello = farm.hello_of(2, {});
  hello.protocol_min = hello.protocol_max = 7;
  farm.say(2, hello);
  CHECK(farm.take() == "saw refused, 2: refuse version, forget 2");
  farm.say(1, Goodbye{.session = farm.session_of(1), .words = "had enough"});
  CHECK(farm.expect<ForgetPeer>().peer == PeerId{1});
  const Observation left = farm.expect<Observation>();
  CHECK(left.kind == Observation::Kind::worker_left);
  CHECK(left.text == "had enough");
}

}  // namespace fanmill::core::test
