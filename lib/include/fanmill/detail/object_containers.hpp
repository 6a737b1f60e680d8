// Codec<T> of vector, array, tuple, pair, map and unordered_map. Machinery of object.hpp, not for
// users.
#pragma once

#include <array>
#include <fanmill/detail/object_codec.hpp>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fanmill::inline v0::detail {

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

}  // namespace fanmill::inline v0::detail
