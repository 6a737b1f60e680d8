#include "launch/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgot to say so itself
}

namespace fanmill::launch {

std::variant<Process, StartFailure> Process::start(const PreparedCommand& command,
                                                   const StartOptions& options) {
  Pipe errors = make_pipe();
  const Descriptor input = lifted(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!errors.valid() || !input.valid()) return command.host_failure(errno);
  ::fcntl(errors.read.get(), F_SETFL, O_NONBLOCK);
  auto started = command.spawn({.input = input.get(),
                                .output = options.merge_output ? errors.write.get() : -1,
                                .errors = errors.write.get(),
                                .death_signal = options.death_signal});
  if (auto* failure = std::get_if<StartFailure>(&started)) return std::move(*failure);
  auto& child = std::get<PreparedCommand::Spawned>(started);
  return Process(child.pid, std::move(child.pidfd), std::move(errors.read));
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
