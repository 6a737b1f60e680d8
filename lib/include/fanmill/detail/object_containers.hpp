// Codec<T> of what holds other types: vector, deque, list, array, span, SharedSpan, set,
// unordered_set, tuple, pair, map, unordered_map, variant. Machinery of object.hpp, not for users.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <fanmill/detail/object_codec.hpp>
#include <fanmill/shared_span.hpp>
#include <iterator>
#include <list>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
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

/// The elements as they lie in the payload, if they lie there as T: a packed list of doubles is an
/// array of them. Nothing if not, and also if the list is empty.
template <typename T>
std::span<const T> in_place(const ObjectList& list) {
  if constexpr (std::same_as<T, double>) return list.packed_floats();
  if constexpr (std::same_as<T, std::int64_t>) return list.packed_integers();
  return {};
}

/// Lists of these are packed. An enum that travels as a bool is not among them.
template <typename T>
inline constexpr bool is_packed_integer = Number64<T>;
template <typename T>
requires std::is_enum_v<T>
inline constexpr bool is_packed_integer<T> = Number64<typename Codec<T>::Number>;

/// Lists, packed where they are numbers that fit; `Sequence` is a container or std::span of T.
template <typename T, typename Sequence>
struct SequenceCodec {
  static constexpr bool encodes = Codec<T>::encodes;
  static constexpr bool decodes = Codec<T>::decodes;
  static constexpr bool integers = is_packed_integer<T>;
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
      fill(values, place.packed_integers(values.size()));
    } else if constexpr (packs) {
      fill(values, place.packed_floats(values.size()));
    }
  }

  template <typename To>
  static void fill(const Sequence& values, std::span<To> to) {
    using Iterator = decltype(std::declval<const Sequence&>().begin());
    if constexpr (std::same_as<T, To> && std::contiguous_iterator<Iterator>) {
      if (!to.empty()) std::memcpy(to.data(), values.data(), to.size_bytes());
    } else {
      std::size_t index = 0;
      for (const T value : values) to[index++] = static_cast<To>(number(value));
    }
  }

  static auto number(T value) {
    if constexpr (std::is_enum_v<T>) {
      return static_cast<typename Codec<T>::Number>(value);
    } else {
      return value;
    }
  }

  /// Calls `put(T)` for each element.
  template <typename Put>
  static void read_each(const ObjectList& list, const Place* place, const Put& put) {
    // Numbers that were packed are read without a view of each.
    if constexpr (integers) {
      using Number = decltype(number(T()));
      if (const auto all = list.packed_integers(); !all.empty()) {
        for (std::size_t i = 0; i < all.size(); ++i)
          put(std::in_range<Number>(all[i]) ? static_cast<T>(all[i])
                                            : read_element<T>(list, i, place));  // which refuses
        return;
      }
    } else if constexpr (packs) {
      if (const auto all = list.packed_floats(); !all.empty()) {
        for (std::size_t i = 0; i < all.size(); ++i)
          put(Codec<T>::fits(all[i]) ? static_cast<T>(all[i]) : read_element<T>(list, i, place));
        return;
      }
    }
    for (std::size_t i = 0; i < list.size(); ++i) put(read_element<T>(list, i, place));
  }
};

template <typename T>
inline constexpr bool is_sequence = false;
template <typename T>
inline constexpr bool is_sequence<std::vector<T>> = true;
template <typename T, std::size_t n>
inline constexpr bool is_sequence<std::array<T, n>> = true;

template <typename T>
struct Codec<std::vector<T>> : SequenceCodec<T, std::vector<T>> {
  static std::vector<T> read(const ObjectView& view, const Place* place) {
    const ObjectList list = list_or_tuple(view, place);
    if (const auto all = in_place<T>(list); !all.empty()) return {all.begin(), all.end()};
    std::vector<T> values;
    values.reserve(list.size());
    Codec::read_each(list, place, [&](T value) { values.push_back(std::move(value)); });
    return values;
  }
};

/// std::deque and std::list.
template <typename T, typename Sequence>
struct GrowingCodec : SequenceCodec<T, Sequence> {
  static Sequence read(const ObjectView& view, const Place* place) {
    Sequence values;
    GrowingCodec::read_each(list_or_tuple(view, place), place,
                            [&](T value) { values.push_back(std::move(value)); });
    return values;
  }
};
template <typename T>
struct Codec<std::deque<T>> : GrowingCodec<T, std::deque<T>> {};
template <typename T>
struct Codec<std::list<T>> : GrowingCodec<T, std::list<T>> {};

template <typename T, std::size_t n>
struct Codec<std::array<T, n>> : SequenceCodec<T, std::array<T, n>> {
  static std::array<T, n> read(const ObjectView& view, const Place* place) {
    const ObjectList list = list_or_tuple(view, place);
    if (list.size() != n) refuse_count(place, n, list.size());
    std::array<T, n> values{};
    if (const auto all = in_place<T>(list); !all.empty()) {
      std::memcpy(values.data(), all.data(), all.size_bytes());
      return values;
    }
    std::size_t index = 0;
    Codec::read_each(list, place, [&](T value) { values[index++] = std::move(value); });
    return values;
  }
};

template <LiesInPayloads T>
struct Codec<SharedSpan<T>> : SequenceCodec<T, SharedSpan<T>> {
  static SharedSpan<T> read(const ObjectView& view, const Place* place) {
    const ObjectList list = list_or_tuple(view, place);
    if (const auto all = in_place<T>(list); !all.empty()) return {view.backing(), all};
    // A list of single values, or integers where floats are wanted: they must be gathered.
    return SharedSpan<T>::make(list.size(), [&](T* to) {
      Codec::read_each(list, place, [&](T value) { *to++ = value; });
    });
  }
};

// To be sent only: nobody would own what a span shows on arrival.
template <typename T, std::size_t n>
struct Codec<std::span<T, n>> : SequenceCodec<std::remove_const_t<T>, std::span<T, n>> {
  static constexpr bool decodes = false;
};

/// A NaN in a key of numbers, or of durations, tuples and lists of them. It equals nothing, itself
/// included: unordered containers never find it again, and the order of the others is lost.
template <typename T>
bool has_nan([[maybe_unused]] const T& value) {
  if constexpr (Float64<T>) {
    return value != value;
  } else if constexpr (requires {
                         typename T::rep;
                         value.count();
                       }) {
    return has_nan(value.count());
  } else if constexpr (requires {
                         typename T::clock;
                         value.time_since_epoch();
                       }) {
    return has_nan(value.time_since_epoch());
  } else if constexpr (is_optional<T>) {
    return value && has_nan(*value);
  } else if constexpr (is_sequence<T>) {
    return std::any_of(value.begin(), value.end(), [](const auto& part) { return has_nan(part); });
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    return std::apply([](const auto&... part) { return (has_nan(part) || ...); }, value);
  } else {
    return false;
  }
}

// ---- Sets. An element that stands twice is refused, as a map's key is: dropping it would hide
// that something was lost on the way.

template <typename Set>
struct SetCodec : SequenceCodec<typename Set::key_type, Set> {
  using Key = typename Set::key_type;

  static Set read(const ObjectView& view, const Place* place) {
    const ObjectList list = list_or_tuple(view, place);
    Set set;
    std::size_t index = 0;
    SetCodec::read_each(list, place, [&](Key key) {
      if (has_nan(key)) refuse(place, "a set has an element that is NaN, which equals nothing");
      if (!set.insert(std::move(key)).second)
        refuse(place, "a set has the element " + describe(list[index]) + " twice");
      index += 1;
    });
    return set;
  }
};
template <typename T, typename Compare>
struct Codec<std::set<T, Compare>> : SetCodec<std::set<T, Compare>> {};
template <typename T, typename Hash, typename Equal>
struct Codec<std::unordered_set<T, Hash, Equal>> : SetCodec<std::unordered_set<T, Hash, Equal>> {};

// ---- Tuples.

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
      if (has_nan(key)) refuse(&place, "a key can't be NaN, which equals nothing");
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

// ---- Variants: the alternative's number and its value.

template <typename... Parts>
struct Codec<std::variant<Parts...>> : AsParts<Parts...> {
  using Variant = std::variant<Parts...>;

  static std::size_t words(const Variant& variant, int depth) {
    const int inner = deeper(depth);
    if (variant.valueless_by_exception()) refuse_valueless();
    return object_words::list(2) +
           std::visit([&](const auto& value) { return part<decltype(value)>::words(value, inner); },
                      variant);
  }
  static void write(const Variant& variant, const ObjectWriter& place) {
    const ObjectListWriter list = place.tuple(2);
    list[0].uint64(variant.index());
    std::visit([&](const auto& value) { part<decltype(value)>::write(value, list[1]); }, variant);
  }
  static Variant read(const ObjectView& view, const Place* outer) {
    const ObjectKind kind = view.kind();
    const bool is_listed = kind == ObjectKind::list || kind == ObjectKind::tuple;
    const ObjectList list = is_listed ? view.elements() : ObjectList();
    if (list.size() != 2)
      refuse(outer, "a variant: the number of an alternative and its value", view);
    const ObjectView number = list[0];
    const auto index = number.if_uint64();
    if (!index || *index >= sizeof...(Parts)) {
      const Place place{.outer = outer, .part = Place::Part::element, .index = 0};
      refuse_integer(&place, 0, sizeof...(Parts) - 1, number);
    }
    const Place place{.outer = outer, .part = Place::Part::alternative, .index = *index};
    return readers(std::index_sequence_for<Parts...>())[*index](list[1], &place);
  }

 private:
  template <typename Reference>
  using part = Codec<std::remove_cvref_t<Reference>>;
  using Reader = Variant (*)(const ObjectView& view, const Place* place);

  template <std::size_t index>
  static Variant read_alternative(const ObjectView& view, const Place* place) {
    using T = std::variant_alternative_t<index, Variant>;
    return Variant(std::in_place_index<index>, Codec<T>::read(view, place));
  }
  template <std::size_t... indices>
  static constexpr std::array<Reader, sizeof...(Parts)> readers(std::index_sequence<indices...>) {
    return {&read_alternative<indices>...};
  }
};

}  // namespace fanmill::inline v0::detail
