#include "exec/task_process.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <climits>
#include <csignal>

#include "exec/resource_limits.hpp"

namespace fanmill::exec {
namespace {

// After the end of a process: what its pipe may hold, and no more, since whoever has fled (in the
// lowest grade) may go on writing.
constexpr int last_reads_max = 16;

// Of a pipe: it takes PIPE_BUF bytes at once.
bool is_writable(int descriptor) {
  pollfd item{descriptor, POLLOUT, 0};
  return ::poll(&item, 1, 0) == 1;
}

void judge(int status, TaskProcess::Cause cause, Duration cpu_limit, const ProcessTree& tree,
           Evidence& evidence) {
  using How = Evidence::How;
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  evidence.how = signal != 0 ? How::signalled : How::exited;
  evidence.number = signal != 0 ? signal : WEXITSTATUS(status);
  const bool cpu_used_up = cpu_limit > Duration::zero() && evidence.cpu >= cpu_limit;
  if (cause == TaskProcess::Cause::stopped) {
    evidence.how = How::stopped;
  } else if (cause == TaskProcess::Cause::wall_limit) {
    evidence.how = How::limit;
    evidence.text = "wall";
  } else if (tree.ran_out_of_memory() && (signal != 0 || evidence.number != 0)) {
    evidence.how = How::out_of_memory;
  } else if (signal == SIGXCPU || (signal == SIGKILL && cpu_used_up)) {
    evidence.how = How::limit;
    evidence.text = "cpu";
  }
}

}  // namespace

pollfd TaskProcess::errors_item() const {
  if (errors_held_) return {STDERR_FILENO, POLLOUT, 0};
  return {errors_.get(), POLLIN, 0};
}

bool TaskProcess::read_errors() {
  const bool passes_on = use_ == Errors::passed_on;
  errors_held_ = passes_on && !is_writable(STDERR_FILENO);
  if (errors_held_) return false;
  std::array<char, PIPE_BUF> buffer;
  const ssize_t count = ::read(errors_.get(), buffer.data(), buffer.size());
  if (count == 0) errors_.reset();
  if (count <= 0) return false;
  const std::string_view chunk(buffer.data(), static_cast<std::size_t>(count));
  tail_.take(chunk);
  if (passes_on) (void)write_all(STDERR_FILENO, chunk);
  return true;
}

TaskProcess::End TaskProcess::end(const ProcessTree& tree, std::span<const pid_t> spared,
                                  Cause cause, Duration cpu_limit) {
  siginfo_t info{};
  const bool ended =
      ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid == pid_;
  End end;
  // As long as it is not reaped, the number of its process group is nobody else's.
  if (ended) {
    ::kill(-pid_, SIGKILL);
  } else {
    end.survivors = tree.kill(pid_, spared);
  }
  int status = SIGKILL;  // what it is waiting to die of, if it can't be reaped
  rusage used{};
  ::wait4(pid_, &status, end.survivors == 0 ? 0 : WNOHANG, &used);
  // Often it has left nothing behind; then there is nobody to look for.
  siginfo_t any{};
  if (ended && ::waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) == 0)
    end.survivors = tree.kill(-1, spared);
  end.evidence.cpu = cpu_of(used);
  end.evidence.memory = memory_of(used);
  judge(status, cause, cpu_limit, tree, end.evidence);
  for (int i = 0; i < last_reads_max && errors_.valid() && read_errors(); ++i) {
  }
  return end;
}

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace fanmill::exec
