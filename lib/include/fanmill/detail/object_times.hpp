// Codec<T> of durations, time points and paths. Machinery of object.hpp, not for users.
//
// Durations travel in nanoseconds, whatever their own unit is, so that the two ends need not agree
// on one: a field that was seconds in the last build and is milliseconds in this one still means
// the same.
#pragma once

#include <chrono>
#include <cmath>
#include <fanmill/detail/object_codec.hpp>
#include <fanmill/export.hpp>
#include <filesystem>
#include <limits>
#include <optional>

namespace fanmill::inline v0::detail {

inline constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;

/// `count` times `factor`, for products beyond 64 bits.
FANMILL_EXPORT BigInteger product(const BigInteger& count, std::int64_t factor);
/// `total` divided by `factor` if that leaves no rest.
FANMILL_EXPORT std::optional<BigInteger> exact_quotient(const BigInteger& total,
                                                        std::int64_t factor);
/// Rounded to the nearest; infinite beyond what a double can hold.
FANMILL_EXPORT double to_double(const BigInteger& value);
/// Throws what `refuse` throws: `got` is no integer, no multiple of `factor`, or too large for its
/// type.
[[noreturn]] FANMILL_EXPORT void refuse_duration(const Place* place, std::int64_t factor,
                                                 const ObjectView& got);

/// Nanoseconds are a whole multiple of the unit: not so for 1/3 s or a picosecond.
template <typename Period>
concept WholeNanoseconds = nanoseconds_per_second % Period::den == 0 &&
                           Period::num <= INT64_MAX / (nanoseconds_per_second / Period::den);

template <Number64 Rep, WholeNanoseconds Period>
struct Codec<std::chrono::duration<Rep, Period>> : BothWays {
  using Duration = std::chrono::duration<Rep, Period>;
  static constexpr std::int64_t factor = Period::num * (nanoseconds_per_second / Period::den);

  static std::size_t words(Duration value, int) {
    return nanoseconds(value) ? 0 : object_words::big_integer(many_nanoseconds(value));
  }
  static void write(Duration value, const ObjectWriter& place) {
    if (const auto count = nanoseconds(value)) return place.int64(*count);
    place.big_integer(many_nanoseconds(value));
  }
  static Duration read(const ObjectView& view, const Place* place) {
    if (const auto count = view.if_int64()) {
      if (*count % factor == 0 && std::in_range<Rep>(*count / factor))
        return Duration(static_cast<Rep>(*count / factor));
    } else if (view.kind() == ObjectKind::integer || view.kind() == ObjectKind::big_integer) {
      const auto units = exact_quotient(view.big_integer(), factor);
      if (units && units->fits_int64() && std::in_range<Rep>(units->to_int64()))
        return Duration(static_cast<Rep>(units->to_int64()));
      if (units && units->fits_uint64() && std::in_range<Rep>(units->to_uint64()))
        return Duration(static_cast<Rep>(units->to_uint64()));
    }
    refuse_duration(place, factor, view);
  }

 private:
  static std::optional<std::int64_t> nanoseconds(Duration value) {
    std::int64_t count = 0;
    if (__builtin_mul_overflow(value.count(), factor, &count)) return {};
    return count;
  }
  static BigInteger many_nanoseconds(Duration value) {
    if constexpr (std::signed_integral<Rep>) return product(value.count(), factor);
    return product(BigInteger::from_uint64(static_cast<std::uint64_t>(value.count())), factor);
  }
};

template <Float64 Rep, typename Period>
struct Codec<std::chrono::duration<Rep, Period>> : BothWays {
  using Nanoseconds = std::chrono::duration<double, std::nano>;
  using Units = std::chrono::duration<double, Period>;

  static std::size_t words(std::chrono::duration<Rep, Period> value, int) {
    if (std::isinf(Nanoseconds(value).count()) && !std::isinf(value.count()))
      refuse_to_send("a duration is too long to be counted in nanoseconds by a double");
    return 0;
  }
  static void write(std::chrono::duration<Rep, Period> value, const ObjectWriter& place) {
    place.floating(Nanoseconds(value).count());
  }
  static std::chrono::duration<Rep, Period> read(const ObjectView& view, const Place* place) {
    // Writers whose count is an integer send what is beyond 64 bits, too.
    const bool is_big = view.kind() == ObjectKind::big_integer;
    const double count = is_big ? to_double(view.big_integer()) : Codec<double>::read(view, place);
    const double units = Units(Nanoseconds(count)).count();
    if (std::isinf(units) && (is_big || !std::isinf(count)))
      refuse(place, "a duration in nanoseconds that its type can hold", view);
    return std::chrono::duration<Rep, Period>(Codec<Rep>::narrowed(units, view, place));
  }
};

// The one clock whose readings mean something to another process: since 1970, in UTC.
template <typename Duration>
struct Codec<std::chrono::time_point<std::chrono::system_clock, Duration>> : AsParts<Duration> {
  using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

  static std::size_t words(Time value, int depth) {
    return Codec<Duration>::words(value.time_since_epoch(), depth);
  }
  static void write(Time value, const ObjectWriter& place) {
    Codec<Duration>::write(value.time_since_epoch(), place);
  }
  static Time read(const ObjectView& view, const Place* place) {
    return Time(Codec<Duration>::read(view, place));
  }
};

template <>
struct Codec<std::filesystem::path> : BothWays {
  static constexpr char nul = '\0';
  // The system takes a path up to its first NUL, and so for another one than was checked here.
  static std::size_t words(const std::filesystem::path& value, int) {
    if (value.native().find(nul) != std::string::npos) refuse_to_send("a path has a NUL in it");
    return object_words::text(value.native().size());
  }
  static void write(const std::filesystem::path& value, const ObjectWriter& place) {
    place.text(value.native());
  }
  static std::filesystem::path read(const ObjectView& view, const Place* place) {
    std::string text = Codec<std::string>::read(view, place);
    if (text.find(nul) != std::string::npos) refuse(place, "a path without a NUL", view);
    return text;
  }
};

}  // namespace fanmill::inline v0::detail
