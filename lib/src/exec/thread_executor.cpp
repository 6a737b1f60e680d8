#include "exec/thread_executor.hpp"

#include <condition_variable>
#include <fanmill/error.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/assert.hpp"
#include "base/wakeup.hpp"
#include "exec/invoke.hpp"

namespace fanmill::exec {
struct ThreadExecutor::Shared {
  struct Slot {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Invocation> waiting;
    std::stop_source stop;
    bool stop_given = false;  // its stop source is spent, also if the stopper has yet to get to it
    bool busy = false;        // from start() until the completion is queued
    bool leaving = false;
  };

  explicit Shared(std::vector<Function> own_functions, std::uint32_t slot_count)
      : functions(std::move(own_functions)), slots(slot_count) {}

  void run_slot(std::uint32_t index);
  void run_stopper();
  void complete(Completion completion);
  void request_stop(std::stop_source stop);

  const std::vector<Function> functions;
  std::vector<Slot> slots;

  Wakeup wakeup;
  std::mutex mutex;  // for all below
  std::condition_variable idle_changed;
  std::uint32_t busy_count = 0;
  std::vector<Completion> completions;  // at most one for each slot
  std::uint32_t threads_count = 0;      // not yet ended
  std::condition_variable stopper_changed;
  std::vector<std::stop_source> stops;
  bool leaving = false;
};

void ThreadExecutor::Shared::complete(Completion completion) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex);
    was_empty = completions.empty();
    FANMILL_ASSERT(completions.size() < slots.size(), completion.slot, completion.attempt);
    completions.push_back(std::move(completion));
    busy_count -= 1;
    if (busy_count == 0) idle_changed.notify_all();
  }
  if (was_empty) wakeup.signal();
}

void ThreadExecutor::Shared::run_slot(std::uint32_t index) {
  Slot& slot = slots[index];
  for (;;) {
    Invocation invocation;
    std::stop_token stop;
    {
      std::unique_lock lock(slot.mutex);
      slot.changed.wait(lock, [&] { return slot.waiting.has_value() || slot.leaving; });
      if (!slot.waiting.has_value()) break;
      invocation = *std::exchange(slot.waiting, std::nullopt);
      stop = slot.stop.get_token();
    }
    Completion completion = invoke(functions, invocation, stop);
    completion.slot = index;
    {
      const std::lock_guard lock(slot.mutex);
      slot.busy = false;
    }
    complete(std::move(completion));
  }
  const std::lock_guard lock(mutex);
  threads_count -= 1;
  idle_changed.notify_all();
}

// request_stop() runs the callbacks that user code has registered, and they may take their time.
void ThreadExecutor::Shared::run_stopper() {
  std::unique_lock lock(mutex);
  for (;;) {
    stopper_changed.wait(lock, [&] { return !stops.empty() || leaving; });
    if (stops.empty()) break;
    auto batch = std::exchange(stops, {});
    lock.unlock();
    for (std::stop_source& stop : batch) stop.request_stop();
    batch.clear();
    lock.lock();
  }
  threads_count -= 1;
  idle_changed.notify_all();
}

void ThreadExecutor::Shared::request_stop(std::stop_source stop) {
  const std::lock_guard lock(mutex);
  stops.push_back(std::move(stop));
  stopper_changed.notify_one();
}

ThreadExecutor::ThreadExecutor(ThreadExecutorOptions options) : leave_grace_(options.leave_grace) {
  FANMILL_ASSERT(!options.functions.empty() && options.slots >= 1, options.slots);
  shared_ = std::make_shared<Shared>(std::move(options.functions), options.slots);
  // Each thread holds what it uses and is never joined: one that is deaf could not be.
  const auto launch = [this](auto body) {
    std::thread thread(std::move(body));
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->threads_count += 1;
    }
    thread.detach();
  };
  try {
    for (std::uint32_t slot = 0; slot < options.slots; ++slot) {
      launch([shared = shared_, slot] { shared->run_slot(slot); });
    }
    launch([shared = shared_] { shared->run_stopper(); });
  } catch (const std::system_error& error) {
    for (Shared::Slot& slot : shared_->slots) {
      const std::lock_guard lock(slot.mutex);
      slot.leaving = true;
      slot.changed.notify_all();
    }
    throw FarmError(ErrorCode::io_error, "can't start " + std::to_string(options.slots) +
                                             " threads for as many slots: " + error.what());
  }
}

ThreadExecutor::~ThreadExecutor() {
  for (Shared::Slot& slot : shared_->slots) {
    const std::lock_guard lock(slot.mutex);
    slot.leaving = true;
    if (slot.busy) shared_->request_stop(slot.stop);
    slot.changed.notify_all();
  }
  std::unique_lock lock(shared_->mutex);
  shared_->leaving = true;
  shared_->stopper_changed.notify_all();
  shared_->idle_changed.wait_for(lock, leave_grace_, [&] { return shared_->threads_count == 0; });
}

std::uint32_t ThreadExecutor::slot_count() const {
  return static_cast<std::uint32_t>(shared_->slots.size());
}

void ThreadExecutor::start(std::uint32_t index, Invocation invocation) {
  FANMILL_ASSERT(index < shared_->slots.size(), index);
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->busy_count += 1;
  }
  Shared::Slot& slot = shared_->slots[index];
  const std::lock_guard lock(slot.mutex);
  FANMILL_ASSERT(!slot.busy, index, invocation.attempt);
  slot.busy = true;
  // A fresh one only where the last was used: making one allocates.
  if (std::exchange(slot.stop_given, false)) slot.stop = std::stop_source();
  slot.waiting = std::move(invocation);
  slot.changed.notify_one();
}

void ThreadExecutor::stop(std::uint32_t index) {
  FANMILL_ASSERT(index < shared_->slots.size(), index);
  Shared::Slot& slot = shared_->slots[index];
  const std::lock_guard lock(slot.mutex);
  if (!slot.busy || slot.stop_given) return;
  slot.stop_given = true;
  shared_->request_stop(slot.stop);
}

int ThreadExecutor::completions_fd() const { return shared_->wakeup.fd(); }

void ThreadExecutor::take(std::vector<Completion>& out) {
  shared_->wakeup.clear();
  const std::lock_guard lock(shared_->mutex);
  for (Completion& completion : shared_->completions) out.push_back(std::move(completion));
  shared_->completions.clear();
}

bool ThreadExecutor::wait_idle(Duration limit) {
  std::unique_lock lock(shared_->mutex);
  return shared_->idle_changed.wait_for(lock, limit, [&] { return shared_->busy_count == 0; });
}

}  // namespace fanmill::exec
