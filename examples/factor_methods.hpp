// The methods of factor_race: each looks for one factor of a number within a bound, and gives up at
// a kill.
#pragma once

#include <gmpxx.h>

#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

/// The input of every method.
struct Attempt {
  fanmill::BigInteger number;  // composite, at least 4
  std::int64_t bound = 0;      // how far to go; what it counts is the method's own
  std::int64_t constant =
      1;  // of Pollard's rho: x * x + constant; of Fermat's method: the multiplier
};
FANMILL_FIELDS(Attempt, number, bound, constant)

/// A factor between 1 and the number, or nothing within the bound.
using Factor = std::optional<fanmill::BigInteger>;

inline mpz_class to_mpz(const fanmill::BigInteger& big) {
  mpz_class number;
  mpz_import(number.get_mpz_t(), big.magnitude().size(), -1, 1, 0, 0, big.magnitude().data());
  return number;
}

inline fanmill::BigInteger to_big(const mpz_class& number) {
  std::vector<std::uint8_t> bytes((mpz_sizeinbase(number.get_mpz_t(), 2) + 7) / 8);
  mpz_export(bytes.data(), nullptr, -1, 1, 0, 0, number.get_mpz_t());
  return {false, bytes};
}

inline bool is_prime(const mpz_class& number) {
  return mpz_probab_prime_p(number.get_mpz_t(), 30) != 0;
}

inline Factor proper(const mpz_class& factor, const mpz_class& number) {
  if (factor > 1 && factor < number) return to_big(factor);
  return std::nullopt;
}

/// Divides by 2 and by every odd number up to `bound`.
inline Factor trial_division(const Attempt& attempt, const std::stop_token& stop) {
  const mpz_class number = to_mpz(attempt.number);
  if (mpz_even_p(number.get_mpz_t())) return proper(2, number);
  for (std::int64_t divisor = 3; divisor <= attempt.bound && !stop.stop_requested(); divisor += 2) {
    if (mpz_divisible_ui_p(number.get_mpz_t(), static_cast<unsigned long>(divisor)) != 0) {
      return proper(mpz_class(static_cast<unsigned long>(divisor)), number);
    }
  }
  return std::nullopt;
}

/// Pollard's rho with Floyd's cycle, `bound` steps; differences are multiplied up and looked at by
/// the hundred.
inline Factor pollard_rho(const Attempt& attempt, const std::stop_token& stop) {
  const mpz_class number = to_mpz(attempt.number);
  mpz_class slow = 2;
  mpz_class fast = 2;
  mpz_class product = 1;
  mpz_class slow_before = slow;
  mpz_class fast_before = fast;
  const auto next = [&](mpz_class& x) { x = (x * x + attempt.constant) % number; };
  for (std::int64_t step = 1; step <= attempt.bound && !stop.stop_requested(); ++step) {
    next(slow);
    next(fast);
    next(fast);
    product = product * abs(slow - fast) % number;
    if (step % 100 != 0 && step != attempt.bound) continue;
    mpz_class factor = gcd(product, number);
    if (factor == number) {
      // Two factors came up within these hundred steps: walk them again one by one.
      for (factor = 1; factor == 1;) {
        next(slow_before);
        next(fast_before);
        next(fast_before);
        factor = gcd(abs(slow_before - fast_before), number);
      }
      return proper(factor, number);
    }
    if (factor > 1) return proper(factor, number);
    product = 1;
    slow_before = slow;
    fast_before = fast;
  }
  return std::nullopt;
}

/// Pollard's p - 1: finds a factor p if p - 1 has only small prime factors, up to `bound`.
inline Factor pollard_p_minus_1(const Attempt& attempt, const std::stop_token& stop) {
  const mpz_class number = to_mpz(attempt.number);
  // Not 2: its order is small modulo every factor of a number like 2^n - 1, so all would come up at
  // once.
  mpz_class power = 3;
  for (std::int64_t exponent = 2; exponent <= attempt.bound && !stop.stop_requested(); ++exponent) {
    mpz_powm_ui(power.get_mpz_t(), power.get_mpz_t(), static_cast<unsigned long>(exponent),
                number.get_mpz_t());
    if (exponent % 100 != 0 && exponent != attempt.bound) continue;
    const mpz_class factor = gcd(mpz_class(power - 1), number);
    if (factor > 1) return proper(factor, number);
  }
  return std::nullopt;
}

/// Fermat with a multiplier k, as in Lehman's method: looks for k * number = a * a - b * b, `bound`
/// steps up from the square root. Finds factors whose ratio is near k.
inline Factor fermat(const Attempt& attempt, const std::stop_token& stop) {
  const mpz_class number = to_mpz(attempt.number);
  if (mpz_even_p(number.get_mpz_t())) return proper(2, number);
  const mpz_class multiple = number * attempt.constant;
  mpz_class a = sqrt(multiple);
  if (a * a < multiple) a += 1;
  for (std::int64_t step = 0; step < attempt.bound && !stop.stop_requested(); ++step, a += 1) {
    const mpz_class square = a * a - multiple;
    if (mpz_perfect_square_p(square.get_mpz_t()) == 0) continue;
    if (Factor factor = proper(gcd(mpz_class(a - sqrt(square)), number), number)) return factor;
  }
  return std::nullopt;
}

/// The race for one number: every method in five stages, each with ten times the bounds of the one
/// before. Bounds are set so that the methods of a stage take about as long as each other.
inline std::vector<std::vector<fanmill::Call>> race_for(const fanmill::BigInteger& number) {
  std::vector<std::vector<fanmill::Call>> stages;
  std::int64_t bound = 10'000;
  for (int stage = 0; stage < 5; ++stage, bound *= 10) {
    const auto try_with = [&](const char* method, std::int64_t limit, std::int64_t constant = 1) {
      return fanmill::call(method, Attempt{number, limit, constant});
    };
    stages.push_back({try_with("trial", bound), try_with("rho", bound, 1),
                      try_with("p-1", bound / 10), try_with("rho", bound, 3),
                      try_with("fermat", bound / 2, 1), try_with("fermat", bound / 2, 3)});
  }
  return stages;
}

inline fanmill::Functions factor_functions() {
  return fanmill::Functions()
      .add("trial", trial_division)
      .add("rho", pollard_rho)
      .add("p-1", pollard_p_minus_1)
      .add("fermat", fermat);
}
