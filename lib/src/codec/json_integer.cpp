#include "codec/json_integer.hpp"

#include <algorithm>

namespace fanmill::codec {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_integer_text(const BigInteger& value) {
  if (value.magnitude().size() <= decimal_magnitude_max) return value.to_decimal();
  std::string text = value.negative() ? "-0x" : "0x";
  const auto magnitude = value.magnitude();
  for (auto byte = magnitude.rbegin(); byte != magnitude.rend(); ++byte) {
    text += "0123456789abcdef"[*byte >> 4];
    text += "0123456789abcdef"[*byte & 15];
  }
  return text;
}

std::optional<BigInteger> from_integer_text(std::string_view text) {
  const bool negative = text.starts_with('-');
  const std::string_view digits = text.substr(negative ? 1 : 0);
  if (!digits.starts_with("0x")) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (digits.empty() || digits.size() > decimal_digits_max) return {};
    if (!std::all_of(digits.begin(), digits.end(), is_digit)) return {};
    return BigInteger::from_decimal(text);
  }
  const std::string_view hex = digits.substr(2);
  if (hex.empty()) return {};
  std::vector<std::uint8_t> magnitude((hex.size() + 1) / 2);
  for (std::size_t i = 0; i < hex.size(); ++i) {
    const int digit = hex_digit(hex[hex.size() - 1 - i]);
    if (digit < 0) return {};
    magnitude[i / 2] = static_cast<std::uint8_t>(magnitude[i / 2] | digit << i % 2 * 4);
  }
  return BigInteger(negative, magnitude);
}

}  // namespace fanmill::codec
