// Descriptor: owns one file descriptor and closes it. Nothing else: reading, writing and flags are
// its user's affair.
#pragma once

#include <unistd.h>

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

}  // namespace fanmill
