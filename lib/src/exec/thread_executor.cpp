#include "exec/thread_executor.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <fanmill/error.hpp>
#include <iterator>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/assert.hpp"
#include "base/spin.hpp"
#include "base/wakeup.hpp"
#include "exec/invoke.hpp"
#include "exec/task_ring.hpp"

namespace fanmill::exec {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t line = 64;  // that one processor writes and another reads
// For a thread to come to rest that runs no user code; it takes a microsecond, and a slice of time of
// each other process on a busy machine.
constexpr Duration settling_max = std::chrono::seconds(10);
constexpr std::size_t ahead = 3;  // so many tasks or ends before it is needed a line is asked for

/// Where the task of a slot is, in one word, so that of its thread and whoever calls it off one comes
/// first. The number of the task is in it, as its entry in the ring may be found when the slot has another.
enum class Phase : std::uint64_t {
  idle,     // none, or its completion is known
  waiting,  // in the ring
  running,  // a thread's
};
constexpr std::uint64_t word_of(std::uint32_t serial, Phase phase) {
  return std::uint64_t{serial} << 2U | static_cast<std::uint64_t>(phase);
}
constexpr Phase phase_of(std::uint64_t word) { return static_cast<Phase>(word & 3U); }
constexpr std::uint32_t serial_of(std::uint64_t word) {
  return static_cast<std::uint32_t>(word >> 2U);
}

}  // namespace

struct ThreadExecutor::Shared {
  /// The turn's while it is idle, its thread's while it runs; while it waits only the word may change.
  struct alignas(line) Slot {
    std::atomic<std::uint64_t> word = word_of(0, Phase::idle);
    Invocation invocation;
    std::stop_token token;  // of `stop`
    // These are always the turn's.
    std::stop_source stop{std::nostopstate};
    bool stop_given = false;  // it is spent, also if the stopper has yet to get to it

    void prefetch() const {
      for (std::size_t at = 0; at < sizeof(Slot); at += line)
        __builtin_prefetch(reinterpret_cast<const char*>(this) + at, 1);
    }
  };

  struct alignas(line) Thread {
    std::mutex mutex;
    std::vector<Completion> ended;  // not empty: it is among those `with_ended`
    Clock::time_point now;          // at the end of its last task; its own
    bool is_late = true;            // that was not just now
  };

  explicit Shared(ThreadExecutorOptions&& options)
      : functions(std::move(options.functions)),
        spin(options.spin),
        slots(options.slots + options.ahead),
        threads(options.slots),
        ring(slots.size()) {}

  void run_thread(Thread& me);
  std::optional<std::uint32_t> claim();
  void run(Thread& me, std::uint32_t index);
  bool rest();
  void run_stopper();
  void complete(Thread& me, Completion&& completion, bool gathers);
  bool may_offer(Thread& me);
  Helped offer(Completion& completion);
  void tell();

  // The turn's.
  void start(std::uint32_t index, Invocation&& invocation);
  void publish();
  bool revoke(std::uint32_t index);
  void tidy();
  void request_stop(std::unique_lock<std::mutex>& lock, std::stop_source stop);
  [[nodiscard]] bool waits(const TaskRing::Entry& entry) const {
    return slots[entry.slot].word.load(std::memory_order_relaxed) ==
           word_of(entry.serial, Phase::waiting);
  }

  const std::vector<Function> functions;
  const Duration spin;
  std::vector<Slot> slots;
  std::vector<Thread> threads;
  TaskRing ring;

  // Written once in a turn, read at the end of each task.
  alignas(line) std::atomic<bool> looks_soon = false;  // the loop takes completions soon by itself
  std::atomic<std::size_t> few_waiting = 0;  // with no more in the ring it is told all the same
  std::atomic<bool> is_told = false;         // that there are some, since they were last taken
  std::atomic<bool> leaving = false;
  std::atomic<std::uint32_t> begun =
      0;  // how often there was something new; looked at while spinning

  alignas(line) Wakeup wakeup;
  // The turn's: what was called off, and a list at hand.
  std::vector<Completion> revoked;
  std::vector<Thread*> taking;

  // For all below; asked for once in a turn, and by threads that have nothing to do.
  std::mutex mutex;
  std::vector<Thread*> with_ended;
  std::uint32_t resting_threads = 0;
  std::uint32_t idle_threads = 0;  // of those the ones to be woken
  std::uint32_t wakes_due = 0;     // for what was started; of no more threads than are idle
  bool is_unbegun = false;         // started, and nobody told
  std::condition_variable work_came;
  std::condition_variable idle_changed;
  std::shared_ptr<const Helper> helper;
  std::uint32_t threads_left = 0;  // not yet ended
  std::condition_variable stopper_changed;
  std::vector<std::stop_source> stops;
};

/// The next that still waits. From here on it is the calling thread's.
std::optional<std::uint32_t> ThreadExecutor::Shared::claim() {
  while (const std::optional<TaskRing::Entry> entry = ring.take()) {
    Slot& slot = slots[entry->slot];
    std::uint64_t waiting = word_of(entry->serial, Phase::waiting);
    if (!slot.word.compare_exchange_strong(waiting, word_of(entry->serial, Phase::running)))
      continue;
    // Whoever leaves has said so before it looked for tasks that run: one of the two sees the other.
    if (!leaving) return entry->slot;
    break;
  }
  return std::nullopt;
}

void ThreadExecutor::Shared::run_thread(Thread& me) {
  for (;;) {
    if (const std::optional<std::uint32_t> index = claim()) {
      run(me, *index);
    } else {
      me.is_late = true;
      if (!rest()) break;
    }
  }
  const std::lock_guard lock(mutex);
  threads_left -= 1;
  idle_changed.notify_all();
}

void ThreadExecutor::Shared::run(Thread& me, std::uint32_t index) {
  // All of it was written by another processor, and takes the time of some empty tasks to come.
  if (const auto later = ring.foresee(ahead)) {
    slots[later->slot].prefetch();
    __builtin_prefetch(later->argument, 1);
  }
  Slot& slot = slots[index];
  // Between two short tasks one look at the clock does for both.
  if (std::exchange(me.is_late, false)) me.now = Clock::now();
  Completion completion = invoke(functions, slot.invocation, slot.token, me.now);
  completion.slot = index;
  const bool gathers = slot.invocation.gathers;
  slot.invocation.payload = {};
  // The function may have moved it away.
  if (!slot.token.stop_possible()) slot.token = slot.stop.get_token();
  const std::uint32_t serial = serial_of(slot.word.load(std::memory_order_relaxed));
  slot.word.store(word_of(serial, Phase::idle), std::memory_order_release);
  if (may_offer(me)) {
    me.is_late = true;
    if (offer(completion) != Helped::no) return;
  }
  complete(me, std::move(completion), gathers);
}

/// With more in the ring it goes on with that, and many results share a message.
bool ThreadExecutor::Shared::may_offer(Thread& me) {
  if (!ring.empty() || is_told) return false;
  const std::lock_guard lock(me.mutex);
  return me.ended.empty();
}

/// From a thread that ran a function. The slot may be started again before this returns.
ThreadExecutor::Helped ThreadExecutor::Shared::offer(Completion& completion) {
  std::shared_ptr<const Helper> mine;
  {
    const std::lock_guard lock(mutex);
    if (!helper) return Helped::no;
    mine = helper;
    idle_threads += 1;  // for whatever is started meanwhile
  }
  const Helped helped = (*mine)(completion);
  if (helped == Helped::yes_and_wake) wakeup.signal();
  std::uint32_t wakes = 0;
  {
    const std::lock_guard lock(mutex);
    idle_threads -= 1;
    if (helped == Helped::no) return helped;
    // One of those that were started then is this thread's; the others may be of a turn before, whose end
    // has yet to come.
    const std::uint32_t due = std::exchange(wakes_due, 0);
    wakes = std::min(due > 0 ? due - 1 : 0, idle_threads);
    if (std::exchange(is_unbegun, false)) begun += 1;
  }
  for (; wakes > 0; --wakes) work_came.notify_one();
  return helped;
}

/// The system call that wakes the loop up costs more than a short task, so it is put off while there is
/// enough to do and the loop will look.
void ThreadExecutor::Shared::complete(Thread& me, Completion&& completion, bool gathers) {
  bool tells = false;
  {
    // Whoever changes what is read here looks for who has ended some behind it, under the lock of all, and
    // finds what was put there before.
    const std::lock_guard lock(me.mutex);
    if (me.ended.capacity() - me.ended.size() > ahead)
      __builtin_prefetch(me.ended.data() + me.ended.size() + ahead, 1);
    me.ended.push_back(std::move(completion));
    if (me.ended.size() == 1) {
      const std::lock_guard all_lock(mutex);
      with_ended.push_back(&me);
    }
    tells = !is_told && !(gathers && looks_soon && ring.size() > few_waiting);
  }
  if (!tells) return;
  me.is_late = true;
  tell();
}

void ThreadExecutor::Shared::tell() {
  if (!is_told.exchange(true)) wakeup.signal();
}

/// Until there is something to do. False: nothing more will be.
bool ThreadExecutor::Shared::rest() {
  std::unique_lock lock(mutex);
  // What was behind it may have been called off.
  if (!with_ended.empty() && !is_told) {
    lock.unlock();
    tell();
    lock.lock();
  }
  resting_threads += 1;
  idle_changed.notify_all();
  if (spin > Duration::zero() && ring.empty() && !leaving) {
    const std::uint32_t seen = begun;
    lock.unlock();
    (void)spin_until(spin, [&] { return begun != seen; });
    lock.lock();
  }
  idle_threads += 1;
  work_came.wait(lock, [&] { return !ring.empty() || leaving; });
  idle_threads -= 1;
  resting_threads -= 1;
  return !leaving;
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

void ThreadExecutor::Shared::request_stop(std::unique_lock<std::mutex>& lock,
                                          std::stop_source stop) {
  FANMILL_ASSERT(lock.owns_lock());
  stops.push_back(std::move(stop));
  stopper_changed.notify_one();
}

void ThreadExecutor::Shared::start(std::uint32_t index, Invocation&& invocation) {
  Slot& slot = slots[index];
  const std::uint64_t word = slot.word.load(std::memory_order_acquire);
  FANMILL_ASSERT(phase_of(word) == Phase::idle, index, invocation.attempt);
  // A fresh one only where the last was used: making one allocates.
  if (std::exchange(slot.stop_given, false) || !slot.stop.stop_possible()) {
    slot.stop = std::stop_source();
    slot.token = slot.stop.get_token();
  }
  slot.invocation = std::move(invocation);
  const std::uint32_t serial = serial_of(word) + 1;
  slot.word.store(word_of(serial, Phase::waiting), std::memory_order_relaxed);
  if (ring.is_full()) tidy();
  ring.push(index, serial, slot.invocation.payload.bytes.data());
}

/// Behind a task that lasts, what was called off could pile up.
void ThreadExecutor::Shared::tidy() {
  for (const TaskRing::Entry& entry : ring.take_all()) {
    if (waits(entry)) ring.push(entry);
  }
}

/// What was started is the threads' from here on.
void ThreadExecutor::Shared::publish() {
  const std::size_t count = ring.publish();
  if (count == 0) return;
  few_waiting = ring.size() / 2;
  const std::lock_guard lock(mutex);
  wakes_due += static_cast<std::uint32_t>(count);
  is_unbegun = true;
}

/// If it has not begun.
bool ThreadExecutor::Shared::revoke(std::uint32_t index) {
  Slot& slot = slots[index];
  std::uint64_t word = slot.word.load(std::memory_order_acquire);
  if (phase_of(word) != Phase::waiting ||
      !slot.word.compare_exchange_strong(word, word_of(serial_of(word), Phase::idle)))
    return false;
  revoked.push_back(
      {.slot = index, .attempt = slot.invocation.attempt, .kind = Completion::Kind::revoked});
  slot.invocation = {};
  tell();
  return true;
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
    for (Shared::Thread& each : shared_->threads)
      launch([shared = shared_, &each] { shared->run_thread(each); });
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
    if (phase_of(slot.word) == Phase::running) shared_->request_stop(lock, slot.stop);
  }
  shared_->work_came.notify_all();
  shared_->stopper_changed.notify_all();
  shared_->idle_changed.wait_for(lock, leave_grace_, [&] { return shared_->threads_left == 0; });
}

std::uint32_t ThreadExecutor::slot_count() const {
  return static_cast<std::uint32_t>(shared_->threads.size());
}

std::uint32_t ThreadExecutor::ahead_count() const {
  return static_cast<std::uint32_t>(shared_->slots.size() - shared_->threads.size());
}

void ThreadExecutor::start(std::uint32_t index, Invocation&& invocation) {
  FANMILL_ASSERT(index < shared_->slots.size(), index);
  shared_->start(index, std::move(invocation));
  if (has_helper_) return;
  publish();
  flush(false);
}

void ThreadExecutor::publish() { shared_->publish(); }

bool ThreadExecutor::flush(bool looks_soon) {
  std::uint32_t wakes = 0;
  bool tells = false;
  looks_soon = looks_soon && !shared_->ring.empty();
  shared_->looks_soon = looks_soon;
  {
    const std::lock_guard lock(shared_->mutex);
    wakes = std::min(std::exchange(shared_->wakes_due, 0), shared_->idle_threads);
    if (std::exchange(shared_->is_unbegun, false)) shared_->begun += 1;
    tells = !looks_soon && !shared_->with_ended.empty();
  }
  for (; wakes > 0; --wakes) shared_->work_came.notify_one();
  if (tells) shared_->tell();
  return looks_soon;
}

void ThreadExecutor::stop(std::uint32_t index) {
  FANMILL_ASSERT(index < shared_->slots.size(), index);
  if (shared_->revoke(index)) return;
  Shared::Slot& slot = shared_->slots[index];
  if (phase_of(slot.word) == Phase::idle || slot.stop_given) return;
  slot.stop_given = true;
  std::unique_lock lock(shared_->mutex);
  shared_->request_stop(lock, slot.stop);
}

void ThreadExecutor::revoke(std::uint32_t index) {
  FANMILL_ASSERT(index < shared_->slots.size(), index);
  (void)shared_->revoke(index);
}

int ThreadExecutor::completions_fd() const { return shared_->wakeup.fd(); }

void ThreadExecutor::set_helper(Helper helper) {
  has_helper_ = true;
  const std::lock_guard lock(shared_->mutex);
  shared_->helper = std::make_shared<const Helper>(std::move(helper));
}

void ThreadExecutor::take(std::vector<Completion>& out) {
  Shared& shared = *shared_;
  shared.wakeup.clear();
  shared.is_told = false;
  {
    const std::lock_guard lock(shared.mutex);
    shared.taking.swap(shared.with_ended);
  }
  // First, as it was before anything behind it ended, but where a thread had it in hand and another went
  // past.
  std::move(shared.revoked.begin(), shared.revoked.end(), std::back_inserter(out));
  shared.revoked.clear();
  for (Shared::Thread* thread : shared.taking) {
    const std::lock_guard lock(thread->mutex);
    if (out.empty()) out.swap(thread->ended);
    std::move(thread->ended.begin(), thread->ended.end(), std::back_inserter(out));
    thread->ended.clear();
  }
  shared.taking.clear();
  // What they gave is about to be read, and their slots to be given the next tasks.
  for (const Completion& completion : out) {
    completion.payload.bytes.prefetch();
    shared.slots[completion.slot].prefetch();
  }
}

bool ThreadExecutor::wait_idle(Duration limit) {
  publish();
  flush(false);
  std::unique_lock lock(shared_->mutex);
  const auto all_rest = [&] {
    return shared_->ring.empty() && shared_->resting_threads == shared_->threads.size();
  };
  if (shared_->idle_changed.wait_for(lock, limit, all_rest)) return true;
  const auto& slots = shared_->slots;
  const bool any_runs = std::any_of(slots.begin(), slots.end(), [](const Shared::Slot& slot) {
    return phase_of(slot.word) != Phase::idle;
  });
  // No function does: who has just put what the last one gave is about to rest, however short the limit.
  return !any_runs && shared_->idle_changed.wait_for(lock, settling_max, all_rest);
}

}  // namespace fanmill::exec
