// What goes wrong, and how it is healed.
#include "world.hpp"

namespace fanmill::sim {

void World::inject(const FaultPlan& fault) {
  using Kind = FaultPlan::Kind;
  if (healed_) return;
  Host& host = hosts_[fault.worker];
  const bool lives = host.process && !host.process->ended() && !host.hung && !host.paused;
  const bool connected = lives && host.process->link() && network_.link(*host.process->link()).up;
  const Instant now = agenda_.now();
  trace_.note(now, "FAULT ", static_cast<unsigned>(fault.kind), " worker ", fault.worker);
  switch (fault.kind) {
    case Kind::worker_crash:
      if (!lives) return;
      tally_.add(Count::worker_crash);
      kill(fault.worker, fault.comes_back, fault.length);
      return;
    case Kind::worker_hang:
      if (!lives) return;
      tally_.add(Count::worker_hang);
      host.hung = true;
      return;
    case Kind::worker_pause:
      if (!lives) return;
      tally_.add(Count::worker_pause);
      host.paused = true;
      host.paused_at = now;
      agenda_.add(now + fault.length, Event::Kind::worker_resumed, fault.worker);
      return;
    case Kind::worker_leave:
    case Kind::worker_stop:
      if (!lives) return;
      tally_.add(fault.kind == Kind::worker_leave ? Count::worker_leave : Count::worker_stop);
      host.process->stop_requested(fault.kind == Kind::worker_leave);
      if (!host.process->ended()) host.process->finish_turn();
      after_worker_turn(fault.worker);
      if (fault.comes_back)
        agenda_.add(now + fault.length, Event::Kind::worker_started, fault.worker);
      return;
    case Kind::connection_cut:
      if (connected) cut(fault.worker);
      return;
    case Kind::partition:
      if (!connected) return;
      tally_.add(Count::partition);
      network_.freeze(*host.process->link(), now + fault.length, !fault.comes_back);
      return;
    case Kind::garbage:
      if (!connected) return;
      tally_.add(Count::garbage_to_worker);
      network_.send_garbage_to_worker(*host.process->link());
      return;
    case Kind::manager_stall:
      if (!manager_ || stalled_until_ > now) return;
      tally_.add(Count::manager_stall);
      stalled_from_ = now;
      stalled_until_ = now + fault.length;
      return;
    case Kind::manager_restart:
      stop_manager(fault.length / 4);
      return;
    case Kind::drain_requested: {
      if (!manager_) return;
      const std::vector<core::WorkerInfo> workers = manager_->workers();
      if (workers.empty()) return;
      tally_.add(Count::drain_requested);
      const std::uint32_t which = rng_.below(static_cast<std::uint32_t>(workers.size()));
      put_to_manager(core::DrainRequested{workers[which].session});
      return;
    }
  }
}

void World::cut(std::uint32_t worker) {
  Process& process = *hosts_[worker].process;
  tally_.add(Count::connection_cut);
  const std::uint32_t dice = rng_.below(10);
  if (dice < 3) {
    // libzmq reconnects before anybody notices.
    tally_.add(Count::replay_after_cut);
    process.set_link(network_.replace(*process.link(), around_.incarnation, rng_.percent(50)));
  } else {
    network_.cut(*process.link(), dice < 5);
  }
}

void World::kill(std::uint32_t worker, bool comes_back, Duration after) {
  Host& host = hosts_[worker];
  if (host.process && !host.process->ended()) {
    oracle_.worker_died(host.process->identity());
    host.process->die();
  }
  host.hung = host.paused = false;
  host.waiting.clear();
  if (comes_back) agenda_.add(agenda_.now() + after, Event::Kind::worker_started, worker);
}

void World::heal() {
  healed_ = true;
  trace_.note(agenda_.now(), "HEALED");
  for (std::uint32_t worker = 0; worker < hosts_.size(); ++worker) {
    Host& host = hosts_[worker];
    const bool lies = scenario_.workers[worker].model == WorkerPlan::Model::liar;
    // A single thread without kills may sit in a task that never ends: its user would restart it.
    const bool plain = scenario_.workers[worker].model == WorkerPlan::Model::plain;
    if (lies) host.gone = true;
    if (lies || plain || host.hung) kill(worker, !lies, scenario_.manager.heartbeat);
  }
}

}  // namespace fanmill::sim
