// serve: makes this process (or this thread of it) a worker.
//
//     int main() {
//       return fanmill::serve([](std::uint64_t n) { return factor(n); });
//     }
//
// The calling thread speaks the protocol; functions run on threads of their own, one for each slot,
// or in processes of their own (Execution::forked), which can be ended whatever they do.
//
// EXIT STATUSES. A loop around the program can tell from them whether to start it again:
//
//     while :; do ./my_worker; [ $? -eq 5 ] && break; done
//
//   5       do not start me again: the manager said goodbye, drained or refused me; SIGTERM; I
//           gave up waiting for a manager, or found none; or my options are wrong
//   6       monitored: my task was killed while it ran
//   7       monitored: my manager was lost while my task ran
//   others  I crashed
#pragma once

#include <chrono>
#include <cstdint>
#include <fanmill/export.hpp>
#include <fanmill/function.hpp>
#include <fanmill/join.hpp>
#include <fanmill/task_limits.hpp>
#include <string>
#include <vector>

namespace fanmill::inline v0 {

/// Where the functions of a worker run.
enum class Execution : std::uint8_t {
  /// On threads of this process. The fastest; a kill asks them to stop, by their stop token.
  threads,
  /// Each slot in a process of its own, forked from this one before anything else happens. A kill
  /// ends it with all that it has started, and a crash is the task's alone: the worker and its
  /// connection live on. Functions see the program as it was when `serve` was called; what they
  /// change stays in their process, which serves one task after another until it is ended. This
  /// process must have one thread only: serve first thing in main().
  forked,
};

/// What a kill reaches, from least to most. A worker uses the best that its host has.
enum class Containment : std::uint8_t {
  process_group,  ///< what stayed in the task's process group
  subreaper,      ///< all its descendants, found one after another
  cgroup,         ///< all its descendants, in one step of the kernel
};

/// What kind of worker. `serve` checks all of it and throws FarmError (invalid_argument) in words
/// that name the field.
struct ServeOptions {
  /// Tasks that run at once, each on a thread or in a process: 1 to 4096. All share one connection to
  /// the manager, which is why one worker with many slots on each host goes further than many workers.
  std::uint16_t slots = 1;

  /// Where they run.
  Execution execution = Execution::threads;

  /// Forked: what each task may use.
  TaskLimits limits = {};

  /// Forked: the best that is tried for. Lower it only where a better one does harm.
  Containment containment = Containment::cgroup;

  /// Ends the whole process, at once and without destructors, when a task that runs is killed
  /// (status 6) or the manager is lost meanwhile (status 7). For functions that do not look at
  /// their stop token, in a program that something starts again. Needs slots = 1 and threads.
  bool monitored = false;

  /// Tasks per slot to hold beside the running one, up to 4096; hides the way to the manager and
  /// back. 0: as the manager likes.
  std::uint32_t prefetch = 0;

  /// Bytes that a task may have which comes in parts, at most 1 GiB. A larger one is given back, and
  /// goes to another worker.
  std::size_t payload_bytes_max = std::size_t{1} << 30;

  /// 0 to 1 s: for so long after there was something to do, the worker's thread and, with
  /// Execution::threads, each thread that runs functions look for more without sleeping. See
  /// ManagerOptions::spin for what it gains and costs; there it is two threads, here one and one for
  /// each slot. 0: sleep at once.
  std::chrono::nanoseconds spin{0};

  /// Words about this worker that jobs will be able to ask for.
  std::vector<std::string> labels = {};

  /// How long to go on without a manager before giving up. FANMILL_GIVE_UP_AFTER (seconds, "2.5" is
  /// fine) in the environment is used if this is 0; without it, 60 s. While a connection stands that
  /// nobody answers on, 60 s at least: the manager's host may be busy.
  std::chrono::nanoseconds give_up_after{0};

  /// How long a worker that leaves, or whose manager is gone, waits for functions that were told to
  /// stop. After that the process ends, with status 5, whatever they do.
  std::chrono::nanoseconds leave_grace = std::chrono::seconds(2);

  /// On standard error: 0 only why the worker ended if that was its own fault, 1 connections, 2
  /// also tasks.
  int verbose = 0;

  /// SIGTERM and SIGINT make the worker say goodbye and leave. False for workers on threads of a
  /// larger program: they leave signals alone, and functions that do not stop are left behind on
  /// their threads instead of ending the process.
  bool handle_signals = true;
};

///@{
/// Works for the manager that `join` names until it ends; returns the exit status (always 5), or
/// ends the process itself with 6 or 7 when monitored. What went wrong stands on standard error.
/// Throws FarmError: invalid_argument for options outside their range or without a function,
/// bad_endpoint; join_not_found and io_error for keys that are missing or that others can read (for
/// endpoints of tcp); with Execution::forked also invalid_argument if this process has several threads,
/// io_error if it can't fork.
[[nodiscard]] FANMILL_EXPORT int serve(const Join& join, Function function,
                                       const ServeOptions& options = {});
[[nodiscard]] FANMILL_EXPORT int serve(const Join& join, const Functions& functions,
                                       const ServeOptions& options = {});
///@}

///@{
/// The same for the manager that `Join::find` finds. Throws nothing: an error is said on standard
/// error and 5 returned, so that a loop around the program ends.
[[nodiscard]] FANMILL_EXPORT int serve(Function function, const ServeOptions& options = {});
[[nodiscard]] FANMILL_EXPORT int serve(const Functions& functions,
                                       const ServeOptions& options = {});
///@}

}  // namespace fanmill::inline v0
