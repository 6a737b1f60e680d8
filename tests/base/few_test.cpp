#include "base/few.hpp"

#include <memory>
#include <string>
#include <vector>

#include "catch.hpp"

namespace fanmill {
namespace {

using Texts = Few<std::string>;

// Longer than what a std::string keeps in itself.
std::string text(int number) { return std::string(40, 'x') + std::to_string(number); }

Texts some(int count) {
  Texts texts;
  for (int i = 0; i < count; ++i) texts.push_back(text(i));
  return texts;
}

}  // namespace

TEST_CASE("none, one and many are kept in order", "[unit][base]") {
  for (const int count : {0, 1, 2, 3, 4, 5, 100}) {
    const Texts texts = some(count);
    REQUIRE(texts.size() == static_cast<std::size_t>(count));
    CHECK(texts.empty() == (count == 0));
    int next = 0;
    for (const std::string& one : texts) CHECK(one == text(next++));
    CHECK(next == count);
    CHECK_THROWS_AS(texts.at(static_cast<std::size_t>(count)), std::out_of_range);
  }
}

TEST_CASE("copies are equal, and what was moved is empty", "[unit][base]") {
  for (const int before : {0, 1, 2, 9}) {
    for (const int count : {0, 1, 2, 9}) {
      Texts texts = some(count);
      Texts to = some(before);
      to = texts;
      CHECK(to == texts);
      CHECK(Texts(to) == texts);
      to = std::move(texts);
      CHECK(texts.empty());  // NOLINT: what is left is told
      CHECK(to == some(count));
      texts.push_back(text(5));
      CHECK(texts == Texts{text(5)});
    }
  }
}

TEST_CASE("a list lies where it was if there is room", "[unit][base]") {
  Texts texts;
  texts.reserve(5);
  texts.push_back(text(0));
  const std::string* const first = texts.data();
  for (int i = 1; i < 5; ++i) texts.push_back(text(i));
  CHECK(texts.data() == first);
  CHECK(texts == some(5));
  texts.clear();
  CHECK(texts.empty());
}

TEST_CASE("a list lets go of all that it had", "[unit][base]") {
  const auto counted = std::make_shared<int>(1);
  {
    Few<std::shared_ptr<int>> one{counted};
    Few<std::shared_ptr<int>> many{counted, counted, counted};
    CHECK(counted.use_count() == 5);
    one = many;
    CHECK(counted.use_count() == 7);
    many = {counted};
    CHECK(counted.use_count() == 5);
    one = std::move(many);
    CHECK(counted.use_count() == 2);
  }
  CHECK(counted.use_count() == 1);
}

TEST_CASE("a list of one takes no memory of its own", "[unit][base]") {
  const Few<int> one{7};
  const auto* const begin = reinterpret_cast<const char*>(&one);
  const auto* const element = reinterpret_cast<const char*>(one.data());
  CHECK((begin <= element && element < begin + sizeof one));
  CHECK(Few<std::string>(std::vector<std::string>{"a", "b"}).size() == 2);
}

}  // namespace fanmill
