// WorkerQueue: the tasks that a worker holds and has not handed to its executor, in the order in
// which they came, which is that of their attempts. Taking the first is O(1), finding one by its
// attempt O(log n); neither allocates for each task.
#pragma once

#include <utility>

#include "base/assert.hpp"
#include "base/fifo.hpp"
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
 public:
  /// Its attempt must be newer than all that are here.
  void push(Task&& task, std::uint32_t sequence, bool gathers = false) {
    FANMILL_ASSERT(newest() < task.attempt, task.attempt);
    QueuedTask& added = list_.add();
    added.task = std::move(task);
    added.sequence = sequence;
    added.gathers = gathers;
    added.gone = false;
    size_ += 1;
  }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  ///@{
  /// Not of an empty one.
  [[nodiscard]] QueuedTask& front() { return list_.front(); }
  [[nodiscard]] const QueuedTask& front() const { return list_.front(); }
  /// Its payload was moved away.
  void pop_front() {
    list_.forget_front();
    size_ -= 1;
    if (list_.size() != size_) trim();
  }
  ///@}
  [[nodiscard]] AttemptId newest() const {
    return list_.empty() ? AttemptId{} : list_.back().task.attempt;
  }
  [[nodiscard]] bool contains(AttemptId attempt) const { return find(attempt) != list_.size(); }
  /// Null if it isn't here.
  [[nodiscard]] Task* find_task(AttemptId attempt) {
    const std::size_t place = find(attempt);
    return place == list_.size() ? nullptr : &list_[place].task;
  }
  /// Whether it was here.
  bool erase(AttemptId attempt) {
    const std::size_t place = find(attempt);
    if (place == list_.size()) return false;
    drop(list_[place]);
    trim();
    return true;
  }
  /// Takes out those of which `visit(QueuedTask&)` says true. In their order.
  template <typename Visit>
  void erase_if(const Visit& visit) {
    for (std::size_t place = 0; place < list_.size(); ++place) {
      QueuedTask& each = list_[place];
      if (!each.gone && visit(each)) drop(each);
    }
    trim();
  }
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (std::size_t place = 0; place < list_.size(); ++place) {
      if (!list_[place].gone) visit(list_[place]);
    }
  }

 private:
  /// The end of the list if it isn't here.
  [[nodiscard]] std::size_t find(AttemptId attempt) const {
    std::size_t first = 0;
    for (std::size_t end = list_.size(); first < end;) {
      const std::size_t middle = first + (end - first) / 2;
      if (list_[middle].task.attempt < attempt) {
        first = middle + 1;
      } else {
        end = middle;
      }
    }
    const bool is_here = first < list_.size() && list_[first].task.attempt == attempt;
    return is_here && !list_[first].gone ? first : list_.size();
  }
  void drop(QueuedTask& each) {
    each.gone = true;
    each.task.payload = {};
    size_ -= 1;
  }
  // What is gone stays only between two that are here, and not for ever.
  void trim() {
    constexpr std::size_t gone_min = 64;
    if (list_.size() > 2 * size_ + gone_min) {
      Fifo<QueuedTask> here;
      for (; !list_.empty(); list_.pop_front()) {
        if (!list_.front().gone) here.push_back(std::move(list_.front()));
      }
      list_ = std::move(here);
    }
    while (!list_.empty() && list_.front().gone) list_.pop_front();
    while (!list_.empty() && list_.back().gone) list_.pop_back();
  }

  Fifo<QueuedTask> list_;
  std::size_t size_ = 0;
};

}  // namespace fanmill::core
