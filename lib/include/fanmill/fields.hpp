// FANMILL_FIELDS(Struct, field...): makes a struct one that tasks and results can be made of.
//
//     namespace shop {
//     struct Point { double x = 0; double y = 0; std::optional<std::string> name; };
//     FANMILL_FIELDS(Point, x, y, name)
//     }
//
// It stands behind the struct, in the struct's namespace, with or without a semicolon. The struct
// has a default constructor, and the fields are public, up to 32, of types that are Transmissible
// (object.hpp) themselves; the struct may contain lists of itself. Fields travel by name: the
// reader may know more or fewer. One that the reader does not know is ignored; one that is missing
// is an error, unless its type is std::optional, which is then empty. Fields that are not named do
// not travel.
#pragma once

#include <cstddef>
#include <string_view>
#include <tuple>

namespace fanmill::inline v0::detail {

inline constexpr std::size_t fields_max = 32;

template <typename Struct, typename... Members>
struct Fields {
  static_assert(sizeof...(Members) <= fields_max,
                "FANMILL_FIELDS takes up to 32 fields; nest structs for more");
  std::string_view names;  // "Point\nx\ny"
  std::tuple<Members Struct::*...> members;
};

template <typename Struct, typename... Members>
constexpr Fields<Struct, Members...> make_fields(std::string_view names,
                                                 Members Struct::*... members) {
  return {names, {members...}};
}

}  // namespace fanmill::inline v0::detail

// Calls FANMILL_DETAIL_NAME or _MEMBER for each field: a macro can't call itself, so each scan of
// EXPAND's result unfolds one more field. 64 scans are enough for the 32 fields and for a readable
// message beyond them.
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

#define FANMILL_DETAIL_EACH(call, Struct, field, ...) \
  call(Struct, field)                                 \
      __VA_OPT__(FANMILL_DETAIL_EACH_AGAIN FANMILL_DETAIL_PARENTHESES(call, Struct, __VA_ARGS__))
#define FANMILL_DETAIL_EACH_AGAIN() FANMILL_DETAIL_EACH

#define FANMILL_DETAIL_NAME(Struct, field) "\n" #field
#define FANMILL_DETAIL_MEMBER(Struct, field) , &Struct::field

// clang-format off
#define FANMILL_FIELDS(Struct, ...)                                                                                   \
  [[maybe_unused]] constexpr auto fanmill_fields(const Struct*) {                                                     \
    return ::fanmill::detail::make_fields<Struct>(                                                                    \
        #Struct                                                                                                       \
        __VA_OPT__(FANMILL_DETAIL_EXPAND(FANMILL_DETAIL_EACH(FANMILL_DETAIL_NAME, Struct, __VA_ARGS__)))              \
        __VA_OPT__(FANMILL_DETAIL_EXPAND(FANMILL_DETAIL_EACH(FANMILL_DETAIL_MEMBER, Struct, __VA_ARGS__))));          \
  }
// clang-format on
