// Codec<T> of the user's structs, those with FANMILL_FIELDS. Machinery of object.hpp, not for
// users.
#pragma once

#include <algorithm>
#include <array>
#include <fanmill/detail/object_codec.hpp>
#include <fanmill/export.hpp>
#include <fanmill/fields.hpp>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

namespace fanmill::inline v0::detail {

inline constexpr std::uint32_t absent = UINT32_MAX;

/// Finds a struct's fields in a struct value or in a map with text keys (what a JSON-only worker
/// sends): gives the elements of `view` and puts into `positions` where among them the value of
/// each field in `names` is, or `absent`. Reads each key once, as `read_object` bounds the reading.
FANMILL_EXPORT ObjectList match_fields(const ObjectView& view, std::string_view names,
                                       std::span<std::uint32_t> positions);

template <typename T, typename Table>
inline constexpr bool is_table_of = false;
template <typename T, typename... Types>
inline constexpr bool is_table_of<T, Fields<T, Types...>> = true;

/// T's own fields: for a struct without FANMILL_FIELDS its base's are found, too, and to send those
/// would lose its own without a word.
template <typename T>
concept HasFields = std::is_class_v<T> && requires(const T* none) {
  fanmill_fields(none);
  requires is_table_of<T, decltype(fanmill_fields(none))>;
};

template <typename T, typename Owner>
constexpr bool field_can_travel() {
  static_assert(Codec<T>::encodes && Codec<T>::decodes,
                "a field named in FANMILL_FIELDS has a type that cannot travel; if it is a struct, "
                "add FANMILL_FIELDS behind that struct");
  return true;
}

/// "Point\nx\ny", made by the compiler.
template <HasFields T>
struct NamesOf {
  static constexpr auto fields = fanmill_fields(static_cast<const T*>(nullptr));
  static constexpr std::size_t count = std::tuple_size_v<decltype(fields.all)>;
  static constexpr std::array<std::string_view, count> names = std::apply(
      [](const auto&... field) { return std::array<std::string_view, count>{field.name...}; },
      fields.all);
  static constexpr std::size_t size =
      std::accumulate(names.begin(), names.end(), fields.own.size(),
                      [](std::size_t sum, std::string_view name) { return sum + 1 + name.size(); });
  static constexpr std::array<char, size> text = [] {
    std::array<char, size> text{};
    auto to = std::copy(fields.own.begin(), fields.own.end(), text.begin());
    for (const std::string_view name : names) {
      *to++ = '\n';
      to = std::copy(name.begin(), name.end(), to);
    }
    return text;
  }();
  // A newline is what tells where a name ends.
  static constexpr bool are_names = std::all_of(
      names.begin(), names.end(),
      [](std::string_view name) { return !name.empty() && name.find('\n') == name.npos; });
  static constexpr bool are_distinct = [] {
    auto sorted = names;
    std::sort(sorted.begin(), sorted.end());
    return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
  }();
};

/// A field as a type, so that all about it is known to the compiler.
template <typename T, std::size_t i>
struct FieldOf {
  static constexpr std::size_t index = i;
  static constexpr auto field = std::get<i>(NamesOf<T>::fields.all);
  static constexpr auto member = field.member;
  static constexpr std::string_view name = field.name;
  static constexpr bool stays_default = field.stays_default;
  using Value = typename decltype(field)::Value;
};

template <HasFields T>
struct Codec<T> : BothWays {
  static constexpr const auto& fields = NamesOf<T>::fields;
  static constexpr std::size_t count = NamesOf<T>::count;
  static constexpr std::string_view names{NamesOf<T>::text.data(), NamesOf<T>::size};
  static_assert(std::default_initializable<T>,
                "a struct named in FANMILL_FIELDS needs a default constructor");
  static_assert(NamesOf<T>::are_names, "FANMILL_FIELDS has a name that is empty or has two lines");
  static_assert(NamesOf<T>::are_distinct, "FANMILL_FIELDS names two fields alike");

  static std::size_t words(const T& value, int depth) {
    [[maybe_unused]] const int inner = deeper(depth);
    std::size_t words = object_words::structure(names, count);
    each([&](auto field) {
      words += Codec<typename decltype(field)::Value>::words(value.*field.member, inner);
    });
    return words;
  }

  static void write(const T& value, const ObjectWriter& place) {
    [[maybe_unused]] const ObjectListWriter list = place.structure(names, count);
    each([&](auto field) {
      Codec<typename decltype(field)::Value>::write(value.*field.member, list[field.index]);
    });
  }

  static T read(const ObjectView& view, const Place* place) {
    T value{};
    const ObjectKind kind = view.kind();
    if (kind != ObjectKind::structure && kind != ObjectKind::map) {
      refuse(place, "struct " + std::string(fields.own), view);
    }
    // The usual case: the same program on both ends.
    if (kind == ObjectKind::structure && view.names() == names) {
      const ObjectList list = view.elements();
      if (list.size() != count) refuse_count(place, count, list.size());
      each([&](auto field) { value.*field.member = read_field(field, list[field.index], place); });
      return value;
    }
    std::array<std::uint32_t, count> positions;
    const ObjectList list = match_fields(view, names, positions);
    each([&](auto field) {
      if (positions[field.index] != absent) {
        value.*field.member = read_field(field, list[positions[field.index]], place);
      } else if constexpr (!field.stays_default) {
        // An optional's initialiser does not count: senders that leave out what is null mean null.
        if constexpr (is_optional<typename decltype(field)::Value>) {
          value.*field.member = {};
        } else {
          refuse_missing_field(place, field.name, names);
        }
      }
    });
    return value;
  }

 private:
  template <typename Field>
  static typename Field::Value read_field(Field field, const ObjectView& view, const Place* outer) {
    const Place place{
        .outer = outer, .part = Place::Part::field, .field = field.name, .names = names};
    return Codec<typename Field::Value>::read(view, &place);
  }

  /// Calls `visit` with the FieldOf of each field.
  template <typename Visit>
  static void each(const Visit& visit) {
    [&]<std::size_t... i>(std::index_sequence<i...>) {
      static_assert((field_can_travel<typename FieldOf<T, i>::Value, T>() && ...));
      (visit(FieldOf<T, i>()), ...);
    }
    (std::make_index_sequence<count>());
  }
};

}  // namespace fanmill::inline v0::detail
