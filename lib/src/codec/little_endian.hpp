// Numbers in the order of the wire, at any alignment.
#pragma once

#include <bit>
#include <cstring>

namespace fanmill::codec {

// The wire's order is that of every host this builds for (object_writer.cpp relies on it, too).
static_assert(std::endian::native == std::endian::little);

template <typename Number>
void put_little_endian(char* to, Number number) {
  std::memcpy(to, &number, sizeof number);
}

template <typename Number>
[[nodiscard]] Number get_little_endian(const char* from) {
  Number number;
  std::memcpy(&number, from, sizeof number);
  return number;
}

}  // namespace fanmill::codec
