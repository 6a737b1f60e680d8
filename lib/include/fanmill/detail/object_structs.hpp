// Codec<T> of the user's structs, those with FANMILL_FIELDS. Machinery of object.hpp, not for
// users.
#pragma once

#include <array>
#include <fanmill/detail/object_codec.hpp>
#include <fanmill/detail/struct_names.hpp>
#include <fanmill/export.hpp>
#include <fanmill/fields.hpp>
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

template <typename T>
concept HasFields = std::is_class_v<T> && requires(const T* none) {
  fanmill_fields(none);
};

template <typename T, typename Owner>
constexpr bool field_can_travel() {
  static_assert(Codec<T>::encodes && Codec<T>::decodes,
                "a field named in FANMILL_FIELDS has a type that cannot travel; if it is a struct, "
                "add FANMILL_FIELDS behind that struct");
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
      refuse(place, "struct " + std::string(StructNames(fields.names).own()), view);
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
    StructNames names(fields.names);
    std::size_t index = 0;
    std::apply(
        [&]<typename... Member>(Member T::*... member) {
          ((static_cast<void>(field_can_travel<Member, T>()),
            visit(member, *names.next_field(), index++)),
           ...);
        },
        fields.members);
  }
};

}  // namespace fanmill::inline v0::detail
