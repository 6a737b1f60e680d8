#include "codec/text.hpp"

#include "catch.hpp"

namespace fanmill::codec {

TEST_CASE("plain text is UTF-8 without control characters", "[unit][codec]") {
  CHECK(is_plain(""));
  CHECK(is_plain("a b~"));
  CHECK(is_plain("größer \xe2\x82\xac \xf0\x9f\x8c\xbe \xf4\x8f\xbf\xbf"));
  CHECK_FALSE(is_plain("cut short \xc3"));
  CHECK_FALSE(is_plain("two\nlines"));
  CHECK_FALSE(is_plain("tab\t"));
  CHECK_FALSE(is_plain(std::string_view("\0", 1)));
  CHECK_FALSE(is_plain("\x7f"));
  CHECK_FALSE(is_plain("\xc2\x9b"));  // C1: a terminal takes it for the start of a command
}

// A crashing program may print anything; what can be read of it should be.
TEST_CASE("a run of bytes that are no UTF-8 is kept, not cut to nothing", "[unit][codec]") {
  std::string scratch;
  CHECK(clean(std::string(100, '\x80'), 10, scratch) == "??????????");
}

TEST_CASE("texts for people are cleaned, names never", "[unit][codec]") {
  std::string scratch;
  CHECK(clean("fine\n\tindented", 100, scratch) == "fine\n\tindented");
  CHECK(scratch.empty());
  CHECK(clean("red \x1b[31m\r\n\xff.", 100, scratch) == "red  [31m \n?.");
  CHECK(clean("a\nb\tc", 100, scratch, keep_nothing) == "a b c");
  CHECK(clean("grün", 3, scratch) == "gr");
}

TEST_CASE("names are split and joined by newlines", "[unit][codec]") {
  using Names = std::vector<std::string>;
  CHECK(split_names("") == Names{""});
  CHECK(split_names("\none") == Names{"", "one"});
  CHECK(split_names("one") == Names{"one"});
  CHECK(split_names("one\ntwo") == Names{"one", "two"});
  CHECK(split_names("one\n") == Names{"one", ""});
  CHECK(join_names({}).empty());
  CHECK(join_names({"one", "two"}) == "one\ntwo");
}

TEST_CASE("a list of names has none empty, none twice and not too many", "[unit][codec]") {
  CHECK(names_fault({"a", "b"}, 2, false).empty());
  CHECK(names_fault({"a", "b"}, 1, false) == "2 names, expected at most 1");
  CHECK(names_fault({"a", ""}, 2, false) == "name 1 is empty");
  CHECK(names_fault({"a\nb"}, 2, false) == "name 0 is not UTF-8 without control characters");
  CHECK(names_fault({"a", "b", "a"}, 3, false) == "\"a\" stands there twice");
}

TEST_CASE("only the first function may be without a name", "[unit][codec]") {
  CHECK(names_fault({"", "a"}, 2, true).empty());
  CHECK(names_fault({"", "a"}, 2, false) == "name 0 is empty");
  CHECK(names_fault({"a", ""}, 2, true) == "name 1 is empty");
}

}  // namespace fanmill::codec
