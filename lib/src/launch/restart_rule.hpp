// RestartRule: whether and when a worker program that has ended is started again.
//
// A value without clock or process: it is told how the program ended and how long it lived, and
// answers. One for each copy, for the copy's whole life. The exit statuses are those that every
// worker uses (FEATURES.md, M11).
#pragma once

#include <chrono>
#include <string>

#include "base/time.hpp"

namespace fanmill::launch {

// The same numbers as core::ExitStatus, which this layer may not include; a test compares the two.
inline constexpr int exit_do_not_restart = 5;
inline constexpr int exit_killed = 6;
inline constexpr int exit_manager_lost = 7;

/// How a process ended: an exit status, a signal, or neither if somebody else in this program
/// waited for it first.
struct ProcessEnd {
  int status = -1;  ///< 0 to 255; -1: no exit status
  int signal = 0;   ///< 0: no signal

  [[nodiscard]] bool exited_with(int wanted) const { return signal == 0 && status == wanted; }
  friend bool operator==(const ProcessEnd&, const ProcessEnd&) = default;
};

/// "exit status 6 (its task was killed)", "signal 11 (SIGSEGV)".
std::string to_string(const ProcessEnd& end);

struct RestartLimits {
  /// Before the first start after a crash; doubled for each further one.
  Duration backoff_first = std::chrono::milliseconds(100);
  /// The longest back-off. A farm whose manager restarts within this time loses no more than that.
  Duration backoff_max = std::chrono::seconds(10);
  /// A life this long makes the next back-off `backoff_first` again.
  Duration settled_after = std::chrono::seconds(10);
  /// A shorter life than this, ended by a crash, is an end at once.
  Duration at_once = std::chrono::seconds(1);
  /// So many ends at once in a row and the program is given up: it can't start on this host.
  unsigned ends_at_once_max = 5;
  /// Two starts of one copy are never closer together, so that even a program that does nothing but
  /// exit with status 6 can't keep a processor busy.
  Duration start_interval_min = std::chrono::milliseconds(10);
};

struct Verdict {
  enum class Kind {
    finished,  ///< the program said that it must not be started again
    restart,   ///< start it again `after` this long
    give_up,   ///< it will not come up; a person has to look
  };
  Kind kind = Kind::finished;
  Duration after{};

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

class RestartRule {
 public:
  explicit RestartRule(RestartLimits limits) : limits_(limits) {}

  /// The program ran for `lived` and ended.
  Verdict ended(const ProcessEnd& end, Duration lived);
  /// The program could not be started; `error_number` is errno's.
  Verdict could_not_start(int error_number);

  [[nodiscard]] unsigned ends_at_once() const { return ends_at_once_; }

 private:
  Verdict crashed_at_once();
  Duration next_backoff();

  RestartLimits limits_;
  unsigned doublings_ = 0;
  unsigned ends_at_once_ = 0;  // in a row
  bool has_run_ = false;
};

}  // namespace fanmill::launch
