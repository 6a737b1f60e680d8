// Quantities as people type them: spans of time and sizes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace fanmill::broker {

inline constexpr const char* seconds_form = "seconds, or a number with ms, s, m, h or d behind it";
inline constexpr const char* bytes_form = "bytes, or a number with K, M, G or T behind it";

/// "10", "1.5s", "250ms", "5m", "2h", "1d" in seconds. Nothing for another text, or less than 0.
std::optional<double> seconds_of(std::string_view text);
/// "4096", "64K", "1.5G": steps of 1024, a small letter or a B behind it does not matter. Nothing
/// for another text, or less than 1.
std::optional<std::uint64_t> bytes_of(std::string_view text);
/// A whole number of digits alone.
std::optional<std::uint64_t> count_of(std::string_view text);

}  // namespace fanmill::broker
