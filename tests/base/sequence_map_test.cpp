#include "base/sequence_map.hpp"

#include <cstdint>
#include <map>
#include <random>

#include "assert_trap.hpp"
#include "catch.hpp"

namespace fanmill {

TEST_CASE("a sequence map agrees with a map, for numbers in order and strays", "[unit][base]") {
  SequenceMap<int> map;
  std::map<std::uint64_t, int> expected;
  std::mt19937_64 random(7);
  std::uint64_t next = 0;
  for (int i = 0; i < 20'000; ++i) {
    const bool stray = random() % 50 == 0;
    const std::uint64_t number = stray ? random() : next++;
    if (expected.contains(number)) continue;
    map.insert(number, i);
    expected[number] = i;
    // Mostly the oldest goes, but some stay for long.
    while (expected.size() > 500) {
      auto victim = expected.begin();
      std::advance(victim, random() % 20);
      map.erase(victim->first);
      CHECK(map.find(victim->first) == nullptr);
      expected.erase(victim);
    }
    REQUIRE(map.size() == expected.size());
  }
  for (const auto& [number, value] : expected) {
    REQUIRE(map.find(number) != nullptr);
    CHECK(*map.find(number) == value);
  }
  CHECK(map.find(next + 1000) == nullptr);
}

TEST_CASE("a number is in a sequence map once, or not at all", "[unit][base]") {
  const test::AssertTrap trap;
  SequenceMap<int> map;
  CHECK(map.empty());
  CHECK_THROWS_AS(map.erase(5), test::AssertionFailed);
  map.insert(5, 1);
  CHECK_THROWS_AS(map.insert(5, 2), test::AssertionFailed);
  CHECK_THROWS_AS(map.erase(6), test::AssertionFailed);
  CHECK(*map.find(5) == 1);
  CHECK(map.find(6) == nullptr);
  CHECK(map.find(5 + 64) == nullptr);
  map.erase(5);
  CHECK(map.empty());
}

// It remembers where it looked last.
TEST_CASE("what is gone with its neighbours is not found any more", "[unit][base]") {
  const test::AssertTrap trap;
  SequenceMap<int> map;
  map.insert(5, 1);
  map.insert(6, 2);
  map.erase(5);
  map.erase(6);
  CHECK(map.find(5) == nullptr);
  CHECK_THROWS_AS(map.erase(6), test::AssertionFailed);
  map.insert(700, 3);  // may take the memory of the others
  CHECK(map.find(5) == nullptr);
  SECTION("moved") {
    SequenceMap<int> other = std::move(map);
    CHECK(*other.find(700) == 3);
    map = {};
    CHECK(map.find(700) == nullptr);
    CHECK(map.empty());
    map.insert(700, 4);
    CHECK(*other.find(700) == 3);
    CHECK(*map.find(700) == 4);
  }
  SECTION("replaced by an empty one") {
    CHECK(*map.find(700) == 3);
    map = {};
    CHECK(map.find(700) == nullptr);
    map.insert(700, 4);
    CHECK(*map.find(700) == 4);
  }
}

}  // namespace fanmill
