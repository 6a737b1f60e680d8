// JSON text to object. The rules are in schemas/object.capnp, "AS JSON"; the reverse is
// json_writer.cpp.
//
// nlohmann's SAX parser calls; we build a small tree, since a list's length must be known before it
// is written. Tags ({"$bytes": ...}) are resolved when their object ends, so that an error still
// knows where in the text it is.
#include <algorithm>
#include <charconv>
#include <compare>
#include <fanmill/big_integer.hpp>
#include <fanmill/error.hpp>
#include <fanmill/json.hpp>
#include <fanmill/object_view.hpp>
#include <fanmill/object_writer.hpp>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <vector>

#include "codec/json_base64.hpp"
#include "codec/json_integer.hpp"
#include "codec/text.hpp"

namespace fanmill::inline v0 {
namespace {

// long double: nlohmann refuses numbers beyond its float type's range before we see the text of a
// long integer.
using ExactJson = nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t,
                                       std::uint64_t, long double>;

struct Node {
  ObjectKind kind = ObjectKind::null;
  bool boolean = false;
  int height = 0;  // levels of containers from here on
  double floating = 0;
  std::string text = {};            // of text and bytes
  BigInteger big = {};              // of big_integer
  std::int64_t integer = 0;         // of integer
  std::vector<Node> children = {};  // of containers; of a map: key, value, key, value...
};

/// An order of whatever nodes, for finding equal ones; what a kind does not use is the same in all
/// of that kind.
std::strong_ordering order(const Node& a, const Node& b) {
  const auto plain = [](const Node& node) {
    return std::tie(node.kind, node.boolean, node.integer, node.text);
  };
  if (const auto first = plain(a) <=> plain(b); std::is_neq(first)) return first;
  // 0 is added to make one of the two zeros.
  if (const auto second = std::strong_order(a.floating + 0, b.floating + 0); std::is_neq(second))
    return second;
  if (const auto third = a.big <=> b.big; std::is_neq(third)) return third;
  return std::lexicographical_compare_three_way(a.children.begin(), a.children.end(),
                                                b.children.begin(), b.children.end(), order);
}

// ---- Tree to object.

bool all_of_kind(const Node& node, ObjectKind kind) {
  return !node.children.empty() &&
         std::all_of(node.children.begin(), node.children.end(),
                     [&](const Node& child) { return child.kind == kind; });
}

std::size_t words(const Node& node) {
  if (node.kind == ObjectKind::text) return object_words::text(node.text.size());
  if (node.kind == ObjectKind::bytes) return object_words::bytes(node.text.size());
  if (node.kind == ObjectKind::big_integer) return object_words::big_integer(node.big);
  if (node.kind < ObjectKind::list) return 0;
  if (node.kind == ObjectKind::list &&
      (all_of_kind(node, ObjectKind::integer) || all_of_kind(node, ObjectKind::floating))) {
    return object_words::packed(node.children.size());
  }
  std::size_t sum = object_words::list(node.children.size());
  for (const Node& child : node.children) sum += words(child);
  return sum;
}

void write(const Node& node, const ObjectWriter& place);

void write_list(const Node& node, const ObjectWriter& place) {
  const std::size_t count = node.children.size();
  if (all_of_kind(node, ObjectKind::integer)) {
    const auto to = place.packed_integers(count);
    for (std::size_t i = 0; i < count; ++i) to[i] = node.children[i].integer;
    return;
  }
  if (all_of_kind(node, ObjectKind::floating)) {
    const auto to = place.packed_floats(count);
    for (std::size_t i = 0; i < count; ++i) to[i] = node.children[i].floating;
    return;
  }
  const ObjectListWriter list = place.list(count);
  for (std::size_t i = 0; i < count; ++i) write(node.children[i], list[i]);
}

void write(const Node& node, const ObjectWriter& place) {
  switch (node.kind) {
    case ObjectKind::boolean:
      return place.boolean(node.boolean);
    case ObjectKind::integer:
      return place.int64(node.integer);
    case ObjectKind::big_integer:
      return place.big_integer(node.big);
    case ObjectKind::floating:
      return place.floating(node.floating);
    case ObjectKind::text:
      return place.text(node.text);
    case ObjectKind::bytes:
      return place.bytes(std::as_bytes(std::span(node.text)));
    case ObjectKind::list:
      return write_list(node, place);
    case ObjectKind::tuple:
    case ObjectKind::map: {
      const bool map = node.kind == ObjectKind::map;
      const ObjectListWriter list =
          map ? place.map(node.children.size() / 2) : place.tuple(node.children.size());
      for (std::size_t i = 0; i < node.children.size(); ++i) write(node.children[i], list[i]);
      return;
    }
    case ObjectKind::null:
    case ObjectKind::structure:
      return place.null();
  }
}

// ---- Text to tree.

// "JSON, column 17: " for the character at `offset`.
[[noreturn]] void refuse(std::string_view text, std::size_t offset, const std::string& what) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t column = before.size() - (line > 1 ? before.rfind('\n') + 1 : 0);
  throw FarmError(ErrorCode::malformed_payload,
                  "JSON, " + (line > 1 ? "line " + std::to_string(line) + ", " : "") + "column " +
                      std::to_string(std::max<std::size_t>(column, 1)) + ": " + what);
}

// The parser's words with what it quotes of the text cut, which may be all of it:
// "invalid string: ...; last read: '"abc'; expected ']'".
std::string with_short_token(std::string_view what) {
  constexpr std::size_t behind_max = 64;  // of the parser's own words
  for (const std::string_view opening : {"; last read: '", "number overflow parsing '"}) {
    const std::size_t at = what.find(opening);
    if (at == what.npos) continue;
    const std::size_t begin = at + opening.size();
    std::size_t end = what.rfind("'; expected ");
    // Not the parser's words but the text's, if they are long or wild.
    if (end == what.npos || end < begin || what.size() - end > behind_max ||
        !codec::is_plain(what.substr(end))) {
      end = what.size() - 1;
    }
    return std::string(what.substr(0, begin)) + codec::shown(what.substr(begin, end - begin)) +
           std::string(what.substr(end));
  }
  return std::string(what);
}

// Counts what the parser has taken, which is the only way to know the place inside a SAX call.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ == b.at_;
  }
  friend bool operator!=(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ != b.at_;
  }

 private:
  const char* at_;
  const char** reached_;
};

// {"$map": [[key, value]]} is the tag that takes most levels of JSON for one of ours: three.
constexpr std::size_t json_depth_max = 3 * object_depth_max + 1;

class Handler : public nlohmann::json_sax<ExactJson> {
 public:
  Handler(std::string_view text, const char* const* reached) : text_(text), reached_(reached) {}
  Node take() { return std::move(root_); }

  bool null() override { return add({}); }
  bool boolean(bool value) override { return add({.kind = ObjectKind::boolean, .boolean = value}); }
  bool number_integer(std::int64_t value) override {
    return add({.kind = ObjectKind::integer, .integer = value});
  }
  bool number_unsigned(std::uint64_t value) override {
    return add_integer(BigInteger::from_uint64(value));
  }
  bool number_float(long double wide, const std::string& digits) override;
  bool string(std::string& value) override {
    return add({.kind = ObjectKind::text, .text = std::move(value)});
  }
  bool binary(ExactJson::binary_t&) override { return false; }  // JSON text has none
  bool start_object(std::size_t) override { return start(ObjectKind::map); }
  bool start_array(std::size_t) override { return start(ObjectKind::list); }
  bool end_array() override { return end(); }
  bool key(std::string& name) override;
  bool end_object() override;
  bool parse_error(std::size_t offset, const std::string&,
                   const nlohmann::detail::exception& error) override;

 private:
  [[noreturn]] void fail(const std::string& what) const {
    refuse(text_, static_cast<std::size_t>(*reached_ - text_.data()), what);
  }
  bool add(Node node);
  bool add_integer(const BigInteger& value);
  bool start(ObjectKind kind);
  bool end();
  bool resolve_tag(Node& object) const;
  void resolve_map(Node& object, Node& pairs) const;
  void refuse_twice(const Node& object) const;

  std::string_view text_;
  const char* const* reached_;
  Node root_;
  std::vector<Node> open_;
};

void set_integer(Node& node, const BigInteger& value) {
  node.kind = value.fits_int64() ? ObjectKind::integer : ObjectKind::big_integer;
  if (value.fits_int64()) {
    node.integer = value.to_int64();
  } else {
    node.big = value;
  }
}

bool Handler::add(Node node) {
  if (open_.empty()) {
    root_ = std::move(node);
  } else {
    open_.back().children.push_back(std::move(node));
  }
  return true;
}

bool Handler::add_integer(const BigInteger& value) {
  Node node;
  set_integer(node, value);
  return add(std::move(node));
}

bool Handler::number_float(long double wide, const std::string& digits) {
  if (digits.find_first_not_of("-0123456789") == digits.npos)
    return add_integer(BigInteger::from_decimal(digits));
  std::string number = digits;
  // The parser puts the locale's decimal point where the text has '.'.
  for (char& c : number) {
    if (std::string_view("+-0123456789eE").find(c) == std::string_view::npos) c = '.';
  }
  Node node{.kind = ObjectKind::floating};
  const auto read = std::from_chars(number.data(), number.data() + number.size(), node.floating);
  if (read.ec == std::errc::result_out_of_range) {
    if (wide > 1 || wide < -1)
      fail("expected a number from -1.8e+308 to 1.8e+308, got " + number.substr(0, 40));
    node.floating = number.starts_with('-') ? -0.0 : 0.0;  // too near to zero for a float
  }
  return add(std::move(node));
}

bool Handler::start(ObjectKind kind) {
  if (open_.size() >= json_depth_max)
    fail("nested deeper than " + std::to_string(object_depth_max) + " levels");
  open_.push_back({.kind = kind});
  return true;
}

bool Handler::end() {
  Node node = std::move(open_.back());
  open_.pop_back();
  if (node.kind >= ObjectKind::list) {
    node.height = 1;
    for (const Node& child : node.children) node.height = std::max(node.height, child.height + 1);
    // The array of $map's pairs is a level of the text only, which will be gone with its tag. If it
    // turns out to be none of a tag, the object around it is too high.
    const bool may_vanish =
        node.kind == ObjectKind::list && !open_.empty() && open_.back().kind == ObjectKind::map &&
        open_.back().children.size() == 1 && open_.back().children[0].text == "$map";
    if (node.height > object_depth_max + (may_vanish ? 1 : 0))
      fail("nested deeper than " + std::to_string(object_depth_max) + " levels");
  }
  return add(std::move(node));
}

bool Handler::key(std::string& name) {
  return add({.kind = ObjectKind::text, .text = std::move(name)});
}

bool Handler::end_object() {
  Node& object = open_.back();
  const bool tag_like = object.children.size() == 2 && object.children[0].text.starts_with('$');
  if (tag_like && resolve_tag(object)) return end();
  for (std::size_t i = 0; i < object.children.size(); i += 2) {
    std::string& name = object.children[i].text;
    if (name.starts_with("$$")) name.erase(0, 1);
  }
  refuse_twice(object);
  return end();
}

void Handler::refuse_twice(const Node& object) const {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < object.children.size(); i += 2)
    names.emplace_back(object.children[i].text);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    fail("the key \"" + codec::shown(*twice) + "\" stands twice in one object");
}

// False if it is no tag of ours, but a key like any other.
bool Handler::resolve_tag(Node& object) const {
  const std::string tag = object.children[0].text;
  Node value = std::move(object.children[1]);
  const bool is_text = value.kind == ObjectKind::text;
  const bool is_list = value.kind == ObjectKind::list;
  if (tag == "$bytes") {
    auto bytes = is_text ? codec::from_base64(value.text) : std::nullopt;
    if (!bytes) fail("expected base64 text in {\"$bytes\": ...}");
    object = {.kind = ObjectKind::bytes, .text = std::move(*bytes)};
  } else if (tag == "$int") {
    const auto integer = is_text ? codec::from_integer_text(value.text) : std::nullopt;
    if (!integer) fail("expected the text of an integer in {\"$int\": ...}");
    object = {};
    set_integer(object, *integer);
  } else if (tag == "$float") {
    const bool known =
        is_text && (value.text == "nan" || value.text == "inf" || value.text == "-inf");
    if (!known) fail("expected \"nan\", \"inf\" or \"-inf\" in {\"$float\": ...}");
    constexpr double inf = std::numeric_limits<double>::infinity();
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    object = {.kind = ObjectKind::floating,
              .floating = value.text == "nan"   ? nan
                          : value.text == "inf" ? inf
                                                : -inf};
  } else if (tag == "$tuple") {
    if (!is_list) fail("expected an array in {\"$tuple\": ...}");
    object = {.kind = ObjectKind::tuple, .children = std::move(value.children)};
  } else if (tag == "$map") {
    if (!is_list) fail("expected an array of pairs in {\"$map\": ...}");
    resolve_map(object, value);
  } else {
    object.children[1] = std::move(value);
    return false;
  }
  return true;
}

void Handler::resolve_map(Node& object, Node& pairs) const {
  object.children.clear();
  for (Node& pair : pairs.children) {
    if (pair.kind != ObjectKind::list || pair.children.size() != 2) {
      fail("expected an array of pairs in {\"$map\": ...}");
    }
    std::move(pair.children.begin(), pair.children.end(), std::back_inserter(object.children));
  }
  std::vector<const Node*> keys;
  for (std::size_t i = 0; i < object.children.size(); i += 2) keys.push_back(&object.children[i]);
  std::sort(keys.begin(), keys.end(),
            [](const Node* a, const Node* b) { return std::is_lt(order(*a, *b)); });
  const auto twice = std::adjacent_find(keys.begin(), keys.end(), [](const Node* a, const Node* b) {
    return std::is_eq(order(*a, *b));
  });
  if (twice == keys.end()) return;
  const bool is_text = (*twice)->kind == ObjectKind::text;
  fail((is_text ? "the key \"" + codec::shown((*twice)->text) + '"'
                : std::string("a key of kind ") + to_string((*twice)->kind)) +
       " stands twice in {\"$map\": ...}");
}

bool Handler::parse_error(std::size_t offset, const std::string&,
                          const nlohmann::detail::exception& error) {
  // "[json.exception...] parse error at line 1, column 17: syntax error while parsing value -
  // unexpected '}'; ..."
  std::string_view what = error.what();
  for (const std::string_view skipped : {"] ", ": ", " - "}) {
    const std::size_t at = what.find(skipped);
    // "number overflow parsing ..." has no column and no " - ".
    if (at != what.npos && at < what.find('\'')) what.remove_prefix(at + skipped.size());
  }
  refuse(text_, offset, with_short_token(what));
}

}  // namespace

Payload json_to_object(std::string_view text) {
  const char* reached = text.data();
  Handler handler(text, &reached);
  ExactJson::sax_parse(CountingIterator(text.data(), &reached),
                       CountingIterator(text.data() + text.size(), &reached), &handler);
  const Node root = handler.take();
  return write_object(words(root), [&](const ObjectWriter& place) { write(root, place); });
}

}  // namespace fanmill::inline v0
