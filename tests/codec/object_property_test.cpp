// Any value of any type that may travel arrives as it was: through the payload, through the frames
// of a task and of a result, and through JSON and back.
#ifdef FANMILL_HAVE_RAPIDCHECK
#include <rapidcheck.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <deque>
#include <filesystem>
#include <limits>
#include <list>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <variant>

#include "catch.hpp"
#include "codec/object_check.hpp"
#include "codec/samples.hpp"

namespace {

enum class Suit : std::int16_t { clubs, spades = -300 };

struct Ten {
  bool a = false;
  std::uint8_t b = 0;
  std::int64_t c = 0;
  double d = 0;
  std::string e;
  fanmill::Bytes f;
  std::optional<float> g;
  std::vector<std::int32_t> h;
  std::variant<int, std::string> i;
  std::map<std::string, Suit> j;
  bool operator==(const Ten&) const = default;
};
FANMILL_FIELDS(Ten, a, b, c, (d, "not an identifier"), e, f, g, (h, fanmill::or_default), i, j)

// Whatever nests: each kind of value, and lists of itself.
struct Node {
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, fanmill::BigInteger, double,
               std::string, fanmill::Bytes, std::vector<Node>>
      value;
  bool operator==(const Node&) const = default;
};
FANMILL_FIELDS(Node, value)

}  // namespace

namespace rc {

// RapidCheck's own doubles are whole numbers and thereabouts. All NaNs are one here: JSON has no
// more of them.
template <typename T>
T no_special_nan(T value) {
  return std::isnan(value) ? std::numeric_limits<T>::quiet_NaN() : value;
}
template <>
struct Arbitrary<double> {
  static Gen<double> arbitrary() {
    using Limits = std::numeric_limits<double>;
    return gen::oneOf(
        gen::map<std::uint64_t>(
            [](std::uint64_t bits) { return no_special_nan(std::bit_cast<double>(bits)); }),
        gen::map<std::int64_t>([](std::int64_t count) { return static_cast<double>(count) / 8; }),
        gen::element(0.0, -0.0, Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(),
                     Limits::denorm_min(), Limits::max(), 0.1));
  }
};
template <>
struct Arbitrary<float> {
  static Gen<float> arbitrary() {
    return gen::map<std::uint32_t>(
        [](std::uint32_t bits) { return no_special_nan(std::bit_cast<float>(bits)); });
  }
};
template <>
struct Arbitrary<std::byte> {
  static Gen<std::byte> arbitrary() {
    return gen::map<std::uint8_t>([](std::uint8_t number) { return std::byte{number}; });
  }
};
template <>
struct Arbitrary<Suit> {
  static Gen<Suit> arbitrary() { return gen::element(Suit::clubs, Suit::spades); }
};
template <>
struct Arbitrary<fanmill::Bytes> {
  static Gen<fanmill::Bytes> arbitrary() {
    return gen::map<std::string>([](const std::string& text) { return fanmill::Bytes(text); });
  }
};
template <>
struct Arbitrary<fanmill::BigInteger> {
  static Gen<fanmill::BigInteger> arbitrary() {
    return gen::map<std::pair<bool, std::vector<std::uint8_t>>>(
        [](const auto& parts) { return fanmill::BigInteger(parts.first, parts.second); });
  }
};
template <typename T>
struct Arbitrary<fanmill::SharedSpan<T>> {
  static Gen<fanmill::SharedSpan<T>> arbitrary() {
    return gen::map<std::vector<T>>(
        [](const std::vector<T>& values) { return fanmill::SharedSpan<T>(std::span(values)); });
  }
};
template <>
struct Arbitrary<std::filesystem::path> {
  static Gen<std::filesystem::path> arbitrary() {
    return gen::map<std::string>(
        [](const std::string& text) { return std::filesystem::path(text); });
  }
};
template <>
struct Arbitrary<std::monostate> {
  static Gen<std::monostate> arbitrary() { return gen::just(std::monostate()); }
};
template <>
struct Arbitrary<std::nullptr_t> {
  static Gen<std::nullptr_t> arbitrary() { return gen::just(nullptr); }
};
template <typename T>
struct Arbitrary<std::optional<T>> {
  static Gen<std::optional<T>> arbitrary() {
    return gen::oneOf(gen::just(std::optional<T>()),
                      gen::map<T>([](T value) { return std::optional<T>(std::move(value)); }));
  }
};
template <typename... Parts>
struct Arbitrary<std::variant<Parts...>> {
  using Variant = std::variant<Parts...>;
  static Gen<Variant> arbitrary() { return any(std::index_sequence_for<Parts...>()); }
  template <std::size_t... i>
  static Gen<Variant> any(std::index_sequence<i...>) {
    return gen::oneOf(gen::map<Parts>(
        [](Parts value) { return Variant(std::in_place_index<i>, std::move(value)); })...);
  }
};
template <>
struct Arbitrary<Ten> {
  static Gen<Ten> arbitrary() {
    return gen::build<Ten>(gen::set(&Ten::a), gen::set(&Ten::b), gen::set(&Ten::c),
                           gen::set(&Ten::d), gen::set(&Ten::e), gen::set(&Ten::f),
                           gen::set(&Ten::g), gen::set(&Ten::h), gen::set(&Ten::i),
                           gen::set(&Ten::j));
  }
};
template <>
struct Arbitrary<Node> {
  static Gen<Node> arbitrary() { return nodes(4); }
  static Gen<Node> nodes(int levels) {
    using Leaf = std::variant<std::monostate, bool, std::int64_t, std::uint64_t,
                              fanmill::BigInteger, double, std::string, fanmill::Bytes>;
    const Gen<Node> leaf = gen::map<Leaf>([](Leaf some) {
      return std::visit([](auto value) { return Node{std::move(value)}; }, std::move(some));
    });
    if (levels == 0) return leaf;
    const Gen<Node> list =
        gen::map(gen::resize(6, gen::container<std::vector<Node>>(nodes(levels - 1))),
                 [](std::vector<Node> children) { return Node{std::move(children)}; });
    return gen::oneOf(leaf, list);
  }
};

}  // namespace rc

namespace fanmill::codec_test {
namespace {

// NaN differs from itself; then the bytes tell, where there is no hash order in them.
template <typename T>
bool is_same(const T& a, const T& b) {
  return a == b || encode(a) == encode(b);
}

Payload through_task(const Payload& payload) {
  core::Message message = sample("task");
  std::get<core::Task>(message).payload = payload;
  return std::get<core::Task>(decoded(encoded(message)).value().message).payload;
}

Payload through_result(const Payload& payload) {
  core::Message message = sample("result");
  std::get<core::Result>(message).payload = payload;
  return std::get<core::Result>(decoded(encoded(message)).value().message).payload;
}

template <typename T>
void survives(const T& value) {
  const Payload payload = encode(value);
  RC_ASSERT(is_same(decode<T>(payload), value));
  RC_ASSERT(is_same(decode<T>(through_task(payload)), value));
  RC_ASSERT(is_same(decode<T>(through_result(payload)), value));
  const std::string json = to_json(payload);
  RC_ASSERT(is_same(decode<T>(Payload::json(json)), value));
  RC_ASSERT(is_same(decode<T>(json_to_object(json)), value));
  RC_ASSERT(to_json(json_to_object(json)) == json);
}

// All types in one property: RapidCheck's machinery for each would take a minute to compile.
template <typename... T>
void check_any_of() {
  CHECK(rc::check([](const T&... values) { (survives(values), ...); }));
}

TEST_CASE("any number survives payload, wire and JSON", "[unit][object][property]") {
  check_any_of<bool, std::int8_t, std::uint8_t, short, unsigned, std::int64_t, std::uint64_t,
               long long, BigInteger, float, double, Suit>();
}

TEST_CASE("any text and bytes survive payload, wire and JSON", "[unit][object][property]") {
  check_any_of<std::string, std::filesystem::path, Bytes, std::vector<std::byte>,
               std::vector<std::uint8_t>, std::array<std::uint8_t, 5>, SharedSpan<std::byte>>();
}

TEST_CASE("any sequence survives payload, wire and JSON", "[unit][object][property]") {
  check_any_of<std::vector<std::int64_t>, std::vector<std::uint64_t>, std::vector<short>,
               std::vector<double>, std::vector<float>, std::vector<bool>, std::vector<Suit>,
               std::vector<std::string>, std::array<double, 3>, std::deque<std::int64_t>,
               std::list<std::optional<int>>, SharedSpan<std::int64_t>, SharedSpan<double>>();
}

TEST_CASE("any set and map survives payload, wire and JSON", "[unit][object][property]") {
  check_any_of<std::set<std::int64_t>, std::set<std::string>, std::unordered_set<std::uint64_t>,
               std::map<std::string, double>, std::map<std::tuple<int, bool>, std::string>,
               std::unordered_map<int, std::vector<int>>>();
}

TEST_CASE("anything put together survives payload, wire and JSON", "[unit][object][property]") {
  check_any_of<std::optional<std::string>, std::variant<double, int, std::string, Bytes>,
               std::pair<std::nullptr_t, double>, std::tuple<bool, std::tuple<>, std::string>, Ten,
               std::vector<Ten>, Node>();
}

TEST_CASE("any time survives payload, wire and JSON", "[unit][object][property]") {
  using namespace std::chrono;
  check_any_of<nanoseconds, milliseconds, hours, duration<std::uint64_t, std::ratio<3, 1000>>,
               duration<std::int8_t>, duration<double, std::nano>, sys_time<nanoseconds>,
               sys_time<days>>();
}

TEST_CASE("a duration with a count of floating point loses what a double loses",
          "[unit][object][property]") {
  CHECK(rc::check([](std::int64_t count, std::uint8_t shift) {
    const std::chrono::duration<double> value(std::ldexp(static_cast<double>(count), -shift));
    const auto back = decode<std::chrono::duration<double>>(encode(value));
    RC_ASSERT(std::abs(back.count() - value.count()) <= std::abs(value.count()) * 4e-16);
  }));
}

TEST_CASE("any seconds arrive in milliseconds, and back if they are whole",
          "[unit][object][property]") {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  CHECK(rc::check([](std::int32_t count) {
    RC_ASSERT(decode<milliseconds>(encode(seconds(count))) == seconds(count));
    RC_ASSERT(decode<seconds>(encode(milliseconds(seconds(count)))) == seconds(count));
    const Payload split = encode(milliseconds(seconds(count)) + milliseconds(1));
    RC_ASSERT_THROWS_AS(decode<seconds>(split), FarmError);
  }));
}

}  // namespace
}  // namespace fanmill::codec_test
#endif
