#include "fuzz.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace fanmill::fuzz {

using namespace std::chrono_literals;

void found(const std::string& words) {
  std::fprintf(stderr, "FINDING: %s\n", words.c_str());
  std::abort();
}

void must_be_empty(const std::vector<std::string>& violated) {
  if (!violated.empty()) found(violated.front());
}

std::uint8_t Choices::byte() {
  if (rest_.empty()) return 0;
  const auto first = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return first;
}

std::uint64_t Choices::number() {
  const std::uint8_t first = byte();
  if (first < 0xc0) return first % 48;
  std::uint64_t number = 0;
  const int bytes = 1 << (first % 4);
  for (int i = 0; i < bytes; ++i) number = number << 8U | byte();
  return first < 0xe0 ? number : ~number;
}

Duration Choices::duration() {
  const std::uint8_t first = byte();
  if (first < 0x80) return first * 1ms;
  if (first < 0xe0) return (first - 0x80) * 250ms;
  return (first - 0xe0) * 24h;
}

Instant Choices::later(Instant now, std::optional<Instant> deadline, unsigned leaps) {
  const unsigned choice = byte();
  if (choice < 0xc0) return now + std::chrono::milliseconds(choice);
  if (choice < 0x100 - leaps) return std::max(now, deadline.value_or(now));
  return now + duration();
}

std::string Choices::text(std::size_t bytes_max) {
  const std::size_t size = std::min(rest_.size(), std::size_t{byte()} % (bytes_max + 1));
  const std::string text(rest_.substr(0, size));
  rest_.remove_prefix(std::min(size, rest_.size()));
  return text;
}

std::vector<Reached>& all_reached() {
  static std::vector<Reached> list;
  return list;
}

}  // namespace fanmill::fuzz
