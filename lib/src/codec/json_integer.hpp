// Integers in JSON text: {"$int": ...} holds decimal digits, or hexadecimal ones where decimal
// would be slow.
#pragma once

#include <fanmill/big_integer.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace fanmill::codec {

// Every JSON reader takes integers up to 2^53 - 1 exactly; beyond it those with nothing but doubles
// round.
inline constexpr std::int64_t plain_integer_max = (std::int64_t{1} << 53) - 1;
// Conversion from and to decimal takes time with the square of the length, and Python refuses
// decimal integers of more than 4,300 digits by default. Beyond 1784 bytes, which have 4,297 digits
// at most, hexadecimal is written.
inline constexpr std::size_t decimal_magnitude_max = 1784;
// What is still read in decimal: a tenth of a second.
inline constexpr std::size_t decimal_digits_max = 100'000;

/// The text of {"$int": ...}.
std::string to_integer_text(const BigInteger& value);

/// "-12", "0x1f" or "-0x1f"; nothing if it is none of these, or has more than `decimal_digits_max`
/// decimal digits.
std::optional<BigInteger> from_integer_text(std::string_view text);

}  // namespace fanmill::codec
