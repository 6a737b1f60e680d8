#include <fanmill/detail/object_structs.hpp>

#include <algorithm>
#include <fanmill/detail/struct_names.hpp>

namespace fanmill::inline v0::detail {

ObjectList match_fields(const ObjectView& view, std::string_view names,
                        std::span<std::uint32_t> positions) {
  std::array<std::string_view, fields_max> fields;
  StructNames wanted(names);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    fields[i] = *wanted.next_field();
    positions[i] = absent;
  }
  std::size_t guess = 0;  // fields mostly come in the order of the struct
  const auto take = [&](std::string_view key, std::size_t position) {
    if (guess >= positions.size() || fields[guess] != key) {
      guess =
          static_cast<std::size_t>(std::find(fields.begin(), fields.end(), key) - fields.begin());
      if (guess >= positions.size()) return;
    }
    if (positions[guess] == absent) positions[guess] = static_cast<std::uint32_t>(position);
    guess += 1;
  };

  ObjectList list = view.elements();
  if (view.kind() == ObjectKind::map) {
    for (std::size_t i = 0; i < list.size(); i += 2) {
      const ObjectView key = list[i];
      if (key.kind() == ObjectKind::text) take(key.text(), i + 1);
    }
    return list;
  }
  StructNames others(view.names());  // throws if it is not a struct
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto name = others.next_field();
    if (!name) break;
    take(*name, i);
  }
  return list;
}

}  // namespace fanmill::inline v0::detail
