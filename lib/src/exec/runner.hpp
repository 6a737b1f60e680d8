// Runner: the part of a keeper that runs its tasks: programs (program_runner.hpp) or functions
// (function_runner.hpp). The keeper's loop lends it its poll, its clock and its link to the worker.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exec/keeper.hpp"
#include "exec/ledger.hpp"
#include "exec/post.hpp"

namespace fanmill::exec {

using SteadyClock = std::chrono::steady_clock;

/// What a keeper's parts share.
struct Household {
  const KeeperOptions& options;
  Post& post;
  Ledger& ledger;
  ProcessTree& tree;
  TaskLimits rlimits;         // of the task: what the tree's cgroup can't do
  std::vector<pid_t> spared;  // children that are no task's: wardens
};

class Runner {
 public:
  Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  virtual ~Runner() = default;

  /// An order to run something, as it came, too.
  virtual void take(Order&& order, std::string&& packed) = 0;
  /// Nothing happens if it has ended.
  virtual void stop(AttemptId attempt) = 0;
  /// Nothing happens if it has begun.
  virtual void give_back(AttemptId attempt) = 0;
  /// Of a task that passes its output on: `take_output` or `drop_output`.
  virtual void take_output(const Order& /*order*/) {}
  /// Begins what waits, as far as it may.
  virtual void advance() = 0;

  /// Of what it runs; the same number each time, -1 for none.
  virtual void add_items(std::vector<pollfd>& items) const = 0;
  virtual void handle(const pollfd* items) = 0;
  [[nodiscard]] virtual std::optional<SteadyClock::time_point> due() const = 0;
  virtual void pass_deadline() = 0;

  /// The process that runs tasks, -1 if there is none.
  [[nodiscard]] virtual pid_t process() const = 0;
  [[nodiscard]] virtual bool owns(pid_t pid) const = 0;
  /// In a child of this process, which is another's: closes what is not its own.
  virtual void let_go() = 0;
};

std::unique_ptr<Runner> make_program_runner(Household& household);
std::unique_ptr<Runner> make_function_runner(Household& household);

}  // namespace fanmill::exec
