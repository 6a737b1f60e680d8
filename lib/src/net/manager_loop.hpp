// ManagerLoop: the shell around core::Manager. One thread with the socket, the clock and the core,
// which it lends to a poster while it sleeps.
//
// A turn: what is posted and what is readable (up to a bound) becomes events, the core ticks once,
// its orders are carried out in their order, deliveries go to the owner. Nothing in a turn blocks.
// User code never runs here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/hand_over.hpp"
#include "core/manager.hpp"
#include "net/gate.hpp"
#include "net/loop_counters.hpp"

namespace fanmill::net {

struct ManagerLoopOptions {
  core::ManagerOptions core;
  /// "tcp://127.0.0.1:*", "tcp://host:5557", "ipc:///path"; at least one. All lead to the same
  /// manager.
  std::vector<std::string> endpoints;
  /// Who may connect; never null.
  std::shared_ptr<const Gate> gate;
  /// What endpoints of tcp are encrypted with, and that they refuse strangers is shown before this
  /// manager starts. Null: there are none, or the gate allows plaintext.
  std::shared_ptr<const SecretKey> secret_key;
  /// How long to look for something to do without sleeping after there was something; 0: not at all.
  Duration spin{};
  /// The Deliver* actions and Observations of one turn, in order, on the loop's thread or that of a
  /// poster who waits, never on two at a time: must neither block nor throw. May call `post`, `query` and `counters`.
  std::function<void(core::ManagerActions&&)> deliver;
  /// After `deliver`, soon, on the same thread and outside the turn: for waking whoever waits, who may
  /// post at once then. Neither blocks nor throws, and calls nothing of this loop. May be null.
  std::function<void()> delivered = {};
};

class ManagerLoop {
 public:
  /// Binds all endpoints, then starts the thread. Error: bad_endpoint, address_in_use, io_error
  /// (also if a stranger was not refused);
  /// nothing is left behind.
  [[nodiscard]] static Result<std::unique_ptr<ManagerLoop>> start(ManagerLoopOptions options);
  /// `stop` with a second of linger.
  ~ManagerLoop();
  ManagerLoop(const ManagerLoop&) = delete;
  ManagerLoop& operator=(const ManagerLoop&) = delete;

  /// Any thread. The events are taken in this order, after those posted before. After `stop` they
  /// are dropped. From a poster that `waits` for what comes of it, and only there: if the loop sleeps,
  /// its turn is made on this thread, `deliver` included, which saves the loop's thread a wake-up.
  enum class Poster : std::uint8_t { goes_on, waits };
  void post(std::vector<core::ManagerEvent> events, Poster poster = Poster::goes_on);
  /// The same. Leaves no events but memory for the next, which need not be had anew.
  void post_all(core::PostedEvents& events, Poster poster);
  /// As bound, with ports filled in, in the order of the options.
  [[nodiscard]] const std::vector<std::string>& endpoints() const;
  /// Runs `ask` on the loop's thread between two turns and waits for it; any thread. After `stop`
  /// it runs at once, on the state that the stop left.
  void query(const std::function<void(const core::Manager&)>& ask);
  /// As `query`.
  [[nodiscard]] LoopCounters counters();
  /// How many tasks the workers that are here may hold, as of the latest turn. Any thread; at once.
  [[nodiscard]] std::size_t credit() const;
  /// The gate has changed: sessions of users that may not have one any more end soon. Any thread.
  void recheck();
  /// Tells the core that it shuts down, carries out its last orders and closes the socket; messages
  /// have `linger` to leave. Waits for the thread. Idempotent, but not to be called from `deliver`.
  void stop(Duration linger);

 private:
  class Impl;
  explicit ManagerLoop(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace fanmill::net
