#include <fanmill/detail/object_times.hpp>

#include <algorithm>
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

void refuse_duration(const Place* place, std::int64_t factor, const ObjectView& got) {
  const ObjectKind kind = got.kind();
  if (kind != ObjectKind::integer && kind != ObjectKind::big_integer)
    refuse(place, "a duration as an integer of nanoseconds", got);
  if (!exact_quotient(got.big_integer(), factor))
    refuse(place, "a duration in nanoseconds that is a multiple of " + std::to_string(factor), got);
  refuse(place, "a duration in nanoseconds that its type can hold", got);
}

}  // namespace fanmill::inline v0::detail
