#include "base/result.hpp"

#include <memory>
#include <set>

#include "assert_trap.hpp"
#include "catch.hpp"

namespace fanmill {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error{ErrorCode::invalid_argument, "odd: " + std::to_string(number)};
  return number / 2;
}

}  // namespace

TEST_CASE("a result holds a value or the error that prevented it", "[unit][base]") {
  CHECK(half(8).ok());
  CHECK(half(8).value() == 4);
  const Result<int> odd = half(7);
  CHECK_FALSE(odd);
  CHECK(odd.error().code == ErrorCode::invalid_argument);
  CHECK(odd.error().message == "odd: 7");
  CHECK(Status(Ok{}).ok());
}

TEST_CASE("a value may be changed in place and moved out", "[unit][base]") {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(1));
  *result.value() = 2;
  const std::unique_ptr<int> owner = std::move(result).value();
  CHECK(*owner == 2);
  CHECK(half(10).value_or_raise() == 5);
}

TEST_CASE("an error becomes the public exception with its code and words", "[unit][base]") {
  try {
    (void)half(3).value_or_raise();
    FAIL("no exception");
  } catch (const FarmError& error) {
    CHECK(error.code() == ErrorCode::invalid_argument);
    CHECK(error.what() == std::string("odd: 3"));
  }
}

TEST_CASE("asking a result for what it does not hold is a bug, told with the error",
          "[unit][base]") {
  test::AssertTrap trap;
  CHECK_THROWS_WITH(half(5).value(), Catch::Matchers::ContainsSubstring("odd: 5"));
  CHECK_THROWS_AS(half(4).error(), test::AssertionFailed);
}

TEST_CASE("every error code has a name of its own", "[unit][base]") {
  std::set<std::string> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::launch_failed); ++code) {
    const std::string name = to_string(static_cast<ErrorCode>(code));
    CHECK(name != "unknown");
    CHECK(names.insert(name).second);
  }
}

}  // namespace fanmill
