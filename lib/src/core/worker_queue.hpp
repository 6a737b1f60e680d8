// WorkerQueue: the tasks that a worker holds and has not handed to its executor, in the order in
// which they came, which is that of their attempts. Taking the first is O(1), finding one by its
// attempt O(log n); neither allocates for each task.
#pragma once

#include <algorithm>
#include <deque>
#include <utility>

#include "base/assert.hpp"
#include "core/message.hpp"

namespace fanmill::core {

struct QueuedTask {
  Task task;
  std::uint32_t sequence =
      0;  // which Task of its session it was, from 1; 0: kept from an earlier session
  bool gathers = false;  // see StartTask
  bool gone = false;     // killed or given back, but not yet out of the list
};

class WorkerQueue {
  template <typename List>
  static auto find(List& list, AttemptId attempt) {
    return std::lower_bound(
        list.begin(), list.end(), attempt,
        [](const QueuedTask& each, AttemptId sought) { return each.task.attempt < sought; });
  }

 public:
  /// Its attempt must be newer than all that are here.
  void push(Task task, std::uint32_t sequence, bool gathers = false) {
    FANMILL_ASSERT(list_.empty() || list_.back().task.attempt < task.attempt, task.attempt);
    list_.push_back({.task = std::move(task), .sequence = sequence, .gathers = gathers});
    size_ += 1;
  }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Not of an empty one.
  [[nodiscard]] const QueuedTask& front() const { return list_.front(); }
  [[nodiscard]] AttemptId newest() const {
    return list_.empty() ? AttemptId{} : list_.back().task.attempt;
  }
  QueuedTask take_front() {
    QueuedTask first = std::move(list_.front());
    list_.pop_front();
    size_ -= 1;
    trim();
    return first;
  }
  [[nodiscard]] bool contains(AttemptId attempt) const {
    const auto found = find(list_, attempt);
    return found != list_.end() && found->task.attempt == attempt && !found->gone;
  }
  /// Null if it isn't here.
  [[nodiscard]] Task* find_task(AttemptId attempt) {
    const auto found = find(list_, attempt);
    const bool is_here = found != list_.end() && found->task.attempt == attempt && !found->gone;
    return is_here ? &found->task : nullptr;
  }
  /// Whether it was here.
  bool erase(AttemptId attempt) {
    const auto found = find(list_, attempt);
    if (found == list_.end() || found->task.attempt != attempt || found->gone) return false;
    drop(*found);
    trim();
    return true;
  }
  /// Takes out those of which `visit(QueuedTask&)` says true. In their order.
  template <typename Visit>
  void erase_if(const Visit& visit) {
    for (QueuedTask& each : list_) {
      if (!each.gone && visit(each)) drop(each);
    }
    trim();
  }
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (const QueuedTask& each : list_) {
      if (!each.gone) visit(each);
    }
  }

 private:
  void drop(QueuedTask& each) {
    each.gone = true;
    each.task.payload = {};
    size_ -= 1;
  }
  // What is gone stays only between two that are here, and not for ever.
  void trim() {
    constexpr std::size_t gone_min = 64;
    if (list_.size() > 2 * size_ + gone_min)
      std::erase_if(list_, [](const QueuedTask& each) { return each.gone; });
    while (!list_.empty() && list_.front().gone) list_.pop_front();
    while (!list_.empty() && list_.back().gone) list_.pop_back();
  }

  std::deque<QueuedTask> list_;
  std::size_t size_ = 0;
};

}  // namespace fanmill::core
