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

// Only JSON objects were looked through; the same map came back from a decode as damaged.
TEST_CASE("a key of any kind that stands twice in a $map is refused", "[unit][json]") {
  for (const char* key :
       {"1", R"("a")", "null", "true", "1.5", R"({"$int": "123456789012345678901234567890"})",
        R"({"$bytes": "AP8="})", R"([1, "x"])", R"({"$tuple": [1, {"$tuple": []}]})",
        R"({"a": {"$float": "nan"}})", R"({"$map": [[1, 2], [2, 1]]})"}) {
    const std::string pair = "[" + std::string(key) + ", 1]";
    CHECK(refusal(R"({"$map": [)" + pair + ", [7, 2], " + pair + "]}")
              .ends_with(" stands twice in {\"$map\": ...}"));
  }
  CHECK(refusal(R"({"$map": [["a", 1], ["a", 2]]})") ==
        "JSON, column 30: the key \"a\" stands twice in {\"$map\": ...}");
  CHECK(refusal(R"({"$map": [[0.0, 1], [-0.0, 2]]})").find("a key of kind number") !=
        std::string::npos);
  const char* const different =
      R"({"$map": [[1, 0], [1.0, 0], ["1", 0], [true, 0], [null, 0], [[1], 0], [[1, 1], 0], )"
      R"([{"$tuple": [1]}, 0], [{"$bytes": "MQ=="}, 0]]})";
  CHECK(there_and_back(different) == different);
}

// What refuses such JSON was handed it by what wrote it.
TEST_CASE("a key of any kind that stands twice in a map is not written", "[unit][json]") {
  using Write = void (*)(const ObjectWriter&);
  const auto map_of = [](Write first, Write second) {
    return write_object(64, [&](const ObjectWriter& root) {
      const ObjectListWriter entries = root.map(2);
      first(entries[0]);
      second(entries[2]);
    });
  };
  const auto written = [&](Write first, Write second) {
    return test::words_of(ErrorCode::malformed_payload, [&] { to_json(map_of(first, second)); });
  };
  const Write null = [](const ObjectWriter&) {};
  const Write zero = [](const ObjectWriter& key) { key.floating(0.0); };
  const Write other_zero = [](const ObjectWriter& key) { key.floating(-0.0); };
  const Write list_of_zero = [](const ObjectWriter& key) { key.list(1)[0].floating(0.0); };
  const Write list_of_other = [](const ObjectWriter& key) { key.list(1)[0].floating(-0.0); };
  CHECK(written(null, null) == "object: \"null\" stands twice in one map");
  CHECK(written(zero, other_zero) == "object: \"0.0\" stands twice in one map");
  CHECK(written(list_of_zero, list_of_other) == "object: \"[0.0]\" stands twice in one map");
  const Write minus_one = [](const ObjectWriter& key) { key.floating(-1.0); };
  const Write one = [](const ObjectWriter& key) { key.floating(1.0); };
  CHECK(to_json(map_of(minus_one, one)) == R"({"$map": [[-1.0, null], [1.0, null]]})");
}

// A payload of `levels` levels of one kind.
enum class Level { list, tuple, map_of_texts, map_of_integers, map_of_tuples };
void write_levels(const ObjectWriter& place, Level level, int levels) {
  if (levels == 0) return place.bytes({});  // a tag at the end
  const bool is_map = level >= Level::map_of_texts;
  const ObjectListWriter inside = level == Level::list    ? place.list(1)
                                  : level == Level::tuple ? place.tuple(1)
                                                          : place.map(1);
  if (level == Level::map_of_texts) inside[0].text("$map");
  if (level == Level::map_of_integers) inside[0].int64(1);
  if (level == Level::map_of_tuples) write_levels(inside[0], Level::tuple, levels - 1);
  write_levels(inside[is_map ? 1 : 0], level, levels - 1);
}

std::string nested(std::string_view before, std::string_view after, int levels) {
  std::string json = "1";
  for (int i = 0; i < levels; ++i) json = std::string(before) + json + std::string(after);
  return json;
}

// The two arrays that a $map needs in the text were counted, so that what was written at the limit
// could not be read.
TEST_CASE("JSON has every value at the limit of depth, and none beyond it", "[unit][json]") {
  for (const Level level :
       {Level::list, Level::tuple, Level::map_of_texts, Level::map_of_integers}) {
    const auto payload = [&](int levels) {
      return write_object(std::size_t{8} * 65,
                          [&](const ObjectWriter& root) { write_levels(root, level, levels); });
    };
    const Payload deepest = payload(object_depth_max);
    CHECK(there_and_back(to_json(deepest)) == to_json(deepest));
    CHECK(test::words_of(ErrorCode::malformed_payload, [&] {
            to_json(payload(object_depth_max + 1));
          }).ends_with("nested deeper than 64 levels"));
  }
  const auto both = write_object(std::size_t{1} << 16, [&](const ObjectWriter& root) {
    write_levels(root, Level::map_of_tuples, object_depth_max);
  });
  CHECK(there_and_back(to_json(both)) == to_json(both));
  for (const auto& [before, after] :
       {std::pair("[", "]"), std::pair(R"({"$tuple": [)", "]}"), std::pair(R"({"a": )", "}"),
        std::pair(R"({"$map": [[1, )", "]]}"), std::pair(R"({"$map": [[)", ", 1]]}"),
        std::pair(R"({"$map": )", "}"), std::pair(R"({"$map": 1, "a": )", "}")}) {
    const std::string deepest = nested(before, after, object_depth_max);
    const bool is_value = std::string_view(before) != R"({"$map": )";
    if (is_value) CHECK_NOTHROW(there_and_back(there_and_back(deepest)));
    CHECK(refusal(nested(before, after, object_depth_max + 1)).starts_with("JSON, column "));
  }
  // An array that could have been a $map's, and was not.
  const std::string array = nested("[", "]", object_depth_max + 1);
  CHECK(refusal(R"({"$map": )" + array + R"(, "a": 1})").ends_with("nested deeper than 64 levels"));
  CHECK(refusal(R"({"$map": )" + array + "}").starts_with("JSON, column "));
}

TEST_CASE("what is shown of a text in a refusal is short and clean", "[unit][json]") {
  const std::string wild = "a\x1b[31m\n\x7f\xC2\x9B" + std::string(100'000, 'x');
  const std::string shown = "\"a [31m   " + std::string(22, 'x') + "...\"";
  CHECK(describe(ObjectView(encode(wild))) == "text " + shown);
  const Payload map = write_object(object_words::list(4) + 2 * object_words::text(wild.size()),
                                   [&](const ObjectWriter& root) {
                                     const auto places = root.map(2);
                                     places[0].text(wild);
                                     places[2].text(wild);
                                   });
  CHECK(test::words_of(ErrorCode::malformed_payload, [&] { to_json(map); }) ==
        "object: " + shown + " stands twice in one map");
  const std::string name = wild.substr(0, 5) + wild.substr(7);
  const Payload structure =
      write_object(object_words::structure(name, 0),
                   [&](const ObjectWriter& root) { static_cast<void>(root.structure(name, 0)); });
  CHECK(describe(ObjectView(structure)).size() < 60);
  const std::string key(100'000, 'k');
  CHECK(refusal("{\"" + key + "\": 1, \"" + key + "\": 2}").size() < 120);
  CHECK(refusal(R"({"$map": [[")" + key + R"(", 1], [")" + key + R"(", 1]]})").size() < 120);
  for (const std::string& json :
       {"[\"" + key, "[\"" + key + "'; expected \xFF\"", "[\"" + key + '\n', "[1" + key, "-" + key,
        "nul" + key, std::string(100'000, '['), "1" + std::string(100'000, '0') + "e99999",
        "[\"\x7f\xC2\x9B" + key}) {
    const std::string words = refusal(json);
    CHECK(words.size() < 250);
    CAPTURE(words);
    CHECK(words.find_first_of("\x1b\x7f\n\xC2\xFF") == words.npos);
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
