// Manager: takes lists of items and has them worked on by whatever workers are there.
//
//     fanmill::Manager manager;                   // listens; workers may join from now on
//     manager.start_workers(0, {"./my_worker"});  // one per core on this host
//     auto roots = manager.run(numbers, fanmill::job<double>());
//
// A handle to the manager's own thread, which speaks with the workers. `run` and its callbacks use
// the thread that calls it. Any thread may call `workers`, `counters`, `reload_keys`, `stop` and `drain`;
// the other members belong to one thread at a time.
// Destroying a Manager tells its workers that the farm is closed; they end.
#pragma once

#include <chrono>
#include <cstdint>
#include <fanmill/counters.hpp>
#include <fanmill/detail/typed_run.hpp>
#include <fanmill/error.hpp>
#include <fanmill/export.hpp>
#include <fanmill/feed.hpp>
#include <fanmill/inlet.hpp>
#include <fanmill/item_outcome.hpp>
#include <fanmill/job.hpp>
#include <fanmill/join.hpp>
#include <fanmill/observer.hpp>
#include <fanmill/worker_info.hpp>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <vector>

namespace fanmill::inline v0 {

/// Endpoints of tcp without keys: nothing on them is encrypted, and whoever reaches the port may
/// join.
enum class InsecurePlaintext : std::uint8_t {
  no,            ///< with keys
  on_this_host,  ///< on loopback addresses: any user of this host may join
  everywhere,    ///< whoever reaches the port
};

/// How a Manager is made. The constructor checks all of it and throws FarmError (invalid_argument,
/// bad_endpoint) in words that name the field. The defaults serve workers on this host.
struct ManagerOptions {
  /// Where to listen: "tcp://127.0.0.1:5557", "tcp://127.0.0.1:*" (any free port), "ipc:///path".
  /// Empty: an ipc socket in a private folder, for workers on this host. By tcp comes in who holds
  /// one of the keys that are kept in the user's state folder, where they are made when they are
  /// first needed; `join()` has one. By ipc comes in this user.
  std::vector<std::string> endpoints = {};

  /// No keys on endpoints of tcp. Those that it does not allow are refused, those that it allows are
  /// warned about on standard error.
  InsecurePlaintext insecure_plaintext = InsecurePlaintext::no;

  /// Workers must show the same one. A guard against mistakes, not against attackers. Empty: any
  /// worker may join.
  std::string cookie = {};

  /// A worker with work sends a sign of life this often (10 ms to 1 h)...
  std::chrono::nanoseconds heartbeat = std::chrono::seconds(2);
  /// ...after this much silence it gets no new tasks (at least two heartbeats)...
  std::chrono::nanoseconds suspect = std::chrono::seconds(6);
  /// ...and after this much its tasks go to others (at least four heartbeats, more than `suspect`).
  std::chrono::nanoseconds dead = std::chrono::seconds(20);

  /// How long the tasks of a lost connection wait for its return, for workers on this host, where a
  /// lost connection means a dead process...
  std::chrono::nanoseconds grace_same_host{0};
  /// ...and for workers elsewhere.
  std::chrono::nanoseconds grace_remote = std::chrono::seconds(3);

  /// Tasks per slot that a worker holds beside the running one, up to 4096, unless it asks for a
  /// number of its own. Nothing: one, and more where they are short: as many as take 5 ms (10 ms where
  /// tasks run in processes of their own), by what the worker's latest took, and at most 1024. 0 so
  /// that no task waits at a worker whose task takes its time; more for tiny ones over long ways. What
  /// waits at a busy worker is taken back when another is idle.
  std::optional<std::uint32_t> prefetch;
  /// Bytes of task inputs that one worker may hold unanswered; at least 1 MiB, which one task may
  /// have; a larger one is given to a worker that has nothing else, or less than this. A quarter of it
  /// may wait there for a free slot, an eighth on this host, and one task in any case: more for large
  /// inputs over long ways.
  std::size_t credit_bytes = 8U << 20;
  /// Bytes that one task or one result may have: 1 MiB to 1 GiB. More than 1 MiB goes in parts, to and
  /// from workers that take them: those of this library do.
  std::size_t payload_bytes_max = std::size_t{1} << 30;

  /// 0 to 1 s: for so long after there was something to do, the manager's thread and the one that
  /// called `run` look for more without sleeping, as ServeOptions::spin has a worker do. For tasks that
  /// come one at a time and are waited for: a sleeping thread's wake-up costs 5 to 50 us, and a round
  /// trip has several. A core is busy for as long, on each side, whatever else waits for it, though
  /// spinning threads give way to others. So: where each side has a core to itself, and for little more
  /// than a round trip takes, such as 200 us. 0: sleep at once.
  std::chrono::nanoseconds spin{0};

  /// Raises this process's limit of open files (`ulimit -n`) to the most that it may have: each worker
  /// takes one descriptor. Workers and tasks that are started from here get the former limit; what
  /// the program starts by itself does not. False for a program that uses select(), which can't deal
  /// with descriptors above 1023. Below the limit some are kept: a worker that comes too many is
  /// refused, told why, and tries again later.
  bool raise_descriptor_limit = true;

  /// Lines on standard error: 0 only what keeps a run waiting (tasks for a function that no worker
  /// offers), 1 workers that join and leave, 2 also tasks and groups.
  int verbose = 0;
  /// Lines begin with the time.
  bool timestamps = false;
  /// Told every event, of all levels (observer.hpp). Costs a little for each task.
  Observer observer = {};

  /// Where to write a join file for workers, for example `Join::default_path()`. Removed when the
  /// manager ends.
  std::optional<std::filesystem::path> join_file = {};
};

/// How local workers are started.
struct StartOptions {
  /// Set in their environment, beside this process's own, FANMILL_ENDPOINT, FANMILL_COOKIE and
  /// FANMILL_GIVE_UP_AFTER=3.
  std::map<std::string, std::string> environment = {};
  /// Where they run; empty: here.
  std::filesystem::path directory = {};
  /// How long they may take to end after SIGTERM when the manager ends; SIGKILL after that.
  std::chrono::nanoseconds stop_grace = std::chrono::seconds(3);
};

/// One farm's manager, and the way to give it work. Made, it listens; destroyed, it tells its
/// workers that the farm is closed. One list runs at a time: a `run` from a callback of another
/// throws FarmError (invalid_argument).
class FANMILL_EXPORT Manager {
 public:
  /// Listens at once. Throws FarmError: bad_endpoint, address_in_use, io_error, invalid_argument.
  explicit Manager(ManagerOptions options = {});
  /// Workers are told that the farm is closed; those that `start_workers` started are awaited, at
  /// most their stop_grace.
  ~Manager();
  /// Takes everything over, workers included; `other` may only be destroyed or assigned to then.
  /// Not during a `run`, and not while another thread uses either.
  Manager(Manager&& other) noexcept;
  /// The same, after this one's farm was closed as by the destructor.
  Manager& operator=(Manager&& other) noexcept;

  /// Where it listens, ports filled in.
  [[nodiscard]] std::vector<std::string> endpoints() const;
  /// What a worker on this host needs. Others need `ManagerOptions::endpoints` that they can reach.
  [[nodiscard]] Join join() const;

  /// Works on `items`, any input range (a vector, a view, a generator, a
  /// std::ranges::istream_view), pulled from on this thread as room comes free (Job::lookahead);
  /// returns the results in the order of the items, or what the job's `update_results` and
  /// `process_results` make of them. Waits for workers as long as there are none.
  ///
  /// Throws ItemFailed at the first item without a result; FarmError: payload_too_large (an item's
  /// task is over payload_bytes_max), invalid_argument (options of the job), launch_failed (started workers end
  /// at once and there is no other), stopped; and whatever a callback or the range throws. Before
  /// it throws it ends what is under way; the manager is as good as new then, and may run the next
  /// list.
  template <std::ranges::input_range Items, typename TaskResult, typename... Parts>
  auto run(Items&& items, const Job<TaskResult, Parts...>& job) {
    return run_typed<false>(detail::RangeSource<std::remove_reference_t<Items>>(items), job);
  }
  /// Works on what `feed` holds and on what callbacks push to it; ends when it is empty and no item
  /// is open.
  template <typename Item, typename TaskResult, typename... Parts>
  auto run(Feed<Item>& feed, const Job<TaskResult, Parts...>& job) {
    return run_typed<false>(detail::FeedSource<Item>(feed), job);
  }
  /// Works on what other threads push to `inlet`, until it is closed and empty.
  template <typename Item, typename TaskResult, typename... Parts>
  auto run(Inlet<Item>& inlet, const Job<TaskResult, Parts...>& job) {
    return run_typed<false>(detail::InletSource<Item>(inlet), job);
  }
  /// Works on the items in braces: `manager.run({1, 2, 3}, job)`.
  template <typename Item, typename TaskResult, typename... Parts>
  auto run(std::initializer_list<Item> items, const Job<TaskResult, Parts...>& job) {
    return run_typed<false>(detail::RangeSource<const std::initializer_list<Item>>(items), job);
  }

  ///@{
  /// As `run`, but failed items do not end it: gives a std::vector<ItemOutcome<Result>> in the
  /// order of the items.
  template <std::ranges::input_range Items, typename TaskResult, typename... Parts>
  auto run_outcomes(Items&& items, const Job<TaskResult, Parts...>& job) {
    return run_typed<true>(detail::RangeSource<std::remove_reference_t<Items>>(items), job);
  }
  template <typename Item, typename TaskResult, typename... Parts>
  auto run_outcomes(Feed<Item>& feed, const Job<TaskResult, Parts...>& job) {
    return run_typed<true>(detail::FeedSource<Item>(feed), job);
  }
  template <typename Item, typename TaskResult, typename... Parts>
  auto run_outcomes(Inlet<Item>& inlet, const Job<TaskResult, Parts...>& job) {
    return run_typed<true>(detail::InletSource<Item>(inlet), job);
  }
  template <typename Item, typename TaskResult, typename... Parts>
  auto run_outcomes(std::initializer_list<Item> items, const Job<TaskResult, Parts...>& job) {
    return run_typed<true>(detail::RangeSource<const std::initializer_list<Item>>(items), job);
  }
  ///@}

  /// Starts `count` worker processes on this host, 0: one for each core that this process may use.
  /// They find this manager by FANMILL_ENDPOINT (Join::find), are started again when they crash or
  /// were killed (any exit status but 5; after fast failures with growing pauses), and end with the
  /// manager. Returns at once: a program that can't be started, or ends at once again and again,
  /// makes `run` throw FarmError (launch_failed) with the end of its standard error, if no other
  /// worker is there. Throws FarmError: invalid_argument for an empty command, io_error.
  void start_workers(std::size_t count, std::vector<std::string> command,
                     const StartOptions& options = {});

  /// Workers that are joined now, and those whose lost connection may still come back. O(workers).
  /// Asks the manager's own thread, which answers between two turns.
  [[nodiscard]] std::vector<WorkerInfo> workers() const;
  /// Waits until `count` workers are joined, those with a lost connection not counted; false if
  /// they were not within `time_limit`.
  bool wait_for_workers(std::size_t count, std::chrono::nanoseconds time_limit);
  /// What was seen since this manager was made. Asks its thread, as `workers` does.
  [[nodiscard]] Counters counters() const;

  /// Reads the file of authorised keys again, as a manager does by itself within seconds when it has
  /// changed. Returns how many there are; nothing if this manager has no endpoint of tcp with keys.
  /// Any thread. Throws FarmError (io_error, invalid_argument) with what is wrong with the file; then
  /// the keys stay as they were.
  std::optional<std::size_t> reload_keys();

  /// From any thread: makes the `run` under way, or else the next one, throw FarmError (stopped).
  void stop();
  /// From any thread: ends the `run` under way, or else the next one, softly. Nothing more is read
  /// of its items, those of which no worker was given a task yet are dropped (all of them, once no
  /// worker is left), the others are finished and their results go to `update_results`; then it
  /// throws FarmError (stopped).
  void drain();

 private:
  struct Impl;

  template <bool outcomes, typename Source, typename JobType>
  auto run_typed(Source source, const JobType& job) {
    detail::TypedRun<Source, JobType, outcomes> run(std::move(source), job);
    drive(run, job.settings());
    return run.take();
  }
  void drive(detail::Runner& runner, const detail::RunSettings& settings);

  std::unique_ptr<Impl> impl_;
};

}  // namespace fanmill::inline v0
