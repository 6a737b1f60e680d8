// Descriptor: owns one file descriptor and closes it. Reading and flags are its user's affair.
#pragma once

#include <unistd.h>

#include <string_view>
#include <utility>

namespace fanmill {

class Descriptor {
 public:
  Descriptor() noexcept = default;
  /// Takes ownership; a negative number means none.
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  /// Closes at once what it held before.
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~Descriptor() { reset(); }

  void reset() noexcept {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }
  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] bool valid() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

/// Writes all of `bytes` to a descriptor that blocks, signals or not. 0, or the errno of what went
/// wrong, with a part written.
[[nodiscard]] int write_all(int number, std::string_view bytes) noexcept;

}  // namespace fanmill
