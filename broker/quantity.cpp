#include "quantity.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace fanmill::broker {
namespace {

/// Cuts the number off the front of `text`.
std::optional<double> take_number(std::string_view& text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number) || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

std::optional<double> seconds_of(std::string_view text) {
  using Unit = std::pair<std::string_view, double>;
  constexpr std::array<Unit, 6> units = {
      {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"h", 3600}, {"d", 86400}}};
  const std::optional<double> number = take_number(text);
  if (!number) return std::nullopt;
  for (const auto& [name, seconds] : units) {
    if (text == name) return *number * seconds;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> bytes_of(std::string_view text) {
  const std::optional<double> number = take_number(text);
  if (!number) return std::nullopt;
  double bytes = *number;
  if (text.size() == 2 && (text[1] == 'B' || text[1] == 'b')) text.remove_suffix(1);
  if (!text.empty()) {
    constexpr std::string_view letters = "KMGTkmgt";
    const std::size_t at = letters.find(text.front());
    if (text.size() != 1 || at == std::string_view::npos) return std::nullopt;
    bytes = std::ldexp(bytes, 10 * static_cast<int>(at % 4 + 1));
  }
  if (bytes < 1 || bytes > 0x1p62) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

std::optional<std::uint64_t> count_of(std::string_view text) {
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || behind != end) return std::nullopt;
  return count;
}

}  // namespace fanmill::broker
