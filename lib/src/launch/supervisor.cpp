#include "launch/supervisor.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <fanmill/error.hpp>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "base/signals.hpp"
#include "base/wakeup.hpp"
#include "launch/error_stream.hpp"

namespace fanmill::launch {
namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

/// A process that even SIGKILL has not ended after this long hangs in the kernel (a dead file
/// server): it is left behind, so that whoever waits for us does not hang as well.
constexpr Duration kill_patience = std::chrono::seconds(10);

/// A pipe takes this much at once whenever poll calls it writable (PIPE_BUF), so we never block on
/// it.
constexpr std::size_t write_max = 4096;

/// Of an ended process, at most as much standard error is read as a full pipe holds: its children
/// may go on writing.
constexpr std::size_t last_errors_max = 1024 * 1024;

struct Copy {
  CopyId id;
  std::shared_ptr<const PreparedCommand> command;
  RestartRule rule;
  std::optional<Process> process;
  ErrorStream errors;
  Time started_at;
  std::optional<Time> start_at;  // when there is no process: when to start one
  std::optional<Time> kill_at;   // set by end(): it is not started again
  bool killed = false;           // SIGKILL is out; kill_at then says when to leave it behind
};

struct StartOrder {
  CopyId copy;
  std::shared_ptr<const PreparedCommand> command;
};
struct EndOrder {
  std::optional<CopyId> copy;  // none: all
  Duration grace;
};
struct SignalOrder {
  CopyId copy;
  int number;
};
struct CloseOrder {};
using Order = std::variant<StartOrder, EndOrder, SignalOrder, CloseOrder>;

/// Waits in whole milliseconds, rounded up: rounded down it would spin through the last one.
int poll_timeout(std::optional<Time> deadline, Time now) {
  if (!deadline) return -1;
  if (*deadline <= now) return 0;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*deadline - now).count();
  return static_cast<int>(std::min<std::int64_t>(wait, std::numeric_limits<int>::max()));
}

std::string in_words(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(duration).count()) + " ms";
}

}  // namespace

const char* to_string(Notice::Kind kind) noexcept {
  switch (kind) {
    case Notice::Kind::started:
      return "started";
    case Notice::Kind::ended:
      return "ended";
    case Notice::Kind::could_not_start:
      return "could_not_start";
    case Notice::Kind::will_restart_after:
      return "will_restart_after";
    case Notice::Kind::finished:
      return "finished";
    case Notice::Kind::gave_up:
      return "gave_up";
  }
  return "unknown";
}

class Supervisor::Impl {
 public:
  explicit Impl(SupervisorOptions options) : options_(std::move(options)) {}
  ~Impl() {
    if (!thread_.joinable()) return;
    FANMILL_ASSERT(thread_.get_id() != std::this_thread::get_id(),
                   "a Supervisor destroyed within its on_notice");
    post(CloseOrder{});
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void run_thread() {
    // A closed standard error must be EPIPE there, not SIGPIPE.
    const AllSignalsBlocked for_the_thread;
    thread_ = std::thread([this] { loop(); });
  }

  CopyId start(Command command, std::size_t copies);
  void post(Order order);
  void wait() const;
  bool wait_for(Duration limit) const;

  [[nodiscard]] Duration term_grace() const { return options_.term_grace; }
  std::vector<Running> running() const {
    const std::lock_guard lock(mutex_);
    std::vector<Running> result;
    result.reserve(running_.size());
    for (const auto& [copy, pid] : running_) result.push_back({copy, pid});
    return result;
  }
  std::size_t unfinished() const {
    const std::lock_guard lock(mutex_);
    return unfinished_;
  }
  std::vector<Failure> failures() const {
    const std::lock_guard lock(mutex_);
    return failures_;
  }

 private:
  // The thread. Each turn: carry out orders, then what is due, then wait for the next fact.
  void loop();
  void take_orders();
  void on(StartOrder&& order);
  void on(const EndOrder& order);
  void on(const SignalOrder& order);
  void on(const CloseOrder&);
  void do_due(Time now);
  std::optional<Time> next_deadline() const;
  void wait_for_facts(int timeout_ms);

  void begin_end(Copy& copy, Time kill_at);
  void start_process(Copy& copy);
  void start_failed(Copy& copy, const StartFailure& failure);
  void process_ended(Copy& copy);
  void kill_or_leave(Copy& copy, Time now);
  void obey(Copy& copy, const Verdict& verdict, const std::string& last);
  void finish(Copy& copy, std::string text);
  void give_up(Copy& copy, std::string text);
  void tell_last(const Notice& notice);
  void notify(const Notice& notice) {
    if (options_.on_notice) options_.on_notice(notice);
  }

  /// Reads at most `limit` bytes of a process's standard error; false at its end.
  bool read_errors(Copy& copy, std::size_t limit);
  void write_output();

  const SupervisorOptions options_;
  const Wakeup wake_;  // orders_ is not empty

  mutable std::mutex mutex_;
  mutable std::condition_variable all_told_;  // untold_ became 0
  std::vector<Order> orders_;
  std::map<CopyId, pid_t> running_;
  std::vector<Failure> failures_;
  std::size_t unfinished_ = 0;
  std::size_t untold_ =
      0;  // as unfinished_, until on_notice has returned from the copy's last notice
  std::size_t copies_made_ = 0;

  // Of the thread alone.
  std::map<CopyId, Copy> copies_;
  std::string output_;  // lines that pass_errors_to has not taken yet
  bool output_closed_ = false;
  bool closing_ = false;

  std::thread thread_;
};

CopyId Supervisor::Impl::start(Command command, std::size_t copies) {
  // Here and not on the thread: the caller knows whether its environment is being changed just now.
  const auto prepared = std::make_shared<const PreparedCommand>(std::move(command));
  CopyId first;
  {
    const std::lock_guard lock(mutex_);
    first.value = copies_made_;
    copies_made_ += copies;
    unfinished_ += copies;
    untold_ += copies;
    for (std::size_t i = 0; i < copies; ++i)
      orders_.emplace_back(StartOrder{{first.value + i}, prepared});
  }
  wake_.signal();
  return first;
}

void Supervisor::Impl::post(Order order) {
  {
    const std::lock_guard lock(mutex_);
    orders_.push_back(std::move(order));
  }
  wake_.signal();
}

void Supervisor::Impl::wait() const {
  FANMILL_ASSERT(thread_.get_id() != std::this_thread::get_id(), "wait() within on_notice");
  std::unique_lock lock(mutex_);
  all_told_.wait(lock, [this] { return untold_ == 0; });
}

bool Supervisor::Impl::wait_for(Duration limit) const {
  FANMILL_ASSERT(thread_.get_id() != std::this_thread::get_id(), "wait_for() within on_notice");
  std::unique_lock lock(mutex_);
  return all_told_.wait_for(lock, limit, [this] { return untold_ == 0; });
}

void Supervisor::Impl::loop() {
  for (;;) {
    take_orders();
    do_due(Clock::now());
    write_output();
    if (closing_ && copies_.empty()) return;
    wait_for_facts(poll_timeout(next_deadline(), Clock::now()));
  }
}

void Supervisor::Impl::take_orders() {
  std::vector<Order> orders;
  {
    const std::lock_guard lock(mutex_);
    orders.swap(orders_);
  }
  for (Order& order : orders) {
    std::visit([this](auto&& one) { on(std::forward<decltype(one)>(one)); }, std::move(order));
  }
}

void Supervisor::Impl::on(StartOrder&& order) {
  Copy copy{
      .id = order.copy, .command = std::move(order.command), .rule = RestartRule(options_.restart)};
  copy.start_at = Clock::now();
  copies_.emplace(order.copy, std::move(copy));
}

void Supervisor::Impl::on(const EndOrder& order) {
  const Time kill_at = Clock::now() + order.grace;
  for (auto next = copies_.begin(); next != copies_.end();) {
    Copy& copy = (next++)->second;  // begin_end may erase it
    if (!order.copy || *order.copy == copy.id) begin_end(copy, kill_at);
  }
}

void Supervisor::Impl::on(const SignalOrder& order) {
  const auto found = copies_.find(order.copy);
  // Between two processes, or gone: there is nobody to tell. Normal, the caller can't know.
  if (found == copies_.end() || !found->second.process) return;
  found->second.process->send_signal(order.number);
}

void Supervisor::Impl::on(const CloseOrder&) {
  closing_ = true;
  on(EndOrder{{}, options_.term_grace});
}

void Supervisor::Impl::begin_end(Copy& copy, Time kill_at) {
  if (!copy.process) {
    finish(copy, copy.command->program() + " was ended between two starts");
    return;
  }
  if (copy.kill_at) {
    if (!copy.killed) copy.kill_at = std::min(*copy.kill_at, kill_at);
    return;
  }
  copy.kill_at = kill_at;
  // To the worker alone: one that drains must not see its executors die under it and report
  // crashes.
  copy.process->send_signal(SIGTERM);
}

void Supervisor::Impl::do_due(Time now) {
  for (auto next = copies_.begin(); next != copies_.end();) {
    Copy& copy = (next++)->second;
    if (copy.start_at && *copy.start_at <= now) {
      start_process(copy);
    } else if (copy.kill_at && *copy.kill_at <= now) {
      kill_or_leave(copy, now);
    }
  }
}

std::optional<Time> Supervisor::Impl::next_deadline() const {
  std::optional<Time> earliest;
  for (const auto& [id, copy] : copies_) {
    for (const std::optional<Time>& time : {copy.start_at, copy.kill_at}) {
      if (time && (!earliest || *time < *earliest)) earliest = time;
    }
  }
  return earliest;
}

void Supervisor::Impl::wait_for_facts(int timeout_ms) {
  std::vector<pollfd> watched{{wake_.fd(), POLLIN, 0}};
  // While our own standard error takes nothing we read nothing: the processes wait, our memory does
  // not grow.
  const bool is_blocked = !output_.empty();
  if (is_blocked) watched.push_back({options_.pass_errors_to, POLLOUT, 0});
  std::vector<CopyId> owners;
  const std::size_t first = watched.size();
  for (const auto& [id, copy] : copies_) {
    if (!copy.process) continue;
    owners.push_back(id);
    watched.push_back({copy.process->ended_descriptor(), POLLIN, 0});
    watched.push_back({is_blocked ? -1 : copy.process->errors_descriptor(), POLLIN, 0});
  }
  if (::poll(watched.data(), watched.size(), timeout_ms) <= 0) return;

  if (watched[0].revents != 0) wake_.clear();
  for (std::size_t i = 0; i < owners.size(); ++i) {
    Copy& copy = copies_.at(owners[i]);
    const bool ended = watched[first + 2 * i].revents != 0;
    const bool wrote = watched[first + 2 * i + 1].revents != 0;
    if (ended) {
      process_ended(copy);
    } else if (wrote && !read_errors(copy, write_max)) {
      copy.process->close_errors();
    }
  }
}

void Supervisor::Impl::start_process(Copy& copy) {
  copy.start_at.reset();
  copy.errors = ErrorStream(
      options_.label.empty() ? "" : options_.label + " " + std::to_string(copy.id.value) + ": ");
  auto started = Process::start(*copy.command, options_.start);
  if (const auto* failure = std::get_if<StartFailure>(&started)) {
    start_failed(copy, *failure);
    return;
  }
  copy.process.emplace(std::get<Process>(std::move(started)));
  copy.started_at = Clock::now();
  const pid_t pid = copy.process->pid();
  {
    const std::lock_guard lock(mutex_);
    running_[copy.id] = pid;
  }
  notify({.kind = Notice::Kind::started,
          .copy = copy.id,
          .pid = pid,
          .text = copy.command->program() + " runs as process " + std::to_string(pid)});
}

void Supervisor::Impl::start_failed(Copy& copy, const StartFailure& failure) {
  notify({.kind = Notice::Kind::could_not_start, .copy = copy.id, .text = failure.text});
  obey(copy, copy.rule.could_not_start(failure.error_number), failure.text);
}

void Supervisor::Impl::process_ended(Copy& copy) {
  const Duration lived = Clock::now() - copy.started_at;
  read_errors(copy, last_errors_max);
  copy.errors.finish(output_);
  const pid_t pid = copy.process->pid();
  const ProcessEnd end = copy.process->reap();
  copy.process.reset();
  {
    const std::lock_guard lock(mutex_);
    running_.erase(copy.id);
  }
  const std::string text = copy.command->program() + " (process " + std::to_string(pid) +
                           ") ended with " + to_string(end);
  notify({.kind = Notice::Kind::ended, .copy = copy.id, .pid = pid, .end = end, .text = text});
  if (copy.kill_at) {
    finish(copy, text + ", as asked");
    return;
  }
  obey(copy, copy.rule.ended(end, lived), text);
}

void Supervisor::Impl::kill_or_leave(Copy& copy, Time now) {
  if (!copy.killed) {
    copy.killed = true;
    copy.kill_at = now + kill_patience;
    copy.process->kill_group();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    running_.erase(copy.id);
  }
  give_up(copy,
          copy.command->program() + " (process " + std::to_string(copy.process->pid()) +
              ") does not end although it was killed: it hangs in the kernel and was left behind");
}

void Supervisor::Impl::obey(Copy& copy, const Verdict& verdict, const std::string& last) {
  switch (verdict.kind) {
    case Verdict::Kind::finished:
      finish(copy, last);
      return;
    case Verdict::Kind::restart:
      copy.start_at = Clock::now() + verdict.after;
      notify({.kind = Notice::Kind::will_restart_after,
              .copy = copy.id,
              .after = verdict.after,
              .text = last + "; it is started again in " + in_words(verdict.after)});
      return;
    case Verdict::Kind::give_up:
      break;
  }
  const unsigned times = copy.rule.ends_at_once();
  std::string text = last;
  if (times > 0)
    text += "; given up, because it ended at once " + std::to_string(times) + " times in a row";
  give_up(copy, std::move(text));
}

void Supervisor::Impl::finish(Copy& copy, std::string text) {
  const CopyId id = copy.id;
  copies_.erase(id);
  {
    const std::lock_guard lock(mutex_);
    unfinished_ -= 1;
  }
  tell_last({.kind = Notice::Kind::finished, .copy = id, .text = std::move(text)});
}

void Supervisor::Impl::give_up(Copy& copy, std::string text) {
  const CopyId id = copy.id;
  std::string errors = copy.errors.tail();
  while (errors.ends_with('\n')) errors.pop_back();
  copies_.erase(id);
  {
    const std::lock_guard lock(mutex_);
    unfinished_ -= 1;
    failures_.push_back(
        {id, errors.empty() ? text : text + "; the end of its standard error:\n" + errors});
  }
  tell_last({.kind = Notice::Kind::gave_up,
             .copy = id,
             .text = std::move(text),
             .errors = std::move(errors)});
}

void Supervisor::Impl::tell_last(const Notice& notice) {
  write_output();  // so that what a process said stands before what is said about it
  notify(notice);
  {
    const std::lock_guard lock(mutex_);
    untold_ -= 1;
    if (untold_ > 0) return;
  }
  all_told_.notify_all();
}

bool Supervisor::Impl::read_errors(Copy& copy, std::size_t limit) {
  char buffer[write_max];
  const bool is_shown = options_.pass_errors_to >= 0 && !output_closed_;
  for (std::size_t total = 0; total < limit;) {
    const ssize_t size = ::read(copy.process->errors_descriptor(), buffer, sizeof buffer);
    if (size <= 0) return size < 0 && (errno == EAGAIN || errno == EINTR);
    total += static_cast<std::size_t>(size);
    copy.errors.take({buffer, static_cast<std::size_t>(size)}, output_);
    if (!is_shown) output_.clear();
  }
  return true;
}

void Supervisor::Impl::write_output() {
  if (options_.pass_errors_to < 0 || output_closed_) output_.clear();
  std::size_t written = 0;
  while (written < output_.size()) {
    pollfd ready{options_.pass_errors_to, POLLOUT, 0};
    if (::poll(&ready, 1, 0) <= 0) break;
    const ssize_t size = ::write(options_.pass_errors_to, output_.data() + written,
                                 std::min(write_max, output_.size() - written));
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (size <= 0) {
      output_closed_ = true;  // its reader is gone; the workers need not know
      output_.clear();
      return;
    }
    written += static_cast<std::size_t>(size);
  }
  output_.erase(0, written);
}

Result<Supervisor> Supervisor::open(SupervisorOptions options) {
  try {
    auto impl = std::make_unique<Impl>(std::move(options));
    impl->run_thread();
    return Supervisor(std::move(impl));
  } catch (const FarmError& error) {
    return Error{error.code(), std::string("can't supervise workers: ") + error.what()};
  } catch (const std::system_error& error) {
    return Error{ErrorCode::io_error,
                 std::string("can't supervise workers: a thread: ") + error.what()};
  }
}

Supervisor::Supervisor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Supervisor::Supervisor(Supervisor&&) noexcept = default;
Supervisor& Supervisor::operator=(Supervisor&&) noexcept = default;
Supervisor::~Supervisor() = default;

CopyId Supervisor::start(Command command, std::size_t copies) {
  return impl_->start(std::move(command), copies);
}
void Supervisor::end(CopyId copy) { end(copy, impl_->term_grace()); }
void Supervisor::end(CopyId copy, Duration grace) { impl_->post(EndOrder{copy, grace}); }
void Supervisor::end_all() { end_all(impl_->term_grace()); }
void Supervisor::end_all(Duration grace) { impl_->post(EndOrder{{}, grace}); }
void Supervisor::send_signal(CopyId copy, int number) { impl_->post(SignalOrder{copy, number}); }
void Supervisor::wait() const { impl_->wait(); }
bool Supervisor::wait_for(Duration limit) const { return impl_->wait_for(limit); }
std::vector<Supervisor::Running> Supervisor::running() const { return impl_->running(); }
std::size_t Supervisor::unfinished() const { return impl_->unfinished(); }
std::vector<Supervisor::Failure> Supervisor::failures() const { return impl_->failures(); }

}  // namespace fanmill::launch
