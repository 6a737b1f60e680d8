#include "base/index_list.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include "assert_trap.hpp"
#include "catch.hpp"

namespace fanmill {
namespace {

struct Record {
  int name = 0;
  Links row;
  Links column;
};
using Rows = IndexList<Record, &Record::row>;
using Columns = IndexList<Record, &Record::column>;

std::vector<int> names(const Slab<Record>& slab, const Rows& list) {
  std::vector<int> found;
  list.for_each(slab, [&](std::uint32_t index) { found.push_back(slab[index].name); });
  return found;
}

}  // namespace

TEST_CASE("a list keeps the order in which its ends were given records", "[unit][base]") {
  Slab<Record> slab;
  Rows list;
  CHECK(list.empty());
  CHECK(list.front() == no_index);
  CHECK(list.back() == no_index);
  const std::uint32_t two = slab.insert({.name = 2});
  const std::uint32_t three = slab.insert({.name = 3});
  const std::uint32_t one = slab.insert({.name = 1});
  list.push_back(slab, two);
  list.push_back(slab, three);
  list.push_front(slab, one);
  CHECK(names(slab, list) == std::vector{1, 2, 3});
  CHECK(list.front() == one);
  CHECK(list.back() == three);
  list.erase(slab, two);
  CHECK(names(slab, list) == std::vector{1, 3});
  list.erase(slab, one);
  list.erase(slab, three);
  CHECK(list.empty());
  CHECK(list.front() == no_index);
}

TEST_CASE("a record may be in several lists, once in each", "[unit][base]") {
  test::AssertTrap trap;
  Slab<Record> slab;
  Rows rows;
  Columns columns;
  const std::uint32_t record = slab.insert({.name = 1});
  rows.push_back(slab, record);
  columns.push_back(slab, record);
  CHECK_THROWS_AS(rows.push_front(slab, record), test::AssertionFailed);
  rows.erase(slab, record);
  CHECK_FALSE(slab[record].row.linked());
  CHECK(slab[record].column.linked());
  CHECK_THROWS_AS(rows.erase(slab, record), test::AssertionFailed);
  columns.erase(slab, record);
}

TEST_CASE("a list agrees with a vector that is changed alike", "[unit][base]") {
  std::mt19937 random(2);
  Slab<Record> slab;
  Rows list;
  std::vector<std::uint32_t> model;
  for (int round = 0; round < 5000; ++round) {
    const std::uint32_t what = random() % 4;
    if (what < 2 || model.empty()) {
      const std::uint32_t index = slab.insert({.name = round});
      if (what % 2 == 0) {
        list.push_back(slab, index);
        model.push_back(index);
      } else {
        list.push_front(slab, index);
        model.insert(model.begin(), index);
      }
    } else {
      const std::uint32_t any = model[random() % model.size()];
      list.erase(slab, any);
      model.erase(std::find(model.begin(), model.end(), any));
      if (what == 2) {
        slab.erase(any);
      } else {
        list.push_back(slab, any);  // to the end
        model.push_back(any);
      }
    }
    REQUIRE(list.size() == model.size());
    if (round % 50 != 0) continue;
    std::vector<std::uint32_t> found;
    list.for_each(slab, [&](std::uint32_t index) { found.push_back(index); });
    REQUIRE(found == model);
    REQUIRE((model.empty() || list.back() == model.back()));
  }
}

}  // namespace fanmill
