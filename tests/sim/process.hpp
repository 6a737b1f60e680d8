// One process of a worker, from its start to its end: what the three models of a worker have in
// common.
//
// The world tells it what happens, turn by turn: facts first, then `finish_turn`, as the shell's
// loop does. A process reaches out through Surroundings only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "agenda.hpp"
#include "network.hpp"
#include "scenario.hpp"
#include "tally.hpp"
#include "trace.hpp"

namespace fanmill::sim {

class Oracle;

/// How long a task that hangs takes where nobody can end it.
inline constexpr Duration hang_length = std::chrono::seconds(30);

/// What everything in the world shares.
struct Surroundings {
  Agenda& agenda;
  Network& network;
  Trace& trace;
  Tally& tally;
  Oracle& oracle;
  WireWriter& writer;
  std::uint32_t incarnation = 1;  // of the manager that connections reach now

  [[nodiscard]] Instant now() const { return agenda.now(); }
};

class Process {
 public:
  struct Identity {
    std::uint32_t worker = 0;
    std::uint32_t life = 0;  // counts the processes of this worker
    core::Uuid uuid;
    core::Uuid boot;
  };

  Process(Surroundings& around, const WorkerPlan& plan, Identity identity, Rng rng)
      : around_(around), plan_(plan), identity_(identity), rng_(rng) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  virtual ~Process() = default;

  virtual void start() = 0;
  virtual void receive(const Wire& wire) = 0;
  virtual void connection_lost() {}
  virtual void executor_ended(std::uint64_t detail) = 0;
  virtual void stop_requested(bool drain) = 0;
  virtual void due() {}
  /// The process did not run for so long.
  virtual void stalled(Duration) {}
  /// After the facts of a turn.
  virtual void finish_turn() {}

  /// Empty, or what is left over, for the oracle: at the end of a run nothing may be.
  [[nodiscard]] virtual std::string leftovers() const { return {}; }

  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] std::optional<LinkIndex> link() const { return link_; }
  [[nodiscard]] bool ended() const { return ended_; }
  /// A supervisor starts it again: it crashed, or ended with another status than 5.
  [[nodiscard]] bool wants_restart() const { return wants_restart_; }
  void set_link(LinkIndex link) { link_ = link; }
  /// Killed: nothing more is done, and the connection breaks.
  void die();

 protected:
  void open_link();
  void close_link(bool linger);
  void send(const core::Message& message, std::uint16_t version);
  void end(bool restart, bool linger);
  void ask_wake(Instant at);

  Surroundings& around_;
  const WorkerPlan& plan_;
  Identity identity_;
  Rng rng_;
  std::optional<Instant> wake_asked_;

 private:
  std::optional<LinkIndex> link_;
  bool ended_ = false;
  bool wants_restart_ = false;
};

std::unique_ptr<Process> make_process(Surroundings& around, const WorkerPlan& plan,
                                      Process::Identity identity, Rng rng);

/// The hello that a process of this plan says; greeting, session and holdings are the sender's to
/// fill in.
core::Hello hello_of(const WorkerPlan& plan, const Process::Identity& identity);
/// How an attempt of this work ends by itself: nothing if its executor or its worker dies of it.
/// In place of one that no frame can carry, as workers without parts do.
void cut_to_frame(core::Result& result, std::size_t frame_bytes_max);
std::optional<core::Result> result_of(const core::Task& task, const Work& work);

}  // namespace fanmill::sim
