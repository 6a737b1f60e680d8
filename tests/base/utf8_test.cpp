#include "base/utf8.hpp"

#include <string>

#include "catch.hpp"

using namespace fanmill;

TEST_CASE("text in UTF-8 is told from other bytes, wherever these stand", "[unit][base]") {
  CHECK(is_utf8(""));
  CHECK(
      is_utf8("größer \xe2\x82\xac \xf0\x9f\x8c\xbe \xf4\x8f\xbf\xbf, control\x01 characters too"));
  const auto wrong = GENERATE(as<std::string>(), "\x80",  // a continuation alone
                              "\xc3",                     // cut short
                              "\xe2\x82",                 // cut short
                              "\xc0\xaf",                 // overlong
                              "\xe0\x80\xaf",             // overlong
                              "\xf0\x80\x80\xaf",         // overlong
                              "\xed\xa0\x80",             // a surrogate
                              "\xf4\x90\x80\x80",         // past U+10FFFF
                              "\xff");
  for (std::size_t before = 0; before < 10; ++before) {
    CHECK_FALSE(is_utf8(std::string(before, 'a') + wrong));
    CHECK_FALSE(is_utf8(std::string(before, 'a') + wrong + "aaaaaaaaaa"));
  }
}

TEST_CASE("a text is cut between characters", "[unit][base]") {
  const std::string_view euros = "\xe2\x82\xac\xe2\x82\xac";
  CHECK(cut_utf8(euros, 6) == euros);
  CHECK(cut_utf8(euros, 5) == "\xe2\x82\xac");
  CHECK(cut_utf8(euros, 4) == "\xe2\x82\xac");
  CHECK(cut_utf8(euros, 3) == "\xe2\x82\xac");
  CHECK(cut_utf8(euros, 2).empty());
  CHECK(cut_utf8("abc", 2) == "ab");
  CHECK(cut_utf8("abc", 0).empty());
}

// A crashing program may print anything; what can be read of it should be.
TEST_CASE("a run of bytes that are no UTF-8 is not cut to nothing", "[unit][base]") {
  CHECK(cut_utf8(std::string(100, '\x80'), 10).size() == 10);
}
