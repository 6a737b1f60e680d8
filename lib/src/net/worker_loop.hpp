// The shell around core::Worker: the socket, the clock, the signals, and an executor that runs the
// tasks.
//
// User code never runs on this thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/worker.hpp"
#include "exec/executor.hpp"
#include "net/dealer.hpp"

namespace fanmill::net {

struct WorkerLoopOptions {
  /// `manager_lost_after` is filled in: 0 if all endpoints are of this host, else
  /// limits::grace_remote.
  core::WorkerOptions core;
  /// Of one manager, tried in turn: its socket on this host first, then its port. At least one.
  std::vector<std::string> endpoints;
  /// For endpoints of tcp; nothing: unencrypted.
  std::optional<ClientKeys> keys;
  /// How long to look for something to do without sleeping after there was something; 0: not at all.
  Duration spin{};
  /// From the thread that has the loop's turn. Level 0: always to be shown, 1: joins and leaves, 2: tasks.
  std::function<void(int level, const std::string& text)> log;
  /// Words of a higher level are not even made.
  int log_level = 1;
  /// SIGTERM and SIGINT stop the worker. At most one worker of a process.
  bool handle_signals = true;
  /// A descriptor that stops the worker, without a drain, when it becomes readable; -1: none. Not
  /// read from.
  int stop_fd = -1;
  /// How the process is ended when it must not go on; see run_worker. Null: _exit. Tests put
  /// something else here; if that returns, run_worker returns the status.
  std::function<void(int status)> exit_process;
};

/// Runs a worker on the calling thread until it ends; returns its exit status (core::ExitStatus).
/// `executor` has as many slots as `options.core.slots`.
///
/// Does not return but ends the process with that status, at once and without destructors, in two
/// cases: a monitored worker whose running task was killed or whose manager was lost while it
/// computed; and a function that was told to stop and is still running after `leave_grace`: its
/// thread can't be ended in any other way.
///
/// An endpoint that can't be parsed, or whose host is unknown, is logged at level 0 and ends it
/// with status 5; so does a hello that can't be encoded (names or cookie). When descriptors run out
/// the status is 1, as of a crash: a restart may help.
int run_worker(WorkerLoopOptions options, exec::Executor& executor);

}  // namespace fanmill::net
