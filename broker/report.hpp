// Report: what a run shows while it goes and at its end, on standard error. Results go to standard
// output.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <fanmill/counters.hpp>
#include <fanmill/worker_info.hpp>
#include <string>
#include <vector>

namespace fanmill::broker {

class Report {
 public:
  /// `progress`: a line that is written over itself; for terminals.
  explicit Report(bool progress);
  ~Report();
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  /// So many items there are. From any thread.
  void items_counted(std::uint64_t items) { items_ = items; }
  /// An item has ended. Writes the progress line, at most ten times a second.
  void item_ended(bool with_result);
  /// Before something is written to standard output: on the same terminal the progress line would
  /// run into it.
  void make_way() {
    if (shares_terminal_) clear_progress();
  }
  /// A line of its own.
  void say(const std::string& line);
  /// `workers`: those that are there at the end.
  void print_summary(const Counters& counters, const std::vector<WorkerInfo>& workers);

  [[nodiscard]] std::uint64_t ended() const { return ended_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  void clear_progress();
  void draw(std::chrono::steady_clock::time_point now);

  bool progress_;
  bool shares_terminal_;
  bool shown_ = false;
  std::atomic<std::uint64_t> items_ = 0;  // 0: not known
  std::uint64_t ended_ = 0;
  std::uint64_t failed_ = 0;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace fanmill::broker
