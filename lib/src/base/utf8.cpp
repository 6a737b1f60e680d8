#include "base/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace fanmill {
namespace {

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U; }

}  // namespace

std::size_t utf8_character(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  // The bounds of the second byte (Unicode, table 3-7) shut out overlong forms, surrogates and what
  // is past U+10FFFF.
  const unsigned char second_min = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char second_max = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  const auto second = static_cast<unsigned char>(text[1]);
  if (second < second_min || second > second_max) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  return length;
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    if (text.size() >= 8) {
      std::uint64_t eight;
      std::memcpy(&eight, text.data(), 8);
      if ((eight & 0x8080808080808080) == 0) {
        text.remove_prefix(8);
        continue;
      }
    }
    const std::size_t length = utf8_character(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string_view cut_utf8(std::string_view text, std::size_t bytes_max) noexcept {
  if (text.size() <= bytes_max) return text;
  // No character has more than three continuation bytes; a longer run is not UTF-8 and stays.
  std::size_t end = bytes_max;
  while (end > 0 && bytes_max - end < 3 && is_continuation(text[end])) --end;
  return text.substr(0, is_continuation(text[end]) ? bytes_max : end);
}

}  // namespace fanmill
