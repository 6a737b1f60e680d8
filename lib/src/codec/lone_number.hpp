// The payload of a number alone, as every writer lays it out (schemas/object.capnp): what the shortest of
// tasks take and give. Cap'n Proto's readers and builders, made for trees, take longer for one than such
// a task.
#pragma once

#include <bit>
#include <cstdint>

namespace fanmill {

struct LoneNumber {
  // A struct that follows at once, of two words and a pointer.
  static constexpr std::uint64_t root_word = std::uint64_t{1} << 48 | std::uint64_t{2} << 32;

  std::uint64_t root = root_word;
  std::uint64_t member = 0;  // of the union; the bits of others are 0
  std::uint64_t bits = 0;
  std::uint64_t pointer = 0;
};
static_assert(sizeof(LoneNumber) == 32 && std::endian::native == std::endian::little);

}  // namespace fanmill
