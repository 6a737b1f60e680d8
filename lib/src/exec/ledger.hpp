// Ledger: a page of memory that a worker, one of its keepers and that one's function process share. It
// tells at any moment, also after the sudden end of any of them, which task runs, and it decides between a
// keeper that takes an order back and the process that begins it.
//
// The process runs user code, which may write anything here: whoever reads takes no more from it than
// which of the tasks that it knows it was.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/descriptor.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace fanmill::exec {

class Ledger {
 public:
  /// Orders that may be at a function process at once.
  static constexpr std::size_t orders_max = 256;

  /// A new one, and what another process needs to `open` it; nothing, with errno set, when memory or
  /// descriptors run out.
  static std::optional<std::pair<Ledger, Descriptor>> make();
  /// Nothing if it is no ledger.
  static std::optional<Ledger> open(const Descriptor& file);

  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  Ledger(Ledger&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}
  Ledger& operator=(Ledger&& other) noexcept {
    std::swap(page_, other.page_);
    return *this;
  }
  ~Ledger();

  // ---- The keeper, of orders of a function process. They are numbered from 1 on, without gaps.

  void give(std::uint64_t number) { claim(number).store(number << 2U | given); }
  /// Whether the order was taken back before it was begun. It never will be, then.
  [[nodiscard]] bool withdraw(std::uint64_t number) { return move(number, withdrawn); }

  // ---- The process.

  /// Whether the order is still its own to begin; from then on it runs.
  [[nodiscard]] bool begin(std::uint64_t number, AttemptId attempt, Duration cpu_before);

  // ---- Whoever runs a task: the keeper, if it is a program.

  void set_running(AttemptId attempt) { page_->running.store(attempt.value); }
  /// Its end was told.
  void set_idle() { page_->running.store(0); }

  // ---- All.

  /// Not valid if none runs.
  [[nodiscard]] AttemptId running() const { return AttemptId{page_->running.load()}; }
  /// Of the last order that was begun: when, by the steady clock, and what processor time its process had
  /// taken before.
  [[nodiscard]] Duration begun_at() const { return Duration(page_->begun_at.load()); }
  [[nodiscard]] Duration cpu_before() const { return Duration(page_->cpu_before.load()); }

 private:
  enum State : std::uint64_t { given = 1, begun = 2, withdrawn = 3 };
  struct Page {
    std::atomic<std::uint64_t> running;
    std::atomic<Duration::rep> begun_at;
    std::atomic<Duration::rep> cpu_before;
    // Each holds the number of the latest order of its place, and what became of that.
    std::array<std::atomic<std::uint64_t>, orders_max> claims;
  };
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

  explicit Ledger(Page* page) : page_(page) {}
  static Page* map(const Descriptor& file);
  [[nodiscard]] std::atomic<std::uint64_t>& claim(std::uint64_t number) {
    return page_->claims[number % orders_max];
  }
  [[nodiscard]] bool move(std::uint64_t number, State to) {
    std::uint64_t expected = number << 2U | given;
    return claim(number).compare_exchange_strong(expected, number << 2U | to);
  }

  Page* page_ = nullptr;
};

}  // namespace fanmill::exec
