// encode and decode: C++ values to payloads and back.
//
// What tasks and results may be made of, and as what it travels (schemas/object.capnp):
//
//   bool, integers up to 64 bits, BigInteger     bool; integer
//   enums                                        integer, the underlying one; any that fits is taken;
//                                                bool if that is the underlying type
//   float, double                                float; integers are taken, too
//   std::string, std::filesystem::path           text; bytes if it is not UTF-8; a path with a NUL
//                                                is refused
//   Bytes; vector, array or SharedSpan of        bytes
//     std::byte or std::uint8_t
//   vector, array, deque, list, SharedSpan       list, packed if it is all numbers
//   set, unordered_set                           list; an element that stands twice is refused,
//                                                and NaN
//   pair, tuple                                  tuple; lists of that length are taken, too
//   map, unordered_map                           map; a key that is NaN is refused
//   std::optional                                null or the value
//   std::monostate, std::nullptr_t               null
//   std::variant                                 tuple of the alternative's number, from 0, and its
//                                                value: (1, "text")
//   std::chrono durations                        integer of nanoseconds; float of nanoseconds if the
//                                                count is one
//   std::chrono time points of system_clock      the same, since 1970-01-01 in UTC
//   structs with FANMILL_FIELDS (fields.hpp)     struct; maps with text keys are taken, too
//   Capnp (capnp.hpp): the user's own schemas    a raw payload; bytes inside others
//
// All nest, up to 64 levels. To be sent only: text literals and std::string_view, which arrive as
// std::string, and std::span.
//
// VARIANTS name their alternative, rather than leave it to the reader to find the first that fits:
// a 1 would else become the int of variant<int, double>, and two structs with the same fields, or
// two types that are alike as JSON, could never be told apart. Alternatives may be added behind the
// others; a reader that does not have one refuses it.
//
// DURATIONS arrive in any unit in which they are exact: seconds read as milliseconds, milliseconds
// as seconds only if they are whole ones. Integer counts may be of any unit that is a whole number
// of nanoseconds (not 1/3 s); those with a count of floating point lose what a double loses, and
// are refused where that is all.
#pragma once

#include <concepts>
#include <fanmill/detail/object_codec.hpp>
#include <fanmill/detail/object_containers.hpp>
#include <fanmill/detail/object_structs.hpp>
#include <fanmill/detail/object_times.hpp>
#include <fanmill/error.hpp>
#include <fanmill/fields.hpp>
#include <fanmill/object_view.hpp>
#include <fanmill/payload.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace fanmill::inline v0 {

namespace detail {
// Compilers print this name when a type is refused, so it says what to do.
template <typename T>
inline constexpr bool can_travel_or_needs_FANMILL_FIELDS_behind_its_struct =
    std::same_as<T, Payload> || (Codec<T>::encodes && Codec<T>::decodes);
template <typename T>
inline constexpr bool can_be_sent_or_needs_FANMILL_FIELDS_behind_its_struct =
    std::same_as<T, Payload> || Codec<T>::encodes;
}  // namespace detail

/// T can be a task's input or a result, on both ends. If your struct is refused: add FANMILL_FIELDS
/// behind it.
template <typename T>
concept Transmissible = detail::can_travel_or_needs_FANMILL_FIELDS_behind_its_struct<T>;

/// T can be sent, but need not be what arrives: text literals, std::string_view and std::span too.
template <typename T>
concept Encodable = detail::can_be_sent_or_needs_FANMILL_FIELDS_behind_its_struct<T>;

/// A payload that holds `value`, of encoding `object`; a Payload passes unchanged; std::monostate
/// and nullptr give no payload, Capnp (capnp.hpp) a raw one. Text that is not UTF-8 is sent as
/// bytes, and `decode` to std::string takes either. One allocation. Throws FarmError:
/// invalid_argument beyond 64 levels, payload_too_large beyond 2 GiB.
template <Encodable T>
Payload encode(const T& value) {
  if constexpr (std::same_as<T, Payload>) {
    return value;
  } else if constexpr (detail::Null<T>) {
    return {};
  } else if constexpr (requires { detail::Codec<T>::to_raw(value); }) {
    return {detail::Codec<T>::to_raw(value), Encoding::raw};
  } else if constexpr (detail::Float64<T>) {
    return detail::write_floating(static_cast<double>(value));
  } else if constexpr (detail::Number64<T> && std::signed_integral<T>) {
    return detail::write_integer(static_cast<std::int64_t>(value));
  } else {
    return write_object(detail::Codec<T>::words(value, 0),
                        [&](const ObjectWriter& root) { detail::Codec<T>::write(value, root); });
  }
}

/// The value in `payload`, of encoding `object` or `json`. No payload reads as null: an empty
/// std::optional, std::monostate or std::nullptr_t. Raw bytes read as std::string, Bytes,
/// std::vector or SharedSpan of bytes, Capnp, or an optional of these; Payload takes everything
/// unchanged; `decode<void>` takes everything and drops it.
///
/// Integers must fit T; what else is taken for a T, the table above says. A SharedSpan shows the
/// payload's own bytes, but for numbers that were not packed as its type (a list of mixed ones, or
/// integers where it has double), which are copied. No allocation beyond T's own, but for JSON.
/// Throws FarmError (malformed_payload): "field x of struct Point: expected an integer, got text
/// \"abc\"".
template <typename T>
requires Transmissible<T> || std::same_as<T, void> T decode(const Payload& payload) {
  if constexpr (std::same_as<T, void>) {
    return;
  } else if constexpr (std::same_as<T, Payload>) {
    return payload;
  } else {
    if constexpr (requires { detail::Codec<T>::from_raw(payload.bytes); }) {
      if (payload.encoding == Encoding::raw) return detail::Codec<T>::from_raw(payload.bytes);
    }
    std::optional<T> value;
    detail::read_object(payload, &value, [](void* to, const ObjectView& root) {
      static_cast<std::optional<T>*>(to)->emplace(detail::Codec<T>::read(root, nullptr));
    });
    return std::move(*value);
  }
}

}  // namespace fanmill::inline v0
