// LaneTasks: the tasks of a lane (manager_lanes.cpp), each alone in its group, in the order of their
// coming. First stand those that are at workers, among them holes of those that have ended; then those
// that wait. A task has its number from its coming to its end.
//
// They lie in chunks, side by side. A chunk goes with its last task, so what is kept is bounded by what
// is open and the neighbours of that; but the list of chunks reaches from the oldest to the newest, and
// so it is told when the oldest should not stay here for much longer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/ids.hpp"
#include "base/slab.hpp"
#include "core/message.hpp"

namespace fanmill::core {

/// All that is kept of a task that is alone in its group, and of the group, as long as nothing out of
/// the ordinary happens to them.
struct LoneTask {
  GroupId group;
  TaskId task;  // invalid: it has ended, or has records now
  std::uint64_t item = 0;
  Bytes bytes;  // of its payload
  Encoding encoding = Encoding::none;
  std::uint32_t attempt = no_index;  // no_index: it waits
};
static_assert(sizeof(LoneTask) == 40, "there may be millions of them");

class LaneTasks {
 public:
  // Counted up, and modulo 2^32: there is no room for so many at a time.
  using Number = std::uint32_t;

  LaneTasks() : LaneTasks(0) {}
  /// `first`: the number of the first task, which begins a chunk.
  explicit LaneTasks(Number first) : base_(first), end_(first), next_(first) {
    FANMILL_ASSERT(first % chunk_size == 0, first);
  }

  /// Its group must be younger than those before it. It waits.
  void push_back(LoneTask task) {
    if (place_of(end_) == chunks_.size() * chunk_size) add_chunk(task.group);
    chunks_.back().chunk->tasks[end_ % chunk_size] = std::move(task);
    chunks_.back().chunk->left += 1;
    end_ += 1;
    waiting_ += 1;
  }

  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  [[nodiscard]] std::size_t at_workers() const { return at_workers_; }
  [[nodiscard]] bool empty() const { return waiting_ + at_workers_ == 0; }

  /// The first that waits.
  [[nodiscard]] const LoneTask& front() const {
    FANMILL_ASSERT(waiting_ > 0);
    return at(next_);
  }
  /// The first that waits is at a worker from now on. Returns its number.
  Number hand_out(std::uint32_t attempt) {
    const Number number = next_;
    at(number).attempt = attempt;
    waiting_ -= 1;
    at_workers_ += 1;
    next_ += 1;
    skip_holes();
    return number;
  }

  /// The number must be that of a task that is still here.
  const LoneTask& operator[](Number number) const {
    const LoneTask& task = at(number);
    FANMILL_ASSERT(task.task.valid(), number);
    return task;
  }
  [[nodiscard]] bool is_waiting(Number number) const { return place_of(number) >= place_of(next_); }
  /// Takes it out, wherever it stands.
  LoneTask take(Number number) {
    LoneTask& task = at(number);
    FANMILL_ASSERT(task.task.valid(), number);
    // The group stays there as well: it is searched by.
    LoneTask taken{.group = task.group,
                   .task = std::exchange(task.task, {}),
                   .item = task.item,
                   .bytes = std::move(task.bytes),
                   .encoding = task.encoding,
                   .attempt = task.attempt};
    (is_waiting(number) ? waiting_ : at_workers_) -= 1;
    const std::size_t index = place_of(number) / chunk_size;
    const bool is_full = index + 1 < chunks_.size() || end_ % chunk_size == 0;
    if (--chunks_[index].chunk->left == 0 && is_full) drop_chunk(index);
    if (number == next_) skip_holes();
    return taken;
  }
  LoneTask take_front() { return take(next_); }

  /// By halves.
  [[nodiscard]] std::optional<Number> find(GroupId group) const;
  /// So many came after the oldest that is here, and have ended, that it is in the way.
  [[nodiscard]] bool is_stretched() const {
    return chunks_.size() - gone_ > stretch_free + stretch_max * kept_;
  }
  /// Of those at workers. There must be one.
  [[nodiscard]] Number oldest() const;

  /// In their order; `visit(number, task)` may take that one out.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    const Number end = end_;
    for (Number number = base_; number != end;) {
      const Chunk* const chunk = chunks_[place_of(number) / chunk_size].chunk.get();
      if (chunk == nullptr) {
        number += chunk_size - number % chunk_size;  // its last may just have been taken out
        continue;
      }
      const LoneTask& task = chunk->tasks[number % chunk_size];
      if (task.task.valid()) visit(number, task);
      number += 1;
    }
  }

 private:
  static constexpr std::uint32_t chunk_size = 64;
  // The list of chunks may be so many times as long as there are chunks, and a little. Answers that come in
  // any order leave it several times as long; one task that hangs, without end.
  static constexpr std::size_t stretch_max = 32;
  static constexpr std::size_t stretch_free = 1024;
  struct Chunk {
    std::array<LoneTask, chunk_size> tasks;
    std::uint32_t left = 0;  // of them are still here
  };
  struct Place {
    std::unique_ptr<Chunk> chunk;  // null: all of it have ended
    GroupId first;                 // of its first task, for ever
  };

  // Counted from the first of the chunks.
  [[nodiscard]] std::uint32_t place_of(Number number) const { return number - base_; }
  [[nodiscard]] const LoneTask& at(Number number) const {
    const std::uint32_t place = place_of(number);
    FANMILL_ASSERT(place < place_of(end_) && chunks_[place / chunk_size].chunk, number);
    return chunks_[place / chunk_size].chunk->tasks[place % chunk_size];
  }
  LoneTask& at(Number number) { return const_cast<LoneTask&>(std::as_const(*this).at(number)); }

  void skip_holes() {
    while (next_ != end_) {
      const Chunk* const chunk = chunks_[place_of(next_) / chunk_size].chunk.get();
      if (chunk != nullptr && chunk->tasks[next_ % chunk_size].task.valid()) return;
      next_ += chunk == nullptr ? chunk_size - next_ % chunk_size : 1;
    }
  }

  void add_chunk(GroupId first);
  void drop_chunk(std::size_t index);

  std::vector<Place> chunks_;
  std::unique_ptr<Chunk> spare_;
  std::size_t gone_ = 0;  // so many of the first chunks
  std::size_t kept_ = 0;  // so many in all are not gone
  Number base_;           // of the first task of the first chunk
  Number end_;
  Number next_;  // of those that wait; the end if none does
  std::size_t waiting_ = 0;
  std::size_t at_workers_ = 0;
};

}  // namespace fanmill::core
