// The manager's state machine with everything around it played: sessions that answer whatever they
// are sent, at once and without a socket, a codec or a clock. For bench_core and bench_counted.
//
// What it measures is core::Manager and a little of this rig (a vector of answers for each batch).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/manager.hpp"

namespace bench {

class CoreFarm {
 public:
  /// Each session holds up to `window` tasks.
  CoreFarm(std::size_t sessions, std::uint32_t window);

  /// One group with policy first for each item; payloads of 8 bytes, one for all.
  void submit(std::size_t groups, std::uint32_t tasks_per_group = 1);
  /// The same with a payload of its own for each task, as items have.
  void submit_own(std::size_t groups);
  /// The manager hands tasks out, and each session answers all that it holds in one message. Returns
  /// how many tasks were answered.
  std::size_t answer_all();
  /// The manager hands tasks out, and each session answers the oldest task that it holds; what it is
  /// told to kill it confirms. Returns how many tasks were answered.
  std::size_t answer_oldest();
  /// Each session says that it lives.
  void beat();

  [[nodiscard]] const fanmill::core::Counters& counters() const { return manager_.counters(); }
  /// Tasks that are neither ended nor at a session.
  [[nodiscard]] std::size_t queued() const { return manager_.ready_count(); }

 private:
  struct Held {
    fanmill::AttemptId attempt;
    fanmill::GroupId group;
  };
  struct Peer {
    fanmill::SessionId session;
    std::vector<Held> held;                   // in the order of their coming
    std::vector<fanmill::AttemptId> to_kill;  // of these, what the manager wants ended
  };

  void hand_out();
  void take(fanmill::core::Send& send);
  void take_kill(Peer& peer, const fanmill::core::Kill& kill);
  void say(std::size_t peer, fanmill::core::Message message);
  fanmill::core::Result answer_of(const Held& held) const;

  fanmill::core::Manager manager_;
  fanmill::Instant now_{std::chrono::hours(1)};
  fanmill::core::ManagerActions actions_;
  std::vector<Peer> peers_;  // peer n is PeerId{n + 1}
  fanmill::Payload payload_ = fanmill::Payload::raw("8 bytes.");
  std::uint64_t items_ = 0;
};

}  // namespace bench
