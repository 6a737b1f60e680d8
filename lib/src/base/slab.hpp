// Slab<T>: records at stable indexes, reused through a free list. An index is 32 bits, so links
// between records cost half a pointer. Records never move, so references stay valid until `erase`.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace fanmill {

/// No record. Links end with it.
inline constexpr std::uint32_t no_index = 0xffffffff;

template <typename T>
class Slab {
 public:
  template <typename Value = T>
  std::uint32_t insert(Value&& value) {
    const std::uint32_t index = take_slot();
    slot(index).emplace(std::forward<Value>(value));
    return index;
  }
  /// What `make()` gives, made in its place: a copy of what was just written elsewhere would wait for every
  /// store before it.
  template <typename Make>
  std::uint32_t insert_made(const Make& make) {
    struct Maker {
      const Make& make;
      operator T() const { return make(); }  // NOLINT: what an optional makes its value of
    };
    const std::uint32_t index = take_slot();
    slot(index).emplace(Maker{make});
    return index;
  }
  /// A record as it is made without arguments, in its place.
  std::uint32_t insert() {
    const std::uint32_t index = take_slot();
    slot(index).emplace();
    return index;
  }

  void erase(std::uint32_t index) {
    FANMILL_ASSERT(contains(index), index);
    slot(index).reset();
    free_.push_back(index);
    size_ -= 1;
  }

  [[nodiscard]] bool contains(std::uint32_t index) const {
    return index < used_ && chunks_[index / chunk_size][index % chunk_size].record.has_value();
  }
  T& operator[](std::uint32_t index) {
    std::optional<T>& found = slot(index);
    FANMILL_ASSERT(found.has_value(), index);
    return *found;
  }
  const T& operator[](std::uint32_t index) const {
    FANMILL_ASSERT(index < used_, index, used_);
    const std::optional<T>& found = chunks_[index / chunk_size][index % chunk_size].record;
    FANMILL_ASSERT(found.has_value(), index);
    return *found;
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Asks the processor to have the record at hand soon. Does nothing for no_index.
  void prefetch(std::uint32_t index) const {
    if (index < used_) __builtin_prefetch(&chunks_[index / chunk_size][index % chunk_size], 1);
  }

  /// In the order of the indexes. O(everything that was ever held at once): for reports, invariants
  /// and small slabs.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (std::uint32_t index = 0; index < used_; ++index) {
      if (contains(index)) visit(index, (*this)[index]);
    }
  }
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::uint32_t index = 0; index < used_; ++index) {
      if (contains(index)) visit(index, (*this)[index]);
    }
  }

 private:
  // Of the processor's cache.
  static constexpr std::size_t line = 64;
  // What is as large as some lines together begins with one, so that it touches no more of them.
  struct alignas(sizeof(std::optional<T>) % line == 0 ? line : alignof(std::optional<T>)) Slot {
    std::optional<T> record;
  };
  // Some 16 KiB, so that a slab with a few large records is no large one.
  static constexpr std::size_t chunk_size =
      std::bit_floor(std::clamp<std::size_t>((16U << 10) / sizeof(Slot), 8, 256));

  std::optional<T>& slot(std::uint32_t index) {
    FANMILL_ASSERT(index < used_, index, used_);
    return chunks_[index / chunk_size][index % chunk_size].record;
  }

  std::uint32_t take_slot() {
    size_ += 1;
    if (!free_.empty()) {
      const std::uint32_t index = free_.back();
      free_.pop_back();
      // Most records are made in rows, and what was freed long ago has left the caches.
      if (!free_.empty()) prefetch(free_.back());
      return index;
    }
    if (used_ == chunks_.size() * chunk_size)
      chunks_.push_back(std::make_unique<Slot[]>(chunk_size));
    used_ += 1;
    return static_cast<std::uint32_t>(used_ - 1);
  }

  std::vector<std::unique_ptr<Slot[]>> chunks_;
  std::vector<std::uint32_t> free_;
  std::size_t used_ = 0;
  std::size_t size_ = 0;
};

}  // namespace fanmill
