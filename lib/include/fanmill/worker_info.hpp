// WorkerInfo: what a manager knows about one of its workers at one moment.
#pragma once

#include <chrono>
#include <cstdint>
#include <fanmill/export.hpp>
#include <string>

namespace fanmill::inline v0 {

/// A copy as of one moment (`Manager::workers`).
struct WorkerInfo {
  /// Whether it can be counted on.
  enum class State : std::uint8_t {
    live,      ///< takes tasks
    suspect,   ///< silent for a while: gets no new tasks until it is heard again
    lost,      ///< its connection is gone; its tasks wait a moment for its return
    draining,  ///< finishes what it holds, then leaves
  };
  std::string name;              ///< "host:pid"
  std::string address;           ///< where its connection comes from: "10.0.0.7:53122", "pid 4711"
  std::string software;          ///< "fanmill 0.1.0"
  State state = State::live;     ///< at that moment
  std::uint32_t slots = 0;       ///< tasks that it runs at once
  std::uint32_t held = 0;        ///< tasks that it was given and has not answered
  std::uint64_t tasks_done = 0;  ///< tasks that it has answered, with a result or an error
  std::chrono::nanoseconds busy{0};  ///< time that its functions ran
  std::string kills_reach;           ///< in words: "all descendants at once"
};

/// The state's name as it stands above; "unknown" for a number that is none.
FANMILL_EXPORT const char* to_string(WorkerInfo::State state) noexcept;

}  // namespace fanmill::inline v0
