#include "exec/thread_executor.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <fanmill/error.hpp>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/assert.hpp"
#include "base/spin.hpp"
#include "base/wakeup.hpp"
#include "exec/invoke.hpp"

namespace fanmill::exec {
struct ThreadExecutor::Shared {
  struct Slot {
    enum class State : std::uint8_t { idle, waiting, running };
    State state = State::idle;  // until its completion is queued
    std::uint32_t serial = 0;   // of its tasks: tells those that are in the queue from former ones
    Invocation invocation;      // while it waits
    std::stop_source stop{std::nostopstate};
    bool stop_given = false;  // its stop source is spent, also if the stopper has yet to get to it
  };
  struct Waiting {
    std::uint32_t slot = 0;
    std::uint32_t serial = 0;
  };
  struct Started {
    std::uint32_t slot = 0;
    Invocation invocation;
  };

  explicit Shared(ThreadExecutorOptions&& options)
      : functions(std::move(options.functions)),
        thread_count(options.slots),
        spin(options.spin),
        slots(options.slots + options.ahead) {}

  void run_thread();
  void await_work(std::unique_lock<std::mutex>& lock);
  void publish(const std::unique_lock<std::mutex>& lock);
  void enqueue(Started&& one);
  void run_stopper();
  void complete(std::unique_lock<std::mutex>& lock, Completion completion, bool gathers = false);
  Helped offer(std::unique_lock<std::mutex>& lock, Completion& completion);
  bool revoke(std::unique_lock<std::mutex>& lock, std::uint32_t index);
  void request_stop(std::stop_source stop);
  /// Else it was revoked, and its slot may have another task.
  [[nodiscard]] bool waits(const Waiting& entry) const {
    const Slot& slot = slots[entry.slot];
    return slot.serial == entry.serial && slot.state == Slot::State::waiting;
  }

  const std::vector<Function> functions;
  const std::uint32_t thread_count;  // that run functions
  const Duration spin;
  std::atomic<std::uint32_t> begun =
      0;  // how often there was something new; looked at while spinning

  Wakeup wakeup;
  // What was started in a turn and waits for its end. The threads don't ask for this lock, of which a turn
  // needs one for each task; for the other it needs one in all.
  std::mutex started_mutex;
  std::vector<Started> started;

  std::mutex mutex;  // for all below
  std::vector<Started> publishing;
  std::vector<Slot> slots;
  std::deque<Waiting> queue;      // also what was revoked meanwhile
  std::size_t waiting_count = 0;  // of those in the queue that were not
  std::uint32_t idle_threads = 0;
  std::uint32_t wakes_due = 0;  // of idle threads, for what was started
  bool is_unbegun = false;      // started, and nobody told
  std::condition_variable work_came;
  std::condition_variable idle_changed;
  std::uint32_t busy_count = 0;
  std::vector<Completion> completions;  // at most one for each slot
  bool is_told = false;                 // that there are some, since they were last taken
  bool looks_soon = false;              // the loop takes them soon by itself
  std::size_t few_waiting = 0;          // with no more in the queue the loop is told all the same
  std::shared_ptr<const Helper> helper;
  std::uint32_t threads_left = 0;  // not yet ended
  std::condition_variable stopper_changed;
  std::vector<std::stop_source> stops;
  bool leaving = false;
};

/// From a thread that ran a function, which has lock. With more in the queue it goes on with that,
/// and many results share a message.
ThreadExecutor::Helped ThreadExecutor::Shared::offer(std::unique_lock<std::mutex>& lock,
                                                     Completion& completion) {
  if (!helper || !queue.empty() || !completions.empty()) return Helped::no;
  slots[completion.slot].state = Slot::State::idle;  // it may be started again before this returns
  const std::shared_ptr<const Helper> mine = helper;
  idle_threads += 1;  // for whatever is started meanwhile
  lock.unlock();
  const Helped helped = (*mine)(completion);
  if (helped == Helped::yes_and_wake) wakeup.signal();
  lock.lock();
  publish(lock);
  idle_threads -= 1;
  if (helped == Helped::no) return helped;
  busy_count -= 1;
  if (busy_count == 0) idle_changed.notify_all();
  // One of those that were started then is this thread's.
  std::uint32_t wakes = std::exchange(wakes_due, 0);
  for (; wakes > 1; --wakes) work_came.notify_one();
  if (std::exchange(is_unbegun, false)) begun += 1;
  return helped;
}

/// What was started is the threads' from here on.
void ThreadExecutor::Shared::publish(const std::unique_lock<std::mutex>& lock) {
  FANMILL_ASSERT(lock.owns_lock());
  {
    const std::lock_guard started_lock(started_mutex);
    publishing.swap(started);
  }
  for (Started& one : publishing) enqueue(std::move(one));
  publishing.clear();
}

void ThreadExecutor::Shared::enqueue(Started&& one) {
  Slot& slot = slots[one.slot];
  FANMILL_ASSERT(slot.state == Slot::State::idle, one.slot, one.invocation.attempt);
  slot.state = Slot::State::waiting;
  slot.serial += 1;
  // A fresh one only where the last was used: making one allocates.
  if (std::exchange(slot.stop_given, false) || !slot.stop.stop_possible())
    slot.stop = std::stop_source();
  slot.invocation = std::move(one.invocation);
  queue.push_back({.slot = one.slot, .serial = slot.serial});
  // Behind a task that lasts, what was revoked could pile up.
  if (queue.size() > 2 * slots.size())
    std::erase_if(queue, [&](const auto& each) { return !waits(each); });
  busy_count += 1;
  if (idle_threads > wakes_due) wakes_due += 1;
  is_unbegun = true;
  waiting_count += 1;
  few_waiting = waiting_count / 2;
}

/// Lets go of the lock for the system call that wakes the loop up. That costs more than a short task,
/// so it is put off while there is enough to do and the loop will look.
void ThreadExecutor::Shared::complete(std::unique_lock<std::mutex>& lock, Completion completion,
                                      bool gathers) {
  Slot& slot = slots[completion.slot];
  slot.state = Slot::State::idle;
  FANMILL_ASSERT(completions.size() < slots.size(), completion.slot, completion.attempt);
  completions.push_back(std::move(completion));
  busy_count -= 1;
  if (busy_count == 0) idle_changed.notify_all();
  if (is_told || (gathers && looks_soon && waiting_count > few_waiting)) return;
  is_told = true;
  lock.unlock();
  wakeup.signal();
  lock.lock();
}

/// If it has not begun.
bool ThreadExecutor::Shared::revoke(std::unique_lock<std::mutex>& lock, std::uint32_t index) {
  Slot& slot = slots[index];
  if (slot.state != Slot::State::waiting) return false;
  const AttemptId attempt = slot.invocation.attempt;
  slot.invocation = {};
  waiting_count -= 1;
  complete(lock, {.slot = index, .attempt = attempt, .kind = Completion::Kind::revoked});
  return true;
}

void ThreadExecutor::Shared::await_work(std::unique_lock<std::mutex>& lock) {
  if (spin > Duration::zero() && queue.empty() && !leaving) {
    const std::uint32_t seen = begun;
    lock.unlock();
    (void)spin_until(spin, [&] { return begun != seen; });
    lock.lock();
  }
  idle_threads += 1;
  work_came.wait(lock, [&] { return !queue.empty() || leaving; });
  idle_threads -= 1;
}

void ThreadExecutor::Shared::run_thread() {
  std::unique_lock lock(mutex);
  for (;;) {
    await_work(lock);
    if (leaving) break;
    const Waiting next = queue.front();
    queue.pop_front();
    if (!waits(next)) continue;
    waiting_count -= 1;
    Slot& slot = slots[next.slot];
    slot.state = Slot::State::running;
    Invocation invocation = std::move(slot.invocation);
    const std::stop_token stop = slot.stop.get_token();
    lock.unlock();
    Completion completion = invoke(functions, invocation, stop);
    completion.slot = next.slot;
    const bool gathers = invocation.gathers;
    invocation = {};
    lock.lock();
    if (offer(lock, completion) == Helped::no) complete(lock, std::move(completion), gathers);
  }
  threads_left -= 1;
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
  threads_left -= 1;
  idle_changed.notify_all();
}

void ThreadExecutor::Shared::request_stop(std::stop_source stop) {
  stops.push_back(std::move(stop));
  stopper_changed.notify_one();
}

ThreadExecutor::ThreadExecutor(ThreadExecutorOptions options) : leave_grace_(options.leave_grace) {
  FANMILL_ASSERT(!options.functions.empty() && options.slots >= 1, options.slots);
  shared_ = std::make_shared<Shared>(std::move(options));
  // Each thread holds what it uses and is never joined: one that is deaf could not be.
  const auto launch = [this](auto body) {
    std::thread thread(std::move(body));
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->threads_left += 1;
    }
    thread.detach();
  };
  try {
    for (std::uint32_t i = 0; i < shared_->thread_count; ++i)
      launch([shared = shared_] { shared->run_thread(); });
    launch([shared = shared_] { shared->run_stopper(); });
  } catch (const std::system_error& error) {
    const std::lock_guard lock(shared_->mutex);
    shared_->leaving = true;
    shared_->work_came.notify_all();
    throw FarmError(ErrorCode::io_error, "can't start " + std::to_string(options.slots) +
                                             " threads for as many slots: " + error.what());
  }
}

ThreadExecutor::~ThreadExecutor() {
  std::unique_lock lock(shared_->mutex);
  shared_->leaving = true;
  shared_->begun += 1;
  for (Shared::Slot& slot : shared_->slots) {
    if (slot.state == Shared::Slot::State::running) shared_->request_stop(slot.stop);
  }
  shared_->work_came.notify_all();
  shared_->stopper_changed.notify_all();
  shared_->idle_changed.wait_for(lock, leave_grace_, [&] { return shared_->threads_left == 0; });
}

std::uint32_t ThreadExecutor::slot_count() const { return shared_->thread_count; }

std::uint32_t ThreadExecutor::ahead_count() const {
  return static_cast<std::uint32_t>(shared_->slots.size()) - shared_->thread_count;
}

void ThreadExecutor::start(std::uint32_t index, Invocation invocation) {
  FANMILL_ASSERT(index < shared_->slots.size(), index);
  {
    const std::lock_guard lock(shared_->started_mutex);
    shared_->started.push_back({.slot = index, .invocation = std::move(invocation)});
  }
  if (!has_helper_) flush(false);
}

bool ThreadExecutor::flush(bool looks_soon) {
  std::uint32_t wakes = 0;
  bool tells = false;
  {
    std::unique_lock lock(shared_->mutex);
    shared_->publish(lock);
    wakes = std::exchange(shared_->wakes_due, 0);
    if (std::exchange(shared_->is_unbegun, false)) shared_->begun += 1;
    looks_soon = looks_soon && shared_->waiting_count > 0;
    shared_->looks_soon = looks_soon;
    if (!looks_soon && !shared_->completions.empty())
      tells = !std::exchange(shared_->is_told, true);
  }
  for (; wakes > 0; --wakes) shared_->work_came.notify_one();
  if (tells) shared_->wakeup.signal();
  return looks_soon;
}

void ThreadExecutor::stop(std::uint32_t index) {
  FANMILL_ASSERT(index < shared_->slots.size(), index);
  std::unique_lock lock(shared_->mutex);
  shared_->publish(lock);
  Shared::Slot& slot = shared_->slots[index];
  if (shared_->revoke(lock, index)) return;
  if (slot.state == Shared::Slot::State::idle || slot.stop_given) return;
  slot.stop_given = true;
  shared_->request_stop(slot.stop);
}

void ThreadExecutor::revoke(std::uint32_t index) {
  FANMILL_ASSERT(index < shared_->slots.size(), index);
  std::unique_lock lock(shared_->mutex);
  shared_->publish(lock);
  shared_->revoke(lock, index);
}

int ThreadExecutor::completions_fd() const { return shared_->wakeup.fd(); }

void ThreadExecutor::set_helper(Helper helper) {
  has_helper_ = true;
  const std::lock_guard lock(shared_->mutex);
  shared_->helper = std::make_shared<const Helper>(std::move(helper));
}

void ThreadExecutor::take(std::vector<Completion>& out) {
  shared_->wakeup.clear();
  const std::lock_guard lock(shared_->mutex);
  if (out.empty()) out.swap(shared_->completions);
  for (Completion& completion : shared_->completions) out.push_back(std::move(completion));
  shared_->completions.clear();
  shared_->is_told = false;
}

bool ThreadExecutor::wait_idle(Duration limit) {
  flush(false);
  std::unique_lock lock(shared_->mutex);
  return shared_->idle_changed.wait_for(lock, limit, [&] { return shared_->busy_count == 0; });
}

}  // namespace fanmill::exec
