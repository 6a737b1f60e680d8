#include <fanmill/big_integer.hpp>

#include <algorithm>
#include <array>
#include <fanmill/error.hpp>

namespace fanmill::inline v0 {
namespace {

// Conversions work on limbs of 32 bits and on groups of nine digits: the product of the two fits 64
// bits.
using Limbs = std::vector<std::uint32_t>;
constexpr std::uint32_t group_base = 1'000'000'000;
constexpr std::size_t group_digits = 9;

void multiply_add(Limbs& limbs, std::uint32_t factor, std::uint32_t addend) {
  std::uint64_t carry = addend;
  for (std::uint32_t& limb : limbs) {
    carry += std::uint64_t{limb} * factor;
    limb = static_cast<std::uint32_t>(carry);
    carry >>= 32;
  }
  if (carry > 0) limbs.push_back(static_cast<std::uint32_t>(carry));
}

std::uint32_t divide(Limbs& limbs, std::uint32_t divisor) {
  std::uint64_t rest = 0;
  for (auto limb = limbs.rbegin(); limb != limbs.rend(); ++limb) {
    rest = rest << 32 | *limb;
    *limb = static_cast<std::uint32_t>(rest / divisor);
    rest %= divisor;
  }
  while (!limbs.empty() && limbs.back() == 0) limbs.pop_back();
  return static_cast<std::uint32_t>(rest);
}

std::array<std::uint8_t, 8> little_endian(std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes;
  for (std::uint8_t& byte : bytes) {
    byte = static_cast<std::uint8_t>(value);
    value >>= 8;
  }
  return bytes;
}

[[noreturn]] void does_not_fit(const char* type) {
  throw FarmError(ErrorCode::invalid_argument,
                  std::string("BigInteger: the number does not fit ") + type);
}

}  // namespace

BigInteger::BigInteger(bool negative, std::span<const std::uint8_t> magnitude) {
  std::size_t size = magnitude.size();
  while (size > 0 && magnitude[size - 1] == 0) size -= 1;
  magnitude_.assign(magnitude.begin(), magnitude.begin() + static_cast<std::ptrdiff_t>(size));
  negative_ = negative && size > 0;
}

BigInteger::BigInteger(std::int64_t value)
    : BigInteger(value < 0, little_endian(value < 0 ? -static_cast<std::uint64_t>(value)
                                                    : static_cast<std::uint64_t>(value))) {}

BigInteger BigInteger::from_uint64(std::uint64_t value) { return {false, little_endian(value)}; }

BigInteger BigInteger::from_decimal(std::string_view text) {
  const bool negative = text.starts_with('-');
  std::string_view digits = text.substr(negative || text.starts_with('+') ? 1 : 0);
  if (digits.empty() ||
      !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    throw FarmError(ErrorCode::invalid_argument, "BigInteger: expected decimal digits, got \"" +
                                                     std::string(text.substr(0, 40)) + "\"");
  }
  Limbs limbs;
  while (!digits.empty()) {
    // The first group takes the odd digits, so that all others are full.
    const std::size_t odd = digits.size() % group_digits;
    const std::size_t count = odd > 0 ? odd : group_digits;
    std::uint32_t group = 0;
    for (const char c : digits.substr(0, count))
      group = group * 10 + static_cast<std::uint32_t>(c - '0');
    multiply_add(limbs, group_base, group);
    digits.remove_prefix(count);
  }
  std::vector<std::uint8_t> bytes;
  bytes.reserve(limbs.size() * 4);
  for (const std::uint32_t limb : limbs) {
    for (int shift = 0; shift < 32; shift += 8)
      bytes.push_back(static_cast<std::uint8_t>(limb >> shift));
  }
  return {negative, bytes};
}

std::string BigInteger::to_decimal() const {
  if (magnitude_.empty()) return "0";
  Limbs limbs((magnitude_.size() + 3) / 4);
  for (std::size_t i = 0; i < magnitude_.size(); ++i)
    limbs[i / 4] |= std::uint32_t{magnitude_[i]} << i % 4 * 8;
  std::string reversed;
  while (!limbs.empty()) {
    std::uint32_t group = divide(limbs, group_base);
    for (std::size_t i = 0; i < group_digits && (group > 0 || !limbs.empty()); ++i) {
      reversed.push_back(static_cast<char>('0' + group % 10));
      group /= 10;
    }
  }
  if (negative_) reversed.push_back('-');
  return {reversed.rbegin(), reversed.rend()};
}

std::uint64_t BigInteger::low_word() const noexcept {
  std::uint64_t word = 0;
  for (std::size_t i = std::min<std::size_t>(magnitude_.size(), 8); i > 0; --i)
    word = word << 8 | magnitude_[i - 1];
  return word;
}

bool BigInteger::fits_int64() const noexcept {
  constexpr std::uint64_t lowest = std::uint64_t{1} << 63;
  return magnitude_.size() <= 8 && (negative_ ? low_word() <= lowest : low_word() < lowest);
}

std::int64_t BigInteger::to_int64() const {
  if (!fits_int64()) does_not_fit("std::int64_t");
  return static_cast<std::int64_t>(negative_ ? -low_word() : low_word());
}

std::uint64_t BigInteger::to_uint64() const {
  if (!fits_uint64()) does_not_fit("std::uint64_t");
  return low_word();
}

std::strong_ordering operator<=>(const BigInteger& a, const BigInteger& b) noexcept {
  if (a.negative_ != b.negative_)
    return a.negative_ ? std::strong_ordering::less : std::strong_ordering::greater;
  const BigInteger& small =
      a.negative_ ? b : a;  // below zero the greater magnitude is the lesser number
  const BigInteger& large = a.negative_ ? a : b;
  if (small.magnitude_.size() != large.magnitude_.size())
    return small.magnitude_.size() <=> large.magnitude_.size();
  return std::lexicographical_compare_three_way(small.magnitude_.rbegin(), small.magnitude_.rend(),
                                                large.magnitude_.rbegin(), large.magnitude_.rend());
}

}  // namespace fanmill::inline v0
