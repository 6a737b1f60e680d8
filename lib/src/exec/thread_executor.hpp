// ThreadExecutor: runs functions on threads of this process, as many as it has slots. Tasks that
// wait are taken from one queue, one by one, so that a thread goes on with the next without a word from
// the loop, and no short task waits behind a long one while another thread is free. Neither taking one
// nor calling it off needs a lock; its end needs one that nobody else asks for, but for the first since all
// that had ended were taken.
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
  std::uint32_t ahead = 0;          // tasks that may wait for a thread
  Duration spin{};                  // how long a thread looks for its next task before it sleeps
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
  [[nodiscard]] std::uint32_t ahead_count() const override;
  void start(std::uint32_t slot, Invocation&& invocation) override;
  void publish() override;
  bool flush(bool looks_soon) override;
  /// One that waits is revoked.
  void stop(std::uint32_t slot) override;
  void revoke(std::uint32_t slot) override;
  [[nodiscard]] int completions_fd() const override;
  void set_helper(Helper helper) override;
  void take(std::vector<Completion>& out) override;
  bool wait_idle(Duration limit) override;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // with the threads, which may outlive this object
  Duration leave_grace_;
  bool has_helper_ = false;  // and so a loop that calls `publish` and `flush` for each turn
};

}  // namespace fanmill::exec
