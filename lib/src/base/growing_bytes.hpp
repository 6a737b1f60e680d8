// GrowingBytes: Bytes in the making, when they come piece by piece and their number is only claimed.
//
// Memory grows with what has come, never with what was announced. Large pieces of memory are moved by
// the kernel (realloc), not copied, and what is finished is handed over as it lies.
#pragma once

#include <cstddef>
#include <fanmill/bytes.hpp>
#include <string_view>
#include <utility>

namespace fanmill::inline v0 {

class GrowingBytes {
 public:
  /// `total`: how many they will be in the end, as far as anybody says; at least what is here with
  /// `more`. Throws std::bad_alloc, and then has what it had.
  void append(std::string_view more, std::size_t total);
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  /// What memory it takes, beside a few words.
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  /// Gives them away; none are left.
  [[nodiscard]] Bytes finish() {
    capacity_ = 0;
    return std::move(bytes_);
  }

 private:
  Bytes bytes_;  // nobody else has a share in them
  std::size_t capacity_ = 0;
};

}  // namespace fanmill::inline v0
