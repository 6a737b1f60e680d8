#include <fanmill/detail/object_times.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace fanmill::inline v0::detail {
namespace {

// A byte times a factor of 63 bits, and what is carried, exceed 64 bits.
__extension__ using Wide = unsigned __int128;

}  // namespace

BigInteger product(const BigInteger& count, std::int64_t factor) {
  std::vector<std::uint8_t> bytes(count.magnitude().begin(), count.magnitude().end());
  bytes.resize(bytes.size() + sizeof(factor));
  Wide carry = 0;
  for (std::uint8_t& byte : bytes) {
    carry += Wide{byte} * static_cast<std::uint64_t>(factor);
    byte = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  return {count.negative(), bytes};
}

std::optional<BigInteger> exact_quotient(const BigInteger& total, std::int64_t factor) {
  std::vector<std::uint8_t> bytes(total.magnitude().begin(), total.magnitude().end());
  Wide rest = 0;
  std::for_each(bytes.rbegin(), bytes.rend(), [&](std::uint8_t& byte) {
    rest = rest << 8 | byte;
    byte = static_cast<std::uint8_t>(rest / static_cast<std::uint64_t>(factor));
    rest %= static_cast<std::uint64_t>(factor);
  });
  if (rest != 0) return {};
  return BigInteger(total.negative(), bytes);
}

double to_double(const BigInteger& value) {
  const auto bytes = value.magnitude();
  const std::size_t skipped = bytes.size() > 8 ? bytes.size() - 8 : 0;
  // 1000 bits suffice for every double, and the exponent must be an int.
  if (skipped > 1000) return value.negative() ? -HUGE_VAL : HUGE_VAL;
  std::uint64_t top = 0;
  for (std::size_t i = bytes.size(); i > skipped; --i) top = top << 8 | bytes[i - 1];
  // The top 64 bits have at least 57 that count, four more than a double: below them it matters
  // only whether there is anything, for a number halfway between two doubles.
  const auto rest = bytes.first(skipped);
  if (std::any_of(rest.begin(), rest.end(), [](std::uint8_t byte) { return byte != 0; })) top |= 1;
  const double size = std::ldexp(static_cast<double>(top), static_cast<int>(8 * skipped));
  return value.negative() ? -size : size;
}

void refuse_duration(const Place* place, std::int64_t factor, const ObjectView& got) {
  const ObjectKind kind = got.kind();
  if (kind != ObjectKind::integer && kind != ObjectKind::big_integer)
    refuse(place, "a duration as an integer of nanoseconds", got);
  if (!exact_quotient(got.big_integer(), factor))
    refuse(place, "a duration in nanoseconds that is a multiple of " + std::to_string(factor), got);
  refuse(place, "a duration in nanoseconds that its type can hold", got);
}

}  // namespace fanmill::inline v0::detail
