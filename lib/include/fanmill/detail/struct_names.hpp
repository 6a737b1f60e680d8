// StructNames: walks the names of a struct and of its fields, which travel as one text with a
// newline between them, "Point\nx\ny". Machinery of fields.hpp, not for users.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

namespace fanmill::inline v0::detail {

class StructNames {
 public:
  constexpr explicit StructNames(std::string_view names)
      : own_(names.substr(0, names.find('\n'))), rest_(names.substr(own_.size())) {}

  /// The struct's own.
  [[nodiscard]] constexpr std::string_view own() const { return own_; }
  /// The next field's; nothing behind the last.
  constexpr std::optional<std::string_view> next_field() {
    if (rest_.empty()) return {};
    const std::size_t end = std::min(rest_.find('\n', 1), rest_.size());
    const std::string_view name = rest_.substr(1, end - 1);
    rest_.remove_prefix(end);
    return name;
  }

 private:
  std::string_view own_;
  std::string_view rest_;  // a newline and a name for each field to come
};

}  // namespace fanmill::inline v0::detail
