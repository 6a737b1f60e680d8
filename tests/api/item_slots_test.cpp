#include <fanmill/detail/item_slots.hpp>

#include <array>
#include <map>
#include <memory>
#include <random>

#include "catch.hpp"

namespace fanmill {
namespace {

struct Kept {
  std::shared_ptr<int> value;
};
/// Of which a few share a chunk, or none.
struct Larger : Kept {
  std::array<char, 1500> more;
};
struct Huge : Kept {
  std::array<char, 5000> more;
};

}  // namespace

TEMPLATE_TEST_CASE("slots of items agree with a map, for items in order and some that stay",
                   "[unit][api]", Kept, Larger, Huge) {
  detail::ItemSlots<TestType> slots;
  std::map<std::uint64_t, std::weak_ptr<int>> expected;
  std::mt19937_64 random(11);
  for (std::uint64_t item = 0; item < 5000; ++item) {
    const auto value = std::make_shared<int>(static_cast<int>(item));
    slots[item].value = value;
    expected[item] = value;
    // Mostly the oldest goes; the very first stays.
    while (expected.size() > 200) {
      auto victim = std::next(expected.begin(), 1 + static_cast<int>(random() % 100));
      slots.erase(victim->first);
      REQUIRE(victim->second.expired());
      REQUIRE(slots.find(victim->first) == nullptr);
      expected.erase(victim);
    }
    const auto& [some, kept] =
        *std::next(expected.begin(), static_cast<int>(random() % expected.size()));
    REQUIRE(slots.at(some).value == kept.lock());
    REQUIRE(slots[some].value == kept.lock());
  }
  REQUIRE(*slots.at(0).value == 0);
}

TEST_CASE("of an item that nothing is kept of there is no slot", "[unit][api]") {
  detail::ItemSlots<Kept> slots;
  CHECK(slots.find(3) == nullptr);
  CHECK_THROWS_AS(slots.at(3), std::out_of_range);
  slots.erase(3);
  CHECK(slots[3].value == nullptr);
  CHECK(slots.find(3) != nullptr);
  CHECK(slots.find(4) == nullptr);
  slots.erase(4);
  slots.erase(3);
  CHECK(slots.find(3) == nullptr);
  // A chunk that is used again has nothing of before.
  slots[100].value = std::make_shared<int>(1);
  CHECK(slots.find(99) == nullptr);
  CHECK(slots[101].value == nullptr);
}

}  // namespace fanmill
