#include "net/memory_watch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace fanmill::net {
namespace {

// The second number of the file is pages in memory.
std::optional<std::size_t> resident_bytes(int statm) {
  std::array<char, 128> buffer{};
  const ssize_t size = ::pread(statm, buffer.data(), buffer.size(), 0);
  if (size <= 0) return std::nullopt;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  const std::size_t begin = text.find(' ') + 1;
  std::size_t pages = 0;
  const auto [end, error] = std::from_chars(text.data() + begin, text.data() + text.size(), pages);
  if (error != std::errc()) return std::nullopt;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

MemoryWatch::MemoryWatch() : statm_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)) {
  least_ = resident_bytes(statm_.get()).value_or(0);
}

bool MemoryWatch::has_grown(std::size_t step) {
  const std::optional<std::size_t> now = resident_bytes(statm_.get());
  if (now && *now < least_ + step) {
    least_ = std::min(least_, *now);
    return false;
  }
  least_ = now.value_or(0);
  return true;
}

}  // namespace fanmill::net
