// Codec<T>: how a C++ type becomes a value of encoding `object` and back. The machinery of `encode`
// and `decode`.
//
// Not meant to be called or specialised by users: FANMILL_FIELDS (fields.hpp) is for their structs.
// A codec has two flags, `encodes` and `decodes`, and three functions: `words` adds up what a value
// needs (object_writer.hpp) and checks the depth, `write` fills a place, `read` makes a T or throws
// FarmError (malformed_payload).
#pragma once

#include <array>
#include <concepts>
#include <cstring>
#include <fanmill/error.hpp>
#include <fanmill/fields.hpp>
#include <fanmill/object_view.hpp>
#include <fanmill/object_writer.hpp>
#include <limits>
#include <map>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace fanmill::detail {

/// Where in a value `read` is: a chain on the stack, turned into words only if something is wrong.
struct Place {
  enum class Part { element, key, value, field };
  const Place* outer;
  Part part;
  std::size_t index = 0;        // of the element or entry
  std::string_view field = {};  // its name
  std::string_view names = {};  // the struct's names; the first is its own
};

/// Throws "field x of struct Point: expected an integer, got text \"abc\"".
[[noreturn]] void refuse(const Place* place, std::string_view expected, const ObjectView& got);
/// Throws `what` behind the place.
[[noreturn]] void refuse(const Place* place, std::string_view what);
[[noreturn]] void refuse_integer(const Place* place, std::int64_t lowest, std::uint64_t highest,
                                 const ObjectView& got);
[[noreturn]] void refuse_count(const Place* place, std::size_t expected, std::size_t got);
[[noreturn]] void refuse_missing_field(const Place* place, std::string_view field,
                                       std::string_view names);
[[noreturn]] void refuse_depth();

inline constexpr std::uint32_t absent = UINT32_MAX;

/// Finds a struct's fields in a struct value or in a map with text keys (what a JSON-only worker
/// sends): gives the elements of `view` and puts into `positions` where among them the value of
/// each field in `names` is, or `absent`. Reads each key once, as `read_object` bounds the reading.
ObjectList match_fields(const ObjectView& view, std::string_view names,
                        std::span<std::uint32_t> positions);

using ReadCall = void (*)(void* context, const ObjectView& root);
/// Calls `call` with the root of `payload`, of any encoding but raw. Bounds what is read by the
/// payload's size.
void read_object(const Payload& payload, void* context, ReadCall call);

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

template <typename T>
requires std::is_enum_v<T>
struct Codec<T> : BothWays {
  using Number = std::conditional_t<std::same_as<std::underlying_type_t<T>, char>, signed char,
                                    std::underlying_type_t<T>>;
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
    if (kind != ObjectKind::floating && kind != ObjectKind::integer) refuse(place, "a float", view);
    return narrowed(view.floating(), view, place);
  }
  static T narrowed(double value, const ObjectView& view, const Place* place) {
    // Infinity passes; a finite number that would become infinite does not.
    if constexpr (std::same_as<T, float>) {
      constexpr double most = std::numeric_limits<float>::max();
      if ((value > most || value < -most) && value - value == 0)
        refuse(place, "a float of 32 bits", view);
    }
    return static_cast<T>(value);
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

template <>
struct Codec<std::monostate> : BothWays {
  static std::size_t words(std::monostate, int) { return 0; }
  static void write(std::monostate, const ObjectWriter& place) { place.null(); }
  static std::monostate read(const ObjectView& view, const Place* place) {
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
  static std::string_view from_bytes(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

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
};
template <typename T>
concept Byte = std::same_as<T, std::byte> || std::same_as<T, std::uint8_t>;
template <Byte T>
struct Codec<std::vector<T>> : BytesCodec {
  static std::vector<T> read(const ObjectView& view, const Place* place) {
    const auto bytes = take(view, place);
    const auto* begin = reinterpret_cast<const T*>(bytes.data());
    return std::vector<T>(begin, begin + bytes.size());
  }
};
template <Byte T, std::size_t n>
struct Codec<std::array<T, n>> : BytesCodec {
  static std::array<T, n> read(const ObjectView& view, const Place* place) {
    const auto bytes = take(view, place);
    if (bytes.size() != n) refuse_count(place, n, bytes.size());
    std::array<T, n> array;
    if constexpr (n > 0) std::memcpy(array.data(), bytes.data(), n);
    return array;
  }
};

// ---- Optional. One within another could not be told apart, so that is refused.

template <typename T>
inline constexpr bool is_optional = false;
template <typename T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <typename T>
struct Codec<std::optional<T>> {
  static constexpr bool nullable = is_optional<T> || std::same_as<T, std::monostate>;
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
};

// ---- Sequences.

inline ObjectList list_or_tuple(const ObjectView& view, const Place* place) {
  const ObjectKind kind = view.kind();
  if (kind != ObjectKind::list && kind != ObjectKind::tuple) refuse(place, "a list", view);
  return view.elements();
}

template <typename T>
T read_element(const ObjectList& list, std::size_t index, const Place* outer) {
  const Place place{.outer = outer, .part = Place::Part::element, .index = index};
  return Codec<T>::read(list[index], &place);
}

/// Numbers, packed where they fit; `Sequence` is a std::vector or std::array of T.
template <typename T, typename Sequence>
struct SequenceCodec {
  static constexpr bool encodes = Codec<T>::encodes;
  static constexpr bool decodes = Codec<T>::decodes;
  static constexpr bool integers = Number64<T> || std::is_enum_v<T>;
  static constexpr bool packs = integers || Float64<T>;

  static std::size_t words(const Sequence& values, int depth) {
    const int inner = deeper(depth);
    if (packable(values)) return object_words::packed(values.size());
    std::size_t words = object_words::list(values.size());
    for (const auto& value : values) words += Codec<T>::words(value, inner);
    return words;
  }

  static void write(const Sequence& values, const ObjectWriter& place) {
    if (packable(values)) return pack(values, place);
    const ObjectListWriter list = place.list(values.size());
    std::size_t index = 0;
    for (const auto& value : values) Codec<T>::write(value, list[index++]);
  }

  static bool packable(const Sequence& values) {
    if constexpr (integers) {
      for (const T value : values) {
        if (!std::in_range<std::int64_t>(number(value))) return false;
      }
    }
    return packs;
  }

  static void pack(const Sequence& values, const ObjectWriter& place) {
    if constexpr (integers) {
      std::size_t index = 0;
      const std::span<std::int64_t> to = place.packed_integers(values.size());
      for (const T value : values) to[index++] = static_cast<std::int64_t>(number(value));
    } else if constexpr (packs) {
      std::size_t index = 0;
      const std::span<double> to = place.packed_floats(values.size());
      for (const T value : values) to[index++] = value;
    }
  }

  static auto number(T value) {
    if constexpr (std::is_enum_v<T>) {
      return static_cast<typename Codec<T>::Number>(value);
    } else {
      return value;
    }
  }

  /// Calls `put(index, T)` for each element.
  template <typename Put>
  static void read_each(const ObjectList& list, const Place* place, const Put& put) {
    for (std::size_t i = 0; i < list.size(); ++i) put(i, read_element<T>(list, i, place));
  }
};

template <typename T>
struct Codec<std::vector<T>> : SequenceCodec<T, std::vector<T>> {
  static std::vector<T> read(const ObjectView& view, const Place* place) {
    const ObjectList list = list_or_tuple(view, place);
    if constexpr (std::same_as<T, double>) {
      if (const auto all = list.packed_floats(); !all.empty()) return {all.begin(), all.end()};
    } else if constexpr (Number64<T> && std::signed_integral<T> && sizeof(T) == 8) {
      if (const auto all = list.packed_integers(); !all.empty()) return {all.begin(), all.end()};
    }
    std::vector<T> values;
    values.reserve(list.size());
    Codec::read_each(list, place,
                     [&](std::size_t, T value) { values.push_back(std::move(value)); });
    return values;
  }
};

template <typename T, std::size_t n>
struct Codec<std::array<T, n>> : SequenceCodec<T, std::array<T, n>> {
  static std::array<T, n> read(const ObjectView& view, const Place* place) {
    const ObjectList list = list_or_tuple(view, place);
    if (list.size() != n) refuse_count(place, n, list.size());
    std::array<T, n> values{};
    Codec::read_each(list, place,
                     [&](std::size_t index, T value) { values[index] = std::move(value); });
    return values;
  }
};

/// `Tuple` is std::tuple or std::pair of `Parts`.
template <typename Tuple, typename... Parts>
struct TupleCodec : AsParts<Parts...> {
  static std::size_t words(const Tuple& values, [[maybe_unused]] int depth) {
    [[maybe_unused]] const int inner = deeper(depth);
    return std::apply(
        [&](const auto&... value) {
          return (object_words::list(sizeof...(Parts)) + ... + Codec<Parts>::words(value, inner));
        },
        values);
  }
  static void write(const Tuple& values, const ObjectWriter& place) {
    [[maybe_unused]] const ObjectListWriter list = place.tuple(sizeof...(Parts));
    [[maybe_unused]] std::size_t index = 0;
    std::apply([&](const auto&... value) { (Codec<Parts>::write(value, list[index++]), ...); },
               values);
  }
  static Tuple read(const ObjectView& view, const Place* place) {
    const ObjectList list = list_or_tuple(view, place);
    if (list.size() != sizeof...(Parts)) refuse_count(place, sizeof...(Parts), list.size());
    return [&]<std::size_t... indices>(std::index_sequence<indices...>) {
      return Tuple{read_element<Parts>(list, indices, place)...};  // braces: from left to right
    }
    (std::index_sequence_for<Parts...>());
  }
};
template <typename... Parts>
struct Codec<std::tuple<Parts...>> : TupleCodec<std::tuple<Parts...>, Parts...> {};
template <typename A, typename B>
struct Codec<std::pair<A, B>> : TupleCodec<std::pair<A, B>, A, B> {};

// ---- Maps.

template <typename Map>
struct MapCodec : AsParts<typename Map::key_type, typename Map::mapped_type> {
  using Key = typename Map::key_type;
  using Mapped = typename Map::mapped_type;

  static std::size_t words(const Map& map, int depth) {
    const int inner = deeper(depth);
    std::size_t words = object_words::list(2 * map.size());
    for (const auto& [key, value] : map)
      words += Codec<Key>::words(key, inner) + Codec<Mapped>::words(value, inner);
    return words;
  }
  static void write(const Map& map, const ObjectWriter& place) {
    const ObjectListWriter list = place.map(map.size());
    std::size_t index = 0;
    for (const auto& [key, value] : map) {
      Codec<Key>::write(key, list[index++]);
      Codec<Mapped>::write(value, list[index++]);
    }
  }
  static Map read(const ObjectView& view, const Place* outer) {
    if (view.kind() != ObjectKind::map) refuse(outer, "a map", view);
    const ObjectList list = view.elements();
    Map map;
    for (std::size_t i = 0; i + 1 < list.size(); i += 2) {
      Place place{.outer = outer, .part = Place::Part::key, .index = i / 2};
      const ObjectView key_view = list[i];
      Key key = Codec<Key>::read(key_view, &place);
      place.part = Place::Part::value;
      if (!map.emplace(std::move(key), Codec<Mapped>::read(list[i + 1], &place)).second) {
        refuse(outer, "a map has the key " + describe(key_view) + " twice");
      }
    }
    return map;
  }
};
template <typename Key, typename T, typename Compare>
struct Codec<std::map<Key, T, Compare>> : MapCodec<std::map<Key, T, Compare>> {};
template <typename Key, typename T, typename Hash, typename Equal>
struct Codec<std::unordered_map<Key, T, Hash, Equal>>
    : MapCodec<std::unordered_map<Key, T, Hash, Equal>> {};

// ---- Structs of the user's.

template <typename T>
concept HasFields = std::is_class_v<T> && requires(const T* none) {
  fanmill_fields(none);
};

template <typename T, typename Owner>
constexpr bool field_can_travel() {
  static_assert(Codec<T>::encodes && Codec<T>::decodes,
                "a field named in FANMILL_FIELDS has a type that cannot travel; if it is a struct, "
                "add FANMILL_FIELDS "
                "behind that struct");
  return true;
}

template <HasFields T>
struct Codec<T> : BothWays {
  static constexpr auto fields = fanmill_fields(static_cast<const T*>(nullptr));
  static constexpr std::size_t count = std::tuple_size_v<decltype(fields.members)>;
  static_assert(std::default_initializable<T>,
                "a struct named in FANMILL_FIELDS needs a default constructor");

  static std::size_t words(const T& value, int depth) {
    [[maybe_unused]] const int inner = deeper(depth);
    std::size_t words = object_words::structure(fields.names, count);
    each([&]<typename Member>(Member T::*member, std::string_view, std::size_t) {
      words += Codec<Member>::words(value.*member, inner);
    });
    return words;
  }

  static void write(const T& value, const ObjectWriter& place) {
    [[maybe_unused]] const ObjectListWriter list = place.structure(fields.names, count);
    each([&]<typename Member>(Member T::*member, std::string_view, std::size_t index) {
      Codec<Member>::write(value.*member, list[index]);
    });
  }

  static T read(const ObjectView& view, const Place* place) {
    T value{};
    const ObjectKind kind = view.kind();
    if (kind != ObjectKind::structure && kind != ObjectKind::map) {
      refuse(place, "struct " + std::string(fields.names.substr(0, fields.names.find('\n'))), view);
    }
    // The usual case: the same program on both ends.
    if (kind == ObjectKind::structure && view.names() == fields.names) {
      const ObjectList list = view.elements();
      if (list.size() != count) refuse_count(place, count, list.size());
      each([&]<typename Member>(Member T::*member, std::string_view name, std::size_t index) {
        value.*member = read_field<Member>(list[index], name, place);
      });
      return value;
    }
    std::array<std::uint32_t, count> positions;
    const ObjectList list = match_fields(view, fields.names, positions);
    each([&]<typename Member>(Member T::*member, std::string_view name, std::size_t index) {
      if (positions[index] != absent) {
        value.*member = read_field<Member>(list[positions[index]], name, place);
      } else if constexpr (is_optional<Member>) {
        value.*member = Member();
      } else {
        refuse_missing_field(place, name, fields.names);
      }
    });
    return value;
  }

 private:
  template <typename Member>
  static Member read_field(const ObjectView& view, std::string_view name, const Place* outer) {
    const Place place{
        .outer = outer, .part = Place::Part::field, .field = name, .names = fields.names};
    return Codec<Member>::read(view, &place);
  }

  /// Calls `visit(member, name, index)` for each field.
  template <typename Visit>
  static void each(const Visit& visit) {
    std::string_view rest = fields.names;
    std::size_t index = 0;
    const auto next = [&] {
      rest.remove_prefix(std::min(rest.size(), rest.find('\n')));
      rest.remove_prefix(rest.empty() ? 0 : 1);
      return rest.substr(0, rest.find('\n'));
    };
    std::apply(
        [&]<typename... Member>(Member T::*... member) {
          ((static_cast<void>(field_can_travel<Member, T>()), visit(member, next(), index++)), ...);
        },
        fields.members);
  }
};

}  // namespace fanmill::detail
