// UnsentTasks: keeps the counts of a session true when a task could not be sent.
//
// Manager and worker tell each other numbers, "so many of your tasks were started", "so many of
// your results were recorded". A task that the core has ordered but the shell could not send (its
// payload can't be converted, or is too large) is answered by the shell in the worker's name. The
// core then counts a task and a result more than the worker.
#pragma once

#include <cstdint>
#include <deque>

namespace fanmill::net {

class UnsentTasks {
 public:
  /// The core ordered the next task of the session, and it
  void sent() { ordered_ += 1; }  // was sent, or
  void unsent() {                 // was not.
    ordered_ += 1;
    positions_.push_back(ordered_);
  }
  /// The core was told the result that stands for one that was not sent.
  void answered() { answered_ += 1; }

  /// The core's count for the worker's count of started tasks. Such counts come in rising order.
  std::uint32_t started(std::uint32_t by_worker) {
    // Each unsent task before that position shifts it by one.
    while (!positions_.empty() && positions_.front() <= by_worker + passed_) {
      positions_.pop_front();
      passed_ += 1;
    }
    return by_worker + passed_;
  }
  /// The worker's count for the core's count of recorded results.
  [[nodiscard]] std::uint32_t acknowledged(std::uint32_t by_core) const {
    return by_core - answered_;
  }

 private:
  std::uint32_t ordered_ = 0;
  std::uint32_t answered_ = 0;
  std::uint32_t passed_ = 0;
  std::deque<std::uint32_t> positions_;  // of unsent tasks in the core's order, from 1
};

}  // namespace fanmill::net
