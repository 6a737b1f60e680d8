#include <fanmill/manager.hpp>

#include <algorithm>
#include <fanmill/error.hpp>
#include <mutex>
#include <thread>
#include <utility>

#include "api/inbox.hpp"
#include "api/local_workers.hpp"
#include "api/manager_settings.hpp"
#include "api/reporter.hpp"
#include "api/run_engine.hpp"
#include "base/descriptor_limit.hpp"
#include "net/file_watch.hpp"
#include "net/manager_loop.hpp"
#include "net/paths.hpp"

namespace fanmill::inline v0 {
namespace {

using namespace std::chrono_literals;

// Long enough for a goodbye over the network, short enough that nobody notices.
constexpr Duration goodbye_linger = 1s;

WorkerInfo info_of(core::WorkerInfo&& from) {
  WorkerInfo info{.name = std::move(from.name),
                  .address = std::move(from.address),
                  .software = std::move(from.software),
                  .state = WorkerInfo::State::live,
                  .slots = from.slots,
                  .held = from.held,
                  .tasks_done = from.tasks_done,
                  .busy = from.busy,
                  .kills_reach = core::in_words(from.containment)};
  switch (from.state) {
    case core::WorkerInfo::State::live:
      break;
    case core::WorkerInfo::State::suspect:
      info.state = WorkerInfo::State::suspect;
      break;
    case core::WorkerInfo::State::lost:
      info.state = WorkerInfo::State::lost;
      break;
    case core::WorkerInfo::State::draining:
      info.state = WorkerInfo::State::draining;
      break;
  }
  return info;
}

Counters counters_of(const core::Counters& from) {
  return {.items_started = from.groups_submitted,
          .items_ended = from.groups_ended,
          .tasks = from.tasks_submitted,
          .results = from.tasks_ok,
          .failed = from.tasks_failed,
          .quarantined = from.tasks_quarantined,
          .killed = from.tasks_killed,
          .dropped = from.tasks_dropped,
          .attempts = from.attempts,
          .requeued = from.tasks_requeued,
          .late_results = from.results_late,
          .workers_joined = from.sessions_opened - from.sessions_resumed,
          .workers_returned = from.sessions_resumed,
          .workers_left = from.workers_left,
          .workers_lost = from.workers_lost,
          .workers_failing = from.workers_failing,
          .workers_refused = from.hellos_refused,
          .messages_malformed = from.messages_malformed,
          .busy = from.busy,
          .present = from.slots_present};
}

bool is_joined(const core::WorkerInfo& worker) {
  return worker.state != core::WorkerInfo::State::lost;
}

}  // namespace

// Hidden although Manager is not: programs see a pointer to it and nothing else.
struct __attribute__((visibility("hidden"))) Manager::Impl {
  explicit Impl(ManagerOptions given);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void take(core::ManagerActions&& actions);
  [[nodiscard]] std::size_t joined_count() const;
  void check_workers() const;
  [[nodiscard]] std::string worker_name(std::uint64_t session) const;
  void warn(std::string text) const;
  void warn_of_plaintext() const;
  [[nodiscard]] Result<std::size_t> take_keys() const;
  void take_changed_keys() const;
  void remove_join_file() noexcept;

  ManagerOptions options;
  std::uint64_t farm = 0;
  std::optional<net::SocketFolder> sockets;
  api::Entrance entrance;
  api::Inbox inbox;
  core::Deliveries deliveries;  // of one turn
  api::ChangeCounter workers_changed;
  std::unique_ptr<api::Reporter> reporter;
  // These have threads that use what stands above them.
  std::unique_ptr<net::ManagerLoop> loop;
  mutable std::mutex keys_mutex;
  std::unique_ptr<net::FileWatch> keys_watch;
  std::unique_ptr<api::LocalWorkers> local_workers;
  std::uint64_t jobs = 0;
  bool running = false;
};

Manager::Impl::Impl(ManagerOptions given) : options(std::move(given)), inbox(options.spin) {
  api::check(options);
  if (options.raise_descriptor_limit) raise_descriptor_limit();
  reporter = std::make_unique<api::Reporter>(api::ReporterOptions{
      .verbose = options.verbose, .timestamps = options.timestamps, .observer = options.observer});
  std::vector<std::string> endpoints = options.endpoints;
  if (endpoints.empty()) {
    sockets.emplace(net::SocketFolder::make().value_or_raise());
    endpoints = {sockets->endpoint("manager")};
  }
  entrance = api::entrance(options);
  core::ManagerOptions core = api::core_options(options);
  farm = core.farm;
  loop = net::ManagerLoop::start(
             {.core = std::move(core),
              .endpoints = std::move(endpoints),
              .gate = entrance.gate,
              .secret_key = entrance.secret_key,
              .spin = options.spin,
              .deliver = [this](core::ManagerActions&& actions) { take(std::move(actions)); },
              .delivered = [this] { inbox.wake_reader(); }})
             .value_or_raise();
  warn_of_plaintext();
  if (entrance.secret_key != nullptr) {
    keys_watch =
        std::make_unique<net::FileWatch>(entrance.authorized_file, [this] { take_changed_keys(); });
    take_changed_keys();  // what came between the reading and the watch
  }
  local_workers = std::make_unique<api::LocalWorkers>([this] {
    inbox.workers_ended();
    workers_changed.bump();
  });
}

Manager::Impl::~Impl() {
  if (options.join_file) remove_join_file();
  // First the goodbye, which lets workers end by themselves; then SIGTERM for those that were
  // started here.
  keys_watch.reset();
  loop->stop(goodbye_linger);
  local_workers.reset();
}

void Manager::Impl::warn(std::string text) const {
  reporter->tell({.kind = core::Observation::Kind::warning, .level = 0, .text = std::move(text)});
}

/// How many there are.
Result<std::size_t> Manager::Impl::take_keys() const {
  const std::lock_guard lock(keys_mutex);  // what was read last counts
  Result<net::AuthorizedKeys> keys = net::AuthorizedKeys::load(entrance.authorized_file);
  if (!keys.ok()) return keys.error();
  const std::size_t count = keys.value().entries().size();
  entrance.gate->replace(std::move(keys).value());
  loop->recheck();
  return count;
}

/// On the watch's thread, and once at the start.
void Manager::Impl::take_changed_keys() const {
  const Result<std::size_t> taken = take_keys();
  if (!taken.ok()) warn("the keys stay as they were: " + taken.error().message);
}

void Manager::Impl::warn_of_plaintext() const {
  std::string bare;
  for (const std::string& endpoint : loop->endpoints()) {
    if (entrance.secret_key == nullptr && endpoint.starts_with("tcp:")) bare += " " + endpoint;
  }
  if (bare.empty()) return;
  const bool anybody = options.insecure_plaintext == InsecurePlaintext::everywhere;
  warn(std::string("without keys, nothing encrypted: ") +
       (anybody ? "whoever reaches them" : "any user of this host") + " may join at" + bare);
}

/// On the thread that has the loop's turn.
void Manager::Impl::take(core::ManagerActions&& actions) {
  bool workers = false;
  for (core::ManagerAction& action : actions) {
    auto* observation = std::get_if<core::Observation>(&action);
    if (observation == nullptr) {
      deliveries.push_back(std::move(action));
      continue;
    }
    if (observation->level == 1) {
      workers_changed.bump();
      workers = true;
    }
    reporter->tell(std::move(*observation));
  }
  if (!deliveries.empty()) inbox.deliver(deliveries);
  // A run that has read as far ahead as it may reads further for more of them.
  if (workers) inbox.nudge();
}

std::size_t Manager::Impl::joined_count() const {
  std::size_t count = 0;
  loop->query([&](const core::Manager& manager) {
    const auto workers = manager.workers();
    count = static_cast<std::size_t>(std::count_if(workers.begin(), workers.end(), is_joined));
  });
  return count;
}

void Manager::Impl::check_workers() const {
  if (local_workers->are_over() && joined_count() == 0) {
    throw FarmError(ErrorCode::launch_failed, local_workers->why());
  }
}

std::string Manager::Impl::worker_name(std::uint64_t session) const {
  std::string name;
  loop->query(
      [&](const core::Manager& manager) { name = manager.worker_name(SessionId{session}); });
  return name;
}

void Manager::Impl::remove_join_file() noexcept {
  try {
    // Another manager may have put its own there meanwhile.
    if (Join::file(*options.join_file).farm() == farm) std::filesystem::remove(*options.join_file);
  } catch (const std::exception&) {
    // It is gone, or is nobody's any more; either way there is nothing left to undo.
  }
}

Manager::Manager(ManagerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
  if (impl_->options.join_file) join().save(*impl_->options.join_file);
}

Manager::~Manager() = default;
Manager::Manager(Manager&&) noexcept = default;
Manager& Manager::operator=(Manager&&) noexcept = default;

std::vector<std::string> Manager::endpoints() const { return impl_->loop->endpoints(); }

Join Manager::join() const {
  // ipc first: it is faster, and a worker elsewhere sees that there is no such socket and takes the
  // next.
  std::vector<std::string> endpoints = impl_->loop->endpoints();
  std::stable_partition(endpoints.begin(), endpoints.end(),
                        [](const std::string& endpoint) { return endpoint.starts_with("ipc:"); });
  std::vector<std::string> reachable;
  for (const std::string& endpoint : endpoints)
    for (std::string& one : api::reachable(endpoint)) reachable.push_back(std::move(one));
  Join join = Join::endpoint(reachable.front());
  for (std::size_t i = 1; i < reachable.size(); ++i) join = join.with_endpoint(reachable[i]);
  join = join.with_farm(impl_->farm).with_cookie(impl_->options.cookie);
  const api::Entrance& entrance = impl_->entrance;
  if (entrance.secret_key != nullptr)
    return join.with_keys(entrance.server_key, entrance.pair_file);
  return join.with_insecure_plaintext();
}

void Manager::start_workers(std::size_t count, std::vector<std::string> command,
                            const StartOptions& options) {
  if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
  impl_->local_workers->start(count, std::move(command), options, join());
}

std::vector<WorkerInfo> Manager::workers() const {
  std::vector<core::WorkerInfo> found;
  impl_->loop->query([&](const core::Manager& manager) { found = manager.workers(); });
  std::vector<WorkerInfo> workers;
  workers.reserve(found.size());
  for (core::WorkerInfo& worker : found) workers.push_back(info_of(std::move(worker)));
  return workers;
}

bool Manager::wait_for_workers(std::size_t count, std::chrono::nanoseconds time_limit) {
  const auto deadline = std::chrono::steady_clock::now() + time_limit;
  for (;;) {
    const std::uint64_t seen = impl_->workers_changed.count();
    if (impl_->joined_count() >= count) return true;
    if (!impl_->workers_changed.wait_beyond(seen, deadline)) return false;
  }
}

Counters Manager::counters() const {
  Counters counters;
  impl_->loop->query(
      [&](const core::Manager& manager) { counters = counters_of(manager.counters()); });
  counters.lines_dropped = impl_->reporter->dropped();
  return counters;
}

std::optional<std::size_t> Manager::reload_keys() {
  if (impl_->entrance.secret_key == nullptr) return std::nullopt;
  return impl_->take_keys().value_or_raise();
}

void Manager::stop() { impl_->inbox.fail({ErrorCode::stopped, "the run was stopped"}); }

void Manager::drain() { impl_->inbox.drain(); }

void Manager::drive(detail::Runner& runner, const detail::RunSettings& settings) {
  api::check(settings);
  Impl& impl = *impl_;
  if (impl.running) {
    throw FarmError(
        ErrorCode::invalid_argument,
        "this manager is running another list; to add items from a callback, push them to a Feed");
  }
  impl.running = true;
  const std::unique_ptr<bool, void (*)(bool*)> over(&impl.running,
                                                    [](bool* running) { *running = false; });
  impl.check_workers();
  impl.jobs += 1;
  api::RunEngine engine(
      {.inbox = impl.inbox,
       .post =
           [&](core::PostedEvents& events, bool waits) {
             using Poster = net::ManagerLoop::Poster;
             impl.loop->post_all(events, waits ? Poster::waits : Poster::goes_on);
           },
       .check_workers = [&] { impl.check_workers(); },
       .worker_name = [&](std::uint64_t session) { return impl.worker_name(session); },
       .credit = [&] { return impl.loop->credit(); },
       .payload_bytes_max = impl.options.payload_bytes_max},
      JobId{impl.jobs}, runner, settings);
  engine.run();
}

}  // namespace fanmill::inline v0
