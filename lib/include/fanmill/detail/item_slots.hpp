// ItemSlots<T>: what is kept of items by their numbers, most of which come and go one after the other.
// Machinery of manager.hpp, not for users.
//
// Neighbours share a chunk, so that most look-ups are a comparison, and no item costs an allocation. A
// chunk goes after its last item: one that stays keeps its neighbours' memory, and no more.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

namespace fanmill::inline v0::detail {

template <typename T>
class ItemSlots {
 public:
  ItemSlots() = default;
  ItemSlots(const ItemSlots&) = delete;
  ItemSlots& operator=(const ItemSlots&) = delete;

  /// Null if nothing is kept of the item. Valid until it is erased.
  T* find(std::uint64_t item) {
    Chunk* const chunk = chunk_of(item);
    if (chunk == nullptr) return nullptr;
    std::optional<T>& slot = chunk->slots[item % chunk_size];
    return slot ? &*slot : nullptr;
  }
  /// Throws std::out_of_range if nothing is kept of the item.
  T& at(std::uint64_t item) {
    T* const found = find(item);
    if (found == nullptr) throw std::out_of_range("ItemSlots::at");
    return *found;
  }
  /// What is kept of the item; made if there is nothing.
  T& operator[](std::uint64_t item) {
    Chunk* chunk = chunk_of(item);
    if (chunk == nullptr) chunk = open(item);
    std::optional<T>& slot = chunk->slots[item % chunk_size];
    if (!slot) {
      slot.emplace();
      chunk->count += 1;
    }
    return *slot;
  }
  /// If anything is kept of it.
  void erase(std::uint64_t item) {
    Chunk* const chunk = chunk_of(item);
    if (chunk == nullptr || !chunk->slots[item % chunk_size]) return;
    chunk->slots[item % chunk_size].reset();
    chunk->count -= 1;
  }

 private:
  // Of large ones fewer, as one that stays keeps all of them.
  static constexpr std::uint64_t chunk_size =
      std::bit_floor(std::clamp<std::uint64_t>(4096 / sizeof(std::optional<T>), 1, 32));
  struct Chunk {
    std::uint32_t count = 0;
    std::array<std::optional<T>, chunk_size> slots;
  };

  Chunk* chunk_of(std::uint64_t item) {
    const std::uint64_t number = item / chunk_size;
    if (latest_ != nullptr && number == latest_number_) return latest_;
    const auto found = chunks_.find(number);
    return found == chunks_.end() ? nullptr : turn_to(number, found->second.get());
  }
  Chunk* open(std::uint64_t item) {
    std::unique_ptr<Chunk> made = std::move(spare_);
    if (made == nullptr) made.reset(new Chunk);  // make_unique would write zeros first
    Chunk* const chunk = made.get();
    chunks_.emplace(item / chunk_size, std::move(made));
    return turn_to(item / chunk_size, chunk);
  }
  // One that has become empty is left standing until another is turned to: most often its next item
  // comes first.
  Chunk* turn_to(std::uint64_t number, Chunk* chunk) {
    if (latest_ != nullptr && latest_->count == 0) {
      const auto empty = chunks_.find(latest_number_);
      spare_ = std::move(empty->second);
      chunks_.erase(empty);
    }
    latest_number_ = number;
    return latest_ = chunk;
  }

  std::unordered_map<std::uint64_t, std::unique_ptr<Chunk>> chunks_;
  std::unique_ptr<Chunk> spare_;     // the last that went: its slots are empty
  Chunk* latest_ = nullptr;          // the last that was asked for
  std::uint64_t latest_number_ = 0;  // its key
};

}  // namespace fanmill::inline v0::detail
