// BigInteger: a whole number of any size, as a value to be sent. It has no arithmetic.
//
// Tasks and results that compute with GMP, Boost.Multiprecision or the like are converted at their
// two ends; this type carries the sign and the bytes between. A struct field of this type takes
// small integers too.
#pragma once

#include <compare>
#include <cstdint>
#include <fanmill/export.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fanmill::inline v0 {

/// Sign and magnitude of a whole number, held by value; a copy costs an allocation. Members that
/// only look may be called from several threads at once.
class FANMILL_EXPORT BigInteger {
 public:
  /// Zero.
  BigInteger() noexcept = default;
  /// The same number. Implicit, as between built-in integers.
  BigInteger(std::int64_t value);  // NOLINT
  /// The same number. Not a constructor: most integers would then fit two.
  static BigInteger from_uint64(std::uint64_t value);
  /// Sign and magnitude; `magnitude` is little-endian, zeros at its end are dropped, zero is never
  /// negative. From GMP's `mpz_t number`:
  ///
  ///     std::vector<std::uint8_t> bytes((mpz_sizeinbase(number, 2) + 7) / 8);
  ///     mpz_export(bytes.data(), nullptr, -1, 1, 0, 0, number);
  ///     fanmill::BigInteger big(mpz_sgn(number) < 0, bytes);
  ///
  /// and back:
  ///
  ///     mpz_import(number, big.magnitude().size(), -1, 1, 0, 0, big.magnitude().data());
  ///     if (big.negative()) mpz_neg(number, number);
  BigInteger(bool negative, std::span<const std::uint8_t> magnitude);

  /// Reads "-123": an optional sign (`+` too) and digits, nothing else. Throws FarmError
  /// (invalid_argument) otherwise. Time grows with the square of the length: 10,000 digits take
  /// about a millisecond.
  static BigInteger from_decimal(std::string_view text);
  /// Digits without zeros in front, behind a "-" if it is below zero; "0" for zero. Time as for
  /// `from_decimal`.
  [[nodiscard]] std::string to_decimal() const;

  /// Below zero; false for zero.
  [[nodiscard]] bool negative() const noexcept { return negative_; }
  /// Little-endian without zeros at the end; empty for zero. Valid while this object is not
  /// changed.
  [[nodiscard]] std::span<const std::uint8_t> magnitude() const noexcept { return magnitude_; }

  ///@{
  /// Whether `to_int64` or `to_uint64` can give the number.
  [[nodiscard]] bool fits_int64() const noexcept;
  [[nodiscard]] bool fits_uint64() const noexcept { return !negative_ && magnitude_.size() <= 8; }
  ///@}
  ///@{
  /// The number; throws FarmError (invalid_argument) if it does not fit.
  [[nodiscard]] std::int64_t to_int64() const;
  [[nodiscard]] std::uint64_t to_uint64() const;
  ///@}

  friend bool operator==(const BigInteger&, const BigInteger&) noexcept = default;
  /// By value: -2 is less than 1. Time grows with the size of numbers that are equally long.
  friend FANMILL_EXPORT std::strong_ordering operator<=>(const BigInteger& a,
                                                         const BigInteger& b) noexcept;

 private:
  [[nodiscard]] std::uint64_t low_word() const noexcept;

  std::vector<std::uint8_t> magnitude_;
  bool negative_ = false;
};

}  // namespace fanmill::inline v0
