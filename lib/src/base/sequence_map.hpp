// SequenceMap<T>: values under numbers most of which are given out one after the other, such as ids.
// Neighbours share a chunk, so that an entry costs little more than its value, and those that come
// together are found together. A chunk goes with its last entry: one that stays keeps its
// neighbours' memory, and no more. It can't be iterated, as FlatMap can't.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/assert.hpp"
#include "base/flat_map.hpp"
#include "base/slab.hpp"

namespace fanmill {

template <typename T>
class SequenceMap {
 public:
  SequenceMap() = default;
  SequenceMap(SequenceMap&& other) noexcept { swap(other); }
  SequenceMap& operator=(SequenceMap other) noexcept {
    swap(other);
    return *this;
  }
  ~SequenceMap() = default;

  /// What is filed under `number`, or null. Valid until it is erased.
  [[nodiscard]] T* find(std::uint64_t number) {
    return const_cast<T*>(std::as_const(*this).find(number));
  }
  [[nodiscard]] const T* find(std::uint64_t number) const {
    const Chunk* const chunk = chunk_of(number);
    if (chunk == nullptr || (chunk->present & bit(number)) == 0) return nullptr;
    return &chunk->values[number % chunk_size];
  }

  /// `number` must not be in the map.
  T& insert(std::uint64_t number, T value) {
    Chunk* chunk = chunk_of(number);
    if (chunk == nullptr) chunk = open(number);
    FANMILL_ASSERT((chunk->present & bit(number)) == 0, "already in the map", number);
    chunk->present |= bit(number);
    size_ += 1;
    return chunk->values[number % chunk_size] = std::move(value);
  }

  /// `number` must be in the map.
  void erase(std::uint64_t number) {
    Chunk* const chunk = chunk_of(number);
    FANMILL_ASSERT(chunk != nullptr && (chunk->present & bit(number)) != 0, "not in the map",
                   number);
    chunk->present &= ~bit(number);
    chunk->values[number % chunk_size] = T{};
    size_ -= 1;
    if (chunk->present == 0) close(number);
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  static constexpr std::size_t chunk_size = 64;
  struct Chunk {
    std::uint64_t present = 0;  // one bit for each value
    std::array<T, chunk_size> values{};
  };

  // 0 is no key of a FlatMap.
  static std::uint64_t key(std::uint64_t number) { return number / chunk_size + 1; }
  static std::uint64_t bit(std::uint64_t number) {
    return std::uint64_t{1} << (number % chunk_size);
  }

  /// Null if there is none.
  Chunk* chunk_of(std::uint64_t number) const {
    if (key(number) == latest_key_) return latest_;
    const std::uint32_t index = chunk_of_number_.find(key(number));
    if (index == no_index) return nullptr;
    latest_key_ = key(number);
    return latest_ = const_cast<Chunk*>(&chunks_[index]);
  }
  Chunk* open(std::uint64_t number) {
    const std::uint32_t index = chunks_.insert(Chunk{});
    chunk_of_number_.insert(key(number), index);
    latest_key_ = key(number);
    return latest_ = &chunks_[index];
  }
  void close(std::uint64_t number) {
    chunks_.erase(chunk_of_number_.find(key(number)));
    chunk_of_number_.erase(key(number));
    latest_key_ = 0;
  }
  void swap(SequenceMap& other) noexcept {
    std::swap(chunk_of_number_, other.chunk_of_number_);
    std::swap(chunks_, other.chunks_);
    std::swap(size_, other.size_);
    std::swap(latest_key_, other.latest_key_);
    std::swap(latest_, other.latest_);
  }

  FlatMap chunk_of_number_;
  Slab<Chunk> chunks_;
  std::size_t size_ = 0;
  // The last that was asked for; most often the next is in it, too.
  mutable std::uint64_t latest_key_ = 0;
  mutable Chunk* latest_ = nullptr;
};

/// From ids to indexes, as FlatMap, for ids that are given out in order.
class IdMap {
 public:
  /// The index filed under `id`, or no_index.
  [[nodiscard]] std::uint32_t find(std::uint64_t id) const {
    const std::uint32_t* const found = indexes_.find(id);
    return found == nullptr ? no_index : *found;
  }
  /// `id` must not be in the map.
  void insert(std::uint64_t id, std::uint32_t index) { indexes_.insert(id, index); }
  /// `id` must be in the map.
  void erase(std::uint64_t id) { indexes_.erase(id); }
  [[nodiscard]] std::size_t size() const { return indexes_.size(); }

 private:
  SequenceMap<std::uint32_t> indexes_;
};

}  // namespace fanmill
