#include <fanmill/big_integer.hpp>

#include <algorithm>
#include <fanmill/error.hpp>
#include <limits>
#include <random>

#include "catch.hpp"

namespace {

using fanmill::BigInteger;

BigInteger random_big(std::mt19937_64& random, std::size_t bytes_max) {
  std::vector<std::uint8_t> magnitude(random() % (bytes_max + 1));
  for (auto& byte : magnitude) byte = static_cast<std::uint8_t>(random());
  return {random() % 2 == 0, magnitude};
}

TEST_CASE("decimal text goes in and comes out the same", "[unit][big_integer]") {
  for (const char* text : {"0", "1", "-1", "999999999", "1000000000", "-1000000000000000000",
                           "18446744073709551616", "-170141183460469231731687303715884105728"}) {
    CHECK(BigInteger::from_decimal(text).to_decimal() == text);
  }
  CHECK(BigInteger::from_decimal("-000").to_decimal() == "0");
  CHECK(BigInteger::from_decimal("+0017").to_decimal() == "17");
}

TEST_CASE("a number of thousands of digits survives decimal text", "[unit][big_integer]") {
  std::string digits = "7";
  for (int i = 0; i < 5000; ++i) digits += static_cast<char>('0' + i * i % 10);
  CHECK(BigInteger::from_decimal('-' + digits).to_decimal() == '-' + digits);
}

TEST_CASE("random magnitudes survive decimal text", "[unit][big_integer]") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const BigInteger big = random_big(random, 60);
    REQUIRE(BigInteger::from_decimal(big.to_decimal()) == big);
  }
}

TEST_CASE("what is not decimal is refused", "[unit][big_integer]") {
  for (const char* text : {"", "-", "+", "1.5", "1e3", " 1", "1 ", "0x10", "--1"}) {
    CHECK_THROWS_AS(BigInteger::from_decimal(text), fanmill::FarmError);
  }
}

TEST_CASE("zeros at the end of a magnitude do not count and zero is not negative",
          "[unit][big_integer]") {
  const std::uint8_t bytes[] = {5, 0, 0};
  CHECK(BigInteger(false, bytes) == BigInteger(5));
  const std::uint8_t zeros[] = {0, 0};
  CHECK(BigInteger(true, zeros) == BigInteger());
  CHECK_FALSE(BigInteger(true, zeros).negative());
}

TEST_CASE("the bounds of 64 bits are exact", "[unit][big_integer]") {
  constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();
  CHECK(BigInteger(lowest).to_int64() == lowest);
  CHECK(BigInteger(highest).to_int64() == highest);
  CHECK(BigInteger(lowest).to_decimal() == "-9223372036854775808");
  CHECK_FALSE(BigInteger::from_decimal("9223372036854775808").fits_int64());
  CHECK_FALSE(BigInteger::from_decimal("-9223372036854775809").fits_int64());
  CHECK(BigInteger::from_decimal("18446744073709551615").to_uint64() == UINT64_MAX);
  CHECK_THROWS_AS(BigInteger::from_decimal("18446744073709551616").to_uint64(), fanmill::FarmError);
  CHECK_THROWS_AS(BigInteger::from_uint64(UINT64_MAX).to_int64(), fanmill::FarmError);
  CHECK_THROWS_AS(BigInteger(-1).to_uint64(), fanmill::FarmError);
}

TEST_CASE("order is that of the numbers", "[unit][big_integer]") {
  const char* rising[] = {"-18446744073709551616", "-256", "-255", "-1", "0", "1", "255", "256",
                          "18446744073709551616"};
  for (const char* a : rising) {
    for (const char* b : rising) {
      const auto expected =
          std::find(rising, std::end(rising), a) <=> std::find(rising, std::end(rising), b);
      CHECK((BigInteger::from_decimal(a) <=> BigInteger::from_decimal(b)) == expected);
    }
  }
}

}  // namespace
