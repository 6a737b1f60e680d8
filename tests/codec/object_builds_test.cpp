// Two builds of a program whose structs have changed in between understand each other, by the rule
// of fields.hpp.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catch.hpp"
#include "codec/object_check.hpp"

namespace yesterday {

struct Point {
  int x = 0;
  int y = 0;
  bool operator==(const Point&) const = default;
};
FANMILL_FIELDS(Point, x, y)

struct Options {
  std::string colour;
  std::int16_t depth = 0;
  Point origin;
  std::string author;  // dropped since
  bool operator==(const Options&) const = default;
};
FANMILL_FIELDS(Options, colour, depth, origin, author)

}  // namespace yesterday

namespace today {

struct Position {  // was Point, and whole
  double x = 0;
  double y = 0;
  std::optional<double> z = 99;
  bool operator==(const Position&) const = default;
};
FANMILL_FIELDS(Position, x, y, z)

struct Options {
  int retries = 3;                 // new, and old programs don't send it
  std::int64_t depth = 0;          // wider
  std::string line_colour;         // was colour
  std::optional<Position> origin;  // may be left out now
  std::optional<int> weight = 5;   // new
  bool operator==(const Options&) const = default;
};
FANMILL_FIELDS(Options, (retries, fanmill::or_default), depth, (line_colour, "colour"), origin,
               (weight, "weight in kg", fanmill::or_default))

}  // namespace today

namespace {

struct Base {
  int inherited = 0;
};
struct Derived : Base {
  int own = 0;
};
FANMILL_FIELDS(Derived, inherited, own)

// Has no fields of its own named, only those of its base.
struct Unnamed : Derived {
  int lost = 0;
};

struct Alike {
  int a = 0;
  int b = 0;
};
FANMILL_FIELDS(Alike, a, (b, "a"))

struct TwoLines {
  int a = 0;
};
FANMILL_FIELDS(TwoLines, (a, "a\nb"))

// Codec asserts these two.
static_assert(!fanmill::detail::NamesOf<Alike>::are_distinct);
static_assert(!fanmill::detail::NamesOf<TwoLines>::are_names);

static_assert(fanmill::detail::Codec<today::Options>::names ==
              "Options\nretries\ndepth\ncolour\norigin\nweight in kg");
static_assert(fanmill::detail::Codec<Derived>::names == "Derived\ninherited\nown");

// A struct without FANMILL_FIELDS travelled as its base does, which lost its own fields.
static_assert(fanmill::Transmissible<Derived>);
static_assert(!fanmill::Transmissible<Unnamed> && !fanmill::Encodable<Unnamed>);
static_assert(!fanmill::Transmissible<std::vector<Unnamed>>);

}  // namespace

namespace fanmill::codec_test {
namespace {

const yesterday::Options old_options{
    .colour = "red", .depth = -7, .origin = {1, 2}, .author = "me"};
const today::Options new_options{
    .retries = 1, .depth = 7, .line_colour = "blue", .origin = {{3, 4, {}}}, .weight = {}};

TEST_CASE("a new program reads what an old one sent", "[unit][object]") {
  CHECK(decode<today::Options>(encode(old_options)) ==
        today::Options{.retries = 3,
                       .depth = -7,
                       .line_colour = "red",
                       .origin = {{1, 2, std::nullopt}},
                       .weight = 5});
}

TEST_CASE("an old program reads what a new one sent, if nothing that it needs has gone",
          "[unit][object]") {
  CHECK(refusal<yesterday::Options>(encode(new_options)) ==
        "field origin of struct Options, field x of struct Point: expected an integer, got number "
        "3.0");
  // Without the field that changed its kind, and with the one that was dropped:
  std::string json = to_json(encode(new_options));
  json.replace(json.find(R"({"x": 3.0)"), std::string(R"({"x": 3.0, "y": 4.0)").size(),
               R"({"x": 3, "y": 4)");
  CHECK(refusal<yesterday::Options>(Payload::json(json)) ==
        "field author of struct Options is missing; only fields of type std::optional or with "
        "or_default may be");
  json.insert(1, R"("author": "you", )");
  CHECK(decode<yesterday::Options>(Payload::json(json)) ==
        yesterday::Options{.colour = "blue", .depth = 7, .origin = {3, 4}, .author = "you"});
}

TEST_CASE("both builds agree with themselves", "[unit][object]") {
  check_round_trip(old_options);
  check_round_trip(new_options);
  check_round_trip(std::vector{new_options, today::Options()});
}

TEST_CASE("a missing optional is empty, one with or_default is what the constructor made it",
          "[unit][object]") {
  const auto options = decode<today::Options>(Payload::json(R"({"depth": 1, "colour": ""})"));
  CHECK(options.origin == std::nullopt);
  CHECK(options.weight == 5);
  CHECK(options.retries == 3);
  CHECK(decode<today::Position>(Payload::json(R"({"x": 1, "y": 1})")).z == std::nullopt);
  // Null is not missing.
  CHECK(decode<today::Options>(Payload::json(R"({"depth": 1, "colour": "", "weight in kg": null})"))
            .weight == std::nullopt);
  CHECK(refusal<today::Options>(Payload::json(R"({"depth": 1, "colour": "", "retries": null})")) ==
        "field retries of struct Options: expected an integer, got null");
}

TEST_CASE("a field is named as it travels", "[unit][object]") {
  CHECK(to_json(encode(today::Options())) ==
        R"({"retries": 3, "depth": 0, "colour": "", "origin": null, "weight in kg": 5})");
  CHECK(refusal<today::Options>(Payload::json(R"({"depth": 1, "line_colour": ""})"))
            .starts_with("field colour of struct Options is missing"));
  CHECK(refusal<today::Options>(Payload::json(R"({"depth": 1, "colour": 2})")) ==
        "field colour of struct Options: expected text, got integer 2");
}

TEST_CASE("fields of bases travel, too", "[unit][object]") {
  Derived derived;
  derived.inherited = 1;
  derived.own = 2;
  CHECK(to_json(encode(derived)) == R"({"inherited": 1, "own": 2})");
  CHECK(decode<Derived>(encode(derived)).inherited == 1);
}

}  // namespace
}  // namespace fanmill::codec_test
