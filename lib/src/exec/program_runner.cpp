// Programs: one for each task, or one that stays and is given the tasks line by line. One task runs at a
// time; the others wait here.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <utility>

#include "base/assert.hpp"
#include "base/program.hpp"
#include "exec/match.hpp"
#include "exec/resource_limits.hpp"
#include "exec/runner.hpp"
#include "exec/task_process.hpp"

namespace fanmill::exec {
namespace {

constexpr std::size_t read_bytes_max = 1U << 16;
// After the end of a child: what its output may hold, and no more, since whoever has fled (in the
// lowest grade) may go on writing.
constexpr std::size_t last_output_max = 16 * read_bytes_max;
// Of a resident program: far more than a result may have, so that this is what is told of a line
// without an end.
constexpr std::size_t line_bytes_max = 16U << 20;

/// A program that runs.
struct Child {
  TaskProcess process;
  Descriptor output;
  Descriptor input;                     // of a resident program
  std::array<Descriptor, 2> held_ends;  // its own, of output and errors
};

/// How a program ended that was run for one task, while its last output is read.
struct Ending {
  Report report;
  Descriptor output;
  std::size_t output_left = last_output_max;
};

struct Running {
  Order order;
  TaskLimits limits;
  SteadyClock::time_point begun;
  double started = 0;
  std::optional<SteadyClock::time_point> due;  // of its wall limit
  bool stopped = false;
  bool over_limit = false;
  std::optional<Capture> output;
  std::uint64_t taken = 0;               // of output that is passed on
  std::deque<std::uint64_t> chunk_ends;  // of what was passed on since
  std::optional<Ending> ending;
  std::string unsent;  // of a resident program's line

  /// How much of its output may be read now.
  [[nodiscard]] std::uint64_t room() const {
    const std::uint64_t window = order.command.output_window;
    if (window == 0) return read_bytes_max;
    if (chunk_ends.size() >= output_chunks_max) return 0;
    return std::min<std::uint64_t>(taken + window - output->total(), read_bytes_max);
  }
};

// A file in memory: however much it is, neither side can get stuck in the middle.
Descriptor input_of(const std::string& text) {
  Descriptor file = lifted(::memfd_create("input", MFD_CLOEXEC));
  if (!file.valid() || write_all(file.get(), text) != 0 || ::lseek(file.get(), 0, SEEK_SET) != 0)
    return {};
  return file;
}

bool holds_bytes(int pipe) {
  int count = 0;
  return ::ioctl(pipe, FIONREAD, &count) == 0 && count > 0;
}

class ProgramRunner final : public Runner {
 public:
  explicit ProgramRunner(Household& household) : household_(household) {}

  void take(Order&& order, std::string&&) override {
    waiting_.push_back(std::move(order));
    advance();
  }
  void stop(AttemptId attempt) override;
  void give_back(AttemptId attempt) override { (void)take_out(attempt); }
  void take_output(const Order& order) override;
  void advance() override;

  void add_items(std::vector<pollfd>& items) const override;
  void handle(const pollfd* items) override;
  [[nodiscard]] std::optional<SteadyClock::time_point> due() const override {
    return running_ ? running_->due : std::nullopt;
  }
  void pass_deadline() override;

  [[nodiscard]] pid_t process() const override { return child_ ? child_->process.pid() : -1; }
  [[nodiscard]] bool owns(pid_t pid) const override { return process() == pid; }
  void let_go() override {
    child_.reset();
    running_.reset();
  }

 private:
  [[nodiscard]] std::deque<Order>::iterator find_waiting(AttemptId attempt);
  bool take_out(AttemptId attempt);
  void start(Order&& order);
  void start_command(Order& order);
  void start_line(Order& order);
  std::optional<StartFailure> spawn(const CommandPlan& plan, bool resident);
  void read_output();
  void read_line();
  std::size_t read_program(Descriptor& pipe);
  void write_input();
  void stop_running();
  void end_child();
  void conclude();
  void tell_end(Report&& report);
  void fail_to_start(AttemptId attempt, int error_number, std::string text);

  Household& household_;
  std::optional<Child> child_;
  std::optional<Running> running_;
  std::deque<Order> waiting_;
  const Environment environment_ = Environment::of_this_process();
  Descriptor no_input_;
  std::string line_;  // of a resident program, begun
};

// ---- What its keeper wants.

std::deque<Order>::iterator ProgramRunner::find_waiting(AttemptId attempt) {
  return std::find_if(waiting_.begin(), waiting_.end(),
                      [&](const Order& each) { return each.attempt == attempt; });
}

/// Whether it waited.
bool ProgramRunner::take_out(AttemptId attempt) {
  const auto found = find_waiting(attempt);
  if (found == waiting_.end()) return false;
  waiting_.erase(found);
  household_.post.tell({.kind = Report::Kind::unstarted, .attempt = attempt});
  return true;
}

void ProgramRunner::stop(AttemptId attempt) {
  if (!take_out(attempt) && running_ && running_->order.attempt == attempt) stop_running();
}

void ProgramRunner::take_output(const Order& order) {
  if (!running_ || running_->order.attempt != order.attempt) {
    // Nothing of it can be taken yet.
    const auto found = find_waiting(order.attempt);
    if (found != waiting_.end() && order.kind == Order::Kind::drop_output)
      found->drops_output = true;
    return;
  }
  if (order.kind == Order::Kind::drop_output) {
    running_->order.command.output_window = 0;
  } else {
    running_->taken = order.taken;
    std::deque<std::uint64_t>& ends = running_->chunk_ends;
    while (!ends.empty() && ends.front() <= order.taken) ends.pop_front();
  }
  if (running_->ending) conclude();
}

void ProgramRunner::add_items(std::vector<pollfd>& items) const {
  enum { ended, output, errors, input, items_count };
  std::array<pollfd, items_count> own{};
  for (pollfd& item : own) item = {-1, POLLIN, 0};
  if (child_) {
    own[ended].fd = child_->process.pidfd();
    // A program that writes faster than somebody takes it has to wait.
    const bool is_held_back = running_ && running_->output && running_->room() == 0;
    if (!is_held_back) own[output].fd = child_->output.get();
    own[errors] = child_->process.errors_item();
    if (running_ && !running_->unsent.empty()) own[input] = {child_->input.get(), POLLOUT, 0};
  }
  items.insert(items.end(), own.begin(), own.end());
}

void ProgramRunner::handle(const pollfd* items) {
  enum { ended, output, errors, input };
  // What it gave before it ended counts.
  if (items[input].revents != 0) write_input();
  if (items[output].revents != 0) read_output();
  if (items[errors].revents != 0 && child_) child_->process.read_errors();
  if (items[ended].revents != 0 && child_) end_child();
}

// ---- Start.

/// Once the end of the one before lies in the socket: if this process is killed, whoever reads that knows
/// which task it was at.
void ProgramRunner::advance() {
  const Link& link = household_.post.link();
  while (!running_ && !waiting_.empty() && !link.has_unsent() && !link.is_over()) {
    Order next = std::move(waiting_.front());
    waiting_.pop_front();
    start(std::move(next));
  }
}

void ProgramRunner::start(Order&& order) {
  FANMILL_ASSERT(!running_, order.attempt);
  if (order.kind == Order::Kind::run_line && child_) {
    read_output();  // what it has said unasked ends it
    if (child_ && (order.command.afresh || !child_->output.valid())) end_child();
  }
  const TaskLimits limits = tighter(household_.options.limits, order.command.limits);
  household_.tree.limit(limits, household_.rlimits);
  household_.ledger.set_running(order.attempt);
  const auto now = SteadyClock::now();
  running_ =
      Running{.order = std::move(order), .limits = limits, .begun = now, .started = wall_clock()};
  if (limits.wall > Duration::zero()) running_->due = now + limits.wall;
  Order& kept = running_->order;
  if (kept.kind == Order::Kind::run_line) {
    start_line(kept);
  } else {
    start_command(kept);
  }
}

void ProgramRunner::fail_to_start(AttemptId attempt, int error_number, std::string text) {
  tell_end({.attempt = attempt,
            .evidence = {.how = Evidence::How::could_not_start,
                         .number = error_number,
                         .started = wall_clock(),
                         .text = std::move(text)}});
}

void ProgramRunner::start_command(Order& order) {
  std::string file;  // what is passed on is kept by whoever takes it
  if (order.command.output_window == 0) {
    file = household_.options.spool_folder + "/fanmill-out-" + std::to_string(::getpid()) + "-" +
           std::to_string(order.attempt.value);
  }
  running_->output.emplace(order.command.output_max, std::move(file));
  if (auto failure = spawn(order.command, false))
    return fail_to_start(order.attempt, failure->error_number, std::move(failure->text));
  if (order.drops_output) order.command.output_window = 0;
}

void ProgramRunner::start_line(Order& order) {
  if (!child_) {
    line_.clear();
    if (auto failure = spawn(order.command, true))
      return fail_to_start(order.attempt, failure->error_number, std::move(failure->text));
  }
  running_->unsent = order.invocation.payload.bytes.str() + "\n";
  write_input();
}

std::optional<StartFailure> ProgramRunner::spawn(const CommandPlan& plan, bool resident) {
  const PreparedCommand command({.arguments = plan.arguments,
                                 .environment = plan.environment,
                                 .working_directory = plan.directory},
                                environment_);
  Pipe output = make_pipe();
  Pipe errors = make_pipe();
  Pipe input;
  if (resident) {
    input = make_pipe();
  } else if (!plan.input.empty()) {
    input.read = input_of(plan.input);
  } else if (!no_input_.valid()) {
    no_input_ = lifted(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  const int input_end = input.read.valid() ? input.read.get() : no_input_.get();
  if (!output.valid() || !errors.valid() || input_end < 0) return command.host_failure(errno);
  for (const Descriptor* end : {&output.read, &errors.read, &input.write}) {
    if (end->valid()) ::fcntl(end->get(), F_SETFL, O_NONBLOCK);
  }
  const std::vector<ResourceLimit> limits = resource_limits(household_.rlimits);
  auto started = command.spawn({.input = input_end,
                                .output = output.write.get(),
                                .errors = errors.write.get(),
                                .death_signal = SIGKILL,
                                .cgroup = household_.tree.cgroup(),
                                .cgroup_was_killed = household_.tree.was_killed(),
                                .limits = limits,
                                .niceness = household_.rlimits.niceness});
  if (auto* failure = std::get_if<StartFailure>(&started)) return std::move(*failure);
  auto& spawned = std::get<PreparedCommand::Spawned>(started);
  child_.emplace(Child{.process = TaskProcess(spawned.pid, std::move(spawned.pidfd),
                                              std::move(errors.read), TaskProcess::Errors::kept),
                       .output = std::move(output.read),
                       .input = std::move(input.write),
                       .held_ends = {}});
  // Its end tells of the program's. That it closes them earlier is of no interest, and each would
  // wake us.
  if (!resident) child_->held_ends = {std::move(output.write), std::move(errors.write)};
  return {};
}

// ---- While it runs.

void ProgramRunner::write_input() {
  while (!running_->unsent.empty()) {
    const ssize_t count =
        ::write(child_->input.get(), running_->unsent.data(), running_->unsent.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != EAGAIN) running_->unsent.clear();  // its end is on its way
    if (count < 0) return;
    running_->unsent.erase(0, static_cast<std::size_t>(count));
  }
}

/// Of a program that was run for one task, as much as there is room for: how many bytes there were.
std::size_t ProgramRunner::read_program(Descriptor& pipe) {
  std::array<char, read_bytes_max> buffer;
  ssize_t count = 0;
  do {
    count = ::read(pipe.get(), buffer.data(), running_->room());
  } while (count < 0 && errno == EINTR);
  if (count == 0) pipe.reset();
  if (count <= 0) return 0;
  const std::string_view chunk(buffer.data(), static_cast<std::size_t>(count));
  running_->output->take(chunk);
  if (running_->order.command.output_window > 0) {
    running_->chunk_ends.push_back(running_->output->total());
    household_.post.tell({.kind = Report::Kind::wrote,
                          .attempt = running_->order.attempt,
                          .output = std::string(chunk)});
  }
  return chunk.size();
}

void ProgramRunner::read_output() {
  if (running_ && running_->output) {
    read_program(child_->output);
    return;  // the other descriptors get their turn
  }
  read_line();
}

void ProgramRunner::read_line() {
  std::array<char, read_bytes_max> buffer;
  for (;;) {
    const ssize_t count = ::read(child_->output.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) child_->output.reset();
    // No answer can come any more. If it is ending it will tell how.
    if (count == 0 && running_) ::kill(child_->process.pid(), SIGKILL);
    if (count <= 0) return;
    line_.append(buffer.data(), static_cast<std::size_t>(count));
    const std::size_t end = line_.find('\n');
    if (running_ && end == std::string::npos && line_.size() <= line_bytes_max) continue;
    if (!running_ || end == std::string::npos) {
      // Nobody asked for it: what follows might be taken for the answer to another item. Or it has
      // no end.
      stop_running();
      return;
    }
    const auto now = SteadyClock::now();
    Report done{.attempt = running_->order.attempt,
                .evidence = {.wall = now - running_->begun, .started = running_->started},
                .output = line_.substr(0, end),
                .errors = child_->process.last_words()};
    // Whoever answers before it has read all would take the rest for the next item.
    const bool in_step = end + 1 == line_.size() && running_->unsent.empty();
    line_.clear();
    tell_end(std::move(done));
    if (!in_step) stop_running();
    return;
  }
}

void ProgramRunner::pass_deadline() {
  if (!running_ || !running_->due || SteadyClock::now() < *running_->due) return;
  running_->over_limit = true;
  if (child_) end_child();
}

// ---- End.

/// Of whatever runs, and if that is a program without a task.
void ProgramRunner::stop_running() {
  if (running_) running_->stopped = true;
  if (child_) end_child();
  if (running_ && running_->ending) {
    running_->ending->report.evidence.how = Evidence::How::stopped;
    conclude();
  }
}

/// Ends the child, if it has not ended by itself, and all of its tree; tells how it was.
void ProgramRunner::end_child() {
  using Cause = TaskProcess::Cause;
  Cause cause = Cause::by_itself;
  if (running_ && running_->stopped) {
    cause = Cause::stopped;
  } else if (running_ && running_->over_limit) {
    cause = Cause::wall_limit;
  }
  if (cause != Cause::by_itself) household_.post.ring_if_unread();  // this may take its time
  const Duration cpu_limit = running_ ? running_->limits.cpu : Duration::zero();
  TaskProcess::End end = child_->process.end(household_.tree, household_.spared, cause, cpu_limit);
  Child gone = std::move(*child_);
  child_.reset();
  line_.clear();
  if (!running_) return;
  end.evidence.wall = SteadyClock::now() - running_->begun;
  end.evidence.started = running_->started;
  running_->due.reset();
  running_->ending = {.report = {.attempt = running_->order.attempt,
                                 .evidence = std::move(end.evidence),
                                 .errors = gone.process.last_words(),
                                 .survivors = end.survivors},
                      .output = std::move(gone.output)};
  conclude();
}

/// Reads what is left of the output, and tells the end. If there is no room for the output, later: it
/// is called again when some was taken.
void ProgramRunner::conclude() {
  Ending& ending = *running_->ending;
  Report& done = ending.report;
  const bool was_ended = running_->stopped || running_->over_limit;
  while (running_->output && ending.output.valid() && ending.output_left > 0) {
    const bool has_room = running_->room() > 0;
    if (!has_room && !was_ended && holds_bytes(ending.output.get())) return;
    const std::size_t count = has_room ? read_program(ending.output) : 0;
    if (count == 0) break;
    ending.output_left -= std::min(count, ending.output_left);
  }
  if (running_->output) {
    Capture& output = *running_->output;
    done.output = std::move(output.kept());
    done.output_bytes = output.total();
    // Of a program that was ended nobody is told where it is.
    if (done.evidence.how == Evidence::How::exited) {
      done.output_file = output.file();
    } else if (!output.file().empty()) {
      ::unlink(output.file().c_str());
    }
    const std::string& pattern = running_->order.command.match;
    if (done.evidence.how == Evidence::How::exited && !pattern.empty())
      done.match = seek(pattern, done.output);
  }
  tell_end(std::move(done));
}

/// Gathered with those that follow, if it was short and its limit leaves the time.
void ProgramRunner::tell_end(Report&& report) {
  const Duration wall = report.evidence.wall;
  const Duration limit = running_->order.invocation.time_limit;
  const bool has_time = limit == Duration::zero() || wall + 2 * gather_time < limit;
  const Report told = std::move(report);  // it may be a part of what is let go here
  running_.reset();
  if (wall < gather_time && has_time && !waiting_.empty()) {
    household_.post.tell_in_time(told);
  } else {
    household_.post.tell(told);
  }
  household_.ledger.set_idle();
}

}  // namespace

std::unique_ptr<Runner> make_program_runner(Household& household) {
  return std::make_unique<ProgramRunner>(household);
}

}  // namespace fanmill::exec
