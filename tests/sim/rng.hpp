// The only source of chance of a simulated run: xoshiro256**, seeded by splitmix64.
//
// Not <random>: what its distributions give differs between standard libraries, and a seed must
// mean the same run on every machine. One Rng per purpose (drawing the scenario, the network, the
// faults), each split off the seed, so that drawing one more number in one place does not change
// all the others.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.hpp"

namespace fanmill::sim {

/// A good mix of 64 bits; also what the simulated functions compute.
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

class Rng {
 public:
  explicit Rng(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = seed = mix(seed);
  }

  std::uint64_t next() {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

  /// 0 to n - 1; n at least 1. The bias of the multiplication is below 2^-32 and does not matter
  /// here.
  std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>(((next() >> 32U) * n) >> 32U);
  }
  /// low to high, both included.
  std::uint32_t between(std::uint32_t low, std::uint32_t high) {
    return low + below(high - low + 1);
  }
  bool percent(std::uint32_t chance) { return below(100) < chance; }
  bool permille(std::uint32_t chance) { return below(1000) < chance; }

  /// Between the two, evenly.
  Duration duration(Duration low, Duration high) {
    if (high <= low) return low;
    const auto range = static_cast<std::uint64_t>((high - low).count());
    return low + Duration{static_cast<std::int64_t>(next() % (range + 1))};
  }
  /// Between the two, small ones as likely as large ones: each doubling gets the same share.
  Duration skewed(Duration low, Duration high) {
    Duration top = high;
    while (top > 2 * low && percent(50)) top /= 2;
    return duration(low, top);
  }

  template <typename T, std::size_t N>
  const T& pick(const std::array<T, N>& values) {
    return values[below(static_cast<std::uint32_t>(N))];
  }

  Rng split() { return Rng{next()}; }

 private:
  static constexpr std::uint64_t rotate(std::uint64_t x, unsigned by) {
    return (x << by) | (x >> (64U - by));
  }
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace fanmill::sim
