// A key of each role that says each message there is: docs/security.md, "Who can do what".
#include "catch.hpp"
#include "codec/samples.hpp"
#include "hostile_farm.hpp"

using namespace fanmill;
using namespace fanmill::hostile_test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a key that may not work is refused whatever it says, and the core hears nothing of it") {
  HostileFarm farm;
  farm.check_unharmed();
  const core::Counters before = farm.counters();
  std::uint64_t refused = 0;
  for (const KeyHolder* key : {&farm.observer, &farm.submitter}) {
    CAPTURE(key->name);
    for (const codec_test::Sample& sample : codec_test::samples()) {
      CAPTURE(sample.name);
      // Each its own connection: some time after the first refusal it ends.
      const auto peer = farm.connect(*key);
      const auto* hello = std::get_if<core::Hello>(&sample.message);
      peer->send(sample.message);
      const auto refuse = std::get<core::Refuse>(peer->receive());
      CHECK(refuse.code == core::RefuseCode::key);
      CHECK(refuse.retry == Duration::zero());
      CHECK(refuse.greeting == (hello == nullptr ? 0 : hello->greeting));
      CHECK_THAT(refuse.words, ContainsSubstring('"' + key->name + '"') &&
                                   ContainsSubstring("may " + key->roles.text() + ", not worker"));
      refused += 1;
    }
    farm.check_unharmed();
  }
  CHECK(farm.farm().loop().counters().messages_refused == refused);
  const core::Counters after = farm.counters();
  CHECK(after.sessions_opened == before.sessions_opened);
  CHECK(after.whos_sent == before.whos_sent);
  CHECK(after.messages_unexpected == before.messages_unexpected);
  CHECK(after.hellos_refused == before.hellos_refused);
  farm.wait_until_alone();
}

TEST_CASE("an observer that sends garbage is refused and disturbs nobody") {
  HostileFarm farm;
  for (const KeyHolder* key : {&farm.observer, &farm.submitter, &farm.liar}) {
    const auto peer = farm.connect(*key);
    peer->send({std::string("garbage")});
    CHECK(std::get<core::Refuse>(peer->receive()).code == core::RefuseCode::malformed);
  }
  farm.check_unharmed();
}
