#include "base/assert.hpp"

#include "assert_trap.hpp"
#include "catch.hpp"

namespace fanmill::test {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("an assertion that holds does nothing, and evaluates its condition once",
          "[unit][base]") {
  AssertTrap trap;
  int looks = 0;
  FANMILL_ASSERT(++looks == 1, "never seen");
  CHECK(looks == 1);
}

TEST_CASE("a failed assertion reports expression, place and context", "[unit][base]") {
  AssertTrap trap;
  const int held = 3;
  try {
    FANMILL_ASSERT(held == 4, "held", held);
    FAIL("it let the broken state go on");
  } catch (const AssertionFailed& failure) {
    const std::string report = failure.what();
    CHECK_THAT(report, ContainsSubstring("held == 4"));
    CHECK_THAT(report, ContainsSubstring("assert_test.cpp:"));
    CHECK_THAT(report, ContainsSubstring("held 3"));
    CHECK(report.back() == '\n');
  }
}

TEST_CASE("setting an assert handler gives back the one before, null sets the default",
          "[unit][base]") {
  const AssertHandler mine = [](const std::string&) {};
  const AssertHandler first = set_assert_handler(mine);
  CHECK(set_assert_handler(nullptr) == mine);
  CHECK(set_assert_handler(first) == first);
}

}  // namespace fanmill::test
