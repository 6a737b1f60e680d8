// FarmHost: hosts the manager of one run: signals, local workers, the summary and the exit status.
#pragma once

#include <fanmill/manager.hpp>
#include <functional>
#include <string>
#include <vector>

#include "report.hpp"
#include "run_arguments.hpp"

namespace fanmill::broker {

inline constexpr int exit_all_results = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_interrupted = 2;

/// Closes an inlet, or whatever else a feeding thread waits for, when it goes.
template <typename Closable>
class Closer {
 public:
  explicit Closer(Closable& closable) : closable_(closable) {}
  ~Closer() { closable_.close(); }
  Closer(const Closer&) = delete;
  Closer& operator=(const Closer&) = delete;

 private:
  Closable& closable_;
};

/// What is done in a farm.
struct HostedRun {
  /// Workers to start here: so many of this command. 0: none.
  std::size_t workers = 0;
  std::vector<std::string> worker_command;
  /// May be empty.
  Observer observer;
  /// Reads no more of the input. From any thread, at any time.
  std::function<void()> discard_input;
  /// Waits no more for who reads the output: the run is to stop at once. As above; may be empty.
  std::function<void()> give_up_output = {};
  /// The run; called once. What it throws is told and makes the run a failure.
  std::function<void(Manager&)> work;
};

/// Makes the manager, runs, cleans up. Returns the exit status.
int host_farm(const RunArguments& arguments, Report& report, const HostedRun& run);

}  // namespace fanmill::broker
