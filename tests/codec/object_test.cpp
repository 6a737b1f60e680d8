#include <fanmill/object.hpp>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fanmill/json.hpp>
#include <random>

#include "catch.hpp"
#include "codec/object_check.hpp"
#include "farm_error.hpp"

namespace shop {

enum class Colour : std::uint8_t { red = 1, blue = 200 };

struct Point {
  int x = 0;
  double y = 0;
  bool operator==(const Point&) const = default;
};
FANMILL_FIELDS(Point, x, y);

struct Shape {
  std::string name;
  std::vector<Point> corners;
  std::optional<Colour> colour;
  std::map<std::string, std::vector<std::int64_t>> tables;
  std::tuple<bool, fanmill::BigInteger> rest;
  bool operator==(const Shape&) const = default;
};
FANMILL_FIELDS(Shape, name, corners, colour, tables, rest)

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  bool operator==(const Tree&) const = default;
};
FANMILL_FIELDS(Tree, value, children)

struct Empty {
  bool operator==(const Empty&) const = default;
};
FANMILL_FIELDS(Empty)

struct NewPoint {
  double y = 0;
  std::optional<int> weight = 5;
  long x = 0;
};
FANMILL_FIELDS(NewPoint, y, weight, x)

struct Unnamed {
  int x;
};

struct Wide {
  int a1, a2, a3, a4, a5, a6, a7, a8, b1, b2, b3, b4, b5, b6, b7, b8;
  int c1, c2, c3, c4, c5, c6, c7, c8, d1, d2, d3, d4, d5, d6, d7, d8;
};
FANMILL_FIELDS(Wide, a1, a2, a3, a4, a5, a6, a7, a8, b1, b2, b3, b4, b5, b6, b7, b8, c1, c2, c3, c4,
               c5, c6, c7, c8, d1, d2, d3, d4, d5, d6, d7, d8)

}  // namespace shop

namespace {

using namespace fanmill;
using codec_test::check_round_trip;
using codec_test::refusal;

static_assert(Transmissible<shop::Shape> && Transmissible<std::vector<shop::Tree>> &&
              Transmissible<Payload>);
static_assert(!Transmissible<shop::Unnamed> && !Transmissible<std::vector<shop::Unnamed>> &&
              !Transmissible<char>);
static_assert(!Transmissible<std::string_view> && Encodable<std::string_view> &&
              Encodable<char[4]>);
static_assert(!Transmissible<std::optional<std::optional<int>>>);

std::string hex(const Payload& payload) {
  std::string text;
  for (const char c : payload.bytes.view()) {
    text += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    text += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

shop::Shape some_shape() {
  return {.name = "tri\"angle\n\xC3\xA4",
          .corners = {{1, 2.5}, {-3, 1e300}, {}},
          .colour = shop::Colour::blue,
          .tables = {{"", {}}, {"$odd", {1, 3, INT64_MIN}}},
          .rest = {true, BigInteger::from_decimal("-123456789012345678901234567890")}};
}

TEST_CASE("every supported type survives object and JSON", "[unit][object]") {
  check_round_trip(true);
  check_round_trip(std::int8_t{-128});
  check_round_trip(INT64_MIN);
  check_round_trip(UINT64_MAX);
  check_round_trip(shop::Colour::red);
  check_round_trip(0.1);
  check_round_trip(-0.0F);
  check_round_trip(std::numeric_limits<double>::infinity());
  check_round_trip(std::string("a\0b", 3));
  check_round_trip(std::string("\xFF not UTF-8"));
  check_round_trip(std::vector<std::byte>{std::byte{0}, std::byte{255}});
  check_round_trip(std::vector<std::uint8_t>{1, 2, 3, 4});
  check_round_trip(std::array<std::uint8_t, 2>{7, 8});
  check_round_trip(Bytes("bytes"));
  check_round_trip(BigInteger::from_decimal("340282366920938463463374607431768211456"));
  check_round_trip(BigInteger(5));
  check_round_trip(std::optional<int>());
  check_round_trip(std::optional<int>(0));
  check_round_trip(std::vector<int>{});
  check_round_trip(std::vector<short>{1, -2, 3});
  check_round_trip(std::vector<std::uint64_t>{1, UINT64_MAX});
  check_round_trip(std::vector<shop::Colour>{shop::Colour::red});
  check_round_trip(std::vector<float>{1.5F, 2});
  check_round_trip(std::vector<bool>{true, false});
  check_round_trip(std::vector<std::optional<int>>{1, {}, 3});
  check_round_trip(std::array<double, 3>{1, 2, 3});
  check_round_trip(std::pair<int, std::string>{1, "one"});
  check_round_trip(std::tuple<>());
  check_round_trip(std::tuple<int, std::vector<std::tuple<double, bool>>>{1, {{1.0, true}}});
  check_round_trip(std::map<int, std::string>{{1, "one"}, {-2, "minus two"}});
  check_round_trip(std::map<std::tuple<int, int>, double>{{{1, 2}, 0.5}});
  check_round_trip(std::unordered_map<std::string, int>{{"a", 1}, {"$b", 2}, {"$$c", 3}});
  check_round_trip(some_shape());
  check_round_trip(shop::Tree{1, {{2, {}}, {3, {{4, {}}}}}});
  check_round_trip(shop::Empty());
  CHECK(std::isnan(decode<double>(Payload::json(to_json(encode(std::nan("")))))));
  shop::Wide wide{};
  wide.d8 = 32;
  CHECK(decode<shop::Wide>(encode(wide)).d8 == 32);
}

TEST_CASE("text literals arrive as std::string", "[unit][object]") {
  CHECK(decode<std::string>(encode("abc")) == "abc");
  CHECK(decode<std::string>(encode(std::string_view("abc", 2))) == "ab");
}

TEST_CASE("no payload reads as null and a payload passes unchanged", "[unit][object]") {
  CHECK(decode<std::optional<int>>(Payload()) == std::nullopt);
  CHECK(encode(std::monostate()) == Payload());
  CHECK(decode<std::monostate>(Payload()) == std::monostate());
  decode<void>(Payload::raw("whatever"));
  CHECK(encode(Payload::raw("x")) == Payload::raw("x"));
  CHECK(decode<Payload>(Payload::json("[")) == Payload::json("["));
  CHECK(refusal<int>(Payload()) == "expected an integer, got null");
}

TEST_CASE("raw payloads read as text or bytes and as nothing else", "[unit][object]") {
  CHECK(decode<std::string>(Payload::raw("ab")) == "ab");
  CHECK(decode<Bytes>(Payload::raw("ab")).view() == "ab");
  CHECK(decode<std::vector<std::uint8_t>>(Payload::raw("ab")) ==
        std::vector<std::uint8_t>{'a', 'b'});
  CHECK(refusal<int>(Payload::raw("ab")).starts_with("expected an encoded value, got raw bytes"));
}

TEST_CASE("a refusal says where, what was expected and what came", "[unit][object]") {
  CHECK(refusal<shop::Point>(Payload::json(R"({"x": "abc", "y": 1})")) ==
        "field x of struct Point: expected an integer, got text \"abc\"");
  CHECK(refusal<shop::Point>(Payload::json(R"({"y": 1})")) ==
        "field x of struct Point is missing; only fields of type std::optional or with "
        "or_default may be");
  CHECK(refusal<shop::Shape>(
            Payload::json(R"({"name": "", "corners": [{"x": 1, "y": 1}, {"x": 1, "y": null}]})")) ==
        "field corners of struct Shape, element 1, field y of struct Point: expected a number, got "
        "null");
  CHECK(refusal<std::int8_t>(encode(128)) ==
        "expected an integer from -128 to 127, got integer 128");
  CHECK(refusal<unsigned>(encode(-1)) ==
        "expected an integer from 0 to 4294967295, got integer -1");
  CHECK(refusal<int>(encode(1.0)) == "expected an integer, got number 1.0");
  CHECK(refusal<std::tuple<int, int>>(encode(std::vector<int>{1})) == "expected 2 elements, got 1");
  CHECK(refusal<std::map<int, int>>(Payload::json(R"({"a": 1})")) ==
        "key of entry 0: expected an integer, got text \"a\"");
  CHECK(
      refusal<shop::Point>(encode(shop::Tree())).starts_with("field x of struct Point is missing"));
  CHECK(refusal<shop::Point>(encode(3)) == "expected struct Point, got integer 3");
  CHECK(refusal<double>(encode("a")) == "expected a number, got text \"a\"");
  CHECK(refusal<double>(encode(BigInteger::from_decimal("18446744073709551616"))) ==
        "expected a number of at most 64 bits, got big integer of 9 bytes");
  CHECK(refusal<float>(encode(1e300)) ==
        "expected a number from -3.4e+38 to 3.4e+38, got number 1e+300");
  CHECK(refusal<std::array<std::uint8_t, 4>>(encode(Bytes("abc"))) ==
        "expected 4 bytes, got 3 bytes");
  CHECK(refusal<std::string>(encode(shop::Point())) == "expected text, got struct Point");
  const Payload twice = write_object(object_words::list(4), [](const ObjectWriter& root) {
    const ObjectListWriter map = root.map(2);
    for (const std::size_t i : {0, 1, 2, 3}) map[i].int64(1);
  });
  CHECK(refusal<std::map<int, int>>(twice) == "a map has the key integer 1 twice");
}

TEST_CASE("structs match by field name: unknown fields are ignored, optional ones may be missing",
          "[unit][object]") {
  const auto point = decode<shop::NewPoint>(encode(shop::Point{3, 4.5}));
  CHECK(point.x == 3);
  CHECK(point.y == 4.5);
  CHECK(point.weight == std::nullopt);
  CHECK(decode<shop::Point>(encode(shop::NewPoint{.y = 1, .weight = 7, .x = 2})) ==
        shop::Point{2, 1});
  CHECK(decode<shop::Point>(Payload::json(R"({"z": [], "y": 2, "x": 1})")) == shop::Point{1, 2});
}

TEST_CASE("a big integer that fits is a plain one and all integers read as big", "[unit][object]") {
  CHECK(encode(BigInteger(17)) == encode(17));
  CHECK(encode(BigInteger::from_uint64(UINT64_MAX)) == encode(UINT64_MAX));
  CHECK(decode<BigInteger>(encode(UINT64_MAX)).to_uint64() == UINT64_MAX);
  // A writer in another language may send a small number as a big one.
  Payload payload = encode(BigInteger::from_decimal("18446744073709551616"));
  std::string bytes = payload.bytes.str();
  bytes[40] = 0;
  bytes[32] = 42;
  CHECK(decode<std::int64_t>({Bytes(bytes), Encoding::object}) == 42);
}

TEST_CASE("nesting is taken to 64 levels and refused beyond, both ways", "[unit][object]") {
  const auto nested = [](int levels) {
    shop::Tree tree;
    for (int i = 1; i < levels / 2; ++i) tree = {0, {tree}};
    return tree;  // a struct and a list for each
  };
  check_round_trip(nested(64));
  CHECK_THROWS_AS(encode(nested(66)), FarmError);
  const auto brackets = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  CHECK(to_json(json_to_object(brackets(64))) == brackets(64));
  CHECK_THROWS_AS(json_to_object(brackets(65)), FarmError);
}

TEST_CASE("a view finds its way without knowing the types", "[unit][object]") {
  std::optional<ObjectView> view;
  view.emplace(encode(some_shape()));  // the payload is gone, the view keeps its bytes
  CHECK(view->kind() == ObjectKind::structure);
  CHECK(view->names() == "Shape\nname\ncorners\ncolour\ntables\nrest");
  CHECK(view->size() == 5);
  CHECK((*view->find("corners"))[1].find("y")->floating() == 1e300);
  CHECK((*view->find("tables")->find("$odd"))[1].int64() == 3);
  CHECK_FALSE(view->find("nothing"));
  CHECK(view->find("tables")->size() == 2);
  CHECK_THROWS_AS((*view->find("corners"))[3], FarmError);
}

TEST_CASE("a view refuses with the words of decode", "[unit][object]") {
  const ObjectView view(encode("abc"));
  CHECK_THROWS_WITH(view.int64(), refusal<std::int64_t>(encode("abc")));
  CHECK_THROWS_WITH(view.uint64(), refusal<std::uint64_t>(encode("abc")));
  CHECK_THROWS_WITH(view.floating(), refusal<double>(encode("abc")));
  CHECK_THROWS_WITH(ObjectView(encode(-1)).uint64(), refusal<std::uint64_t>(encode(-1)));
  CHECK_THROWS_WITH(view.elements(), "expected a list, map or struct, got text \"abc\"");
  CHECK_THROWS_WITH(view.find("x"), "expected a map or struct, got text \"abc\"");
  const Payload foreign{Bytes("abcdefgh"), static_cast<Encoding>(77)};
  CHECK_THROWS_WITH(ObjectView(foreign), refusal<int>(foreign));
}

TEST_CASE("a value written by hand is what encode makes of the same value", "[unit][object]") {
  const std::string_view names = "Point\nx\ny";
  const Payload payload =
      write_object(object_words::structure(names, 2), [&](const ObjectWriter& root) {
        const ObjectListWriter fields = root.structure(names, 2);
        fields[0].int64(3);
        fields[1].floating(0.5);
      });
  CHECK((payload == encode(shop::Point{3, 0.5})));
}

TEST_CASE("a number alone is written and read as any other value", "[unit][object]") {
  for (const std::int64_t number : {std::int64_t{0}, std::int64_t{-1}, INT64_MIN, INT64_MAX}) {
    const Payload by_hand = write_object(0, [&](const ObjectWriter& root) { root.int64(number); });
    CHECK(encode(number) == by_hand);
    CHECK(decode<std::int64_t>(by_hand) == number);
    CHECK(ObjectView(by_hand).int64() == number);
  }
  for (const double number : {0.0, -0.5, HUGE_VAL}) {
    const Payload by_hand =
        write_object(0, [&](const ObjectWriter& root) { root.floating(number); });
    CHECK(encode(number) == by_hand);
    CHECK(decode<double>(by_hand) == number);
  }
  CHECK(encode(0.5F) == encode(0.5));
  CHECK(decode<double>(encode(3)) == 3.0);
  CHECK(decode<BigInteger>(encode(-3)).to_int64() == -3);
  CHECK_THROWS_AS(decode<std::int8_t>(encode(128)), FarmError);
  CHECK_THROWS_AS(decode<int>(encode(0.5)), FarmError);
  CHECK_THROWS_AS(decode<std::string>(encode(7)), FarmError);
}

TEST_CASE("a number that another writer laid out otherwise is read all the same",
          "[unit][object]") {
  const auto changed = [](const Payload& payload, std::size_t at, char value) {
    std::string bytes = payload.bytes.str();
    bytes.at(at) = value;
    return Payload{Bytes(bytes), payload.encoding};
  };
  const Payload seven = encode(7);
  CHECK(decode<int>(changed(seven, 10, 1)) == 7);  // the bit of another member
  std::string later = seven.bytes.str();
  later.at(0) = 4;  // a word between the root and its value
  later.insert(8, 8, '\0');
  CHECK(decode<int>(Payload{Bytes(later), Encoding::object}) == 7);
  CHECK_THROWS_AS(decode<int>(changed(seven, 8, 99)), FarmError);  // no such member
  CHECK_THROWS_AS(decode<int>(changed(seven, 0, 4)), FarmError);   // its value is beyond the end
}

TEST_CASE("the bytes are those of version 1", "[unit][object]") {
  CHECK(hex(encode(-2)) == "00000000020001000200000000000000feffffffffffffff0000000000000000");
  CHECK(hex(encode("hi")) ==
        "000000000200010006000000000000000000000000000000010000001a0000006869000000000000");
  CHECK(hex(encode(std::vector<int>{1})) ==
        "00000000020001000900000000000000000000000000000001000000"
        "0d0000000100000000000000");
  CHECK(hex(encode(std::tuple(true))) ==
        "00000000020001000b000000000000000000000000000000010000001f00000004000000020001000100010000"
        "000000"
        "00000000000000000000000000000000");
  CHECK(hex(encode(shop::Empty())) ==
        "00000000020001000d0000000000000000000000000000000000000000000200"
        "0500000032000000"
        "0500000007000000"
        "456d707479000000"
        "0000000002000100");
}

TEST_CASE("a payload is exactly as long as its value needs", "[unit][object]") {
  CHECK(encode(1).bytes.size() == 32);
  CHECK(encode(std::vector<double>(1000)).bytes.size() == 32 + 8000);
  CHECK(encode(std::vector<std::string>(10, "1234567")).bytes.size() == 32 + 8 + 10 * 32);
}

TEST_CASE("damaged bytes give an error or a value, never anything else", "[unit][object]") {
  const std::string valid[] = {
      encode(some_shape()).bytes.str(), encode(std::tuple(1, "text", 2.5)).bytes.str(),
      encode(std::map<int, std::vector<double>>{{1, {1, 2}}, {2, {}}}).bytes.str(),
      encode(shop::Tree{1, {{2, {}}, {3, {{4, {}}}}}}).bytes.str()};
  std::mt19937_64 random(7);
  int accepted = 0;
  const int rounds = std::getenv("FANMILL_SANITIZE") == nullptr ? 100'000 : 30'000;
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = valid[random() % std::size(valid)];
    for (std::uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    }
    if (random() % 16 == 0) bytes.resize(random() % bytes.size() / 8 * 8);
    const Payload payload{Bytes(bytes), Encoding::object};
    try {
      switch (round % 4) {
        case 0:
          to_json(payload);
          break;
        case 1:
          decode<shop::Shape>(payload);
          break;
        case 2:
          decode<shop::Tree>(payload);
          break;
        default:
          decode<std::map<int, std::vector<double>>>(payload);
          break;
      }
      accepted += 1;
    } catch (const FarmError& error) {
      REQUIRE(error.code() == ErrorCode::malformed_payload);
    }
  }
  CHECK(accepted > 0);
}

// A list whose every element leads back to the list itself would be 2^64 values; a list of elements
// without size claims half a billion of them in 40 bytes.
TEST_CASE("a payload that pretends to be huge is refused at once", "[unit][object]") {
  std::string bytes = encode(std::tuple(std::tuple<>(), std::tuple<>())).bytes.str();
  const auto put = [&](std::size_t word, std::uint64_t value) {
    std::memcpy(&bytes[word * 8], &value, 8);
  };
  // Word 4 is the list's tag, words 7 and 10 the elements' pointers: both made to lead to word 4.
  put(7, static_cast<std::uint32_t>(-4 << 2 | 1) | std::uint64_t{6 << 3 | 7} << 32);
  put(10, static_cast<std::uint32_t>(-7 << 2 | 1) | std::uint64_t{6 << 3 | 7} << 32);
  CHECK_THROWS_AS(to_json({Bytes(bytes), Encoding::object}), FarmError);
  put(3, 1 | std::uint64_t{0 << 3 | 7} << 32);
  put(4, std::uint64_t{(1 << 29) - 1} << 2);
  CHECK_THROWS_AS(to_json({Bytes(bytes), Encoding::object}), FarmError);
  CHECK_THROWS_AS(ObjectView({Bytes(bytes), Encoding::object}).size(), FarmError);
  CHECK_THROWS_AS(ObjectView({Bytes(), Encoding::object}), FarmError);
  CHECK_THROWS_AS(decode<int>({Bytes("123"), Encoding::object}), FarmError);
}

}  // namespace
