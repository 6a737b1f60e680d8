#include "world.hpp"

#include <algorithm>

namespace fanmill::sim {
namespace {

/// Thrown by the assertion handler, so that a broken assertion of the core fails a seed like any
/// oracle.
[[noreturn]] void fail_assertion(const std::string& report) {
  throw Violation{"no assertion fails", report};
}

}  // namespace

World::World(const Scenario& scenario, Trace& trace, Tally& tally)
    : scenario_(scenario),
      trace_(trace),
      tally_(tally),
      rng_(mix(scenario.seed ^ 0x776f726c64U)),
      network_(agenda_, rng_.split(), trace, tally),
      oracle_(tally),
      around_{agenda_, network_, trace, tally, oracle_, writer_, scenario.manager.incarnation},
      hosts_(scenario.workers.size()),
      clients_(scenario.jobs.size()),
      jobs_done_(scenario.jobs.size(), false) {}

World::~World() = default;

void World::run() {
  start_manager();
  const Instant start{};
  for (std::uint32_t worker = 0; worker < hosts_.size(); ++worker)
    agenda_.add(start + scenario_.workers[worker].joins, Event::Kind::worker_started, worker);
  for (std::uint32_t fault = 0; fault < scenario_.faults.size(); ++fault)
    agenda_.add(start + scenario_.faults[fault].at, Event::Kind::fault, fault);
  for (std::uint32_t job = 0; job < scenario_.jobs.size(); ++job) {
    const JobPlan& plan = scenario_.jobs[job];
    if (plan.cancelled) agenda_.add(start + *plan.cancelled, Event::Kind::cancel, job);
    if (plan.drained) agenda_.add(start + *plan.drained, Event::Kind::drain, job);
  }
  agenda_.add(start + scenario_.healed, Event::Kind::healed);
  start_clients();

  const Instant limit = start + scenario_.healed + scenario_.finish_max;
  while (!healed_ || !all_finished()) {
    FANMILL_ASSERT(!agenda_.empty(), "time stands still");
    const Event event = agenda_.take();
    if (event.at >= limit) {
      throw Violation{"everything ends once the faults do",
                      assert_context(oracle_.leftovers(), manager_ ? manager_->ready_count() : 0,
                                     "ready,", manager_ ? manager_->worker_count() : 0, "workers")};
    }
    happen(event);
  }
  finish();
}

void World::happen(const Event& event) {
  using Kind = Event::Kind;
  trace_.mark(event.at, static_cast<std::uint64_t>(event.kind), event.whom);
  switch (event.kind) {
    case Kind::reach_manager:
      reach_manager(event.whom);
      return;
    case Kind::reach_worker:
    case Kind::link_notice_worker:
    case Kind::worker_due:
    case Kind::executor_ended:
      at_worker(event);
      return;
    case Kind::worker_started:
      start_worker(event.whom);
      return;
    case Kind::worker_resumed:
      resume(event.whom);
      return;
    case Kind::link_notice_manager:
      if (network_.link(event.whom).incarnation != around_.incarnation) return;
      tally_.add(Count::gone_reported);
      put_to_manager(core::ConnectionLost{network_.link(event.whom).peer});
      return;
    case Kind::link_thawed:
      if (event.detail != 0) network_.cut(event.whom, false);
      return;
    case Kind::manager_due:
      if (manager_wake_ != event.at) return;
      manager_wake_.reset();
      [[fallthrough]];
    case Kind::manager_turn:
      manager_turn();
      return;
    case Kind::manager_started:
      start_manager();
      return;
    case Kind::client_turn: {
      ClientHost* client = clients_[event.whom].get();
      if (client == nullptr || event.detail != around_.incarnation) return;
      client->turn();
      collect(*client);
      return;
    }
    case Kind::fault:
      inject(scenario_.faults[event.whom]);
      return;
    case Kind::cancel:
      if (clients_[event.whom] == nullptr) return;
      clients_[event.whom]->cancel();
      collect(*clients_[event.whom]);
      return;
    case Kind::drain:
      if (clients_[event.whom] == nullptr) return;
      clients_[event.whom]->drain();
      collect(*clients_[event.whom]);
      return;
    case Kind::healed:
      heal();
      return;
  }
}

void World::reach_manager(LinkIndex index) {
  std::optional<Wire> wire = network_.take_for_manager(index);
  const Link& link = network_.link(index);
  if (!wire || !manager_ || link.incarnation != around_.incarnation) return;
  Result<codec::Decoded> decoded = read(*wire);
  if (!decoded.ok()) {
    put_to_manager(core::MalformedReceived{link.peer, decoded.error().message});
    return;
  }
  put_to_manager(core::MessageReceived{
      .peer = link.peer, .message = std::move(decoded.value().message), .address = {}});
}

// Workers.

void World::start_worker(std::uint32_t worker) {
  Host& host = hosts_[worker];
  if ((host.process && !host.process->ended()) || host.gone) return;
  host.lives += 1;
  host.hung = host.paused = false;
  host.waiting.clear();
  if (host.lives > 1) tally_.add(Count::worker_reborn);
  const Process::Identity identity{.worker = worker,
                                   .life = host.lives,
                                   .uuid = {.low = rng_.next() | 1U, .high = worker},
                                   .boot = scenario_.workers[worker].same_host
                                               ? scenario_.manager.boot
                                               : core::Uuid{.low = 3, .high = worker}};
  host.process = make_process(around_, scenario_.workers[worker], identity, rng_.split());
  host.process->start();
  if (!host.process->ended()) host.process->finish_turn();
  after_worker_turn(worker);
}

void World::at_worker(const Event& event) {
  const bool by_link =
      event.kind == Event::Kind::reach_worker || event.kind == Event::Kind::link_notice_worker;
  const std::uint32_t worker = by_link ? network_.link(event.whom).worker : event.whom;
  Host& host = hosts_[worker];
  if (!host.process || host.process->ended()) return;
  if (host.hung) return;
  if (host.paused) {
    host.waiting.push_back(event);
    return;
  }
  tell_process(*host.process, event);
  if (!host.process->ended()) host.process->finish_turn();
  after_worker_turn(worker);
}

void World::tell_process(Process& process, const Event& event) {
  switch (event.kind) {
    case Event::Kind::reach_worker: {
      std::optional<Wire> wire = network_.take_for_worker(event.whom);
      if (wire && process.link() == event.whom) process.receive(*wire);
      return;
    }
    case Event::Kind::link_notice_worker:
      if (process.link() == event.whom) process.connection_lost();
      return;
    case Event::Kind::worker_due:
      if (event.detail == process.identity().life) process.due();
      return;
    case Event::Kind::executor_ended:
      if (event.detail >> 48U == process.identity().life) process.executor_ended(event.detail);
      return;
    default:
      FANMILL_ASSERT(false, "not a worker's event");
  }
}

void World::after_worker_turn(std::uint32_t worker) {
  Host& host = hosts_[worker];
  if (!host.process->ended() || !host.process->wants_restart() || host.gone) return;
  agenda_.add(agenda_.now() + scenario_.manager.heartbeat / 2, Event::Kind::worker_started, worker);
}

void World::resume(std::uint32_t worker) {
  Host& host = hosts_[worker];
  if (!host.paused || host.hung) return;
  host.paused = false;
  if (!host.process || host.process->ended()) return;
  trace_.note(agenda_.now(), "worker ", worker, " resumes");
  host.process->stalled(agenda_.now() - host.paused_at);
  for (const Event& event : std::exchange(host.waiting, {}))
    if (!host.process->ended()) tell_process(*host.process, event);
  if (!host.process->ended()) host.process->finish_turn();
  after_worker_turn(worker);
}

// Clients.

void World::start_clients() {
  for (std::uint32_t job = 0; job < clients_.size(); ++job) {
    if (clients_[job] || jobs_done_[job]) continue;
    if (scenario_.jobs[job].after_previous && job > 0 && !jobs_done_[job - 1]) return;
    jobs_started_ += 1;
    clients_[job] = std::make_unique<ClientHost>(
        around_, scenario_.jobs[job], job, around_.incarnation, JobId{jobs_started_}, rng_.split());
    clients_[job]->open();
    collect(*clients_[job]);
  }
}

/// What the client wants told goes to the manager's inbox.
void World::collect(ClientHost& client) {
  for (core::ManagerEvent& event : client.take_outbox()) put_to_manager(std::move(event));
  if (!client.finished()) return;
  for (std::size_t job = 0; job < clients_.size(); ++job)
    if (clients_[job].get() == &client) jobs_done_[job] = true;
}

bool World::all_finished() const {
  return std::all_of(jobs_done_.begin(), jobs_done_.end(), [](bool done) { return done; });
}

/// The jobs have ended: what is on its way settles, then nothing may be left.
void World::finish() {
  // Long enough for the kernel to find the last silent loss.
  const Duration settle = 30 * scenario_.manager.dead + std::chrono::seconds(200);
  const Instant settled = agenda_.now() + settle;
  const auto quiet = [&] {
    for (const Host& host : hosts_)
      if (host.process && !host.process->ended() && !host.process->leftovers().empty())
        return false;
    if (!manager_ || turn_planned_ || !oracle_.leftovers().empty()) return false;
    const std::vector<core::WorkerInfo> workers = manager_->workers();
    return std::none_of(workers.begin(), workers.end(),
                        [](const core::WorkerInfo& worker) { return worker.held > 0; });
  };
  // Not at the first quiet moment: a message may be on its way.
  Instant quiet_until = agenda_.now() + 2 * scenario_.manager.dead;
  while (agenda_.now() < settled && (agenda_.now() < quiet_until || !quiet()))
    happen(agenda_.take());
  for (const Host& host : hosts_) {
    if (!host.process || host.process->ended()) continue;
    const std::string leftovers = host.process->leftovers();
    demand(leftovers.empty(), "at the end nothing is left", "worker",
           host.process->identity().worker, leftovers);
  }
  oracle_.check_empty(*manager_);
  tally_manager();

  if (!scenario_.shutdown_at_end) return;
  tally_.add(Count::shutdown_at_end);
  shut_down_ = true;
  put_to_manager(core::ShutdownRequested{});
  const Instant ended = agenda_.now() + settle;
  const auto some_left = [&] {
    return std::any_of(hosts_.begin(), hosts_.end(),
                       [](const Host& host) { return host.process && !host.process->ended(); });
  };
  while (agenda_.now() < ended && some_left() && !agenda_.empty()) happen(agenda_.take());
  demand(manager_->worker_count() == 0, "a manager that shuts down has no workers left",
         manager_->worker_count());
  for (std::uint32_t worker = 0; worker < hosts_.size(); ++worker) {
    const Host& host = hosts_[worker];
    demand(!host.process || host.process->ended(), "the workers of a farm that is closed end",
           "worker", worker, host.paused ? "paused" : "", host.hung ? "hung" : "");
  }
}

void make_assertions_violations() { set_assert_handler(fail_assertion); }

RunReport run_seed(std::uint64_t seed, Trace::Mode mode, Tally& tally) {
  Trace trace(mode);
  const Scenario scenario = draw_scenario(seed);
  sim::tally(scenario, tally);
  RunReport report;
  World world(scenario, trace, tally);
  try {
    world.run();
  } catch (const Violation& violation) {
    report.violation = violation;
  }
  report.trace_hash = trace.hash();
  report.steps = world.steps();
  report.last_lines.assign(trace.lines().begin(), trace.lines().end());
  return report;
}

}  // namespace fanmill::sim
