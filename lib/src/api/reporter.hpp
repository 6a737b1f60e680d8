// Reporter: tells events to people (lines on standard error) and to the user's observer, on a
// thread of its own, so that a slow terminal or observer never holds up the manager's loop.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <fanmill/observer.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "core/manager_actions.hpp"

namespace fanmill::api {

struct ReporterOptions {
  int verbose = 0;  // lines of events up to this level
  bool timestamps = false;
  Observer observer;  // may be empty
  std::FILE* lines_to = stderr;
  std::size_t events_waiting_max = 65536;
};

class Reporter {
 public:
  explicit Reporter(ReporterOptions options);
  /// Tells what waits, then ends the thread.
  ~Reporter();
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  /// From the loop's thread. Never blocks for long; drops what is too much.
  void tell(core::Observation&& observation);
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  void work();
  void tell_all(std::vector<Event>& events, std::uint64_t dropped);

  ReporterOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Event> waiting_;
  std::uint64_t dropped_ = 0;        // in all
  std::uint64_t dropped_since_ = 0;  // and not yet said
  bool ending_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace fanmill::api
