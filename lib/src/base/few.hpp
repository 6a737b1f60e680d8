// Few<T>: a list that mostly has one element, which then lies in the list itself; more are kept in
// memory of their own. Use it where a million lists of one would each cost an allocation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace fanmill {

/// Like a std::vector, but references into it end with any move of the list, too.
template <typename T>
class Few {
  static_assert(std::is_nothrow_move_constructible_v<T>);

 public:
  using value_type = T;

  Few() noexcept {}  // NOLINT: a union has no other
  Few(std::initializer_list<T> from) : Few() { copy(from.begin(), from.size()); }
  Few(const std::vector<T>& from) : Few() { copy(from.data(), from.size()); }  // NOLINT: as a list
  Few(const Few& from) : Few() { copy(from.data(), from.size()); }
  Few(Few&& from) noexcept : Few() { take(from); }
  Few& operator=(Few from) noexcept {
    reset();
    take(from);
    return *this;
  }
  ~Few() { reset(); }

  void reserve(std::size_t count) {
    if (count > std::max<std::size_t>(room_, 1)) move_to(count);
  }
  void push_back(T value) {
    if (size_ > 0 && size_ >= room_) move_to(std::max<std::size_t>(2 * size_, 4));
    std::construct_at(data() + size_, std::move(value));
    size_ += 1;
  }
  void clear() noexcept {
    std::destroy_n(data(), size_);
    size_ = 0;
  }

  [[nodiscard]] T* data() noexcept { return room_ == 0 ? &one_ : many_; }
  [[nodiscard]] const T* data() const noexcept { return room_ == 0 ? &one_ : many_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  T* begin() noexcept { return data(); }
  T* end() noexcept { return data() + size_; }
  const T* begin() const noexcept { return data(); }
  const T* end() const noexcept { return data() + size_; }
  T& operator[](std::size_t place) { return data()[place]; }
  const T& operator[](std::size_t place) const { return data()[place]; }
  [[nodiscard]] const T& at(std::size_t place) const {
    if (place >= size_) throw std::out_of_range("Few::at");
    return data()[place];
  }
  T& front() { return data()[0]; }
  const T& front() const { return data()[0]; }

  friend bool operator==(const Few& a, const Few& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  void copy(const T* from, std::size_t count) {
    reserve(count);
    for (std::size_t i = 0; i < count; ++i) push_back(from[i]);
  }

  void take(Few& from) noexcept {
    if (from.room_ > 0) {
      many_ = std::exchange(from.many_, nullptr);
    } else if (from.size_ > 0) {
      std::construct_at(&one_, std::move(from.one_));
      std::destroy_at(&from.one_);
    }
    size_ = std::exchange(from.size_, 0);
    room_ = std::exchange(from.room_, 0);
  }

  void move_to(std::size_t count) {
    T* const memory = std::allocator<T>().allocate(count);
    std::uninitialized_move_n(data(), size_, memory);
    const std::uint32_t size = size_;
    reset();
    many_ = memory;
    room_ = static_cast<std::uint32_t>(count);
    size_ = size;
  }

  void reset() noexcept {
    clear();
    if (room_ > 0) std::allocator<T>().deallocate(many_, room_);
    room_ = 0;
  }

  union {
    T one_;
    T* many_;
  };
  std::uint32_t size_ = 0;
  std::uint32_t room_ = 0;  // 0: there is room for one, here
};

}  // namespace fanmill
