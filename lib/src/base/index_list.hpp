// IndexList: a doubly linked list threaded through the records of a Slab by index. Linking,
// unlinking and moving cost O(1) and allocate nothing. A record may be in several lists, through
// one Links member for each; it must be out of them before it is erased.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/slab.hpp"

namespace fanmill {

struct Links {
  /// In no list. No slab has so many records.
  static constexpr std::uint32_t nowhere = no_index - 1;

  std::uint32_t previous = nowhere;
  std::uint32_t next = nowhere;
  [[nodiscard]] bool linked() const { return next != nowhere; }
};

template <typename T, Links T::*links>
class IndexList {
 public:
  void push_back(Slab<T>& slab, std::uint32_t index) { insert(slab, index, tail_, no_index); }
  void push_front(Slab<T>& slab, std::uint32_t index) { insert(slab, index, no_index, head_); }

  void erase(Slab<T>& slab, std::uint32_t index) {
    Links& mine = slab[index].*links;
    FANMILL_ASSERT(mine.linked(), index);
    (mine.previous == no_index ? head_ : (slab[mine.previous].*links).next) = mine.next;
    (mine.next == no_index ? tail_ : (slab[mine.next].*links).previous) = mine.previous;
    mine = Links{};
    size_ -= 1;
  }

  [[nodiscard]] std::uint32_t front() const { return head_; }
  [[nodiscard]] std::uint32_t back() const { return tail_; }
  [[nodiscard]] static std::uint32_t next(const Slab<T>& slab, std::uint32_t index) {
    return (slab[index].*links).next;
  }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }

  template <typename Visit>
  void for_each(const Slab<T>& slab, Visit&& visit) const {
    for (std::uint32_t index = head_; index != no_index; index = next(slab, index)) visit(index);
  }

 private:
  void insert(Slab<T>& slab, std::uint32_t index, std::uint32_t previous, std::uint32_t next) {
    Links& mine = slab[index].*links;
    FANMILL_ASSERT(!mine.linked(), index);
    mine = Links{.previous = previous, .next = next};
    (previous == no_index ? head_ : (slab[previous].*links).next) = index;
    (next == no_index ? tail_ : (slab[next].*links).previous) = index;
    size_ += 1;
  }

  std::uint32_t head_ = no_index;
  std::uint32_t tail_ = no_index;
  std::uint32_t size_ = 0;
};

}  // namespace fanmill
