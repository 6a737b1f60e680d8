// TaskRing: which slots have a task that waits, on its way from the one thread that starts tasks to those
// that run them. No lock: the threads take one after the other, in their order, each exactly once; so
// none waits for a thread that runs another.
//
// What was revoked meanwhile stays where it is: an entry only says that there was a task, and its slot
// whether that still waits. `take_all` is for whoever finds the ring full of such.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/assert.hpp"

namespace fanmill::exec {

class TaskRing {
 public:
  struct Entry {
    std::uint32_t slot = 0;
    std::uint32_t serial = 0;  // of the slot's tasks
    // What its thread will read, to be asked for ahead and no more: it may be gone meanwhile.
    const void* argument = nullptr;
    bool operator==(const Entry&) const = default;
  };

  /// Room for twice as many: if it is full, half of them wait no longer.
  explicit TaskRing(std::size_t slots)
      : mask_(std::bit_ceil(2 * slots) - 1), cells_(std::make_unique<Cell[]>(mask_ + 1)) {}

  ///@{
  /// From the thread that starts tasks.
  [[nodiscard]] bool is_full() const {
    // Whoever has taken an entry has read it before.
    return pushed_ - head_.load(std::memory_order_acquire) > mask_;
  }
  /// Nobody sees it before `publish`. Not if it is full.
  void push(const Entry& entry) { push(entry.slot, entry.serial, entry.argument); }
  void push(std::uint32_t slot, std::uint32_t serial, const void* argument) {
    FANMILL_ASSERT(!is_full(), pushed_);
    Cell& cell = cells_[pushed_ & mask_];
    cell.task.store(std::uint64_t{serial} << 32U | slot, std::memory_order_relaxed);
    cell.argument.store(argument, std::memory_order_relaxed);
    pushed_ += 1;
  }
  /// Returns how many became seen.
  std::size_t publish() {
    const std::uint64_t before = tail_.load(std::memory_order_relaxed);
    if (pushed_ != before) tail_.store(pushed_, std::memory_order_release);
    return pushed_ - before;
  }
  /// All that nobody has taken, published or not.
  std::vector<Entry> take_all() {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    while (!head_.compare_exchange_weak(head, pushed_, std::memory_order_acq_rel)) {
    }
    // Threads that still look at the old end see a front beyond it: nothing there.
    std::vector<Entry> all;
    for (; head != pushed_; ++head) all.push_back(at(head));
    return all;
  }
  ///@}

  ///@{
  /// From any thread.
  [[nodiscard]] std::optional<Entry> take() {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      if (!is_before_end(head)) return std::nullopt;
      const Entry entry = at(head);
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel)) return entry;
    }
  }
  /// The one behind so many that would be taken before, as far as can be known.
  [[nodiscard]] std::optional<Entry> foresee(std::size_t before) const {
    const std::uint64_t place = head_.load(std::memory_order_relaxed) + before;
    if (!is_before_end(place)) return std::nullopt;
    return at(place);
  }
  /// Published and not taken, a moment ago.
  [[nodiscard]] std::size_t size() const {
    const std::uint64_t head = head_.load(std::memory_order_acquire);
    const std::uint64_t tail = tail_.load(std::memory_order_acquire);
    return head < tail ? tail - head : 0;
  }
  [[nodiscard]] bool empty() const { return size() == 0; }
  ///@}

 private:
  static constexpr std::size_t line = 64;  // that one processor writes and another reads
  struct Cell {
    std::atomic<std::uint64_t> task;
    std::atomic<const void*> argument;
  };

  [[nodiscard]] bool is_before_end(std::uint64_t at) const {
    return at < tail_.load(std::memory_order_acquire);
  }
  [[nodiscard]] Entry at(std::uint64_t place) const {
    const Cell& cell = cells_[place & mask_];
    const std::uint64_t task = cell.task.load(std::memory_order_relaxed);
    return {.slot = static_cast<std::uint32_t>(task),
            .serial = static_cast<std::uint32_t>(task >> 32U),
            .argument = cell.argument.load(std::memory_order_relaxed)};
  }

  const std::uint64_t mask_;
  const std::unique_ptr<Cell[]> cells_;
  // Counts that never go back, so that none is taken for another.
  alignas(line) std::uint64_t pushed_ = 0;
  std::atomic<std::uint64_t> tail_ = 0;
  alignas(line) std::atomic<std::uint64_t> head_ = 0;
};

}  // namespace fanmill::exec
