// Whether bytes are UTF-8. Asked for every text that is sent, so ASCII goes eight bytes at a time.
#pragma once

#include <string_view>

namespace fanmill::codec {

/// As RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

}  // namespace fanmill::codec
