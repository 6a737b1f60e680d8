// Both ends of a channel, wired together by hand: what is promised about objects, windows and ends,
// and what happens to an end whose other end lies.
#include "core/channel_end.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "sim/rng.hpp"

namespace fanmill::core::test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

ChannelEndOptions options_of(std::uint32_t window_objects = 4, std::uint64_t window_bytes = 1000) {
  return {.terms = {.window_objects = window_objects,
                    .window_bytes = window_bytes,
                    .object_bytes_max = 10'000,
                    .silence = 20s},
          .speech = "test",
          .place = "there",
          .open_limit = 10s};
}

Payload payload_of(std::size_t number, std::size_t bytes = 0) {
  std::string text = std::to_string(number) + " ";
  text.resize(std::max(text.size(), bytes), '.');
  return Payload::raw(text);
}
std::size_t number_of(const Payload& payload) { return std::stoul(payload.bytes.str()); }

/// One end, its link to the other, and what it has told its program.
struct Side {
  std::optional<ChannelEnd> end;
  std::deque<ChannelMessage> out;  // on the way to the other end
  int connects = 0;
  std::optional<ChannelIsOpen> open;
  std::vector<Payload> delivered;
  std::uint64_t sent = 0;
  std::optional<ChannelOver> over;

  void take(ChannelActions& actions) {
    for (ChannelAction& action : actions) {
      if (auto* send = std::get_if<ChannelSend>(&action)) {
        out.push_back(std::move(send->message));
      } else if (auto* deliver = std::get_if<ChannelDeliver>(&action)) {
        delivered.push_back(std::move(deliver->payload));
      } else if (auto* is_sent = std::get_if<ChannelSent>(&action)) {
        sent += is_sent->objects;
      } else if (auto* is_open = std::get_if<ChannelIsOpen>(&action)) {
        REQUIRE_FALSE(open);
        open = *is_open;
      } else if (auto* is_over = std::get_if<ChannelOver>(&action)) {
        REQUIRE_FALSE(over);
        over = std::move(*is_over);
      } else {
        connects += 1;
      }
    }
    actions.clear();
  }
};

struct Pair {
  explicit Pair(const ChannelEndOptions& near_options = options_of(),
                ChannelEndOptions its_far_options = options_of())
      : far_options(std::move(its_far_options)) {
    near.end = ChannelEnd::connect(now, near_options, actions);
    near.take(actions);
  }

  /// Brings one message of `from` to the other end.
  void carry(Side& from) {
    Side& to = &from == &near ? far : near;
    ChannelMessage message = std::move(from.out.front());
    from.out.pop_front();
    if (!to.end) {
      to.end = ChannelEnd::accept(now, far_options, SessionId{77}, std::get<ChannelOpen>(message),
                                  actions);
    } else {
      to.end->step(now, ChannelReceived{std::move(message)}, actions);
    }
    to.take(actions);
  }
  /// Until nobody has anything to say.
  void talk() {
    for (int rounds = 0; !near.out.empty() || !far.out.empty(); ++rounds) {
      REQUIRE(rounds < 100'000);
      if (!near.out.empty()) carry(near);
      if (!far.out.empty()) carry(far);
    }
  }
  void step(Side& side, ChannelEvent event) {
    side.end->step(now, std::move(event), actions);
    side.take(actions);
  }
  void say(Side& to, ChannelMessage message) { step(to, ChannelReceived{std::move(message)}); }
  void wait(Duration time) {
    now += time;
    for (Side* side : {&near, &far}) {
      if (!side->end) continue;
      side->end->tick(now, actions);
      side->take(actions);
    }
  }

  ChannelEndOptions far_options;
  Instant now = Instant{} + 1000s;
  ChannelActions actions;
  Side near;  // connects
  Side far;   // listens
};

/// A pair that is open, nothing on the way.
Pair open_pair(std::uint32_t window_objects = 4, std::uint64_t window_bytes = 1000) {
  Pair pair(options_of(window_objects, window_bytes), options_of(window_objects, window_bytes));
  pair.talk();
  REQUIRE(pair.near.open);
  REQUIRE(pair.far.open);
  return pair;
}

void check_violation(Pair& pair, const Side& victim, const std::string& words) {
  REQUIRE(victim.over);
  CHECK_FALSE(victim.over->clean);
  CHECK(victim.over->code == ErrorCode::malformed_message);
  CHECK_THAT(victim.over->words, ContainsSubstring(words));
  // The other end is told why.
  pair.talk();
  const Side& liar = &victim == &pair.near ? pair.far : pair.near;
  REQUIRE(liar.over);
  CHECK(liar.over->code == ErrorCode::refused);
  CHECK_THAT(liar.over->words, ContainsSubstring(words));
}

}  // namespace

TEST_CASE("the highest versions in common are chosen, or words refuse", "[unit][core][channel]") {
  struct Row {
    std::uint32_t near_min, near_max, far_min, far_max, chosen;  // chosen 0: none
  };
  for (const Row row : {Row{1, 1, 1, 1, 1}, Row{1, 3, 2, 5, 3}, Row{2, 5, 1, 3, 3},
                        Row{1, 2, 3, 4, 0}, Row{3, 4, 1, 2, 0}, Row{4, 4, 1, 9, 4}}) {
    ChannelEndOptions near = options_of();
    near.speech_min = row.near_min;
    near.speech_max = row.near_max;
    ChannelEndOptions far = options_of();
    far.speech_min = row.far_min;
    far.speech_max = row.far_max;
    Pair pair(near, far);
    pair.talk();
    CAPTURE(row.near_min, row.near_max, row.far_min, row.far_max);
    if (row.chosen > 0) {
      REQUIRE(pair.near.open);
      CHECK(pair.near.open->speech == row.chosen);
      CHECK(pair.far.open->speech == row.chosen);
    } else {
      REQUIRE(pair.near.over);
      CHECK(pair.near.over->code == ErrorCode::version_mismatch);
      CHECK(pair.far.over->code == ErrorCode::version_mismatch);
    }
  }
}

TEST_CASE("a protocol version that this end does not speak is refused with both ranges",
          "[unit][core][channel]") {
  Pair pair;
  auto open = std::get<ChannelOpen>(pair.near.out.front());
  open.protocol_min = 7;
  open.protocol_max = 9;
  pair.near.out.front() = open;
  pair.talk();
  REQUIRE(pair.near.over);
  CHECK(pair.near.over->code == ErrorCode::version_mismatch);
  CHECK_THAT(pair.near.over->words, ContainsSubstring("speaks 1") && ContainsSubstring("7 to 9"));
}

TEST_CASE("windows hold objects back until they have been read", "[unit][core][channel]") {
  Pair pair = open_pair(4);
  for (std::size_t i = 0; i < 10; ++i) pair.step(pair.near, ChannelWrite{payload_of(i)});
  pair.talk();
  CHECK(pair.near.sent == 4);
  CHECK(pair.far.delivered.size() == 4);
  pair.step(pair.far, ChannelRead{1, 2});
  pair.talk();
  CHECK(pair.near.sent == 4);  // told of when half a window has been read
  pair.step(pair.far, ChannelRead{1, 2});
  pair.talk();
  CHECK(pair.near.sent == 6);
  for (std::size_t i = 0; i < 6; ++i) CHECK(number_of(pair.far.delivered[i]) == i);
}

// A probe told the other end of more than was judged by, and cost the channel.
TEST_CASE("a probe does not widen the window", "[unit][core][channel]") {
  Pair pair(options_of(), options_of(10));
  pair.talk();
  for (std::size_t i = 0; i < 20; ++i) pair.step(pair.near, ChannelWrite{payload_of(i)});
  pair.talk();
  REQUIRE(pair.far.delivered.size() == 10);
  pair.step(pair.far, ChannelRead{3, 6});  // less than half: not told
  pair.far.out.push_back(pair.far.end->probe());
  pair.talk();
  CHECK_FALSE(pair.far.over);
}

TEST_CASE("objects going the other way tell what was read", "[unit][core][channel]") {
  Pair pair = open_pair(4);
  for (std::size_t i = 0; i < 5; ++i) pair.step(pair.near, ChannelWrite{payload_of(i)});
  pair.talk();
  pair.step(pair.far, ChannelRead{1, 2});
  pair.step(pair.far, ChannelWrite{payload_of(100)});
  REQUIRE(pair.far.out.size() == 1);
  CHECK(std::get<ChannelObject>(pair.far.out.front()).taken == ChannelProgress{1, 2});
  pair.talk();
  CHECK(pair.near.sent == 5);
}

TEST_CASE("a goodbye waits for all that was written, and the answer to it ends both",
          "[unit][core][channel]") {
  Pair pair = open_pair(1);
  for (std::size_t i = 0; i < 3; ++i) pair.step(pair.near, ChannelWrite{payload_of(i)});
  pair.step(pair.near, ChannelClose{5s});
  pair.talk();
  CHECK_FALSE(pair.near.over);
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE(pair.far.delivered.size() == i + 1);
    if (i == 2) break;
    CHECK_FALSE(pair.far.over);
    pair.step(pair.far, ChannelRead{1, 2});
    pair.talk();
  }
  REQUIRE(pair.near.over);
  REQUIRE(pair.far.over);
  CHECK(pair.near.over->clean);
  CHECK(pair.far.over->clean);
}

TEST_CASE("an end that closes reads on for the other's sake", "[unit][core][channel]") {
  // Both are full; neither program reads; one closes. The other must get rid of its objects.
  Pair pair = open_pair(2);
  for (std::size_t i = 0; i < 6; ++i) {
    pair.step(pair.near, ChannelWrite{payload_of(i)});
    pair.step(pair.far, ChannelWrite{payload_of(i)});
  }
  pair.talk();
  pair.step(pair.near, ChannelClose{5s});
  pair.talk();
  CHECK(pair.far.sent == 6);
  CHECK(pair.near.delivered.size() == 2);
  pair.wait(5s);
  REQUIRE(pair.near.over);
  CHECK_FALSE(pair.near.over->clean);
  CHECK_THAT(pair.near.over->words, ContainsSubstring("did not take all"));
}

TEST_CASE("both ends may close at once", "[unit][core][channel]") {
  Pair pair = open_pair();
  pair.step(pair.near, ChannelClose{5s});
  pair.step(pair.far, ChannelClose{5s});
  pair.talk();
  CHECK(pair.near.over->clean);
  CHECK(pair.far.over->clean);
}

TEST_CASE("what is written before it is open is sent when it is", "[unit][core][channel]") {
  Pair pair;
  pair.step(pair.near, ChannelWrite{payload_of(1)});
  pair.step(pair.near, ChannelClose{5s});
  pair.talk();
  REQUIRE(pair.far.delivered.size() == 1);
  CHECK(pair.near.over->clean);
}

TEST_CASE("a connecting end tries again, and gives up at its limit", "[unit][core][channel]") {
  Pair pair;
  CHECK(pair.near.connects == 1);
  pair.step(pair.near, ChannelConnectionLost{});
  pair.wait(limits::reconnect_backoff_min);
  CHECK(pair.near.connects == 2);
  pair.step(pair.near, ChannelConnectionLost{"no descriptors"});
  pair.wait(limits::reconnect_backoff_min);
  CHECK(pair.near.connects == 2);  // it backs off
  pair.wait(limits::reconnect_backoff_min);
  CHECK(pair.near.connects == 3);
  REQUIRE(pair.near.end->next_deadline());
  CHECK(*pair.near.end->next_deadline() <= Instant{} + 1010s);
  pair.wait(10s);
  REQUIRE(pair.near.over);
  CHECK(pair.near.over->code == ErrorCode::connection_lost);
  CHECK_THAT(pair.near.over->words,
             ContainsSubstring("within 10 s") && ContainsSubstring("no descriptors"));
  CHECK_FALSE(pair.near.end->next_deadline());
}

TEST_CASE("an end that can't come in is refused at once, and one that is open is lost as ever",
          "[unit][core][channel]") {
  Pair shut_out;
  shut_out.step(shut_out.near, ChannelConnectionLost{"another key", true});
  REQUIRE(shut_out.near.over);
  CHECK(shut_out.near.over->code == ErrorCode::refused);
  CHECK(shut_out.near.over->words == "another key");
  Pair pair = open_pair();
  pair.step(pair.near, ChannelConnectionLost{"another key", true});
  REQUIRE(pair.near.over);
  CHECK(pair.near.over->code == ErrorCode::connection_lost);
}

TEST_CASE("a listener that is full is asked again", "[unit][core][channel]") {
  Pair pair;
  pair.say(pair.near, Refuse{.code = RefuseCode::limit, .retry = 1s, .words = "full"});
  CHECK_FALSE(pair.near.over);
  pair.near.out.clear();
  pair.wait(1s);
  REQUIRE(pair.near.out.size() == 1);
  CHECK(std::holds_alternative<ChannelOpen>(pair.near.out.front()));
  pair.talk();
  CHECK(pair.near.open);
}

TEST_CASE("a manager in place of a listener is told of", "[unit][core][channel]") {
  Pair pair;
  pair.say(pair.near, Who{1, 1});
  REQUIRE(pair.near.over);
  CHECK(pair.near.over->code == ErrorCode::refused);
  CHECK_THAT(pair.near.over->words, ContainsSubstring("manager"));
}

TEST_CASE("a lost connection ends both ends without a goodbye", "[unit][core][channel]") {
  Pair pair = open_pair();
  pair.step(pair.near, ChannelConnectionLost{});
  REQUIRE(pair.near.over);
  CHECK_FALSE(pair.near.over->clean);
  CHECK(pair.near.over->code == ErrorCode::connection_lost);
}

TEST_CASE("ends speak while their programs are silent, and notice who does not",
          "[unit][core][channel]") {
  Pair pair = open_pair();
  for (int i = 0; i < 100; ++i) {
    pair.wait(5s);
    pair.talk();
  }
  CHECK_FALSE(pair.near.over);
  CHECK_FALSE(pair.far.over);
  // Nothing of the far end arrives any more.
  for (int i = 0; i < 4; ++i) {
    CHECK_FALSE(pair.near.over);
    pair.wait(5s);
    pair.far.out.clear();
  }
  REQUIRE(pair.near.over);
  CHECK_THAT(pair.near.over->words, ContainsSubstring("silent for 20 s"));
}

TEST_CASE("a process that was away does not blame the other end for it", "[unit][core][channel]") {
  Pair pair = open_pair();
  pair.now += 60s;
  pair.step(pair.near, ChannelStalled{59s});
  pair.near.end->tick(pair.now, pair.actions);
  pair.near.take(pair.actions);
  CHECK_FALSE(pair.near.over);
}

TEST_CASE("lies are answered with words and end the channel", "[unit][core][channel]") {
  const SessionId id{77};
  SECTION("a gap") {
    Pair pair = open_pair();
    pair.say(pair.far, ChannelObject{.channel = id, .sequence = 2, .payload = payload_of(1)});
    check_violation(pair, pair.far, "object 2 behind object 0");
  }
  SECTION("one twice") {
    Pair pair = open_pair();
    pair.say(pair.far, ChannelObject{.channel = id, .sequence = 1, .payload = payload_of(1)});
    pair.say(pair.far, ChannelObject{.channel = id, .sequence = 1, .payload = payload_of(1)});
    check_violation(pair, pair.far, "object 1 behind object 1");
  }
  SECTION("more than the window") {
    Pair pair = open_pair(2);
    for (std::uint64_t i = 1; i <= 3; ++i) {
      pair.say(pair.far, ChannelObject{.channel = id, .sequence = i, .payload = payload_of(i)});
    }
    check_violation(pair, pair.far, "window");
  }
  SECTION("more than the window of bytes") {
    Pair pair = open_pair(9, 100);
    pair.say(pair.far, ChannelObject{.channel = id, .sequence = 1, .payload = payload_of(1, 100)});
    pair.say(pair.far, ChannelObject{.channel = id, .sequence = 2, .payload = payload_of(2)});
    check_violation(pair, pair.far, "window");
  }
  SECTION("too large") {
    Pair pair = open_pair(9, 1'000'000);
    pair.say(pair.far,
             ChannelObject{.channel = id, .sequence = 1, .payload = payload_of(1, 10'001)});
    check_violation(pair, pair.far, "10001 bytes");
  }
  SECTION("read what was never sent") {
    Pair pair = open_pair();
    pair.say(pair.near, ChannelTaken{id, {1, 0}});
    check_violation(pair, pair.near, "read than can be");
  }
  SECTION("read less than before") {
    Pair pair = open_pair(2);
    pair.step(pair.near, ChannelWrite{payload_of(1)});
    pair.talk();
    pair.say(pair.near, ChannelTaken{id, {1, 2}});
    pair.say(pair.near, ChannelTaken{id, {0, 0}});
    check_violation(pair, pair.near, "read than can be");
  }
  SECTION("another channel") {
    Pair pair = open_pair();
    pair.say(pair.near, ChannelTaken{SessionId{78}, {}});
    check_violation(pair, pair.near, "another channel");
  }
  SECTION("opened a second time") {
    Pair pair = open_pair();
    pair.say(pair.near, ChannelOpened{.channel = id, .terms = options_of().terms, .speech = 1});
    check_violation(pair, pair.near, "second time");
  }
  SECTION("a version that was not offered") {
    Pair pair;
    pair.near.out.clear();
    pair.say(pair.near, ChannelOpened{.channel = id, .terms = options_of().terms, .speech = 2});
    REQUIRE(pair.near.over);
    CHECK_THAT(pair.near.over->words, ContainsSubstring("not offered"));
  }
  SECTION("nothing that can be read") {
    Pair pair = open_pair();
    pair.step(pair.near, ChannelMalformed{"a header of 3 bytes"});
    check_violation(pair, pair.near, "a header of 3 bytes");
  }
}

TEST_CASE("an object that the other end does not take ends the channel in words",
          "[unit][core][channel]") {
  Pair pair(options_of(4, 100'000), options_of(4, 100'000));
  pair.step(pair.near, ChannelWrite{payload_of(1, 20'000)});  // nobody knows the limit yet
  pair.talk();
  REQUIRE(pair.near.over);
  CHECK_THAT(pair.near.over->words,
             ContainsSubstring("20000") && ContainsSubstring("object_bytes_max"));
}

// Any order of writing, reading, carrying, waiting, closing and cutting: each end has delivered a
// prefix of what the other wrote, without a gap; all of it, if it ended with a goodbye that its
// program did not ask for; and if nobody cuts or closes, all of it in the end.
TEST_CASE("whatever happens, what is delivered is a prefix, whole after a goodbye",
          "[unit][core][channel]") {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    CAPTURE(seed);
    sim::Rng chance(seed);
    Pair pair(options_of(chance.between(1, 5), chance.between(1, 60)),
              options_of(chance.between(1, 5), chance.between(1, 60)));
    std::array<Side*, 2> sides{&pair.near, &pair.far};
    std::array<std::size_t, 2> written{};
    std::array<std::size_t, 2> read{};
    std::array<bool, 2> closed{};
    const bool cuts = chance.percent(30);
    const bool closes = chance.percent(50);
    const auto act = [&](std::uint32_t which) {
      Side& side = *sides[which];
      const std::uint32_t what = chance.below(100);
      if (what < 40) {
        if (!side.out.empty()) pair.carry(side);
      } else if (!side.end) {
        return;
      } else if (what < 65) {
        pair.step(side, ChannelWrite{payload_of(written[which], chance.below(30))});
        if (!closed[which] && !side.over) written[which] += 1;
      } else if (what < 90) {
        if (read[which] == side.delivered.size() || closed[which]) return;
        const std::uint64_t bytes = side.delivered[read[which]++].bytes.size();
        pair.step(side, ChannelRead{1, bytes});
      } else if (what < 95) {
        pair.wait(chance.duration(0s, 4s));
      } else if (what == 95 && closes) {
        pair.step(side, ChannelClose{3600s});
        closed[which] = true;
      } else if (what == 96 && cuts && pair.near.open) {
        pair.near.out.clear();
        pair.far.out.clear();
        pair.step(pair.near, ChannelConnectionLost{});
        pair.step(pair.far, ChannelConnectionLost{});
      }
    };
    for (int i = 0; i < 300; ++i) act(chance.below(2));
    // To the end, in fair turns, without anything new.
    for (int i = 0; i < 2000; ++i) {
      for (std::uint32_t which : {0U, 1U}) {
        Side& side = *sides[which];
        if (!side.out.empty()) pair.carry(side);
        // An end that is over closes the connection behind its last word.
        Side& other = *sides[1 - which];
        if (side.over && side.out.empty() && other.end) pair.step(other, ChannelConnectionLost{});
        if (side.end && !closed[which] && read[which] < side.delivered.size()) {
          const std::uint64_t bytes = side.delivered[read[which]++].bytes.size();
          pair.step(side, ChannelRead{1, bytes});
        }
      }
    }
    for (std::uint32_t which : {0U, 1U}) {
      const Side& side = *sides[which];
      const Side& other = *sides[1 - which];
      for (std::size_t i = 0; i < side.delivered.size(); ++i) {
        REQUIRE(number_of(side.delivered[i]) == i);
      }
      REQUIRE(side.delivered.size() <= written[1 - which]);
      const bool whole = side.delivered.size() == written[1 - which];
      const bool quiet = !side.over && !other.over;
      if (quiet) REQUIRE(whole);
      if (side.over && side.over->clean && !closed[which]) REQUIRE(whole);
      if (closed[which]) REQUIRE(side.over);
    }
  }
}

}  // namespace fanmill::core::test
