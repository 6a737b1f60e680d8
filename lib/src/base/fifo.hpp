// Fifo<T>: what comes first goes first, in chunks that are given back one by one. Neighbours lie side
// by side, so a long queue is read as fast as a short one; a queue whose length hardly changes
// allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace fanmill {

/// T is made without arguments where nothing is stored.
template <typename T>
class Fifo {
 public:
  void push_back(T value) { add() = std::move(value); }
  /// One more at the end, to be given a value: it has that of a T without arguments, or what
  /// `forget_front` left there.
  T& add() {
    if (end_ == chunks_.size() * chunk_size) add_chunk();
    end_ += 1;
    return at(end_ - 1);
  }

  void pop_front() {
    FANMILL_ASSERT(!empty());
    at(first_) = T{};
    forget_front();
  }
  /// Takes it out as it is: what it held was moved away, and what is left of it costs nothing.
  void forget_front() {
    FANMILL_ASSERT(!empty());
    first_ += 1;
    // The next chunk that is needed is this one.
    if (first_ % chunk_size == 0) spare_ = std::move(chunks_[first_ / chunk_size - 1]);
  }

  void pop_back() {
    FANMILL_ASSERT(!empty());
    end_ -= 1;
    at(end_) = T{};
  }

  /// Counted from the front.
  T& operator[](std::size_t place) {
    FANMILL_ASSERT(place < size(), place);
    return at(first_ + place);
  }
  const T& operator[](std::size_t place) const {
    FANMILL_ASSERT(place < size(), place);
    return at(first_ + place);
  }
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }
  T& back() { return (*this)[size() - 1]; }
  const T& back() const { return (*this)[size() - 1]; }
  [[nodiscard]] bool empty() const { return first_ == end_; }
  [[nodiscard]] std::size_t size() const { return end_ - first_; }

 private:
  static constexpr std::size_t chunk_size = 128;
  using Chunk = std::array<T, chunk_size>;

  T& at(std::size_t place) { return (*chunks_[place / chunk_size])[place % chunk_size]; }
  const T& at(std::size_t place) const {
    return (*chunks_[place / chunk_size])[place % chunk_size];
  }

  void add_chunk() {
    // Once half of the list of chunks is behind the front, so that each place in it is moved once.
    const std::size_t gone = first_ / chunk_size;
    if (gone > 0 && gone * 2 >= chunks_.size()) {
      chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(gone));
      first_ -= gone * chunk_size;
      end_ -= gone * chunk_size;
    }
    chunks_.push_back(spare_ ? std::move(spare_) : std::make_unique<Chunk>());
  }

  std::vector<std::unique_ptr<Chunk>> chunks_;  // null before the front
  std::unique_ptr<Chunk> spare_;
  std::size_t first_ = 0;  // places count from the first of the chunks
  std::size_t end_ = 0;
};

}  // namespace fanmill
