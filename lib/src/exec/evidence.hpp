// Evidence: how a process that ran a task ended, and what it took.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"

namespace fanmill::exec {

struct Evidence {
  enum class How : std::uint8_t {
    returned,         // a function's process goes on: it gave a result, or an error of its own
    exited,           // number: the exit status
    signalled,        // number: the signal, which was not ours
    out_of_memory,    // the kernel ended it at its memory limit; number: the signal
    limit,            // ended at its own limit of wall or processor time
    stopped,          // ended because we were told to
    could_not_start,  // number: errno; text says more
    keeper_lost,      // the process that watched over it was killed itself
  };
  How how = How::returned;
  std::int32_t number = 0;
  Duration wall{};           // from its start to its end
  Duration cpu{};            // of the process and those of its descendants that were waited for
  std::uint64_t memory = 0;  // the most that one of them had resident, bytes; 0: unknown
  double started = 0;        // by the wall clock, for people: seconds since 1970
  std::string text;          // could_not_start: why; limit: which
};

/// "exit 3", "signal 11 (SIGSEGV)", "out of memory", "time limit": the type of the error that a
/// task ends with.
std::string to_string(const Evidence& evidence);

}  // namespace fanmill::exec
