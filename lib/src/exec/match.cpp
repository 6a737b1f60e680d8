#include "exec/match.hpp"

#include <regex.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fstream>

#include "base/program.hpp"
#include "exec/resource_limits.hpp"

namespace fanmill::exec {
namespace {

// Exit statuses from here on are our child's words; those of the sanitizers, say, are lower.
constexpr int first_status = 200;
constexpr std::uint64_t memory_max = 1U << 30;

// What this process has mapped already, which may be more than any sane limit, and some more.
TaskLimits limits_here() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const std::uint64_t mapped = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return {.cpu = std::chrono::seconds(1), .memory = mapped + memory_max, .core = 0};
}

Match seek_here(const std::string& pattern, const std::string& text) {
  regex_t compiled;
  if (::regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NEWLINE | REG_NOSUB) != 0)
    return Match::failed;
  // Text may have NULs.
  regmatch_t whole{0, static_cast<regoff_t>(text.size())};
  const int found = ::regexec(&compiled, text.c_str(), 1, &whole, REG_STARTEND);
  return found == 0 ? Match::found : found == REG_NOMATCH ? Match::not_found : Match::failed;
}

}  // namespace

Match seek(const std::string& pattern, const std::string& text) {
  const TaskLimits limits = limits_here();
  const pid_t pid = ::fork();
  if (pid < 0) return Match::failed;
  if (pid == 0) {
    drop_signal_handlers();
    apply(limits);
    ::_exit(first_status + static_cast<int>(seek_here(pattern, text)));
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  const int word = WIFEXITED(status) ? WEXITSTATUS(status) - first_status : 0;
  const bool is_ours =
      word >= static_cast<int>(Match::found) && word <= static_cast<int>(Match::failed);
  return is_ours ? static_cast<Match>(word) : Match::failed;
}

}  // namespace fanmill::exec
