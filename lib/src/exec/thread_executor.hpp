// ThreadExecutor: runs functions on threads of this process, one for each slot.
//
// The fastest executor and the least contained: a stop only requests the function's stop token. A
// "deaf" function, which does not look at its token, keeps its thread and its slot until it
// returns. Stop callbacks that the function has registered are user code too: they run on a thread
// of the executor, never on the caller of `stop`.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "exec/executor.hpp"

namespace fanmill::exec {

struct ThreadExecutorOptions {
  std::vector<Function> functions;  // what Invocation::function counts; at least one
  std::uint32_t slots = 1;          // threads, at least 1
  Duration leave_grace =
      std::chrono::seconds(2);  // how long the destructor waits for stopped functions
};

class ThreadExecutor final : public Executor {
 public:
  /// Throws FarmError (io_error) when threads or descriptors run out.
  explicit ThreadExecutor(ThreadExecutorOptions options);
  /// Asks all running functions to stop and waits `leave_grace` for them. The thread of one that is
  /// deaf is left behind: it ends when the function returns, and what it uses lives as long.
  ~ThreadExecutor() override;

  [[nodiscard]] std::uint32_t slot_count() const override;
  void start(std::uint32_t slot, Invocation invocation) override;
  void stop(std::uint32_t slot) override;
  [[nodiscard]] int completions_fd() const override;
  void take(std::vector<Completion>& out) override;
  bool wait_idle(Duration limit) override;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // with the threads, which may outlive this object
  Duration leave_grace_;
};

}  // namespace fanmill::exec
