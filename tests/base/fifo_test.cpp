#include "base/fifo.hpp"

#include <memory>

#include "assert_trap.hpp"
#include "catch.hpp"

namespace fanmill {

TEST_CASE("what comes first goes first, over many chunks", "[unit][base]") {
  Fifo<int> fifo;
  CHECK(fifo.empty());
  int next_in = 0;
  int next_out = 0;
  // Longer and longer, and empty in between.
  for (int length = 1; length < 2000; length += 97) {
    for (int i = 0; i < length; ++i) fifo.push_back(next_in++);
    REQUIRE(fifo.size() == static_cast<std::size_t>(length));
    CHECK(fifo[fifo.size() - 1] == next_in - 1);
    for (int i = 0; i < length; ++i) {
      REQUIRE(fifo.front() == next_out++);
      fifo.pop_front();
    }
    CHECK(fifo.empty());
  }
}

TEST_CASE("a queue of steady length goes on for ever", "[unit][base]") {
  Fifo<int> fifo;
  for (int i = 0; i < 300; ++i) fifo.push_back(i);
  for (int i = 300; i < 100'000; ++i) {
    fifo.push_back(i);
    REQUIRE(fifo.front() == i - 300);
    fifo.pop_front();
  }
  CHECK(fifo.size() == 300);
  CHECK(fifo[7] == 100'000 - 293);
}

TEST_CASE("a queue holds nothing of what has left it", "[unit][base]") {
  const auto counted = std::make_shared<int>(1);
  Fifo<std::shared_ptr<int>> fifo;
  fifo.push_back(counted);
  fifo.push_back(counted);
  CHECK(counted.use_count() == 3);
  fifo.pop_front();
  CHECK(counted.use_count() == 2);
  fifo = {};
  CHECK(counted.use_count() == 1);
}

TEST_CASE("there is nothing beyond the ends of a queue", "[unit][base]") {
  const test::AssertTrap trap;
  Fifo<int> fifo;
  CHECK_THROWS_AS(fifo.pop_front(), test::AssertionFailed);
  CHECK_THROWS_AS(fifo.front(), test::AssertionFailed);
  fifo.push_back(1);
  CHECK_THROWS_AS(fifo[1], test::AssertionFailed);
}

TEST_CASE("what is taken from either end, or forgotten, leaves the others", "[unit][base]") {
  Fifo<std::shared_ptr<int>> fifo;
  const auto one = std::make_shared<int>(1);
  for (int i = 0; i < 300; ++i) fifo.add() = one;
  CHECK(one.use_count() == 301);
  while (fifo.size() > 100) fifo.pop_back();
  CHECK(one.use_count() == 101);
  const std::shared_ptr<int> moved = std::move(fifo.front());
  fifo.forget_front();
  CHECK(fifo.size() == 99);
  CHECK(fifo.front() == one);
  for (int i = 0; i < 300; ++i) fifo.push_back(nullptr);
  CHECK(fifo.size() == 399);
  CHECK(fifo.back() == nullptr);
  CHECK(one.use_count() == 101);
}

}  // namespace fanmill
