#include <fanmill/json.hpp>

#include <fanmill/object.hpp>
#include <random>

#include "catch.hpp"
#include "farm_error.hpp"

namespace {

using namespace fanmill;

std::string there_and_back(std::string_view json) { return to_json(json_to_object(json)); }

std::string refusal(std::string_view json) {
  return test::words_of(ErrorCode::malformed_payload, [&] { json_to_object(json); });
}

TEST_CASE("JSON in our form comes back as it was", "[unit][json]") {
  for (const char* json : {"null",
                           "true",
                           "false",
                           "0",
                           "-9007199254740991",
                           R"({"$int": "9007199254740992"})",
                           "0.1",
                           "-0.0",
                           "1e+300",
                           "3.0",
                           R"({"$float": "nan"})",
                           R"({"$float": "-inf"})",
                           R"("a\"\\\n\u0001/)"
                           "\xC3\xA4\"",
                           R"({"$bytes": ""})",
                           R"({"$bytes": "AP8="})",
                           "[]",
                           "[1, 2.5, []]",
                           "[1, 2]",
                           "[1.5, 2.0]",
                           "{}",
                           R"({"b": 1, "a": {"c": null}})",
                           R"({"$tuple": []})",
                           R"({"$tuple": [1, {"$tuple": ["x"]}]})",
                           R"({"$map": [[1, "a"], [{"$tuple": [1]}, 2]]})",
                           R"({"$map": [["$$a", 1], [1, 2]]})",
                           R"({"$$bytes": "AP8="})",
                           R"({"$$": 1, "$$$x": 2})",
                           R"({"$int": "-123456789012345678901234567890"})"}) {
    CHECK(there_and_back(json) == json);
  }
}

TEST_CASE("JSON of others is taken as it is meant", "[unit][json]") {
  CHECK(there_and_back(" [ 1 ,\n2 ] ") == "[1, 2]");
  CHECK(there_and_back("1E2") == "100.0");
  CHECK(there_and_back("1e-400") == "0.0");
  CHECK(there_and_back(R"("\ud83d\ude00")") == "\"\xF0\x9F\x98\x80\"");
  CHECK(there_and_back(R"({"$ref": 1})") == R"({"$$ref": 1})");
  CHECK(there_and_back(R"({"$bytes": "AP8=", "more": 1})") == R"({"$$bytes": "AP8=", "more": 1})");
  CHECK(there_and_back(R"({"$int": "0x1F"})") == "31");
}

TEST_CASE("plain integers of any size are exact", "[unit][json]") {
  CHECK(decode<std::uint64_t>(Payload::json("18446744073709551615")) == UINT64_MAX);
  CHECK(decode<std::int64_t>(Payload::json("-9223372036854775808")) == INT64_MIN);
  const std::string digits(4000, '7');
  CHECK(decode<BigInteger>(Payload::json('-' + digits)).to_decimal() == '-' + digits);
}

TEST_CASE("an integer of a million bits goes through JSON in linear time", "[unit][json]") {
  const BigInteger big(true, std::vector<std::uint8_t>(125'000, 0x9A));
  CHECK(decode<BigInteger>(Payload::json(to_json(encode(big)))) == big);
}

TEST_CASE("a refusal names the place", "[unit][json]") {
  CHECK(refusal("[1, 2, }") == "JSON, column 8: unexpected '}'; expected '[', '{', or a literal");
  CHECK(refusal("[1,\n 2, }").starts_with("JSON, line 2, column 5: unexpected '}'"));
  CHECK(refusal("").starts_with("JSON, column 1: unexpected end of input"));
  CHECK(refusal("1 2").starts_with("JSON, column 3: "));
  CHECK(refusal("\"\xFF\"").starts_with("JSON, column 2: invalid string"));
  CHECK(refusal(R"({"a": 1, "b": 2, "a": 3})") ==
        "JSON, column 24: the key \"a\" stands twice in one object");
  CHECK(refusal(R"({"$bytes": "A"})") ==
        "JSON, column 15: expected base64 text in {\"$bytes\": ...}");
  CHECK(refusal("[1e999]").ends_with("expected a number from -1.8e+308 to 1.8e+308, got 1e999"));
  for (const char* json :
       {R"({"$bytes": "A==="})", R"({"$bytes": "AP9="})", R"({"$int": 5})", R"({"$int": "1.5"})",
        R"({"$float": "x"})", R"({"$tuple": {}})", R"({"$map": [1]})", R"({"$map": [[1]]})",
        R"({"$ref": 1, "$$ref": 2})"}) {
    CHECK(refusal(json).starts_with("JSON, column "));
  }
}

TEST_CASE("JSON passes checked and unchanged, raw bytes do not pass", "[unit][json]") {
  CHECK(to_json(Payload::json(" [1]")) == " [1]");
  CHECK(to_json(Payload()) == "null");
  CHECK_THROWS_AS(to_json(Payload::json("[")), FarmError);
  CHECK_THROWS_AS(to_json(Payload::raw("1")), FarmError);
}

TEST_CASE("damaged JSON gives an error or a value", "[unit][json]") {
  const std::string valid =
      R"({"a": [1, 2.5, -3e7, {"$tuple": [null, true]}], "$$b": {"$map": [[1, {"$bytes": "AP8="}]]}, "c": {"$int": )"
      R"("12345678901234567890"}, "d": "\u00e4\n"})";
  REQUIRE(there_and_back(there_and_back(valid)) == there_and_back(valid));
  std::mt19937_64 random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::string json = valid;
    for (std::uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
      json[random() % json.size()] = "[]{}\":,$0e-.\\u\xFF "[random() % 17];
    }
    try {
      // What is taken once has a form that is taken again and stays.
      const std::string once = there_and_back(json);
      REQUIRE(there_and_back(once) == once);
    } catch (const FarmError& error) {
      REQUIRE(error.code() == ErrorCode::malformed_payload);
    }
  }
}

}  // namespace
