#include "exec/keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "base/assert.hpp"
#include "base/descriptor_limit.hpp"
#include "base/program.hpp"
#include "exec/capture.hpp"
#include "exec/function_process.hpp"
#include "exec/match.hpp"
#include "exec/resource_limits.hpp"

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgot to say so itself
}

namespace fanmill::exec {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t read_bytes_max = 1U << 16;
constexpr std::chrono::milliseconds reap_interval{1000};
// After the end of a child: what its pipes may hold, and no more, since whoever has fled (in the
// lowest grade) may go on writing.
constexpr int last_reads_max = 16;
constexpr std::size_t last_output_max = last_reads_max * read_bytes_max;
// Of a resident program: far more than a result may have, so that this is what is told of a line
// without an end.
constexpr std::size_t line_bytes_max = 16U << 20;

/// A process that runs tasks: a program for one of them, or for one after another a resident program
/// or the user's functions.
struct Child {
  pid_t pid = -1;
  Descriptor pidfd;
  Descriptor output;  // of programs
  Descriptor errors;
  Descriptor input;                     // of a resident program
  std::array<Descriptor, 2> held_ends;  // the program's, of output and errors
  bool runs_functions = false;
  std::optional<Link> link;  // then; none once it can't be trusted, or has ended
  Tail tail;                 // of its standard error
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

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// A file in memory: however much it is, neither side can get stuck in the middle.
Descriptor input_of(const std::string& text) {
  Descriptor file = lifted(::memfd_create("input", MFD_CLOEXEC));
  if (!file.valid() || write_all(file.get(), text) != 0 || ::lseek(file.get(), 0, SEEK_SET) != 0)
    return {};
  return file;
}

pollfd item_of(const Link& link) {
  return {link.fd(), static_cast<short>(POLLIN | (link.has_unsent() ? POLLOUT : 0)), 0};
}

// Of a pipe: it takes PIPE_BUF bytes at once.
bool is_writable(int descriptor) {
  pollfd item{descriptor, POLLOUT, 0};
  return ::poll(&item, 1, 0) == 1;
}

bool holds_bytes(int pipe) {
  int count = 0;
  return ::ioctl(pipe, FIONREAD, &count) == 0 && count > 0;
}

class Keeper {
 public:
  Keeper(Link link, const KeeperOptions& options, const ForkWarden& fork_warden)
      : link_(std::move(link)),
        options_(options),
        fork_warden_(fork_warden),
        tree_(options.best, cgroup_name(options, ::getpid())) {
    tree_.limit(options.limits, rlimits_);  // for the first spare
  }

  void run();

 private:
  void turn();
  void reap_orphans();
  void take_orders();
  void perform(Order&& order);
  void start(Order&& order);
  void start_command(Order& order);
  void start_line(Order& order);
  void start_function(Order& order);
  std::optional<StartFailure> spawn(const CommandPlan& plan, bool resident);
  std::optional<Child> fork_function_child();
  [[noreturn]] void be_function_child(Link link, Descriptor errors, pid_t keeper);

  void read_output();
  std::size_t read_program(Descriptor& pipe);
  void take_output(const Order& order);
  bool read_errors();
  void read_link();
  void write_input();
  void pass_deadline();
  void stop();
  void end_child();
  void conclude();
  void reap(Evidence& evidence);
  void judge(int status, Evidence& evidence) const;
  void report(Report&& report);
  void fail_to_start(AttemptId attempt, int error_number, std::string text);
  [[nodiscard]] int poll_timeout() const;
  void sweep();

  Link link_;
  const KeeperOptions& options_;
  const ForkWarden& fork_warden_;
  ProcessTree tree_;
  std::optional<Child> child_;
  std::optional<Child> spare_;  // functions only
  std::optional<Running> running_;
  const Environment environment_ = Environment::of_this_process();
  Descriptor no_input_;
  TaskLimits rlimits_;  // of the task: what the tree's cgroup can't do
  std::string line_;    // of a resident program, begun
  std::uint64_t survivors_ = 0;
  SteadyClock::time_point reap_due_;
  bool errors_held_ = false;   // until our own standard error can be written
  std::vector<pid_t> spared_;  // children that are no task's: wardens
};

void Keeper::run() {
  link_.send(pack(Report{.kind = Report::Kind::ready,
                         .containment = static_cast<std::uint16_t>(tree_.grade())}));
  if (!options_.functions->empty()) spare_ = fork_function_child();
  while (!link_.is_over()) turn();
  sweep();
}

int Keeper::poll_timeout() const {
  constexpr auto reap_interval_ms = static_cast<int>(reap_interval.count());
  if (!running_ || !running_->due) return child_ ? reap_interval_ms : -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*running_->due - SteadyClock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, reap_interval_ms));
}

/// What a task's descendants have left to us and has ended: else it would stay until the task's end.
void Keeper::reap_orphans() {
  const auto now = SteadyClock::now();
  if (now < reap_due_) return;
  reap_due_ = now + reap_interval;
  const auto is_ours = [this](pid_t pid) {
    return (child_ && child_->pid == pid) || (spare_ && spare_->pid == pid);
  };
  siginfo_t info{};
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
    if (is_ours(info.si_pid)) return;  // in its turn
    std::erase(spared_, info.si_pid);
    ::waitpid(info.si_pid, nullptr, WNOHANG);
    info.si_pid = 0;
  }
}

void Keeper::turn() {
  reap_orphans();
  enum { link, ended, output, errors, function, input, items_count };
  std::array<pollfd, items_count> items{};
  for (pollfd& item : items) item = {-1, POLLIN, 0};
  items[link] = item_of(link_);
  if (child_) {
    items[ended].fd = child_->pidfd.get();
    // A program that writes faster than somebody takes it has to wait.
    const bool is_held_back = running_ && running_->output && running_->room() == 0;
    if (!is_held_back) items[output].fd = child_->output.get();
    items[errors] =
        errors_held_ ? pollfd{STDERR_FILENO, POLLOUT, 0} : pollfd{child_->errors.get(), POLLIN, 0};
    if (child_->link) items[function] = item_of(*child_->link);
    if (running_ && !running_->unsent.empty()) items[input] = {child_->input.get(), POLLOUT, 0};
  }
  if (::poll(items.data(), items.size(), poll_timeout()) < 0) return;  // EINTR
  const auto is_ready = [&](int item) {
    return items[static_cast<std::size_t>(item)].revents != 0;
  };
  if (is_ready(link)) link_.flush();
  // What it gave before it ended counts.
  if (is_ready(input)) write_input();
  if (is_ready(output)) read_output();
  if (is_ready(errors) && child_ && !std::exchange(errors_held_, false)) read_errors();
  if (is_ready(function) && child_) read_link();
  if (is_ready(ended) && child_) end_child();
  pass_deadline();
  if (is_ready(link)) take_orders();
}

void Keeper::take_orders() {
  while (auto message = link_.receive()) {
    auto order = unpack_order(message->bytes);
    FANMILL_ASSERT(order.has_value(), message->bytes.size());
    perform(std::move(*order));
  }
}

void Keeper::perform(Order&& order) {
  switch (order.kind) {
    case Order::Kind::run_function:
    case Order::Kind::run_command:
    case Order::Kind::run_line:
      start(std::move(order));
      break;
    case Order::Kind::stop:
      if (running_ && running_->order.attempt == order.attempt) stop();
      break;
    case Order::Kind::take_output:
    case Order::Kind::drop_output:
      if (running_ && running_->order.attempt == order.attempt) take_output(order);
      break;
    case Order::Kind::make_warden: {
      const Report made{.kind = Report::Kind::made};
      // Held by the warden, which may outlive this process, our link would not end with us.
      auto warden = fork_warden_([this] {
        (void)link_.release();
        for (std::optional<Child>* child : {&child_, &spare_}) child->reset();
        running_.reset();
      });
      if (warden) spared_.push_back(warden->pid);
      link_.send(pack(made), warden ? warden->link.release() : Descriptor());
      break;
    }
    case Order::Kind::make_keeper:
      break;  // a warden's
  }
}

// ---- Start.

void Keeper::start(Order&& order) {
  FANMILL_ASSERT(!running_, order.attempt);
  if (order.kind == Order::Kind::run_line && child_) {
    read_output();  // what it has said unasked ends it
    if (child_ && (order.command.afresh || !child_->output.valid())) stop();
  }
  const TaskLimits limits = tighter(options_.limits, order.command.limits);
  tree_.limit(limits, rlimits_);
  const auto now = SteadyClock::now();
  running_ =
      Running{.order = std::move(order), .limits = limits, .begun = now, .started = wall_clock()};
  if (limits.wall > Duration::zero()) running_->due = now + limits.wall;
  Order& kept = running_->order;
  if (kept.kind == Order::Kind::run_function) {
    start_function(kept);
  } else if (kept.kind == Order::Kind::run_line) {
    start_line(kept);
  } else {
    start_command(kept);
  }
}

void Keeper::fail_to_start(AttemptId attempt, int error_number, std::string text) {
  running_.reset();
  report({.attempt = attempt,
          .evidence = {.how = Evidence::How::could_not_start,
                       .number = error_number,
                       .started = wall_clock(),
                       .text = std::move(text)}});
}

void Keeper::start_command(Order& order) {
  std::string file;  // what is passed on is kept by whoever takes it
  if (order.command.output_window == 0) {
    file = options_.spool_folder + "/fanmill-out-" + std::to_string(::getpid()) + "-" +
           std::to_string(order.attempt.value);
  }
  running_->output.emplace(order.command.output_max, std::move(file));
  if (auto failure = spawn(order.command, false))
    fail_to_start(order.attempt, failure->error_number, std::move(failure->text));
}

void Keeper::start_line(Order& order) {
  if (!child_) {
    line_.clear();
    if (auto failure = spawn(order.command, true))
      return fail_to_start(order.attempt, failure->error_number, std::move(failure->text));
  }
  running_->unsent = order.invocation.payload.bytes.str() + "\n";
  write_input();
}

std::optional<StartFailure> Keeper::spawn(const CommandPlan& plan, bool resident) {
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
  const std::vector<ResourceLimit> limits = resource_limits(rlimits_);
  auto started = command.spawn({.input = input_end,
                                .output = output.write.get(),
                                .errors = errors.write.get(),
                                .death_signal = SIGKILL,
                                .cgroup_procs = tree_.cgroup_procs(),
                                .limits = limits,
                                .niceness = rlimits_.niceness});
  if (auto* failure = std::get_if<StartFailure>(&started)) return std::move(*failure);
  auto& spawned = std::get<PreparedCommand::Spawned>(started);
  child_.emplace();
  child_->pid = spawned.pid;
  child_->pidfd = std::move(spawned.pidfd);
  child_->output = std::move(output.read);
  child_->errors = std::move(errors.read);
  child_->input = std::move(input.write);
  // Its end tells of the program's. That it closes them earlier is of no interest, and each would
  // wake us.
  if (!resident) child_->held_ends = {std::move(output.write), std::move(errors.write)};
  return {};
}

void Keeper::start_function(Order& order) {
  if (!child_) child_ = spare_ ? std::exchange(spare_, std::nullopt) : fork_function_child();
  if (!child_) return fail_to_start(order.attempt, errno, "can't fork a process for the function");
  child_->link->send(pack(order));
  order.invocation.payload = {};
  if (!spare_) spare_ = fork_function_child();
}

std::optional<Child> Keeper::fork_function_child() {
  auto ends = Link::make_pair();
  Pipe errors = make_pipe();
  if (!ends || !errors.valid()) return {};
  ::fcntl(errors.read.get(), F_SETFL, O_NONBLOCK);
  const pid_t keeper = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return {};
  if (pid == 0) {
    ends->first.release().reset();
    errors.read.reset();
    be_function_child(std::move(ends->second), std::move(errors.write), keeper);
  }
  Descriptor pidfd(::pidfd_open(pid, 0));
  if (!pidfd.valid()) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return {};
  }
  Child child{.pid = pid,
              .pidfd = std::move(pidfd),
              .output = {},
              .errors = std::move(errors.read),
              .input = {},
              .runs_functions = true};
  child.link.emplace(std::move(ends->first));
  return child;
}

void Keeper::be_function_child(Link link, Descriptor errors, pid_t keeper) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != keeper) ::_exit(1);
  restore_descriptor_limit();
  ::prctl(PR_SET_NAME, program_invocation_short_name);
  // Ends of others: held here they would outlive them.
  (void)link_.release();
  for (std::optional<Child>* other : {&child_, &spare_}) other->reset();
  ::dup2(errors.get(), STDERR_FILENO);
  errors.reset();
  drop_signal_handlers();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  TaskLimits own = options_.limits;
  own.cpu = {};  // for each task, not for all together
  if (tree_.grade() == Grade::cgroup) {
    own.memory = rlimits_.memory;
    own.processes = rlimits_.processes;
  }
  apply(own);
  run_function_process(std::move(link), *options_.functions, options_.limits, tree_);
}

// ---- While it runs.

void Keeper::write_input() {
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
std::size_t Keeper::read_program(Descriptor& pipe) {
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
    report({.kind = Report::Kind::wrote,
            .attempt = running_->order.attempt,
            .output = std::string(chunk)});
  }
  return chunk.size();
}

void Keeper::take_output(const Order& order) {
  if (order.kind == Order::Kind::drop_output) {
    running_->order.command.output_window = 0;
  } else {
    running_->taken = order.taken;
    std::deque<std::uint64_t>& ends = running_->chunk_ends;
    while (!ends.empty() && ends.front() <= order.taken) ends.pop_front();
  }
  if (running_->ending) conclude();
}

void Keeper::read_output() {
  if (running_ && running_->output) {
    read_program(child_->output);
    return;  // the other descriptors get their turn
  }
  std::array<char, read_bytes_max> buffer;
  for (;;) {
    const ssize_t count = ::read(child_->output.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) child_->output.reset();
    // No answer can come any more. If it is ending it will tell how.
    if (count == 0 && running_) ::kill(child_->pid, SIGKILL);
    if (count <= 0) return;
    line_.append(buffer.data(), static_cast<std::size_t>(count));
    const std::size_t end = line_.find('\n');
    if (running_ && end == std::string::npos && line_.size() <= line_bytes_max) continue;
    if (!running_ || end == std::string::npos) {
      // Nobody asked for it: what follows might be taken for the answer to another item. Or it has
      // no end.
      stop();
      return;
    }
    const auto now = SteadyClock::now();
    Report done{.attempt = running_->order.attempt,
                .evidence = {.wall = now - running_->begun, .started = running_->started},
                .output = line_.substr(0, end),
                .errors = child_->tail.text()};
    // Whoever answers before it has read all would take the rest for the next item.
    const bool in_step = end + 1 == line_.size() && running_->unsent.empty();
    line_.clear();
    running_.reset();
    report(std::move(done));
    if (!in_step) stop();
    return;
  }
}

/// Whether there was something.
bool Keeper::read_errors() {
  // What functions say is said, as far as our own standard error takes it: a kill must not wait for
  // whoever reads that. A program's comes with its result.
  const bool passes_on = child_->runs_functions;
  if (passes_on && !is_writable(STDERR_FILENO)) {
    errors_held_ = true;
    return false;
  }
  std::array<char, PIPE_BUF> buffer;
  const ssize_t count = ::read(child_->errors.get(), buffer.data(), buffer.size());
  if (count == 0) child_->errors.reset();
  if (count <= 0) return false;
  const std::string_view chunk(buffer.data(), static_cast<std::size_t>(count));
  child_->tail.take(chunk);
  if (passes_on) (void)write_all(STDERR_FILENO, chunk);
  return true;
}

void Keeper::read_link() {
  child_->link->flush();
  while (auto message = child_->link->receive()) {
    auto answer = unpack_report(message->bytes);
    if (!answer || !running_ || answer->attempt != running_->order.attempt) {
      child_->link.reset();  // its memory is not what it was: nothing more is read
      stop();
      return;
    }
    answer->kind = Report::Kind::ended;
    answer->evidence.how = Evidence::How::returned;
    answer->evidence.started = running_->started;
    running_.reset();
    report(std::move(*answer));
  }
  if (!child_->link->is_over()) return;
  // It is ending, or would never be heard again; it tells by its end which.
  ::kill(child_->pid, SIGKILL);
  child_->link.reset();
}

void Keeper::pass_deadline() {
  if (!running_ || !running_->due || SteadyClock::now() < *running_->due) return;
  running_->over_limit = true;
  if (child_) end_child();
}

// ---- End.

void Keeper::stop() {
  if (running_) running_->stopped = true;
  if (child_) end_child();
  if (running_ && running_->ending) {
    running_->ending->report.evidence.how = Evidence::How::stopped;
    conclude();
  }
}

/// Ends the child, if it has not ended by itself, and all of its tree; tells how it was.
void Keeper::end_child() {
  // A result that was given before the end.
  if (child_->link && !(running_ && running_->stopped)) read_link();
  if (!child_) return;
  Evidence evidence;
  reap(evidence);
  for (int i = 0; i < last_reads_max && child_->errors.valid() && read_errors(); ++i) {
  }
  Child gone = std::move(*child_);
  child_.reset();
  errors_held_ = false;
  line_.clear();
  if (running_) {
    running_->due.reset();
    running_->ending = {.report = {.attempt = running_->order.attempt,
                                   .evidence = std::move(evidence),
                                   .errors = gone.tail.text(),
                                   .survivors = survivors_},
                        .output = std::move(gone.output)};
    conclude();
  }
  if (!options_.functions->empty() && !spare_) spare_ = fork_function_child();
}

/// Reads what is left of the output, and tells the end. If there is no room for the output, later: it
/// is called again when some was taken.
void Keeper::conclude() {
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
  Report told = std::move(done);
  running_.reset();
  report(std::move(told));
}

void Keeper::reap(Evidence& evidence) {
  siginfo_t info{};
  const bool ended =
      ::waitid(P_PID, static_cast<id_t>(child_->pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid == child_->pid;
  std::vector<pid_t> spared = spared_;
  if (spare_) spared.push_back(spare_->pid);
  // As long as it is not reaped, the number of its process group is nobody else's.
  survivors_ = 0;
  if (ended) {
    ::kill(-child_->pid, SIGKILL);
  } else {
    survivors_ = tree_.kill(child_->pid, spared);
  }
  int status = SIGKILL;  // what it is waiting to die of, if it can't be reaped
  rusage used{};
  ::wait4(child_->pid, &status, survivors_ == 0 ? 0 : WNOHANG, &used);
  // Often it has left nothing behind; then there is nobody to look for.
  siginfo_t any{};
  if (ended && ::waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) == 0)
    survivors_ = tree_.kill(-1, spared);
  if (running_) {
    evidence.wall = SteadyClock::now() - running_->begun;
    evidence.started = running_->started;
  }
  evidence.cpu = cpu_of(used);
  evidence.memory = memory_of(used);
  judge(status, evidence);
}

void Keeper::judge(int status, Evidence& evidence) const {
  using How = Evidence::How;
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  evidence.how = signal != 0 ? How::signalled : How::exited;
  evidence.number = signal != 0 ? signal : WEXITSTATUS(status);
  if (!running_) return;
  const bool cpu_used_up =
      running_->limits.cpu > Duration::zero() && evidence.cpu >= running_->limits.cpu;
  if (running_->stopped) {
    evidence.how = How::stopped;
  } else if (running_->over_limit) {
    evidence.how = How::limit;
    evidence.text = "wall";
  } else if (tree_.ran_out_of_memory() && (signal != 0 || evidence.number != 0)) {
    evidence.how = How::out_of_memory;
  } else if (signal == SIGXCPU || (signal == SIGKILL && cpu_used_up)) {
    evidence.how = How::limit;
    evidence.text = "cpu";
  }
}

void Keeper::report(Report&& report) { link_.send(pack(report)); }

/// The worker is gone, or wants no more of us: nothing is left behind.
void Keeper::sweep() {
  if (child_) {
    (void)tree_.kill(child_->pid, {});
  } else {
    (void)tree_.kill(-1, {});
  }
}

}  // namespace

void run_keeper(Link link, const KeeperOptions& options, const ForkWarden& fork_warden) {
  ::prctl(PR_SET_NAME, "fanmill-keeper");
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  {
    Keeper keeper(std::move(link), options, fork_warden);
    keeper.run();
  }
  ::_exit(0);
}

}  // namespace fanmill::exec
