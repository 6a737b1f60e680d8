#include <fanmill/detail/object_refusal.hpp>

#include <fanmill/detail/struct_names.hpp>
#include <fanmill/error.hpp>
#include <string>

#include "codec/float_text.hpp"
#include "codec/text.hpp"

namespace fanmill::inline v0 {
namespace {

std::string in_words(const detail::Place& place) {
  switch (place.part) {
    case detail::Place::Part::element:
      return "element " + std::to_string(place.index);
    case detail::Place::Part::key:
      return "key of entry " + std::to_string(place.index);
    case detail::Place::Part::value:
      return "value of entry " + std::to_string(place.index);
    case detail::Place::Part::alternative:
      return "alternative " + std::to_string(place.index);
    case detail::Place::Part::field:
      break;
  }
  return "field " + std::string(place.field) + " of struct " +
         std::string(detail::StructNames(place.names).own());
}

// "field points of struct Line, element 3: ", from the outside in.
std::string prefix(const detail::Place* place) {
  std::string text;
  for (; place != nullptr; place = place->outer)
    text.insert(0, in_words(*place).append(text.empty() ? ": " : ", "));
  return text;
}

}  // namespace

std::string describe(const ObjectView& view) {
  const ObjectKind kind = view.kind();
  std::string name = to_string(kind);
  switch (kind) {
    case ObjectKind::null:
      return name;
    case ObjectKind::boolean:
      return view.boolean() ? "bool true" : "bool false";
    case ObjectKind::integer:
      return name + ' ' + view.big_integer().to_decimal();
    case ObjectKind::floating:
      return name + ' ' + codec::to_float_text(view.floating());
    case ObjectKind::text:
      return name + " \"" + codec::shown(view.text()) + '"';
    case ObjectKind::structure:
      return name + ' ' + codec::shown(detail::StructNames(view.names()).own());
    case ObjectKind::bytes:
      return std::to_string(view.bytes().size()) + " bytes";
    case ObjectKind::big_integer:
      return name + " of " + std::to_string(view.big_integer().magnitude().size()) + " bytes";
    default:
      return name + " of " + std::to_string(view.size());
  }
}

namespace detail {

void refuse(const Place* place, std::string_view expected, const ObjectView& got) {
  refuse(place, "expected " + std::string(expected) + ", got " + describe(got));
}

void refuse(const Place* place, std::string_view what) {
  throw FarmError(ErrorCode::malformed_payload, prefix(place) + std::string(what));
}

void refuse_integer(const Place* place, std::int64_t lowest, std::uint64_t highest,
                    const ObjectView& got) {
  const ObjectKind kind = got.kind();
  if (kind != ObjectKind::integer && kind != ObjectKind::big_integer)
    refuse(place, "an integer", got);
  refuse(place, "an integer from " + std::to_string(lowest) + " to " + std::to_string(highest),
         got);
}

void refuse_number(const Place* place, const ObjectView& got) {
  const bool is_too_large = got.kind() == ObjectKind::big_integer;
  refuse(place, is_too_large ? "a number of at most 64 bits" : "a number", got);
}

void refuse_count(const Place* place, std::size_t expected, std::size_t got) {
  refuse(place, "expected " + std::to_string(expected) + " elements, got " + std::to_string(got));
}

void refuse_missing_field(const Place* place, std::string_view field, std::string_view names) {
  refuse(place,
         in_words({.outer = nullptr, .part = Place::Part::field, .field = field, .names = names}) +
             " is missing; only fields of type std::optional or with or_default may be");
}

void refuse_depth() {
  refuse_to_send("the value is nested deeper than " + std::to_string(object_depth_max) + " levels");
}

void refuse_valueless() { refuse_to_send("a variant has lost its value (valueless_by_exception)"); }

void refuse_to_send(std::string_view what) {
  throw FarmError(ErrorCode::invalid_argument, "encode: " + std::string(what));
}

}  // namespace detail
}  // namespace fanmill::inline v0
