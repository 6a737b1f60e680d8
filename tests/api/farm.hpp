// A farm in one process: a manager, and workers on threads. What a test's functions do is up to the
// test; they may share memory with it, which is how tests wait for things to happen without looking
// at a clock.
#pragma once

#include <chrono>
#include <condition_variable>
#include <fanmill/fanmill.hpp>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

/// Worker threads; waits for them at its end, so the manager must end before it.
class WorkerThreads {
 public:
  void add(const fanmill::Join& join, fanmill::Functions functions,
           fanmill::ServeOptions options = {}) {
    options.handle_signals = false;
    // One that comes when the manager has gone already holds up the end of its test so long.
    if (options.give_up_after.count() == 0) options.give_up_after = std::chrono::seconds(5);
    threads_.emplace_back([this, join, functions = std::move(functions), options] {
      const int status = fanmill::serve(join, functions, options);
      const std::lock_guard lock(mutex_);
      statuses_.push_back(status);
    });
  }
  void add(const fanmill::Join& join, fanmill::Function function,
           fanmill::ServeOptions options = {}) {
    add(join, fanmill::Functions().add("only", std::move(function)), std::move(options));
  }
  /// Of all workers, when they have ended.
  std::vector<int> statuses() {
    threads_.clear();
    return statuses_;
  }

 private:
  std::mutex mutex_;
  std::vector<int> statuses_;
  std::vector<std::jthread> threads_;
};

struct Farm {
  explicit Farm(fanmill::ManagerOptions options = {}) : manager(std::move(options)) {}
  /// Returns when the workers have joined.
  Farm(std::size_t count, const fanmill::Function& function) {
    for (std::size_t i = 0; i < count; ++i) workers.add(manager.join(), function);
    if (!manager.wait_for_workers(count, std::chrono::seconds(60)))
      throw std::runtime_error("no workers came");
  }

  WorkerThreads workers;  // first: it outlives the manager
  fanmill::Manager manager;
};

/// Blocks until asked to stop: a task that only a kill ends.
inline void wait_for_stop(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, std::move(stop), [] { return false; });
}

/// Opens once; those that wait go on then.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};
