#include "base/slab.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "assert_trap.hpp"
#include "catch.hpp"

namespace fanmill {

TEST_CASE("a record keeps its index and its address while others come and go", "[unit][base]") {
  Slab<std::string> slab;
  const std::uint32_t first = slab.insert("first");
  const std::string* where = &slab[first];
  for (int i = 0; i < 2000; ++i) slab.insert(std::to_string(i));
  for (std::uint32_t i = 1; i < 1000; ++i) slab.erase(i);
  CHECK(&slab[first] == where);
  CHECK(slab[first] == "first");
  CHECK(slab.size() == 1002);
}

TEST_CASE("an erased index is used again before the slab grows", "[unit][base]") {
  Slab<int> slab;
  slab.insert(10);
  const std::uint32_t middle = slab.insert(20);
  slab.insert(30);
  slab.erase(middle);
  CHECK_FALSE(slab.contains(middle));
  CHECK(slab.insert(40) == middle);
  CHECK(slab[middle] == 40);
}

TEST_CASE("erasing destroys the record at once, and so does the slab's end", "[unit][base]") {
  const auto watched = std::make_shared<int>(1);
  {
    Slab<std::shared_ptr<int>> slab;
    const std::uint32_t index = slab.insert(watched);
    slab.insert(watched);
    CHECK(watched.use_count() == 3);
    slab.erase(index);
    CHECK(watched.use_count() == 2);
  }
  CHECK(watched.use_count() == 1);
}

TEST_CASE("touching a record that is not there is a bug that is noticed", "[unit][base]") {
  test::AssertTrap trap;
  Slab<int> slab;
  const std::uint32_t index = slab.insert(1);
  CHECK_FALSE(slab.contains(no_index));
  CHECK_THROWS_AS(slab[no_index], test::AssertionFailed);
  slab.erase(index);
  CHECK_THROWS_AS(slab[index], test::AssertionFailed);
  CHECK_THROWS_AS(slab.erase(index), test::AssertionFailed);
}

TEST_CASE("a slab holds what a map would", "[unit][base]") {
  std::mt19937 random(1);
  Slab<std::uint32_t> slab;
  std::map<std::uint32_t, std::uint32_t> model;
  for (std::uint32_t round = 0; round < 20000; ++round) {
    if (model.empty() || random() % 5 < 3) {
      const std::uint32_t index = slab.insert(round);
      REQUIRE(model.emplace(index, round).second);
    } else {
      const auto any = std::next(
          model.begin(),
          static_cast<std::ptrdiff_t>(random() % std::min<std::size_t>(model.size(), 50)));
      REQUIRE(slab[any->first] == any->second);
      slab.erase(any->first);
      model.erase(any);
    }
    REQUIRE(slab.size() == model.size());
  }
  std::map<std::uint32_t, std::uint32_t> found;
  std::uint32_t before = 0;
  slab.for_each([&](std::uint32_t index, std::uint32_t value) {
    CHECK((found.empty() || index > before));
    before = index;
    found.emplace(index, value);
  });
  CHECK(found == model);
}

TEST_CASE("records that fill lines of the cache begin with one", "[unit][base]") {
  struct Line {
    std::uint64_t words[7] = {1, 2, 3, 4, 5, 6, 7};
  };
  Slab<Line> slab;
  for (int i = 0; i < 1000; ++i) {
    const std::uint32_t index = slab.insert();
    CHECK(slab[index].words[6] == 7);
    CHECK(reinterpret_cast<std::uintptr_t>(&slab[index]) % 64 == 0);
    slab.prefetch(index);
  }
  slab.prefetch(no_index);
  CHECK(slab.size() == 1000);
}

}  // namespace fanmill
