// Place and the refusals: how `decode` says what does not fit and where. Machinery of object.hpp,
// not for users. All throw FarmError: malformed_payload, but invalid_argument for what `encode`
// can't send (the last three).
#pragma once

#include <cstddef>
#include <cstdint>
#include <fanmill/export.hpp>
#include <fanmill/object_view.hpp>
#include <string_view>

namespace fanmill::inline v0::detail {

/// Where in a value `read` is: a chain on the stack, turned into words only if something is wrong.
struct Place {
  enum class Part { element, key, value, field, alternative };
  const Place* outer;
  Part part;
  std::size_t index = 0;        // of the element, entry or alternative
  std::string_view field = {};  // its name
  std::string_view names = {};  // the struct's names; the first is its own
};

/// Throws "field x of struct Point: expected an integer, got text \"abc\"".
[[noreturn]] FANMILL_EXPORT void refuse(const Place* place, std::string_view expected,
                                        const ObjectView& got);
/// Throws `what` behind the place.
[[noreturn]] FANMILL_EXPORT void refuse(const Place* place, std::string_view what);
[[noreturn]] FANMILL_EXPORT void refuse_integer(const Place* place, std::int64_t lowest,
                                                std::uint64_t highest, const ObjectView& got);
/// For a double: what came is neither an integer of 64 bits nor a float.
[[noreturn]] FANMILL_EXPORT void refuse_number(const Place* place, const ObjectView& got);
[[noreturn]] FANMILL_EXPORT void refuse_count(const Place* place, std::size_t expected,
                                              std::size_t got);
[[noreturn]] FANMILL_EXPORT void refuse_missing_field(const Place* place, std::string_view field,
                                                      std::string_view names);
[[noreturn]] FANMILL_EXPORT void refuse_depth();
[[noreturn]] FANMILL_EXPORT void refuse_valueless();
/// Throws "encode: " and `what`.
[[noreturn]] FANMILL_EXPORT void refuse_to_send(std::string_view what);

}  // namespace fanmill::inline v0::detail
