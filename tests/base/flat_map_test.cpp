#include "base/flat_map.hpp"

#include <map>
#include <random>

#include "assert_trap.hpp"
#include "base/ids.hpp"
#include "catch.hpp"

namespace fanmill {
namespace {

/// Changes a FlatMap and a std::map alike, with keys that `key` makes of a random number.
template <typename Key>
void compare(std::uint32_t seed, int rounds, std::uint32_t weight_of_inserts, Key&& key) {
  std::mt19937_64 random(seed);
  FlatMap map;
  std::map<std::uint64_t, std::uint32_t> model;
  for (int round = 0; round < rounds; ++round) {
    const std::uint64_t at = key(random());
    const auto found = model.find(at);
    REQUIRE(map.find(at) == (found == model.end() ? no_index : found->second));
    if (found != model.end()) {
      map.erase(at);
      model.erase(found);
    } else if (random() % 10 < weight_of_inserts) {
      const auto index = static_cast<std::uint32_t>(round);
      map.insert(at, index);
      model.emplace(at, index);
    }
    REQUIRE(map.size() == model.size());
  }
  for (const auto& [at, index] : model) REQUIRE(map.find(at) == index);
}

}  // namespace

TEST_CASE("an empty map finds nothing, and nothing is ever filed under 0", "[unit][base]") {
  test::AssertTrap trap;
  FlatMap map;
  CHECK(map.find(1) == no_index);
  CHECK(map.find(0) == no_index);
  map.insert(1, 10);
  CHECK(map.find(0) == no_index);
  CHECK_THROWS_AS(map.insert(0, 1), test::AssertionFailed);
}

TEST_CASE("a key can be filed once and erased once", "[unit][base]") {
  test::AssertTrap trap;
  FlatMap map;
  CHECK_THROWS_AS(map.erase(7), test::AssertionFailed);
  map.insert(7, 1);
  CHECK_THROWS_AS(map.insert(7, 2), test::AssertionFailed);
  CHECK(map.find(7) == 1);
  map.erase(7);
  CHECK(map.find(7) == no_index);
  CHECK_THROWS_AS(map.erase(7), test::AssertionFailed);
}

TEST_CASE("a flat map agrees with std::map on few keys, filed and erased often", "[unit][base]") {
  compare(1, 50000, 9, [](std::uint64_t random) { return 1 + random % 60; });
}

TEST_CASE("a flat map agrees with std::map on ids of several incarnations", "[unit][base]") {
  compare(2, 50000, 10, [](std::uint64_t random) {
    return ((1 + random % 3) << serial_bits) + 1 + (random >> 8) % 3000;
  });
}

TEST_CASE("a flat map agrees with std::map on any keys", "[unit][base]") {
  compare(3, 20000, 10,
          [](std::uint64_t random) { return (random | 1) % 5000 * 0x100000001ULL + 1; });
}

// All keys share their low bits after the multiplication: one long run that wraps around the end.
TEST_CASE("keys that collide are told apart, also over the end of the table", "[unit][base]") {
  FlatMap map;
  std::vector<std::uint64_t> keys;
  const auto home = [](std::uint64_t key) { return ((key * 0x9e3779b97f4a7c15ULL) >> 20) & 63; };
  for (std::uint64_t key = 1; keys.size() < 40; ++key) {
    if (home(key) >= 62) keys.push_back(key);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    map.insert(keys[i], static_cast<std::uint32_t>(i));
  }
  for (std::size_t i = 0; i < keys.size(); i += 2) map.erase(keys[i]);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    CHECK(map.find(keys[i]) == (i % 2 == 0 ? no_index : static_cast<std::uint32_t>(i)));
  }
}

TEST_CASE("a hundred thousand consecutive ids come, are found and go", "[unit][base]") {
  FlatMap map;
  IdSource<AttemptId> source(7);
  const std::uint64_t first = source.next().value;
  for (std::uint32_t i = 0; i < 100000; ++i) map.insert(first + i, i);
  bool all = true;
  for (std::uint32_t i = 0; i < 100000; ++i) all &= map.find(first + i) == i;
  CHECK(all);
  for (std::uint32_t i = 0; i < 100000; ++i) map.erase(first + i);
  CHECK(map.size() == 0);
}

TEST_CASE("what is put under a key takes the place of what was there", "[unit][base]") {
  FlatMap map;
  for (std::uint64_t key = 1; key <= 200; ++key) map.put(key, 1);
  for (std::uint64_t key = 1; key <= 200; key += 2) map.put(key, 2);
  CHECK(map.size() == 200);
  for (std::uint64_t key = 1; key <= 200; ++key) REQUIRE(map.find(key) == 1 + key % 2);
}

}  // namespace fanmill
