#include "base/rare_text.hpp"

#include "catch.hpp"

namespace fanmill {

TEST_CASE("a rare text is a pointer, and reads like the text it was given", "[unit][base]") {
  static_assert(sizeof(RareText) == sizeof(void*));
  RareText text;
  CHECK(text.empty());
  CHECK(text == "");
  text = "no such curve";
  const RareText copy = text;
  text += "s";
  CHECK(text == "no such curves");
  CHECK(copy == "no such curve");
  CHECK(copy.size() == 13);
  const RareText moved = std::move(text);
  CHECK(moved.str() == "no such curves");
  CHECK(text.empty());  // NOLINT: what is moved away leaves nothing behind
  CHECK(RareText(std::string()).empty());
  CHECK_FALSE(moved == copy);
}

}  // namespace fanmill
