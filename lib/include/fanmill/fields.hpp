// FANMILL_FIELDS(Struct, field...): makes a struct one that tasks and results can be made of.
//
//     namespace shop {
//     struct Point { double x = 0; double y = 0; std::optional<std::string> name; };
//     FANMILL_FIELDS(Point, x, y, name)
//     }
//
// It stands behind the struct, in the struct's namespace, with or without a semicolon. The struct
// has a default constructor, and the fields are public (its bases' are, too), up to 32, of types
// that are Transmissible (object.hpp) themselves; the struct may contain lists of itself. Fields
// that are not named do not travel. A derived struct needs its own FANMILL_FIELDS, whatever its
// base has.
//
// ACROSS BUILDS. The two ends of a task may have been built at different times, with different
// ideas of a struct. Fields travel by name, so neither their order nor the struct's own name
// matters:
//
//   extra     a field that the reader does not know is ignored
//   missing   is an error that names it, unless its type is std::optional, which is then empty, or
//             it is marked with or_default: then it is what the default constructor made it
//   renamed   (member, "name") travels as "name", which need not be an identifier
//   retyped   what `decode` takes for the new type is taken: an int for a double, a short for a
//             long, a value for an optional of it
//
//     FANMILL_FIELDS(Options, depth, (colour, "color"), (retries, fanmill::or_default))
//
// So a new field is optional or has or_default, and either end may be the first to be replaced; a
// field may go when no reader insists on it; and no name is used again for something else.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace fanmill::inline v0 {

/// Behind a field in FANMILL_FIELDS, in parentheses: where it is missing, it stays what the
/// struct's default constructor made it.
struct OrDefault {};
/// The word for it: `(retries, fanmill::or_default)`.
inline constexpr OrDefault or_default;

}  // namespace fanmill::inline v0

namespace fanmill::inline v0::detail {

inline constexpr std::size_t fields_max = 32;

template <typename Struct, typename Type>
struct Field {
  using Value = Type;
  std::string_view name;  // that it travels by
  Type Struct::*member;
  bool stays_default = false;
};

template <typename Struct, typename... Types>
struct Fields {
  static_assert(sizeof...(Types) <= fields_max,
                "FANMILL_FIELDS takes up to 32 fields; nest structs for more");
  std::string_view own;  // the struct's name
  std::tuple<Field<Struct, Types>...> all;
};

/// What stands behind a field: another name, or or_default.
struct FieldOption {
  constexpr FieldOption(const char* other_name) : name(other_name) {}
  constexpr FieldOption(OrDefault) : stays_default(true) {}
  std::string_view name = {};  // none: the member's own
  bool stays_default = false;
};

/// `Class` is Struct or one of its bases.
template <typename Struct, typename Class, typename Type, typename... Options>
constexpr Field<Struct, Type> make_field(Type Class::*member, std::string_view name,
                                         Options... options) {
  Field<Struct, Type> field{.name = name, .member = member};
  for (const FieldOption& option :
       std::array<FieldOption, sizeof...(Options)>{FieldOption(options)...}) {
    if (option.name.data() != nullptr) field.name = option.name;
    if (option.stays_default) field.stays_default = true;
  }
  return field;
}

template <typename Struct, typename... Types>
constexpr Fields<Struct, Types...> make_fields(std::string_view own,
                                               Field<Struct, Types>... fields) {
  return {own, {fields...}};
}

}  // namespace fanmill::inline v0::detail

// Calls FANMILL_DETAIL_FIELD for each field: a macro can't call itself, so each scan of EXPAND's
// result unfolds one more field. 64 scans are enough for the 32 fields and for a readable message
// beyond them.
#define FANMILL_DETAIL_PARENTHESES ()
#define FANMILL_DETAIL_EXPAND(...) \
  FANMILL_DETAIL_EXPAND_16(        \
      FANMILL_DETAIL_EXPAND_16(FANMILL_DETAIL_EXPAND_16(FANMILL_DETAIL_EXPAND_16(__VA_ARGS__))))
#define FANMILL_DETAIL_EXPAND_16(...) \
  FANMILL_DETAIL_EXPAND_4(            \
      FANMILL_DETAIL_EXPAND_4(FANMILL_DETAIL_EXPAND_4(FANMILL_DETAIL_EXPAND_4(__VA_ARGS__))))
#define FANMILL_DETAIL_EXPAND_4(...) \
  FANMILL_DETAIL_EXPAND_1(           \
      FANMILL_DETAIL_EXPAND_1(FANMILL_DETAIL_EXPAND_1(FANMILL_DETAIL_EXPAND_1(__VA_ARGS__))))
#define FANMILL_DETAIL_EXPAND_1(...) __VA_ARGS__

#define FANMILL_DETAIL_EACH(Struct, field, ...) \
  FANMILL_DETAIL_FIELD(Struct, field)           \
  __VA_OPT__(FANMILL_DETAIL_EACH_AGAIN FANMILL_DETAIL_PARENTHESES(Struct, __VA_ARGS__))
#define FANMILL_DETAIL_EACH_AGAIN() FANMILL_DETAIL_EACH

// 1 for (a, b), 0 for a: only before a parenthesis is PROBE a call, whose comma moves the 1 to where
// SECOND looks.
#define FANMILL_DETAIL_PROBE(...) ~, 1
#define FANMILL_DETAIL_SECOND(first, second, ...) second
#define FANMILL_DETAIL_CALL(macro, ...) macro(__VA_ARGS__)
#define FANMILL_DETAIL_IN_PARENTHESES(field) \
  FANMILL_DETAIL_CALL(FANMILL_DETAIL_SECOND, FANMILL_DETAIL_PROBE field, 0, ~)
#define FANMILL_DETAIL_WITHOUT_PARENTHESES(...) __VA_ARGS__
#define FANMILL_DETAIL_JOIN(a, b) FANMILL_DETAIL_JOIN_EXPANDED(a, b)
#define FANMILL_DETAIL_JOIN_EXPANDED(a, b) a##b

#define FANMILL_DETAIL_FIELD(Struct, field) \
  FANMILL_DETAIL_JOIN(FANMILL_DETAIL_FIELD_, FANMILL_DETAIL_IN_PARENTHESES(field))(Struct, field)
#define FANMILL_DETAIL_FIELD_0(Struct, field) FANMILL_DETAIL_FIELD_WITH(Struct, field)
#define FANMILL_DETAIL_FIELD_1(Struct, field) \
  FANMILL_DETAIL_CALL(FANMILL_DETAIL_FIELD_WITH, Struct, FANMILL_DETAIL_WITHOUT_PARENTHESES field)
#define FANMILL_DETAIL_FIELD_WITH(Struct, field, ...) \
  , ::fanmill::detail::make_field<Struct>(&Struct::field, #field __VA_OPT__(, ) __VA_ARGS__)

// clang-format off

/// Names the fields of `Struct` that travel: up to 32, each a public member, or in parentheses a
/// member and behind it the name that it travels by, or `or_default`. Stands behind the struct, in
/// its namespace. More fields, and names that are no member's, do not compile; a field of a type
/// that can't travel does not when the struct is sent.
#define FANMILL_FIELDS(Struct, ...)                                                                                   \
  [[maybe_unused]] constexpr auto fanmill_fields(const Struct*) {                                                     \
    return ::fanmill::detail::make_fields<Struct>(                                                                    \
        #Struct __VA_OPT__(FANMILL_DETAIL_EXPAND(FANMILL_DETAIL_EACH(Struct, __VA_ARGS__))));                         \
  }
// clang-format on
