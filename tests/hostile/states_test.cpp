// Every message kind in every state of a session that it does not belong to.
#include <cstdio>
#include <set>

#include "catch.hpp"
#include "codec/samples.hpp"
#include "hostile_farm.hpp"
#include "model.hpp"
#include "net/identity.hpp"

using namespace fanmill;
using namespace fanmill::hostile_test;

namespace {

// As HostileFarm::default_options() gives ids.
constexpr std::uint64_t id_base = std::uint64_t{3} << 40;
constexpr std::uint64_t former_base = std::uint64_t{2} << 40;

std::vector<codec_test::Sample> all_samples() {
  std::vector<codec_test::Sample> all = codec_test::samples();
  std::set<std::size_t> kinds;
  for (const codec_test::Sample& each : all) kinds.insert(each.message.index());
  // All that there are but Unknown, which nobody can encode: its frames are made below.
  REQUIRE(kinds.size() == std::variant_size_v<core::Message> - 1);
  return all;
}

struct Ids {
  const char* words;
  SessionId session;
  AttemptId attempt;
};

/// The message about another session or attempt; a hello of a worker of its own.
core::Message about(core::Message message, const Ids& ids) {
  std::visit(
      [&](auto& each) {
        if constexpr (requires { each.session; }) each.session = ids.session;
        if constexpr (requires { each.attempt; }) each.attempt = ids.attempt;
        if constexpr (requires { each.uuid; }) each.uuid = net::random_uuid();
        if constexpr (requires { each.resume; }) each.resume = ids.session;
      },
      message);
  // A Kill names either an attempt or a group.
  if (auto* kill = std::get_if<core::Kill>(&message); kill != nullptr && kill->group.valid())
    kill->attempt = {};
  return message;
}

/// A peer, and what it has to be answered.
struct Talk {
  std::unique_ptr<Peer> peer;
  Model model;
  std::vector<Answer> expected;

  void send(const core::Message& message) {
    peer->send(message);
    add(model.take(message));
  }
  void send_malformed(const std::vector<std::string>& frames) {
    peer->send(frames);
    add(model.take_malformed());
  }
  void add(const std::vector<Answer>& answers) {
    expected.insert(expected.end(), answers.begin(), answers.end());
  }
  void join() {
    send(peer->next_hello());
    check();
  }
  /// A hello ends every state; after its welcome nothing else can come for what was said before.
  void check_to_the_end() {
    if (model.is_open() && model.worker() != peer->hello.uuid) send(peer->next_hello());
    send(peer->next_hello());
    check();
  }
  void check() {
    for (const Answer wanted : expected) {
      core::Message message = peer->receive();
      // A manager says one whenever it likes: so it probes a connection whose descriptor another
      // had before.
      while (std::holds_alternative<core::Heartbeat>(message) && wanted != Answer::heartbeat)
        message = peer->receive();
      if (const auto* welcome = std::get_if<core::Welcome>(&message))
        model.welcomed(welcome->session);
      REQUIRE(name_of(answer_of(message)) == name_of(wanted));
    }
    expected.clear();
  }
};

Talk talk(HostileFarm& farm) { return {.peer = farm.connect(farm.liar)}; }

// Where a session stands when the message comes.
enum class State {
  before_hello,
  open,
  open_and_named,
  draining,
  after_goodbye,
  after_refusal,
};
constexpr State states[] = {State::before_hello, State::open,          State::open_and_named,
                            State::draining,     State::after_goodbye, State::after_refusal};

void lead_to(State state, Talk& talk) {
  if (state == State::before_hello) return;
  talk.join();
  const SessionId own = talk.model.session();
  if (state == State::open_and_named) talk.send(core::Heartbeat{.session = own});
  if (state == State::draining) talk.send(core::Goodbye{.session = own, .drain = true});
  if (state == State::after_goodbye) talk.send(core::Goodbye{.session = own});
  if (state == State::after_refusal) talk.send(core::Who{1, 1});
}

}  // namespace

TEST_CASE(
    "every message in every wrong state is ignored, or closes its sender's session in words") {
  HostileFarm farm;
  const std::uint64_t held = farm.submit_held();  // session 1, attempt 1 are the honest worker's
  std::uint64_t said = 0;
  for (const codec_test::Sample& sample : all_samples()) {
    CAPTURE(sample.name);
    for (const State state : states) {
      CAPTURE(static_cast<int>(state));
      for (const bool twice : {false, true}) {
        CAPTURE(twice);
        // Of another, of a former manager, of nobody yet.
        for (const Ids& ids :
             {Ids{"another's", SessionId{id_base + 1}, AttemptId{id_base + 1}},
              Ids{"a former manager's", SessionId{former_base + 1}, AttemptId{former_base + 1}},
              Ids{"nobody's", SessionId{id_base + 1'000'000}, AttemptId{id_base + 1'000'000}}}) {
          CAPTURE(ids.words);
          Talk peer = talk(farm);
          lead_to(state, peer);
          const core::Message message = about(sample.message, ids);
          peer.send(message);
          if (twice) peer.send(message);
          peer.check_to_the_end();
          said += twice ? 2 : 1;
        }
      }
    }
    farm.check_unharmed();
  }
  // Its own session, too.
  for (const codec_test::Sample& sample : all_samples()) {
    CAPTURE(sample.name);
    Talk peer = talk(farm);
    peer.join();
    const core::Message message =
        about(sample.message, {"its own", peer.model.session(), AttemptId{id_base + 1}});
    for (int i = 0; i < 2; ++i) peer.send(message);
    peer.check_to_the_end();
    said += 2;
  }
  farm.check_unharmed();
  std::printf("%llu messages in wrong states\n", static_cast<unsigned long long>(said));
  const core::Counters counters = farm.counters();
  CHECK(counters.messages_unexpected > 0);
  CHECK(counters.results_unknown > 0);
  CHECK(counters.outputs_unknown > 0);
  CHECK(counters.claims_refused > 0);
  CHECK(counters.messages_malformed == 0);
  CHECK(counters.tasks_failed == 0);
  CHECK(counters.tasks_requeued == 0);
  farm.release();
  farm.check_answer(held, "held");
  farm.wait_until_alone();
}

TEST_CASE("a message cut anywhere is refused as malformed and closes its sender's session alone") {
  HostileFarm farm;
  std::uint64_t cuts = 0;
  for (const codec_test::Sample& sample : all_samples()) {
    CAPTURE(sample.name);
    const core::Message message =
        about(sample.message, {"another's", SessionId{id_base + 1}, AttemptId{id_base + 1}});
    const std::vector<std::string> whole = test::frames_of(message);
    Talk peer = talk(farm);
    for (std::size_t size = 0; size < whole.front().size(); ++size) {
      CAPTURE(size);
      std::vector<std::string> frames = whole;
      frames.front().resize(size);
      // A stranger's, and in a session.
      peer.send_malformed(frames);
      peer.join();
      peer.send_malformed(frames);
      cuts += 2;
    }
    peer.check_to_the_end();
    farm.check_unharmed();
  }
  std::printf("%llu cut messages\n", static_cast<unsigned long long>(cuts));
  CHECK(farm.counters().messages_malformed == cuts);
}

TEST_CASE("a payload where none belongs, or none where one does, is malformed") {
  HostileFarm farm;
  std::uint64_t faults = 0;
  for (const codec_test::Sample& sample : all_samples()) {
    CAPTURE(sample.name);
    // Readers may ignore a payload of these, which are frozen for ever.
    if (std::holds_alternative<core::Refuse>(sample.message) ||
        std::holds_alternative<core::Who>(sample.message))
      continue;
    std::vector<std::string> whole = test::frames_of(
        about(sample.message, {"another's", SessionId{id_base + 1}, AttemptId{id_base + 1}}));
    const bool has_records = std::holds_alternative<core::Hello>(sample.message) ||
                             std::holds_alternative<core::Welcome>(sample.message);
    std::vector<std::vector<std::string>> wrong;
    if (has_records) {
      wrong.push_back({whole.front(), "no record"});
      wrong.push_back({whole.front(), std::string(16, '\0')});  // of attempt 0
    } else if (whole.size() == 2) {
      wrong.push_back({whole.front()});
    } else {
      wrong.push_back({whole.front(), "a payload"});
      wrong.push_back({whole.front(), ""});
    }
    wrong.push_back({whole.front(), "two", "payloads"});
    for (const auto& frames : wrong) {
      Talk peer = talk(farm);
      peer.send_malformed(frames);
      peer.join();
      peer.send_malformed(frames);
      peer.check_to_the_end();
      faults += 2;
    }
    farm.check_unharmed();
  }
  CHECK(farm.counters().messages_malformed == faults);
}

TEST_CASE("a kind that nobody knows is ignored in a session, whatever follows its prefix") {
  HostileFarm farm;
  const std::string known = test::frames_of(core::Who{1, 1}).front();
  std::uint64_t ignored = 0;
  for (const int number : {16, 17, 18, 19, 21, 255, 65535}) {
    const auto kind = static_cast<std::uint16_t>(number);
    CAPTURE(kind);
    const std::string header = codec_test::poked(known, 12, kind);
    for (const std::vector<std::string>& frames :
         {std::vector<std::string>{header}, std::vector<std::string>{header, "anything"}}) {
      Talk peer = talk(farm);
      peer.peer->send(frames);
      peer.add({Answer::who});
      peer.join();
      peer.peer->send(frames);
      peer.check_to_the_end();
      ignored += 1;
    }
  }
  CHECK(farm.counters().messages_unknown == ignored);
  farm.check_unharmed();
}
