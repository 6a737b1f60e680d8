// Feed: a work list that grows while it is worked on.
//
// For runs that find their items as they go (a crawl, a tree search): the callbacks of the job push
// new items, and the run ends when the feed is empty and no item is open. It belongs to the thread
// that calls `run`; it is not a queue between threads.
#pragma once

#include <cstddef>
#include <deque>
#include <initializer_list>
#include <utility>

namespace fanmill::inline v0 {

/// Items in the order in which they were pushed. It stays the caller's and must outlive its run.
template <typename Item>
class Feed {
 public:
  /// No items. Something must be pushed before the run, or it ends at once.
  Feed() = default;
  /// The items to begin with.
  Feed(std::initializer_list<Item> items) : items_(items) {}
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  /// Before the run, or from one of its callbacks. Items are taken in the order in which they were
  /// pushed.
  void push(Item item) { items_.push_back(std::move(item)); }

  /// What was pushed and not yet taken. A run takes items ahead of its workers, as from any input.
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  /// Whether `size` is 0.
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
  /// Takes the oldest item out; there must be one. `run` does this.
  Item pop() {
    Item item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

 private:
  std::deque<Item> items_;
};

}  // namespace fanmill::inline v0
