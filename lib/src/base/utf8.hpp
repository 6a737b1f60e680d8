// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace fanmill {

/// The length of the character that `text` begins with, 0 if its bytes are not UTF-8. `text` is not
/// empty.
[[nodiscard]] std::size_t utf8_character(std::string_view text) noexcept;

/// Asked for every text that is sent, so ASCII goes eight bytes at a time.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// The longest prefix of at most `bytes_max` bytes that does not split a character. Bytes that are
/// not UTF-8 count as characters of their own, and are not cut to nothing.
[[nodiscard]] std::string_view cut_utf8(std::string_view text, std::size_t bytes_max) noexcept;

}  // namespace fanmill
