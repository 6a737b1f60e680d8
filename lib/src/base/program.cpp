#include "base/program.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/assert.hpp"
#include "base/descriptor_limit.hpp"
#include "base/signals.hpp"

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgot to say so itself
}

namespace fanmill {

void drop_signal_handlers() noexcept {
  struct sigaction fallback {};
  fallback.sa_handler = SIG_DFL;
  // Also ignored ones, which would outlive exec: a worker must be endable by SIGTERM even if we are
  // not.
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &fallback, nullptr);
}

void ResourceLimit::apply() const noexcept {
  const auto which = static_cast<__rlimit_resource_t>(resource);
  rlimit now{};
  ::getrlimit(which, &now);
  const rlim_t hard = std::min(limit.rlim_max, now.rlim_max);
  const rlimit cut{std::min(limit.rlim_cur, hard), hard};
  ::setrlimit(which, &cut);
}

Descriptor lifted(int number) {
  if (number < 0 || number > STDERR_FILENO) return Descriptor(number);
  const Descriptor low(number);
  return Descriptor(::fcntl(low.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

Pipe make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  Pipe pipe;
  pipe.read = lifted(ends[0]);
  pipe.write = lifted(ends[1]);
  return pipe;
}

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
  const SpawnOptions* options;
  int report;  // closes itself when the program begins
  pid_t parent;
  bool enters_cgroup;  // by itself: it was not started in it
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

bool enter_cgroup(int folder) {
  const int list = ::openat(folder, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  return list >= 0 && ::write(list, "0", 1) == 1;  // "0" is the writer itself
}

bool redirect(int from, int to) { return from < 0 || ::dup2(from, to) >= 0; }

// Not inlined: the parent's frame is not to be written in.
[[noreturn, gnu::noinline]] void run_child(const ChildPlan& plan) {
  drop_signal_handlers();
  ::setpgid(0, 0);
  const SpawnOptions& options = *plan.options;
  if (options.death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, options.death_signal);
    if (::getppid() != plan.parent) ::_exit(127);  // it died before we could ask to be told
  }
  if (plan.enters_cgroup && !enter_cgroup(options.cgroup)) fail(plan, false);
  if (!redirect(options.input, STDIN_FILENO) || !redirect(options.output, STDOUT_FILENO) ||
      !redirect(options.errors, STDERR_FILENO)) {
    fail(plan, false);
  }
  if (plan.working_directory != nullptr && ::chdir(plan.working_directory) != 0) fail(plan, true);
  // Ours close themselves; this is for those that other libraries opened without care. It may fail
  // on old kernels.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (options.niceness != 0) [[maybe_unused]]
    const int niceness = ::nice(options.niceness);
  restore_descriptor_limit();
  for (const ResourceLimit& each : options.limits) each.apply();
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

// To be started in a cgroup costs nothing. To move there takes a lock from all forks and ends of the
// host, and waits until none is under way: a tenth of the commands a second, where there are many. The C
// library has no call for it that shares memory and stack as vfork does; and sanitizers know vfork only.
#if defined(__has_feature)
#define FANMILL_CLANG_SANITIZES                                           \
  (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
   __has_feature(memory_sanitizer) || __has_feature(hwaddress_sanitizer))
#else
#define FANMILL_CLANG_SANITIZES 0
#endif
#if (defined(__x86_64__) || defined(__aarch64__)) && defined(SYS_clone3) && \
    defined(CLONE_INTO_CGROUP) && !defined(__SANITIZE_ADDRESS__) &&         \
    !defined(__SANITIZE_THREAD__) && !FANMILL_CLANG_SANITIZES
constexpr bool may_clone = true;
#else
constexpr bool may_clone = false;
#endif

/// As vfork: 0 in the child. -1 if this kernel has no such call, or forbids it.
[[gnu::always_inline]] inline pid_t vfork_into(int cgroup) {
  clone_args arguments{};
  arguments.flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(cgroup);
  long result = -1;
#if defined(__x86_64__)
  // Not by syscall(): the child would return from it, and what it calls next would overwrite the
  // address to which the parent has yet to return.
  asm volatile("syscall"
               : "=a"(result)
               : "0"(static_cast<long>(SYS_clone3)), "D"(&arguments), "S"(sizeof arguments)
               : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long number asm("x8") = SYS_clone3;
  register const void* first asm("x0") = &arguments;
  register unsigned long second asm("x1") = sizeof arguments;
  asm volatile("svc 0" : "+r"(first) : "r"(number), "r"(second) : "memory");
  result = reinterpret_cast<long>(first);
#endif
  return result < 0 ? -1 : static_cast<pid_t>(result);
}

/// A frame of its own, so that the child, which runs on our stack, finds nothing to spoil in the
/// caller's.
[[gnu::noinline]] pid_t start_child(ChildPlan& plan) {
  if constexpr (may_clone) {
    if (plan.options->cgroup >= 0 && !plan.options->cgroup_was_killed) {
      const pid_t pid = vfork_into(plan.options->cgroup);
      if (pid == 0) run_child(plan);
      if (pid > 0) return pid;
    }
  }
  plan.enters_cgroup = plan.options->cgroup >= 0;
  const pid_t pid = ::vfork();
  if (pid == 0) run_child(plan);
  return pid;
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

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

bool is_named_before(std::string_view one, std::string_view other) {
  return name_of(one) < name_of(other);
}

bool has_same_name(std::string_view one, std::string_view other) {
  return name_of(one) == name_of(other);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

std::string PreparedCommand::describe_failure(int error_number, bool at_directory) const {
  const std::string words = std::strerror(error_number);
  if (at_directory) {
    return "can't start " + program() + ": its working directory " + command_.working_directory +
           ": " + words;
  }
  std::string text = "can't start " + program() + ": " + words;
  const bool named_by_path = program().find('/') != std::string::npos;
  if (error_number == ENOENT && !named_by_path) {
    text.append(" (looked for in PATH=").append(search_path()).append(")");
  }
  if (error_number == ENOENT && named_by_path && command_.working_directory.empty() &&
      ::access(program().c_str(), F_OK) == 0) {
    text += " (the file is there: the interpreter in its first line, or its loader, is not)";
  }
  if (error_number == EACCES) text += " (is it executable? chmod +x)";
  if (error_number == ENOEXEC)
    text += " (neither a program for this machine nor a script that begins with #!)";
  return text;
}

Environment Environment::of_this_process() {
  std::vector<std::string> entries;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view entry = *variable;
    if (entry.find('=') != std::string_view::npos) entries.emplace_back(entry);
  }
  // Programs look at the first of a name.
  std::stable_sort(entries.begin(), entries.end(), is_named_before);
  entries.erase(std::unique(entries.begin(), entries.end(), has_same_name), entries.end());
  return Environment(std::move(entries));
}

PreparedCommand::PreparedCommand(Command command, Environment environment)
    : command_(std::move(command)), environment_(std::move(environment)) {
  FANMILL_ASSERT(!command_.arguments.empty(), "a command without a program");
  // The last word on a name counts.
  for (auto each = command_.environment.rbegin(); each != command_.environment.rend(); ++each)
    added_.push_back(each->first + "=" + each->second);
  std::stable_sort(added_.begin(), added_.end(), is_named_before);
  added_.erase(std::unique(added_.begin(), added_.end(), has_same_name), added_.end());
  const auto& entries = environment_.entries();
  environment_pointers_.reserve(entries.size() + added_.size() + 1);
  const auto take = [this](const std::string& entry) {
    environment_pointers_.push_back(const_cast<char*>(entry.c_str()));
  };
  auto old = entries.begin();
  for (const std::string& mine : added_) {
    for (; old != entries.end() && is_named_before(*old, mine); ++old) take(*old);
    if (old != entries.end() && has_same_name(*old, mine)) ++old;
    take(mine);
  }
  for (; old != entries.end(); ++old) take(*old);
  environment_pointers_.push_back(nullptr);

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
  for (const std::string& candidate : candidates_) candidate_pointers_.push_back(candidate.c_str());
  candidate_pointers_.push_back(nullptr);
}

std::string PreparedCommand::search_path() const {
  constexpr std::string_view wanted = "PATH=";
  for (const std::vector<std::string>* list : {&added_, &environment_.entries()}) {
    for (const std::string& entry : *list) {
      if (entry.starts_with(wanted)) return entry.substr(wanted.size());
    }
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

StartFailure PreparedCommand::host_failure(int error_number) const {
  return {error_number, "can't start " + program() + ": " + std::strerror(error_number)};
}

std::variant<PreparedCommand::Spawned, StartFailure> PreparedCommand::spawn(
    const SpawnOptions& options) const {
  Pipe report_pipe = make_pipe();
  if (!report_pipe.valid()) return host_failure(errno);
  ChildPlan plan{
      .candidates = candidate_pointers_.data(),
      .arguments = argument_pointers_.data(),
      .environment = environment_pointers_.data(),
      .working_directory =
          command_.working_directory.empty() ? nullptr : command_.working_directory.c_str(),
      .options = &options,
      .report = report_pipe.write.get(),
      .parent = ::getpid(),
      .enters_cgroup = false,
  };
  pid_t pid = -1;
  {
    const AllSignalsBlocked blocked;
    pid = start_child(plan);
  }
  if (pid < 0) return host_failure(errno);
  report_pipe.write.reset();

  ChildReport report{};
  if (read_report(report_pipe.read.get(), report)) {
    reap_quietly(pid);
    return StartFailure{report.error_number,
                        describe_failure(report.error_number, report.at_directory)};
  }
  Descriptor pidfd(::pidfd_open(pid, 0));
  if (pidfd.valid()) return Spawned{pid, std::move(pidfd)};
  const int error_number = errno;
  ::kill(-pid, SIGKILL);
  reap_quietly(pid);
  return host_failure(error_number);
}

}  // namespace fanmill
