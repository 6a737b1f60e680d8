// encode and decode: C++ values to payloads and back.
//
// What tasks and results may be made of: bool, integers, enums, float and double, BigInteger,
// std::string, bytes (Bytes, std::vector or std::array of std::byte or std::uint8_t),
// std::optional, vector, array, pair, tuple, map, unordered_map, and structs with one line:
// FANMILL_FIELDS(Point, x, y) (fields.hpp). All nest, up to 64 levels. Text literals and
// std::string_view can be encoded; they arrive as std::string.
#pragma once

#include <concepts>
#include <fanmill/detail/object_codec.hpp>
#include <fanmill/detail/object_containers.hpp>
#include <fanmill/detail/object_structs.hpp>
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

/// T can be sent, but need not be what arrives: text literals and std::string_view too.
template <typename T>
concept Encodable = detail::can_be_sent_or_needs_FANMILL_FIELDS_behind_its_struct<T>;

/// A payload that holds `value`, of encoding `object`; a Payload passes unchanged; std::monostate
/// gives no payload. Text that is not UTF-8 is sent as bytes, and `decode` to std::string takes
/// either. One allocation. Throws FarmError: invalid_argument beyond 64 levels, payload_too_large
/// beyond 2 GiB.
template <Encodable T>
Payload encode(const T& value) {
  if constexpr (std::same_as<T, Payload>) {
    return value;
  } else if constexpr (std::same_as<T, std::monostate>) {
    return {};
  } else {
    return write_object(detail::Codec<T>::words(value, 0),
                        [&](const ObjectWriter& root) { detail::Codec<T>::write(value, root); });
  }
}

/// The value in `payload`, of encoding `object` or `json`. No payload reads as null: an empty
/// std::optional or std::monostate. Raw bytes read as std::string, Bytes or std::vector of bytes;
/// Payload takes everything unchanged; `decode<void>` takes everything and drops it.
///
/// Integers must fit T; floats take integers too; lists and tuples read as each other; structs read
/// from maps with text keys (which JSON objects are) by field name. No allocation beyond T's own,
/// but for JSON. Throws FarmError (malformed_payload): "field x of struct Point: expected an
/// integer, got text \"abc\"".
template <typename T>
requires Transmissible<T> || std::same_as<T, void> T decode(const Payload& payload) {
  if constexpr (std::same_as<T, void>) {
    return;
  } else if constexpr (std::same_as<T, Payload>) {
    return payload;
  } else {
    if (payload.encoding == Encoding::raw) {
      const auto* begin = reinterpret_cast<const std::byte*>(payload.bytes.data());
      if constexpr (std::same_as<T, Bytes>) return payload.bytes;
      if constexpr (std::same_as<T, std::string>) return payload.bytes.str();
      if constexpr (std::same_as<T, std::vector<std::byte>>)
        return T(begin, begin + payload.bytes.size());
      if constexpr (std::same_as<T, std::vector<std::uint8_t>>) {
        const auto* numbers = reinterpret_cast<const std::uint8_t*>(begin);
        return T(numbers, numbers + payload.bytes.size());
      }
    }
    std::optional<T> value;
    detail::read_object(payload, &value, [](void* to, const ObjectView& root) {
      static_cast<std::optional<T>*>(to)->emplace(detail::Codec<T>::read(root, nullptr));
    });
    return std::move(*value);
  }
}

}  // namespace fanmill::inline v0
