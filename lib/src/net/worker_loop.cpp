#include "net/worker_loop.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fanmill/error.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>

#include "codec/codec.hpp"
#include "exec/invoke.hpp"
#include "exec/orders.hpp"
#include "net/clock.hpp"
#include "net/dealer.hpp"
#include "net/endpoint.hpp"
#include "net/poll.hpp"
#include "net/signal_watch.hpp"

namespace fanmill::net {
namespace {

using namespace std::chrono_literals;

static_assert(exec::error_type_bytes_max == limits::error_type_max);
static_assert(exec::error_text_bytes_max == limits::error_text_max);
// Or a task that writes in small pieces would wait for ever.
static_assert(exec::output_chunks_max >= limits::output_messages_step);

constexpr Duration idle_turn = 500ms;
// For the goodbye and the last results to leave; on a live connection they need a millisecond.
constexpr Duration linger_at_end = 1s;
constexpr Duration linger_at_once = 100ms;

core::AttemptOutcome outcome_of(exec::Completion::Kind kind) {
  switch (kind) {
    case exec::Completion::Kind::returned:
      return core::AttemptOutcome::ok;
    case exec::Completion::Kind::rejected:
      return core::AttemptOutcome::rejected;
    case exec::Completion::Kind::failed:
    case exec::Completion::Kind::died:
    case exec::Completion::Kind::revoked:
      break;
  }
  return core::AttemptOutcome::failed;
}

bool has_run(const exec::Completion& completion) {
  return completion.kind != exec::Completion::Kind::revoked &&
         completion.kind != exec::Completion::Kind::died;
}

core::TaskFinished finished(exec::Completion&& completion) {
  return {.slot = completion.slot,
          .attempt = completion.attempt,
          .result = core::Result{.attempt = completion.attempt,
                                 .outcome = outcome_of(completion.kind),
                                 .nothing = completion.nothing,
                                 .detail = completion.detail,
                                 .busy = completion.busy,
                                 .error_type = std::move(completion.error_type),
                                 .error_text = std::move(completion.error_text),
                                 .payload = std::move(completion.payload),
                                 .cpu = completion.cpu,
                                 .memory = completion.memory}};
}

core::WorkerEvent event_of(exec::Completion&& completion) {
  if (completion.kind == exec::Completion::Kind::revoked)
    return core::TaskRevoked{.slot = completion.slot, .attempt = completion.attempt};
  if (completion.kind == exec::Completion::Kind::died) {
    return core::ExecutorDied{.slot = completion.slot,
                              .attempt = completion.attempt,
                              .detail = completion.detail,
                              .text = completion.error_text,
                              .busy = completion.busy,
                              .type = completion.error_type,
                              .cpu = completion.cpu,
                              .memory = completion.memory};
  }
  return finished(std::move(completion));
}

class WorkerLoop {
 public:
  WorkerLoop(const WorkerLoopOptions& options, std::vector<ResolvedEndpoint> endpoints,
             exec::Executor& executor)
      : log_(options.log),
        log_level_(options.log_level),
        exit_process_(options.exit_process),
        stop_fd_(options.stop_fd),
        has_keys_(options.keys.has_value()),
        leave_grace_(options.core.leave_grace),
        spin_(options.spin),
        core_(options.core),
        executor_(executor),
        dealer_(std::move(endpoints), {.keys = options.keys}) {
    if (options.handle_signals) signals_.emplace();
    shared_->loop = this;
    executor_.set_helper([shared = shared_](exec::Completion& completion) {
      const std::unique_lock turn(shared->turn, std::try_to_lock);
      if (!turn || shared->loop == nullptr) return exec::Executor::Helped::no;
      return shared->loop->take_turn(completion);
    });
  }
  ~WorkerLoop() { shared_->loop = nullptr; }
  WorkerLoop(const WorkerLoop&) = delete;
  WorkerLoop& operator=(const WorkerLoop&) = delete;

  int run();

 private:
  /// With the executor's threads, which may outlive the loop.
  struct Shared {
    std::mutex turn;
    WorkerLoop* loop = nullptr;
  };

  void turn();
  void wait();
  [[nodiscard]] bool has_input();
  exec::Executor::Helped take_turn(exec::Completion& completion) noexcept;
  void take_facts();
  void take_ends();
  void step_finished();
  void take_messages();
  void tell_trouble();
  void step(core::WorkerEvent&& event) { core_.step(now_, std::move(event), actions_); }
  void carry_out();
  void perform(core::OpenConnection&&) { dealer_.open(); }
  void perform(core::WorkerSend&& send);
  void perform(core::StartTask&& start);
  void perform(core::StopTask&& stop) { executor_.stop(stop.slot); }
  void perform(core::RevokeTask&& order) { executor_.revoke(order.slot); }
  void perform(core::TakeOutput&& order) {
    executor_.output_taken(order.slot, order.attempt, order.taken);
  }
  void perform(core::DropOutput&& order) { executor_.drop_output(order.slot, order.attempt); }
  void perform(core::EndWorker&& end);
  void perform(core::WorkerNote&& note) {
    log(note.level, note.text);
    last_note_ = std::move(note.text);
  }
  void plan();
  [[nodiscard]] int leave();
  [[nodiscard]] int end_process(int status) const;
  void log_answer(const core::Message& message) const;
  void log_end(const core::Result& result) const;
  void log(int level, const std::string& text) const {
    if (log_) log_(level, text);
  }

  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  // Held but for the loop's sleep: a thread that has a completion then, and nothing else to do, makes
  // a turn in its place.
  std::unique_lock<std::mutex> turn_{shared_->turn};

  const std::function<void(int, const std::string&)> log_;
  const int log_level_;
  const std::function<void(int)> exit_process_;
  const int stop_fd_;
  const bool has_keys_;
  const Duration leave_grace_;
  const Duration spin_;
  core::Worker core_;
  exec::Executor& executor_;
  Dealer dealer_;
  std::optional<SignalWatch> signals_;

  core::WorkerActions actions_;
  std::vector<exec::Completion> completions_;
  core::TasksFinished finished_;
  std::vector<exec::Begun> begun_;
  std::vector<exec::OutputChunk> outputs_;
  codec::HeaderBuffer header_;
  ReceivedFrames received_;
  Instant now_{};
  Instant planned_{};        // when the coming turn is to begin at the latest
  Instant sleeps_until_{};   // what was planned when the loop fell asleep
  Instant gathers_until_{};  // until then tasks that end are many, and need not wake the loop each
  bool socket_empty_ = true;
  bool has_completions_ = false;
  bool spins_ = false;      // there was something to do: more may come
  bool stop_seen_ = false;  // a signal, or the caller's descriptor
  bool stop_given_ = false;
  std::optional<core::EndWorker> end_;
  std::string last_note_;
};

int WorkerLoop::run() {
  now_ = planned_ = steady_now();
  step(core::WorkerStarted{});
  carry_out();
  while (!end_) turn();
  return leave();
}

void WorkerLoop::turn() {
  wait();
  now_ = steady_now();
  if (now_ - planned_ > limits::stall_noticed) {
    step(core::WorkerLoopStalled{now_ - planned_});
  }
  take_facts();
  core_.tick(now_, actions_);
  carry_out();
  plan();
}

void WorkerLoop::wait() {
  // Those that are -1 are passed over.
  enum Item : std::uint8_t { completions, signal, stop, socket, monitor, count };
  std::array<pollfd, Item::count> items{};
  for (pollfd& item : items) item = {-1, POLLIN, 0};
  items[completions].fd = executor_.completions_fd();
  if (signals_) items[signal].fd = signals_->fd();
  if (stop_fd_ >= 0 && !stop_seen_) items[stop].fd = stop_fd_;
  Duration limit = planned_ - steady_now();
  if (dealer_.is_open()) {
    items[socket].fd = dealer_.watch().fd();
    items[monitor].fd = dealer_.monitor_watch().fd();
    if (has_input()) limit = Duration::zero();
  }
  sleeps_until_ = planned_;
  const bool gathers = now_ < gathers_until_;
  turn_.unlock();
  const bool looks_soon = executor_.flush(gathers);
  if (looks_soon) limit = std::min(limit, limits::gather_time);
  spins_ = spin_and_poll(items, limit, spins_ ? spin_ : Duration::zero());
  turn_.lock();
  if (dealer_.is_open()) {
    // Whoever had the turn meanwhile may have seen what the descriptor does not tell.
    dealer_.set_silent(
        {.socket = items[socket].revents == 0 && dealer_.watch().is_quiet(),
         .monitor = items[monitor].revents == 0 && dealer_.monitor_watch().is_quiet()});
  }
  has_completions_ = looks_soon || items[completions].revents != 0;
  if (items[signal].revents != 0) {
    signals_->clear();
    stop_seen_ = true;
  }
  if (items[stop].revents != 0) stop_seen_ = true;
}

bool WorkerLoop::has_input() {
  return dealer_.watch().has_input() || dealer_.monitor_watch().has_input();
}

// On a thread of the executor, while the loop sleeps; what it ran is over.
exec::Executor::Helped WorkerLoop::take_turn(exec::Completion& completion) noexcept {
  using Helped = exec::Executor::Helped;
  // What is done at a deadline, and after a stall, is the loop's.
  const Instant now = steady_now();
  if (end_ || now >= planned_ || !dealer_.is_open()) return Helped::no;
  now_ = now;
  step(event_of(std::move(completion)));
  core_.tick(now_, actions_);
  carry_out();
  plan();
  // The descriptor that the loop sleeps on may be silent now about what came meanwhile.
  const bool wakes = end_ || planned_ < sleeps_until_ || !dealer_.is_open() || has_input();
  return wakes ? Helped::yes_and_wake : Helped::yes;
}

void WorkerLoop::take_facts() {
  take_messages();
  tell_trouble();
  // Before a time limit is judged all that has ended is known, whether the executor was in time to say so.
  const auto deadline = core_.next_deadline();
  if (has_completions_ || (deadline && *deadline <= now_)) {
    completions_.clear();
    executor_.take(completions_);
    outputs_.clear();
    executor_.take_output(outputs_);
    for (exec::OutputChunk& chunk : outputs_) {
      step(core::OutputWritten{
          .slot = chunk.slot, .attempt = chunk.attempt, .bytes = std::move(chunk.bytes)});
    }
    take_ends();
    if (!completions_.empty()) gathers_until_ = now_ + 2 * limits::gather_time;
    begun_.clear();
    executor_.take_begun(begun_);
    for (const exec::Begun& each : begun_)
      step(core::TaskBegun{.slot = each.slot, .attempt = each.attempt});
  }
  if (stop_seen_ && !std::exchange(stop_given_, true)) step(core::StopRequested{});
}

/// In their order, those that ran in rows.
void WorkerLoop::take_ends() {
  for (exec::Completion& completion : completions_) {
    if (has_run(completion)) {
      finished_.tasks.push_back(finished(std::move(completion)));
    } else {
      step_finished();
      step(event_of(std::move(completion)));
    }
  }
  step_finished();
}

void WorkerLoop::step_finished() {
  if (finished_.tasks.empty()) return;
  core::WorkerEvent event(std::move(finished_));
  step(std::move(event));
  // Its memory is used again.
  finished_ = std::get<core::TasksFinished>(std::move(event));
  finished_.tasks.clear();
}

void WorkerLoop::take_messages() {
  socket_empty_ = false;
  for (std::size_t i = 0; i < limits::events_per_turn_max; ++i) {
    const Dealer::Next next = dealer_.receive(received_);
    if (dealer_.take_connected()) step(core::WorkerConnected{});
    if (next == Dealer::Next::lost) step(core::WorkerConnectionLost{});
    if (next != Dealer::Next::message) {
      socket_empty_ = true;
      return;
    }
    if (received_.count > limits::frames_max) {
      step(core::WorkerMalformedReceived{std::to_string(received_.count) +
                                         " frames, expected at most " +
                                         std::to_string(limits::frames_max)});
      continue;
    }
    Result<codec::Decoded> decoded =
        codec::decode(view(received_.header), received_.has_payload ? &received_.payload : nullptr);
    if (decoded.ok()) {
      step(core::WorkerMessageReceived{std::move(decoded.value().message)});
    } else {
      step(core::WorkerMalformedReceived{decoded.error().message});
    }
  }
}

// Core and libzmq go on trying; whoever looks at the log should know what is wrong meanwhile.
void WorkerLoop::tell_trouble() {
  const std::optional<Dealer::Trouble> trouble = dealer_.take_trouble();
  if (!trouble) return;
  const std::string where = dealer_.troubled_endpoint();
  switch (*trouble) {
    case Dealer::Trouble::not_there:
      return log(1, "nobody listens at " + where + "; goes on trying");
    case Dealer::Trouble::not_understood:
      return log(0, where + " broke off the handshake: " +
                        (has_keys_ ? "its server key is not the one in this worker's join file"
                                   : "it wants keys (give this worker its join file)") +
                        ", or it is no manager; goes on trying");
    case Dealer::Trouble::other_user:
      return log(0, where + " is another user's: nothing is taken from there; goes on trying");
    case Dealer::Trouble::key_refused:
      return log(0, where +
                        " does not know this worker's key, or it was revoked; ask for another "
                        "join file; goes on trying");
  }
}

void WorkerLoop::carry_out() {
  for (core::WorkerAction& action : actions_) {
    // Most are.
    if (auto* start = std::get_if<core::StartTask>(&action)) {
      perform(std::move(*start));
      continue;
    }
    std::visit([this](auto& order) { perform(std::move(order)); }, action);
    if (end_) break;  // the last one
  }
  actions_.clear();
  executor_.publish();
}

// The words for an attempt, as those of the manager's events have it.
std::string attempt_words(AttemptId attempt) { return "attempt " + std::to_string(attempt.value); }

void WorkerLoop::log_end(const core::Result& result) const {
  const bool ok = result.outcome == core::AttemptOutcome::ok;
  log(2, attempt_words(result.attempt) + " ended" +
             (ok ? std::string() : ": " + result.error_text.str()));
}

void WorkerLoop::log_answer(const core::Message& message) const {
  if (const auto* result = std::get_if<core::Result>(&message)) {
    log_end(*result);
  } else if (const auto* results = std::get_if<core::Results>(&message)) {
    for (const core::Result& each : results->results) log_end(each);
  } else if (const auto* killed = std::get_if<core::Killed>(&message)) {
    log(2, attempt_words(killed->attempt) + (killed->unstarted ? " given back" : " killed"));
  }
}

void WorkerLoop::perform(core::WorkerSend&& send) {
  if (log_level_ >= 2) log_answer(send.message);
  const Result<codec::Frames> frames = codec::encode(send.message, send.version, header_);
  if (frames.ok()) {
    dealer_.send(frames.value());
    return;
  }
  // Only a hello has what can't be cut to fit: names and cookie, which were given at the start.
  end_ =
      core::EndWorker{.status = core::ExitStatus::do_not_restart, .words = frames.error().message};
}

void WorkerLoop::perform(core::StartTask&& start) {
  core::Task& task = start.task;
  if (log_level_ >= 2) {
    log(2, attempt_words(task.attempt) + " starts: task of item " + std::to_string(task.item));
  }
  executor_.start(start.slot,
                  {.attempt = task.attempt,
                   .task = task.task,
                   .item = task.item,
                   .function = task.function,
                   .number = task.number,
                   .time_limit = task.time_limit,
                   .payload = std::move(task.payload),
                   .output_window = start.passes_output ? limits::output_window_bytes : 0,
                   .gathers = start.gathers});
}

void WorkerLoop::perform(core::EndWorker&& end) {
  // M11: whoever watches a monitored worker counts on its end at this moment.
  if (end.at_once && end.status != core::ExitStatus::do_not_restart) {
    (void)end_process(static_cast<int>(end.status));
  }
  end_ = std::move(end);
}

void WorkerLoop::plan() {
  Instant next = now_ + idle_turn;
  if (const auto deadline = core_.next_deadline()) next = std::min(next, *deadline);
  if (!socket_empty_) next = now_;
  planned_ = std::max(next, now_);
}

int WorkerLoop::end_process(int status) const {
  if (exit_process_) {
    exit_process_(status);
  } else {
    ::_exit(status);
  }
  return status;
}

int WorkerLoop::leave() {
  const int status = static_cast<int>(end_->status);
  // Often the reason was noted when it arose.
  if (!end_->words.empty() && end_->words != last_note_) log(1, end_->words);
  if (end_->at_once && end_->status != core::ExitStatus::do_not_restart) return status;
  executor_.flush(false);  // what is started ends
  dealer_.close(end_->at_once ? linger_at_once : linger_at_end);
  // The core has waited for stopped functions already; one that has just returned is told by the
  // executor in no time.
  if (executor_.wait_idle(end_->at_once ? Duration::zero() : leave_grace_)) return status;
  log(0, "a function did not stop when told to: ending the process");
  return end_process(status);
}

Result<std::vector<ResolvedEndpoint>> resolve_all(const std::vector<std::string>& texts,
                                                  bool& all_local) {
  all_local = true;
  std::vector<ResolvedEndpoint> endpoints;
  std::optional<Error> unknown;
  for (const std::string& text : texts) {
    const Result<Endpoint> endpoint = parse_endpoint(text, Endpoint::Use::connect);
    if (!endpoint.ok()) return endpoint.error();
    Result<ResolvedEndpoint> resolved = resolve(endpoint.value());
    if (!resolved.ok()) {
      // A name that is known elsewhere, say; another of them may do.
      unknown = resolved.error();
      continue;
    }
    all_local = all_local && endpoint.value().is_loopback();
    endpoints.push_back(std::move(resolved).value());
  }
  if (endpoints.empty() && unknown) return *unknown;
  if (endpoints.empty()) {
    return Error{ErrorCode::bad_endpoint,
                 "a worker needs its manager's endpoint, such as tcp://node7:5557"};
  }
  return endpoints;
}

}  // namespace

int run_worker(WorkerLoopOptions options, exec::Executor& executor) {
  constexpr int do_not_restart = static_cast<int>(core::ExitStatus::do_not_restart);
  constexpr int crashed = EXIT_FAILURE;
  FANMILL_ASSERT(executor.slot_count() == options.core.slots, executor.slot_count(),
                 options.core.slots);
  bool all_local = true;
  Result<std::vector<ResolvedEndpoint>> endpoints = resolve_all(options.endpoints, all_local);
  if (!endpoints.ok()) {
    if (options.log) options.log(0, endpoints.error().message);
    return do_not_restart;
  }
  if (!options.core.monitored) options.core.ahead_max = executor.ahead_count();
  options.core.begins_told = executor.tells_begun();
  options.core.manager_lost_after = all_local ? Duration::zero() : limits::grace_remote;
  try {
    WorkerLoop loop(options, std::move(endpoints).value(), executor);
    return loop.run();
  } catch (const FarmError& error) {
    if (options.log) options.log(0, error.what());
    return crashed;
  }
}

}  // namespace fanmill::net
