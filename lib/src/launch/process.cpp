#include "launch/process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <string_view>

#include "base/assert.hpp"
#include "base/signals.hpp"

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgot to say so itself
}

namespace fanmill::launch {
namespace {

// Why vfork and not posix_spawn: the death signal has to be asked for by the child itself, and
// posix_spawn has no step for that. Why not fork: a manager may hold gigabytes, whose page tables
// fork would copy for each worker. The kernel ties the death signal to the *thread* that created
// the child, so the caller must be a thread that stays; the supervisor's own thread is one, a
// user's short-lived thread is not.
//
// Until it executes the program the child shares our memory and our threads go on, so it only makes
// system calls: no allocation, no locks, no environment. All signals stay blocked until it has
// dropped our handlers.

/// What the child needs, ready beforehand.
struct ChildPlan {
  const char* const* candidates;  // ends with a null pointer
  char* const* arguments;
  char* const* environment;
  const char* working_directory;  // null: stay
  int input;
  int errors;
  int report;  // closes itself when the program begins
  int death_signal;
  bool merge_output;
  pid_t parent;
};

/// What the child says when it fails.
struct ChildReport {
  int error_number;
  bool at_directory;
};

[[noreturn]] void fail(const ChildPlan& plan, bool at_directory) {
  const ChildReport report{errno, at_directory};
  [[maybe_unused]] const ssize_t written = ::write(plan.report, &report, sizeof report);
  ::_exit(127);
}

void drop_signal_handlers() {
  struct sigaction fallback {};
  fallback.sa_handler = SIG_DFL;
  // Also ignored ones, which would outlive exec: a worker must be endable by SIGTERM even if we are
  // not.
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &fallback, nullptr);
}

[[noreturn]] void run_child(const ChildPlan& plan) {
  drop_signal_handlers();
  ::setpgid(0, 0);
  if (plan.death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, plan.death_signal);
    if (::getppid() != plan.parent) ::_exit(127);  // it died before we could ask to be told
  }
  if (::dup2(plan.input, STDIN_FILENO) < 0 || ::dup2(plan.errors, STDERR_FILENO) < 0)
    fail(plan, false);
  if (plan.merge_output && ::dup2(plan.errors, STDOUT_FILENO) < 0) fail(plan, false);
  if (plan.working_directory != nullptr && ::chdir(plan.working_directory) != 0) fail(plan, true);
  // Ours close themselves; this is for those that other libraries opened without care. It may fail
  // on old kernels.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  int worst = ENOENT;
  for (const char* const* candidate = plan.candidates; *candidate != nullptr; ++candidate) {
    ::execve(*candidate, plan.arguments, plan.environment);
    // As the shells do: a file without the right to execute it is passed over, but told about.
    if (errno == EACCES) worst = EACCES;
    if (errno != ENOENT && errno != EACCES && errno != ENOTDIR) {
      worst = errno;
      break;
    }
  }
  errno = worst;
  fail(plan, false);
}

/// A frame of its own, so that the child, which runs on our stack, finds nothing to spoil in the
/// caller's.
[[gnu::noinline]] pid_t start_child(const ChildPlan& plan) {
  const pid_t pid = ::vfork();
  if (pid == 0) run_child(plan);
  return pid;
}

/// Out of the way of 0, 1 and 2, which a program started without them would get here.
Descriptor lifted(int number) {
  if (number < 0 || number > STDERR_FILENO) return Descriptor(number);
  const Descriptor low(number);
  return Descriptor(::fcntl(low.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

struct Pipe {
  Descriptor read;
  Descriptor write;
  [[nodiscard]] bool valid() const { return read.valid() && write.valid(); }
};

Pipe make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  Pipe pipe;
  pipe.read = lifted(ends[0]);
  pipe.write = lifted(ends[1]);
  return pipe;
}

/// True if the child could not execute the program.
bool read_report(int descriptor, ChildReport& report) {
  // After vfork the answer is there. The limit is for a copy of the pipe's other end that some
  // other thread's fork took along in that instant, which would keep the end of file from us for
  // ever.
  constexpr int patience_ms = 1000;
  pollfd ready{descriptor, POLLIN, 0};
  while (::poll(&ready, 1, patience_ms) < 0 && errno == EINTR) {
  }
  if ((ready.revents & POLLIN) == 0) return false;
  return ::read(descriptor, &report, sizeof report) == static_cast<ssize_t>(sizeof report);
}

void reap_quietly(pid_t pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

StartFailure host_failure(const std::string& program, int error_number) {
  return {error_number, "can't start " + program + ": " + std::strerror(error_number)};
}

;

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

std::string describe_failure(const PreparedCommand& command, int error_number, bool at_directory) {
  const std::string words = std::strerror(error_number);
  if (at_directory) {
    return "can't start " + command.program() + ": its working directory " +
           command.command_.working_directory + ": " + words;
  }
  std::string text = "can't start " + command.program() + ": " + words;
  const bool named_by_path = command.program().find('/') != std::string::npos;
  if (error_number == ENOENT && !named_by_path) {
    text.append(" (looked for in PATH=").append(command.search_path()).append(")");
  }
  if (error_number == ENOENT && named_by_path && command.command_.working_directory.empty() &&
      ::access(command.program().c_str(), F_OK) == 0) {
    text += " (the file is there: the interpreter in its first line, or its loader, is not)";
  }
  if (error_number == EACCES) text += " (is it executable? chmod +x)";
  if (error_number == ENOEXEC)
    text += " (neither a program for this machine nor a script that begins with #!)";
  return text;
}

PreparedCommand::PreparedCommand(Command command) : command_(std::move(command)) {
  FANMILL_ASSERT(!command_.arguments.empty(), "a command without a program");
  // In a map, so that the last word on a name counts: programs would look at the first.
  std::map<std::string, std::string, std::less<>> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view entry = *variable;
    const std::size_t equals = entry.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  for (const auto& [name, value] : command_.environment) variables.insert_or_assign(name, value);
  for (const auto& [name, value] : variables) {
    environment_.emplace_back(name).append("=").append(value);
  }

  if (program().find('/') != std::string::npos) {
    candidates_.push_back(program());
  } else if (!program().empty()) {
    std::string path = search_path() + ":";
    for (std::size_t begin = 0, end; (end = path.find(':', begin)) != std::string::npos;
         begin = end + 1) {
      const std::string folder = path.substr(begin, end - begin);
      candidates_.push_back((folder.empty() ? "." : folder) + "/" + program());
    }
  }
  argument_pointers_ = pointers(command_.arguments);
  environment_pointers_ = pointers(environment_);
  for (const std::string& candidate : candidates_) candidate_pointers_.push_back(candidate.c_str());
  candidate_pointers_.push_back(nullptr);
}

std::string PreparedCommand::search_path() const {
  constexpr std::string_view wanted = "PATH=";
  for (const std::string& entry : environment_) {
    if (entry.starts_with(wanted)) return entry.substr(wanted.size());
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

std::variant<Process, StartFailure> Process::start(const PreparedCommand& command,
                                                   const StartOptions& options) {
  Pipe errors = make_pipe();
  Pipe report_pipe = make_pipe();
  const Descriptor input = lifted(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!errors.valid() || !report_pipe.valid() || !input.valid())
    return host_failure(command.program(), errno);
  ::fcntl(errors.read.get(), F_SETFL, O_NONBLOCK);

  const ChildPlan plan{
      .candidates = command.candidate_pointers_.data(),
      .arguments = command.argument_pointers_.data(),
      .environment = command.environment_pointers_.data(),
      .working_directory = command.command_.working_directory.empty()
                               ? nullptr
                               : command.command_.working_directory.c_str(),
      .input = input.get(),
      .errors = errors.write.get(),
      .report = report_pipe.write.get(),
      .death_signal = options.death_signal,
      .merge_output = options.merge_output,
      .parent = ::getpid(),
  };
  pid_t pid = -1;
  {
    const AllSignalsBlocked blocked;
    pid = start_child(plan);
  }
  if (pid < 0) return host_failure(command.program(), errno);
  report_pipe.write.reset();
  errors.write.reset();

  ChildReport report{};
  if (read_report(report_pipe.read.get(), report)) {
    reap_quietly(pid);
    return StartFailure{report.error_number,
                        describe_failure(command, report.error_number, report.at_directory)};
  }
  Descriptor pidfd(::pidfd_open(pid, 0));
  if (!pidfd.valid()) {
    const int error_number = errno;
    ::kill(-pid, SIGKILL);
    reap_quietly(pid);
    return host_failure(command.program(), error_number);
  }
  return Process(pid, std::move(pidfd), std::move(errors.read));
}

void Process::send_signal(int number) const {
  ::pidfd_send_signal(pidfd_.get(), number, nullptr, 0);
}

void Process::kill_group() const {
  // Its number can't be anybody else's: it has not been reaped.
  ::kill(-pid_, SIGKILL);
}

bool Process::has_ended() const {
  pollfd ended{pidfd_.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) > 0;
}

ProcessEnd Process::reap() {
  const auto id = static_cast<id_t>(pidfd_.get());
  siginfo_t info{};
  // Looked at before it is taken: while it is a zombie its process group's number can't be used
  // again.
  const bool is_ours =
      ::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
  if (is_ours) {
    kill_group();
    ::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG);
  }
  pidfd_.reset();
  errors_.reset();
  if (!is_ours) return {};  // SIGCHLD is ignored in this program, or a wait for any child took it
  if (info.si_code == CLD_EXITED) return {.status = info.si_status};
  return {.signal = info.si_status};
}

}  // namespace fanmill::launch
