// The types that object.hpp takes beside numbers, text, lists and maps, which object_test.cpp has.
#include <chrono>
#include <cmath>
#include <deque>
#include <filesystem>
#include <list>
#include <memory>
#include <random>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <variant>

#include "catch.hpp"
#include "codec/object_check.hpp"
#include "farm_error.hpp"

namespace {

struct Circle {
  double size = 0;
  bool operator==(const Circle&) const = default;
};
FANMILL_FIELDS(Circle, size)

struct Square {
  double size = 0;
  bool operator==(const Square&) const = default;
};
FANMILL_FIELDS(Square, size)

// Holds lists of itself behind an alternative.
struct Expression {
  std::string operation;
  std::vector<std::variant<double, Expression>> operands;
  bool operator==(const Expression&) const = default;
};
FANMILL_FIELDS(Expression, operation, operands)

struct Job {
  std::chrono::seconds limit{0};
  std::optional<std::variant<int, std::string>> label;
  std::set<std::string> tags;
};
FANMILL_FIELDS(Job, limit, label, tags)

enum class Flag : bool { no, yes };
enum class Letter : char { a = 'a', last = '\x7f' };
enum class Wide : wchar_t { lowest = std::numeric_limits<wchar_t>::min() };
enum class Utf8 : char8_t { last = 255 };
enum class Utf16 : char16_t { last = 0xffff };
enum class Utf32 : char32_t { last = 0xffff'ffff };

}  // namespace

namespace fanmill::codec_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration;
using std::chrono::sys_time;

bool lies_in(const void* data, const Payload& payload) {
  const auto* begin = payload.bytes.data();
  return !std::less<>()(data, begin) && std::less<>()(data, begin + payload.bytes.size());
}

TEST_CASE("spans are sent as vectors are, and cannot be taken", "[unit][object]") {
  const std::vector<double> doubles{1.5, -2, 0};
  const std::vector<std::int64_t> integers{1, INT64_MIN, INT64_MAX};
  const std::vector<short> shorts{1, -2};
  const std::vector<std::byte> bytes{std::byte{1}, std::byte{255}};
  const std::vector<std::string> texts{"a", "b"};
  CHECK(encode(std::span(doubles)) == encode(doubles));
  CHECK(encode(std::span<const std::int64_t, 3>(integers)) == encode(integers));
  CHECK(encode(std::span(shorts)) == encode(shorts));
  CHECK(encode(std::span(bytes)) == encode(bytes));
  CHECK(encode(std::span(texts)) == encode(texts));
  CHECK(encode(std::span<const double>()) == encode(std::vector<double>()));
  static_assert(Encodable<std::span<int>> && !Transmissible<std::span<int>>);
  static_assert(!Transmissible<std::span<const std::byte>>);
}

TEST_CASE("a SharedSpan shows the payload's own numbers and bytes", "[unit][object]") {
  const std::vector<double> doubles{1.5, -2, 0};
  const std::vector<std::int64_t> integers{1, INT64_MIN, INT64_MAX};
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  const auto shared = [](const auto& values) {
    using T = typename std::remove_cvref_t<decltype(values)>::value_type;
    std::optional<Payload> payload = encode(values);
    const auto span = decode<SharedSpan<T>>(*payload);
    CHECK(lies_in(span.data(), *payload));
    CHECK(reinterpret_cast<std::uintptr_t>(span.data()) % alignof(T) == 0);
    payload.reset();  // the span is an owner, too
    CHECK(std::ranges::equal(span, values));
    check_round_trip(span);
  };
  shared(doubles);
  shared(integers);
  shared(bytes);
  shared(std::vector<std::byte>{std::byte{7}});
}

TEST_CASE("a SharedSpan within other values shares the payload, too", "[unit][object]") {
  using Task = std::tuple<std::string, std::map<int, SharedSpan<double>>>;
  const std::vector<double> doubles{1, 2, 3};
  const Payload payload = encode(std::tuple("x", std::map<int, std::vector<double>>{{7, doubles}}));
  const auto [name, numbers] = decode<Task>(payload);
  CHECK(lies_in(numbers.at(7).data(), payload));
  CHECK(std::ranges::equal(numbers.at(7), doubles));
}

TEST_CASE("a SharedSpan gathers what was not packed as its type", "[unit][object]") {
  CHECK(decode<SharedSpan<double>>(Payload::json("[1, 2.5]")) ==
        SharedSpan<double>(std::vector<double>{1, 2.5}));
  CHECK(decode<SharedSpan<double>>(encode(std::vector<int>{1, 2}))[1] == 2.0);
  CHECK(decode<SharedSpan<double>>(encode(std::vector<double>())).empty());
  CHECK(decode<SharedSpan<std::int64_t>>(encode(std::tuple(1, 2)))[1] == 2);
  CHECK(decode<SharedSpan<std::byte>>(Payload::raw("ab")).size() == 2);
  CHECK(refusal<SharedSpan<double>>(Payload::json("[1, null]")) ==
        "element 1: expected a number, got null");
  CHECK(refusal<SharedSpan<std::int64_t>>(encode(std::vector<double>{1})) ==
        "element 0: expected an integer, got number 1.0");
  CHECK(refusal<SharedSpan<std::byte>>(encode("x")) == "expected bytes, got text \"x\"");
}

// It showed values still, in bytes that nobody may have owned any more.
TEST_CASE("a SharedSpan that was moved from shows nothing", "[unit][object]") {
  SharedSpan<double> from(std::vector<double>{1, 2});
  SharedSpan<double> to(std::move(from));
  CHECK(from.empty());  // NOLINT(bugprone-use-after-move): what is shown here
  CHECK(to[1] == 2);
  from = std::move(to);
  CHECK(to.empty());  // NOLINT(bugprone-use-after-move)
  CHECK(from.size() == 2);
  const SharedSpan<double> copy = from;
  CHECK(copy.data() == from.data());
}

TEST_CASE("a view's spans may outlive it in what it is backed by", "[unit][object]") {
  Bytes backing;
  std::span<const double> numbers;
  {
    const ObjectView view(Payload::json("[1.5, 2.5]"));
    backing = view.backing();
    numbers = view.elements().packed_floats();
  }
  CHECK(numbers[1] == 2.5);
  CHECK(ObjectView().backing().empty());
}

TEST_CASE("packed numbers are checked one by one where they are narrowed", "[unit][object]") {
  CHECK(decode<std::vector<std::int8_t>>(encode(std::vector{1, -128})) ==
        std::vector<std::int8_t>{1, -128});
  CHECK(refusal<std::vector<std::int8_t>>(encode(std::vector{1, 128})) ==
        "element 1: expected an integer from -128 to 127, got integer 128");
  CHECK(refusal<std::vector<float>>(encode(std::vector{1.0, 1e300})) ==
        "element 1: expected a number from -3.4e+38 to 3.4e+38, got number 1e+300");
  CHECK(decode<std::array<double, 2>>(encode(std::vector{1.5, 2.5})) == std::array{1.5, 2.5});
  CHECK(refusal<std::array<double, 3>>(encode(std::vector{1.5, 2.5})) ==
        "expected 3 elements, got 2");
}

TEST_CASE("sets, deques and lists travel as lists", "[unit][object]") {
  check_round_trip(std::set<int>{3, 1, 2});
  check_round_trip(std::set<std::string>{});
  check_round_trip(std::set<std::pair<int, std::string>>{{1, "a"}, {1, "b"}});
  check_round_trip(std::unordered_set<std::string>{"a", "b", "c"});
  check_round_trip(std::unordered_set<std::uint64_t>{1, UINT64_MAX});
  check_round_trip(std::deque<double>{1, 2.5});
  check_round_trip(std::deque<bool>{true, false});
  check_round_trip(std::list<std::string>{"a", ""});
  CHECK(encode(std::set<int>{3, 1, 2}) == encode(std::vector<int>{1, 2, 3}));
  CHECK(refusal<std::set<int>>(encode(std::vector<int>{1, 2, 1})) ==
        "a set has the element integer 1 twice");
  CHECK(refusal<std::unordered_set<std::string>>(Payload::json(R"(["a", "a"])")) ==
        "a set has the element text \"a\" twice");
  CHECK(refusal<std::set<int>>(Payload::json(R"([1, "a"])")) ==
        "element 1: expected an integer, got text \"a\"");
}

TEST_CASE("enums of bools and of characters travel, alone and in lists", "[unit][object]") {
  const auto travels = [](auto value) {
    check_round_trip(value);
    check_round_trip(std::vector{value, decltype(value){}});
    check_round_trip(std::set{value});
    check_round_trip(std::map<decltype(value), int>{{value, 1}});
  };
  travels(Flag::yes);
  travels(Letter::last);
  travels(Wide::lowest);
  travels(Utf8::last);
  travels(Utf16::last);
  travels(Utf32::last);
  CHECK(to_json(encode(std::tuple(Flag::yes, Letter::a, Utf32::last))) ==
        R"({"$tuple": [true, 97, 4294967295]})");
  CHECK(refusal<std::vector<Flag>>(Payload::json("[2]")) ==
        "element 0: expected a bool, got integer 2");
  CHECK(refusal<std::vector<Utf8>>(Payload::json("[256]")) ==
        "element 0: expected an integer from 0 to 255, got integer 256");
}

TEST_CASE("null has two types in C++ and one on the way", "[unit][object]") {
  CHECK(encode(nullptr) == Payload());
  CHECK(decode<std::nullptr_t>(Payload()) == nullptr);
  CHECK(decode<std::nullptr_t>(Payload::json("null")) == nullptr);
  check_round_trip(std::pair<std::nullptr_t, std::monostate>());
  CHECK(refusal<std::nullptr_t>(encode(0)) == "expected null, got integer 0");
  static_assert(!Transmissible<std::optional<std::nullptr_t>>);
}

TEST_CASE("a variant arrives as the alternative that was sent", "[unit][object]") {
  using Ambiguous = std::variant<double, int, std::optional<int>, std::string, Bytes,
                                 std::vector<int>, std::tuple<int, int>, double>;
  check_round_trip(Ambiguous(std::in_place_index<0>, 1));
  check_round_trip(Ambiguous(std::in_place_index<1>, 1));
  check_round_trip(Ambiguous(std::in_place_index<2>, 1));
  check_round_trip(Ambiguous(std::in_place_index<2>, std::nullopt));
  check_round_trip(Ambiguous("text"));
  check_round_trip(Ambiguous(std::string("\xFF")));  // sent as bytes, and still a string
  check_round_trip(Ambiguous(Bytes("text")));
  check_round_trip(Ambiguous(std::vector<int>{1, 2}));
  check_round_trip(Ambiguous(std::tuple(1, 2)));
  check_round_trip(Ambiguous(std::in_place_index<7>, 1));
  check_round_trip(std::variant<Circle, Square>(Square{2}));  // the same as JSON
  check_round_trip(std::variant<std::monostate, int>());
  check_round_trip(Expression{"+", {1.0, Expression{"-", {2.0}}}});
  CHECK(encode(std::variant<int, std::string>("x")) == encode(std::tuple(1, "x")));
  CHECK(std::get<1>(decode<std::variant<int, std::string>>(Payload::json(R"([1, "x"])"))) == "x");
}

TEST_CASE("a variant refuses what names no alternative of it", "[unit][object]") {
  using Variant = std::variant<int, std::string>;
  const std::string shape = "expected a variant: the number of an alternative and its value, got ";
  CHECK(refusal<Variant>(encode(17)) == shape + "integer 17");
  CHECK(refusal<Variant>(encode(std::tuple(1, 2, 3))) == shape + "tuple of 3");
  CHECK(refusal<Variant>(encode(std::variant<int, int, int>(std::in_place_index<2>, 1))) ==
        "element 0: expected an integer from 0 to 1, got integer 2");
  CHECK(refusal<Variant>(encode(std::tuple("a", 1))) ==
        "element 0: expected an integer, got text \"a\"");
  CHECK(refusal<std::vector<Variant>>(Payload::json(R"([[0, 1], [0, "a"]])")) ==
        "element 1, alternative 0: expected an integer, got text \"a\"");
}

struct ThrowsOnMove {
  int value = 0;
  ThrowsOnMove() = default;
  ThrowsOnMove(const ThrowsOnMove&) { throw std::runtime_error("no copy"); }
  ThrowsOnMove& operator=(const ThrowsOnMove&) = default;
};
FANMILL_FIELDS(ThrowsOnMove, value)

TEST_CASE("a variant that has lost its value is not sent", "[unit][object]") {
  std::variant<int, ThrowsOnMove> variant = 1;
  const ThrowsOnMove thrower;
  CHECK_THROWS(variant.emplace<ThrowsOnMove>(thrower));
  REQUIRE(variant.valueless_by_exception());
  CHECK(test::words_of(ErrorCode::invalid_argument, [&] {
          encode(variant);
        }).starts_with("encode: a variant has lost its value"));
}

TEST_CASE("durations travel in nanoseconds and arrive in any unit that holds them exactly",
          "[unit][object]") {
  check_round_trip(-1500ms);
  check_round_trip(duration<std::int8_t, std::ratio<3600>>(127));
  check_round_trip(std::chrono::hours::min());  // beyond 64 bits of nanoseconds
  check_round_trip(std::chrono::nanoseconds::max());
  check_round_trip(duration<std::uint64_t, std::milli>(UINT64_MAX));
  check_round_trip(duration<double>(0.25));
  check_round_trip(duration<float, std::milli>(1.5F));
  CHECK(encode(2s) == encode(2'000'000'000));
  CHECK(encode(duration<double>(2)) == encode(2e9));
  CHECK(decode<std::chrono::milliseconds>(encode(2s)) == 2s);
  CHECK(decode<std::chrono::seconds>(encode(2000ms)) == 2s);
  CHECK(decode<duration<double>>(encode(1500ms)) == 1.5s);
  CHECK(decode<duration<double>>(Payload::json("1500000000")) == 1.5s);
  // Hours that nanoseconds of 64 bits can't count, read as minutes that can count them.
  CHECK(decode<std::chrono::minutes>(encode(std::chrono::hours(10'000'000))) ==
        std::chrono::hours(10'000'000));
  static_assert(!Transmissible<duration<int, std::ratio<1, 3>>>);
  static_assert(!Transmissible<duration<int, std::pico>> &&
                Transmissible<duration<double, std::pico>>);
}

TEST_CASE("a duration that would lose something is refused", "[unit][object]") {
  using Tiny = duration<std::int8_t>;
  CHECK(refusal<std::chrono::seconds>(encode(1500ms)) ==
        "expected a duration in nanoseconds that is a multiple of 1000000000, got integer "
        "1500000000");
  CHECK(refusal<Tiny>(encode(128s)) ==
        "expected a duration in nanoseconds that its type can hold, got integer 128000000000");
  CHECK(refusal<std::chrono::nanoseconds>(encode(std::chrono::hours::max())) ==
        "expected a duration in nanoseconds that its type can hold, got big integer of 14 bytes");
  CHECK(refusal<std::chrono::seconds>(encode(duration<double>(1))) ==
        "expected a duration as an integer of nanoseconds, got number 1e+09");
  CHECK(refusal<duration<unsigned>>(encode(-1s)) ==
        "expected a duration in nanoseconds that its type can hold, got integer -1000000000");
  CHECK(refusal<duration<double>>(encode("1s")) == "expected a number, got text \"1s\"");
  CHECK(refusal<duration<double, std::pico>>(encode(duration<double, std::nano>(1e306))) ==
        "expected a duration in nanoseconds that its type can hold, got number 1e+306");
  CHECK(refusal<duration<double>>(encode(BigInteger(true, std::vector<std::uint8_t>(2000, 1)))) ==
        "expected a duration in nanoseconds that its type can hold, got big integer of 2000 bytes");
  CHECK(refusal<duration<float>>(encode(duration<double>(1e290)))
            .starts_with("expected a number from -3.4e+38"));
  CHECK(refusal<Job>(Payload::json(R"({"limit": "1s", "tags": []})")) ==
        "field limit of struct Job: expected a duration as an integer of nanoseconds, got text "
        "\"1s\"");
}

// It arrived as an infinite one.
TEST_CASE("a duration that would become infinite is not sent", "[unit][object]") {
  const auto words = [](auto value) {
    return test::words_of(ErrorCode::invalid_argument, [&] { encode(value); });
  };
  const std::string expected =
      "encode: a duration is too long to be counted in nanoseconds by a double";
  CHECK(words(duration<double>(1e300)) == expected);
  CHECK(words(std::vector{duration<double>(-1e300)}) == expected);
  CHECK(words(sys_time<duration<double>>(duration<double>(1e300))) == expected);
  // Those that are infinite are so on both ends.
  constexpr double infinite = std::numeric_limits<double>::infinity();
  check_round_trip(duration<double>(-infinite));
  check_round_trip(duration<float, std::pico>(std::numeric_limits<float>::infinity()));
  check_round_trip(duration<double>(1e299));
}

TEST_CASE("a duration beyond 64 bits of nanoseconds is read as a float, too", "[unit][object]") {
  CHECK(decode<duration<double>>(encode(std::chrono::hours(10'000'000))) ==
        std::chrono::hours(10'000'000));
  CHECK(decode<duration<float, std::ratio<3600>>>(encode(std::chrono::hours(-10'000'000))) ==
        std::chrono::hours(-10'000'000));
  CHECK(decode<sys_time<duration<double>>>(encode(std::chrono::hours(10'000'000))) ==
        sys_time<std::chrono::hours>(std::chrono::hours(10'000'000)));
}

TEST_CASE("a big integer of nanoseconds is rounded to the nearest double", "[unit][object]") {
  const auto rounded = [](const char* digits) {
    return detail::to_double(BigInteger::from_decimal(digits));
  };
  CHECK(rounded("0") == 0);
  CHECK(rounded("-18446744073709551616") == -0x1p64);
  CHECK(rounded("36893488147419107328") == 0x1p65);                // halfway, to the even one
  CHECK(rounded("36893488147419107329") == 0x1.0000000000001p65);  // just past it
  CHECK(rounded("36893488147419115520") == 0x1.0000000000002p65);  // halfway again
  CHECK(rounded("123456789012345678901234567890") == 123456789012345678901234567890.0);
  CHECK(std::isinf(detail::to_double(BigInteger(false, std::vector<std::uint8_t>(129, 1)))));
}

// A set takes NaN for an element that it has, or has it many times, by chance.
TEST_CASE("NaN is no element of a set and no key of a map", "[unit][object]") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string element = "a set has an element that is NaN, which equals nothing";
  CHECK(refusal<std::set<double>>(encode(std::vector{nan, 1.0})) == element);
  CHECK(refusal<std::set<float>>(encode(std::tuple(1, nan))) == element);
  CHECK(refusal<std::unordered_set<double>>(encode(std::vector{1.0, nan, nan})) == element);
  CHECK(refusal<std::set<std::pair<int, std::optional<double>>>>(
            encode(std::vector{std::pair(1, nan)})) == element);
  CHECK(refusal<std::set<std::vector<float>>>(
            encode(std::vector<std::vector<double>>{{1.0, nan}})) == element);
  CHECK(refusal<std::set<duration<double>>>(encode(std::vector{nan})) == element);
  CHECK(refusal<std::set<sys_time<duration<double>>>>(encode(std::vector{nan})) == element);
  const Payload map = Payload::json(R"({"$map": [[1, 1], [{"$float": "nan"}, 2]]})");
  const std::string key = "key of entry 1: a key can't be NaN, which equals nothing";
  CHECK(refusal<std::map<double, int>>(map) == key);
  CHECK(refusal<std::unordered_map<double, int>>(map) == key);
  check_round_trip(std::set<double>{-std::numeric_limits<double>::infinity(), 0});
}

TEST_CASE("time points of the system clock travel in nanoseconds since 1970", "[unit][object]") {
  check_round_trip(std::chrono::system_clock::now());
  check_round_trip(sys_time<std::chrono::seconds>(-1s));
  check_round_trip(std::chrono::sys_days(std::chrono::year(9999) / 12 / 31));
  check_round_trip(sys_time<duration<double>>(duration<double>(0.5)));
  const std::chrono::sys_days day = std::chrono::year(2026) / 11 / 21;
  CHECK(encode(day) == encode(std::int64_t{1'795'219'200'000'000'000}));
  CHECK(decode<sys_time<std::chrono::milliseconds>>(encode(day)) == day);
  CHECK(refusal<std::chrono::sys_days>(encode(day + 1h))
            .starts_with("expected a duration in nanoseconds that is a multiple of 86400"));
  static_assert(!Transmissible<std::chrono::steady_clock::time_point>);
}

TEST_CASE("paths travel as text", "[unit][object]") {
  check_round_trip(std::filesystem::path("/tmp/\xC3\xA4/b.txt"));
  check_round_trip(std::filesystem::path("not UTF-8: \xFF"));
  check_round_trip(std::filesystem::path());
  CHECK(encode(std::filesystem::path("a/b")) == encode("a/b"));
  CHECK(decode<std::string>(encode(std::filesystem::path("a/b"))) == "a/b");
  CHECK(refusal<std::filesystem::path>(encode(1)) == "expected text, got integer 1");
  // The system would open "/etc/passwd".
  const std::string cut_short("/etc/passwd\0.png", 16);
  CHECK(refusal<std::filesystem::path>(encode(cut_short)) ==
        "expected a path without a NUL, got text \"/etc/passwd .png\"");
  CHECK(test::words_of(ErrorCode::invalid_argument, [&] {
          encode(std::filesystem::path(cut_short));
        }) == "encode: a path has a NUL in it");
}

TEST_CASE("a refusal names the field for these types, too", "[unit][object]") {
  CHECK(refusal<Job>(Payload::json(R"({"limit": 0, "label": [2, 1], "tags": []})")) ==
        "field label of struct Job, element 0: expected an integer from 0 to 1, got integer 2");
  CHECK(refusal<Job>(Payload::json(R"({"limit": 0, "label": [1, 1], "tags": []})")) ==
        "field label of struct Job, alternative 1: expected text, got integer 1");
  CHECK(refusal<Job>(Payload::json(R"({"limit": 0, "tags": ["a", "a"]})")) ==
        "field tags of struct Job: a set has the element text \"a\" twice");
}

using Everything = std::tuple<SharedSpan<double>, SharedSpan<std::byte>, std::set<std::string>,
                              std::unordered_set<int>, std::deque<std::vector<double>>, Expression,
                              std::chrono::hours, sys_time<duration<float>>, std::filesystem::path>;

TEST_CASE("damaged bytes of these types give an error or a value, too", "[unit][object]") {
  const Everything value(SharedSpan<double>(std::vector{1.0, 2.0}),
                         SharedSpan<std::byte>(std::vector{std::byte{3}}), {"a", "b"}, {1, 2, 3},
                         {{1.5}, {}}, {"+", {1.0, Expression{"-", {2.0}}}},
                         std::chrono::hours::max(), {}, "/tmp/x");
  const std::string valid = encode(value).bytes.str();
  std::mt19937_64 random(7);
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = valid;
    for (std::uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    }
    try {
      const auto read = decode<Everything>({Bytes(bytes), Encoding::object});
      const auto& numbers = std::get<0>(read);
      double sum = 0;
      for (const double number : numbers) sum += number;  // whose memory must be there
      accepted += std::isfinite(sum) ? 1 : 0;
    } catch (const FarmError& error) {
      REQUIRE(error.code() == ErrorCode::malformed_payload);
    }
  }
  CHECK(accepted > 0);
}

}  // namespace
}  // namespace fanmill::codec_test
