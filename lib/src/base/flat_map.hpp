// FlatMap: from a 64-bit id to a 32-bit index, in one array. Open addressing with linear probing
// and backward-shift deletion: one cache miss per look-up, no allocation per entry. It can't be
// iterated, on purpose: nothing in the core may depend on the order of a hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.hpp"
#include "base/slab.hpp"

namespace fanmill {

class FlatMap {
 public:
  /// The index filed under `key`, or no_index.
  [[nodiscard]] std::uint32_t find(std::uint64_t key) const {
    if (cells_.empty()) return no_index;
    for (std::size_t at = home(key);; at = (at + 1) & mask()) {
      if (cells_[at].key == key) return cells_[at].index;
      if (cells_[at].key == 0) return no_index;
    }
  }

  /// `key` must not be 0 and not be in the map.
  void insert(std::uint64_t key, std::uint32_t index) {
    FANMILL_ASSERT(key != 0);
    if ((size_ + 1) * 4 > cells_.size() * 3) grow();
    place(key, index);
    size_ += 1;
  }

  /// `key` must not be 0; whatever was filed under it is replaced.
  void put(std::uint64_t key, std::uint32_t index) {
    FANMILL_ASSERT(key != 0);
    if (!cells_.empty()) {
      std::size_t at = home(key);
      while (cells_[at].key != key && cells_[at].key != 0) at = (at + 1) & mask();
      if (cells_[at].key == key) {
        cells_[at].index = index;
        return;
      }
    }
    insert(key, index);
  }

  /// `key` must be in the map.
  void erase(std::uint64_t key) {
    FANMILL_ASSERT(!cells_.empty(), key);
    std::size_t hole = home(key);
    while (cells_[hole].key != key) {
      FANMILL_ASSERT(cells_[hole].key != 0, "not in the map", key);
      hole = (hole + 1) & mask();
    }
    // Move later members of the run back over the hole, so that no look-up meets a gap inside its
    // run.
    for (std::size_t at = (hole + 1) & mask(); cells_[at].key != 0; at = (at + 1) & mask()) {
      const std::size_t distance_home = (at - home(cells_[at].key)) & mask();
      if (distance_home >= ((at - hole) & mask())) {
        cells_[hole] = cells_[at];
        hole = at;
      }
    }
    cells_[hole] = Cell{};
    size_ -= 1;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Cell {
    std::uint64_t key = 0;
    std::uint32_t index = no_index;
  };

  [[nodiscard]] std::size_t mask() const { return cells_.size() - 1; }
  [[nodiscard]] std::size_t home(std::uint64_t key) const {
    // Ids are consecutive: multiplied by the golden ratio they spread over the whole table.
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15ULL) >> 20) & mask();
  }
  void place(std::uint64_t key, std::uint32_t index) {
    std::size_t at = home(key);
    while (cells_[at].key != 0) {
      FANMILL_ASSERT(cells_[at].key != key, "already in the map", key);
      at = (at + 1) & mask();
    }
    cells_[at] = Cell{key, index};
  }
  void grow() {
    std::vector<Cell> old(cells_.empty() ? 64 : cells_.size() * 2);
    old.swap(cells_);
    for (const Cell& cell : old) {
      if (cell.key != 0) place(cell.key, cell.index);
    }
  }

  std::vector<Cell> cells_;
  std::size_t size_ = 0;
};

}  // namespace fanmill
