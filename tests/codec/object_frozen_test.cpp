// schemas/frozen/objects.txt: values as JSON and as bytes, for every later release and for whoever
// writes objects in another language.
#include <chrono>
#include <cmath>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <variant>

#include "catch.hpp"
#include "codec/hex_text.hpp"
#include "codec/object_check.hpp"
#include "codec/samples.hpp"

namespace {

enum class Suit : std::int8_t { hearts = 2, spades = -3 };

struct Card {
  Suit suit = Suit::hearts;
  std::optional<std::string> name;
  bool operator==(const Card&) const = default;
};
FANMILL_FIELDS(Card, suit, name)

struct Hand {
  std::vector<Card> cards;
  std::map<std::string, double> odds;
  std::chrono::milliseconds limit{0};
  bool operator==(const Hand&) const = default;
};
FANMILL_FIELDS(Hand, cards, (odds, "odds of winning"), (limit, fanmill::or_default))

struct Empty {
  bool operator==(const Empty&) const = default;
};
FANMILL_FIELDS(Empty)

}  // namespace

namespace fanmill::codec_test {
namespace {

struct Entry {
  std::string name;
  Payload payload;
  std::function<bool(const Payload&)> is_it;  // what a payload is decoded to
};

template <typename T>
Entry entry(std::string name, const T& value) {
  return {std::move(name), encode(value), [value](const Payload& payload) {
            const T read = decode<T>(payload);
            return read == value || encode(read) == encode(value);  // NaN
          }};
}

std::vector<Entry> entries() {
  using Limits = std::numeric_limits<double>;
  using namespace std::chrono;
  using namespace std::string_literals;
  const auto big = BigInteger::from_decimal;
  return {
      entry("null", std::optional<int>()),
      entry("false", false),
      entry("true", true),
      entry("integer zero", 0),
      entry("integer minus one", -1),
      entry("integer of 53 bits", (std::int64_t{1} << 53) - 1),
      entry("integer beyond 53 bits", std::int64_t{1} << 53),
      entry("integer least", INT64_MIN),
      entry("integer most", UINT64_MAX),
      entry("big integer", big("18446744073709551616")),
      entry("big integer negative", big("-340282366920938463463374607431768211457")),
      entry("enum", Suit::spades),
      entry("float zero", 0.0),
      entry("float minus zero", -0.0),
      entry("float", 0.1),
      entry("float whole", 1e22),
      entry("float least", Limits::denorm_min()),
      entry("float infinite", -Limits::infinity()),
      entry("float not a number", Limits::quiet_NaN()),
      entry("text empty", ""s),
      entry("text", "z\xC3\xA4hl \"1\"\n"s),
      entry("text of eight bytes", "12345678"s),
      entry("text not UTF-8", "\xFF\x00"s),
      entry("bytes empty", std::vector<std::uint8_t>()),
      entry("bytes", std::vector<std::uint8_t>{0, 127, 128, 255, 1, 2, 3, 4, 5}),
      entry("list empty", std::vector<std::string>()),
      entry("list packed empty", std::vector<int>()),
      entry("list of integers", std::vector<std::int64_t>{1, INT64_MIN, INT64_MAX}),
      entry("list of integers not packed", std::vector<std::uint64_t>{1, UINT64_MAX}),
      entry("list of floats", std::deque<double>{1.5, -2, Limits::infinity()}),
      entry("list of texts", std::vector{"a"s, "bc"s}),
      entry("list of lists", std::vector<std::vector<bool>>{{true}, {}}),
      entry("set", std::set{3, 1, 2}),
      entry("tuple empty", std::tuple<>()),
      entry("tuple", std::tuple(1, "one"s, 1.0, true)),
      entry("map", std::map<std::string, int>{{"", 0}, {"$a", 1}, {"b", 2}}),
      entry("map empty", std::map<int, int>()),
      entry("map of integers", std::map<int, std::string>{{-1, "a"}, {1, "b"}}),
      entry("variant first", std::variant<int, std::string>(7)),
      entry("variant second", std::variant<int, std::string>("x")),
      entry("duration", 1500ms),
      entry("duration beyond 64 bits", hours::max()),
      entry("duration floating", duration<double>(0.5)),
      entry("time", sys_days(year(2026) / 11 / 21)),
      entry("path", std::filesystem::path("/tmp/a b")),
      entry("struct empty", Empty()),
      entry("struct", Card{Suit::spades, "queen"}),
      entry("struct of structs",
            Hand{{{Suit::hearts, {}}, {Suit::spades, "ace"}}, {{"now", 0.25}}, milliseconds(20)}),
  };
}

struct Frozen {
  std::string json;
  std::string hex;
};

std::string path() { return source_tree() + "/schemas/frozen/objects.txt"; }

// A block for each value: its name, its JSON, its bytes; an empty line behind.
std::map<std::string, Frozen> frozen_blocks() {
  const auto text = file_text(path());
  REQUIRE(text);
  std::map<std::string, Frozen> blocks;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    Frozen& block = blocks[line];
    REQUIRE(block.hex.empty());  // no name stands twice
    std::getline(lines, block.json);
    while (std::getline(lines, line) && !line.empty()) block.hex += line + '\n';
  }
  return blocks;
}

// FANMILL_FREEZE=1 appends what is missing. What is there is never written again.
void freeze_missing() {
  if (!freezing()) return;
  const auto blocks = frozen_blocks();
  std::ofstream file(path(), std::ios::binary | std::ios::app);
  for (const Entry& entry : entries()) {
    if (blocks.count(entry.name) > 0) continue;
    file << '\n'
         << entry.name << '\n'
         << to_json(entry.payload) << '\n'
         << hex_lines(entry.payload.bytes.view());
  }
}

TEST_CASE("every value has its frozen bytes and JSON, written and read", "[unit][object]") {
  freeze_missing();
  auto blocks = frozen_blocks();
  for (const Entry& entry : entries()) {
    CAPTURE(entry.name);
    REQUIRE(blocks.count(entry.name) == 1);
    const Frozen frozen = blocks.extract(entry.name).mapped();
    const Payload payload{Bytes(parse_frozen("header:\n" + frozen.hex).header), Encoding::object};
    CHECK(hex_lines(entry.payload.bytes.view()) == frozen.hex);
    CHECK(to_json(payload) == frozen.json);
    CHECK(entry.is_it(payload));
    CHECK(entry.is_it(Payload::json(frozen.json)));
  }
  CHECK(blocks.empty());  // every block has its value
}

}  // namespace
}  // namespace fanmill::codec_test
