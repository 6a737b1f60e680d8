#include "base/mixed_list.hpp"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "catch.hpp"

namespace fanmill {
namespace {

using Number = std::unique_ptr<int>;
using Any = std::variant<std::string, Number>;
using List = MixedList<Number, Any>;

std::vector<std::string> taken(List& list) {
  std::vector<std::string> order;
  list.take_all([&](Number&& number) { order.push_back(std::to_string(*number)); },
                [&](Any&& any) { order.push_back(std::get<std::string>(any)); },
                [](const Number& number) { REQUIRE(number != nullptr); }, 100);
  return order;
}

}  // namespace

TEST_CASE("a mixed list gives in the order in which it was filled", "[unit][base]") {
  List list;
  CHECK(list.empty());
  CHECK(taken(list).empty());
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> expected;
    // From nothing but the common ones to nothing but others.
    const int others = round * 2;
    for (int i = 0; i < round; ++i) {
      expected.push_back(std::to_string(i));
      if (static_cast<int>(random() % 100) < others) {
        expected.back() = "text " + expected.back();
        list.push_back(Any(expected.back()));
      } else {
        list.push_back(Any(std::make_unique<int>(i)));
      }
    }
    CHECK(list.size() == expected.size());
    CHECK(taken(list) == expected);
    CHECK(list.empty());
  }
}

TEST_CASE("what is appended to a mixed list stands behind what was there", "[unit][base]") {
  List list;
  List more;
  more.push_back(Any("first"));
  more.push_back(Any(std::make_unique<int>(1)));
  list.append(more);
  CHECK(more.empty());
  more.push_back(Any("second"));
  more.push_back(Any(std::make_unique<int>(2)));
  more.push_back(Any("third"));
  list.append(more);
  CHECK(more.empty());
  list.append(more);
  CHECK(list.size() == 5);
  CHECK(taken(list) == std::vector<std::string>{"first", "1", "second", "2", "third"});
}

}  // namespace fanmill
