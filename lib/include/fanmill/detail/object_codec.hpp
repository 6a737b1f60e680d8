// Codec<T>: how a C++ type becomes a value of encoding `object` and back. Here those that hold no
// other types but one; object_containers.hpp and object_structs.hpp have the rest. Machinery of
// object.hpp, not for users: FANMILL_FIELDS (fields.hpp) is for their structs.
//
// A codec has two flags, `encodes` and `decodes`, and three functions: `words` adds up what a value
// needs (object_writer.hpp) and checks the depth, `write` fills a place, `read` makes a T or throws
// FarmError (malformed_payload). One with `from_raw` also takes raw payloads, one with `to_raw` makes
// them.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fanmill/bytes.hpp>
#include <fanmill/detail/object_refusal.hpp>
#include <fanmill/export.hpp>
#include <fanmill/object_view.hpp>
#include <fanmill/object_writer.hpp>
#include <fanmill/shared_span.hpp>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace fanmill::inline v0::detail {

using ReadCall = void (*)(void* context, const ObjectView& root);
/// Calls `call` with the root of `payload`, of any encoding but raw. Bounds what is read by the
/// payload's size.
FANMILL_EXPORT void read_object(const Payload& payload, void* context, ReadCall call);

/// The level below `depth`, for containers; throws if there is none.
inline int deeper(int depth) {
  if (depth >= object_depth_max) refuse_depth();
  return depth + 1;
}

template <typename T>
struct Codec {
  static constexpr bool encodes = false;
  static constexpr bool decodes = false;
};

struct BothWays {
  static constexpr bool encodes = true;
  static constexpr bool decodes = true;
};

struct OneWay {
  static constexpr bool encodes = true;
  static constexpr bool decodes = false;
};

template <typename... Parts>
struct AsParts {
  static constexpr bool encodes = (Codec<Parts>::encodes && ...);
  static constexpr bool decodes = (Codec<Parts>::decodes && ...);
};

// ---- Numbers. Characters are neither text nor numbers here: std::string and std::int8_t say which
// is meant.

template <typename T>
concept Number64 = std::integral<T> && sizeof(T) <= 8 && !std::same_as<T, bool> &&
                   !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                   !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
                   !std::same_as<T, char32_t>;

template <typename T>
concept Float64 = std::same_as<T, float> || std::same_as<T, double>;

template <>
struct Codec<bool> : BothWays {
  static std::size_t words(bool, int) { return 0; }
  static void write(bool value, const ObjectWriter& place) { place.boolean(value); }
  static bool read(const ObjectView& view, const Place* place) {
    if (view.kind() != ObjectKind::boolean) refuse(place, "a bool", view);
    return view.boolean();
  }
};

template <Number64 T>
struct Codec<T> : BothWays {
  static std::size_t words(T, int) { return 0; }
  static void write(T value, const ObjectWriter& place) {
    if constexpr (std::signed_integral<T>) {
      place.int64(static_cast<std::int64_t>(value));
    } else {
      place.uint64(static_cast<std::uint64_t>(value));
    }
  }
  static T read(const ObjectView& view, const Place* place) {
    if constexpr (std::signed_integral<T>) {
      if (const auto value = view.if_int64(); value && std::in_range<T>(*value))
        return static_cast<T>(*value);
    } else {
      if (const auto value = view.if_uint64(); value && std::in_range<T>(*value))
        return static_cast<T>(*value);
    }
    refuse_integer(place, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), view);
  }
};

/// What an enum of this underlying type travels as: the same, for characters the integer of their
/// size.
template <typename T>
struct EnumNumber {
  using Type =
      std::conditional_t<std::is_signed_v<T>, std::make_signed_t<T>, std::make_unsigned_t<T>>;
};
template <>
struct EnumNumber<bool> {
  using Type = bool;
};
template <>
struct EnumNumber<char> {
  using Type = signed char;  // on every machine
};

template <typename T>
requires(std::is_enum_v<T> && sizeof(T) <= 8) struct Codec<T> : BothWays {
  using Number = typename EnumNumber<std::underlying_type_t<T>>::Type;
  static std::size_t words(T, int) { return 0; }
  static void write(T value, const ObjectWriter& place) {
    Codec<Number>::write(static_cast<Number>(value), place);
  }
  static T read(const ObjectView& view, const Place* place) {
    return static_cast<T>(Codec<Number>::read(view, place));
  }
};

template <Float64 T>
struct Codec<T> : BothWays {
  static std::size_t words(T, int) { return 0; }
  static void write(T value, const ObjectWriter& place) { place.floating(value); }
  static T read(const ObjectView& view, const Place* place) {
    const ObjectKind kind = view.kind();
    if (kind != ObjectKind::floating && kind != ObjectKind::integer) refuse_number(place, view);
    return narrowed(view.floating(), view, place);
  }
  static T narrowed(double value, const ObjectView& view, const Place* place) {
    if (!fits(value)) refuse(place, "a number from -3.4e+38 to 3.4e+38", view);
    return static_cast<T>(value);
  }
  static constexpr bool fits(double value) {
    // Infinity passes; a finite number that would become infinite does not.
    constexpr double most = std::numeric_limits<T>::max();
    return (value <= most && value >= -most) || value - value != 0;
  }
};

template <>
struct Codec<BigInteger> : BothWays {
  static std::size_t words(const BigInteger& value, int) {
    return object_words::big_integer(value);
  }
  static void write(const BigInteger& value, const ObjectWriter& place) {
    place.big_integer(value);
  }
  static BigInteger read(const ObjectView& view, const Place* place) {
    const ObjectKind kind = view.kind();
    if (kind != ObjectKind::integer && kind != ObjectKind::big_integer)
      refuse(place, "an integer", view);
    return view.big_integer();
  }
};

// ---- Nothing, text, bytes.

template <typename T>
concept Null = std::same_as<T, std::monostate> || std::same_as<T, std::nullptr_t>;

template <Null T>
struct Codec<T> : BothWays {
  static std::size_t words(T, int) { return 0; }
  static void write(T, const ObjectWriter& place) { place.null(); }
  static T read(const ObjectView& view, const Place* place) {
    if (!view.is_null()) refuse(place, "null", view);
    return {};
  }
};

struct TextCodec : OneWay {
  static std::size_t words(std::string_view value, int) { return object_words::text(value.size()); }
  static void write(std::string_view value, const ObjectWriter& place) { place.text(value); }
};
template <>
struct Codec<std::string_view> : TextCodec {};
template <>
struct Codec<const char*> : TextCodec {};
template <>
struct Codec<char*> : TextCodec {};
template <std::size_t n>
struct Codec<char[n]> : TextCodec {};

template <>
struct Codec<std::string> : TextCodec {
  static constexpr bool decodes = true;
  static std::string read(const ObjectView& view, const Place* place) {
    // Text that is not UTF-8 was sent as bytes.
    if (view.kind() == ObjectKind::bytes) return std::string(from_bytes(view.bytes()));
    if (view.kind() != ObjectKind::text) refuse(place, "text", view);
    return std::string(view.text());
  }
  static std::string from_raw(const Bytes& bytes) { return bytes.str(); }
  static std::string_view from_bytes(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

template <typename T>
concept Byte = std::same_as<T, std::byte> || std::same_as<T, std::uint8_t>;

struct BytesCodec : BothWays {
  template <typename T>
  static std::size_t words(const T& value, int) {
    return object_words::bytes(value.size());
  }
  template <typename T>
  static void write(const T& value, const ObjectWriter& place) {
    place.bytes({reinterpret_cast<const std::byte*>(value.data()), value.size()});
  }
  static std::span<const std::byte> take(const ObjectView& view, const Place* place) {
    if (view.kind() != ObjectKind::bytes) refuse(place, "bytes", view);
    return view.bytes();
  }
};
template <>
struct Codec<Bytes> : BytesCodec {
  static Bytes read(const ObjectView& view, const Place* place) { return Bytes(take(view, place)); }
  static Bytes from_raw(const Bytes& bytes) { return bytes; }
};
template <Byte T>
std::span<const T> bytes_as(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size()};
}
template <Byte T>
struct Codec<std::vector<T>> : BytesCodec {
  static std::vector<T> read(const ObjectView& view, const Place* place) {
    const auto bytes = bytes_as<T>(take(view, place));
    return {bytes.begin(), bytes.end()};
  }
  static std::vector<T> from_raw(const Bytes& raw) {
    const auto bytes = bytes_as<T>(std::as_bytes(std::span(raw.view())));
    return {bytes.begin(), bytes.end()};
  }
};
template <Byte T, std::size_t n>
struct Codec<std::array<T, n>> : BytesCodec {
  static std::array<T, n> read(const ObjectView& view, const Place* place) {
    const auto bytes = take(view, place);
    if (bytes.size() != n) refuse(place, std::to_string(n) + " bytes", view);
    std::array<T, n> array;
    if constexpr (n > 0) std::memcpy(array.data(), bytes.data(), n);
    return array;
  }
};

template <Byte T>
struct Codec<SharedSpan<T>> : BytesCodec {
  static SharedSpan<T> read(const ObjectView& view, const Place* place) {
    return {view.backing(), bytes_as<T>(take(view, place))};
  }
  static SharedSpan<T> from_raw(const Bytes& raw) {
    return {raw, bytes_as<T>(std::as_bytes(std::span(raw.view())))};
  }
};
// To be sent only: nobody would own what a span shows on arrival.
template <typename T, std::size_t n>
requires Byte<std::remove_const_t<T>>
struct Codec<std::span<T, n>> : BytesCodec {
  static constexpr bool decodes = false;
};

// ---- Optional. One within another could not be told apart, so that is refused.

template <typename T>
inline constexpr bool is_optional = false;
template <typename T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <typename T>
struct Codec<std::optional<T>> {
  static constexpr bool nullable = is_optional<T> || Null<T>;
  static constexpr bool encodes = Codec<T>::encodes && !nullable;
  static constexpr bool decodes = Codec<T>::decodes && !nullable;
  static std::size_t words(const std::optional<T>& value, int depth) {
    return value ? Codec<T>::words(*value, depth) : 0;
  }
  static void write(const std::optional<T>& value, const ObjectWriter& place) {
    if (!value) return place.null();
    Codec<T>::write(*value, place);
  }
  static std::optional<T> read(const ObjectView& view, const Place* place) {
    if (view.is_null()) return {};
    return Codec<T>::read(view, place);
  }
  static std::optional<T> from_raw(const Bytes& bytes) requires requires {
    Codec<T>::from_raw(bytes);
  }
  { return Codec<T>::from_raw(bytes); }
};

}  // namespace fanmill::inline v0::detail
