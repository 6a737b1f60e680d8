#include "exec/process_tree.hpp"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <ctime>
#include <fstream>
#include <memory>
#include <vector>

namespace fanmill::exec {
namespace {

using namespace std::chrono_literals;

// For a killed process to be gone. Long: one in the middle of a core dump or of a write to a slow
// disk goes when that is done.
constexpr auto patience = 10s;

// The children of one process. Of each of its threads the kernel keeps a list of its own.
void add_children(pid_t parent, std::vector<pid_t>& found) {
  const std::string tasks = "/proc/" + std::to_string(parent) + "/task";
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(tasks.c_str()), ::closedir);
  if (folder == nullptr) return;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (entry->d_name[0] == '.') continue;
    std::ifstream list(tasks + "/" + entry->d_name + "/children");
    for (pid_t child = 0; list >> child;) found.push_back(child);
  }
}

bool contains(std::span<const pid_t> list, pid_t one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

bool has_ended(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == child;
}

// Until a child changes its state (SIGCHLD is blocked in this process), or a moment has passed.
void wait_for_child() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  const timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
  ::sigtimedwait(&child, nullptr, &moment);
}

}  // namespace

const char* to_string(Grade grade) {
  switch (grade) {
    case Grade::process_group:
      return "process group";
    case Grade::subreaper:
      return "subreaper";
    case Grade::cgroup:
      return "cgroup";
  }
  return "unknown";
}

ProcessTree::ProcessTree(Grade best, const std::string& name) : grade_(Grade::process_group) {
  // Without lists of children there is nobody to be found one by one.
  const std::string own = std::to_string(::getpid());
  const bool has_lists =
      ::access(("/proc/" + own + "/task/" + own + "/children").c_str(), R_OK) == 0;
  if (best >= Grade::subreaper && has_lists && ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0) {
    grade_ = Grade::subreaper;
  }
  if (best >= Grade::cgroup && grade_ == Grade::subreaper) {
    cgroup_ = Cgroup::make(name);
    if (cgroup_) grade_ = Grade::cgroup;
  }
}

void ProcessTree::enter() const {
  if (cgroup_) cgroup_->enter();
}

void ProcessTree::limit(const TaskLimits& wanted, TaskLimits& left) {
  left = wanted;
  if (!cgroup_) return;
  if (cgroup_->was_killed() && cgroup_->renew()) memory_limit_ = processes_limit_ = 0;
  // Most tasks have the limits of the one before.
  if (wanted.memory != memory_limit_ && cgroup_->limit_memory(wanted.memory))
    memory_limit_ = wanted.memory;
  if (wanted.processes != processes_limit_ && cgroup_->limit_processes(wanted.processes))
    processes_limit_ = wanted.processes;
  if (wanted.memory == memory_limit_) left.memory = 0;
  if (wanted.processes == processes_limit_) left.processes = 0;
  if (memory_limit_ > 0) oom_kills_before_ = cgroup_->oom_kills();
}

bool ProcessTree::ran_out_of_memory() const {
  return memory_limit_ > 0 && cgroup_->oom_kills() > oom_kills_before_;
}

std::size_t ProcessTree::kill(pid_t main, std::span<const pid_t> spared) const {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  if (cgroup_) (void)cgroup_->kill();
  for (;;) {
    // All of a process group in one step: whoever stays in it can't outrun this by forking.
    if (main > 0) ::kill(-main, SIGKILL);
    if (main > 0) ::kill(main, SIGKILL);  // it may have left for another group
    // Asked before anybody is looked for: at its end its children become ours.
    const std::size_t main_lives = main > 0 && !has_ended(main) ? 1 : 0;
    const std::size_t found = grade_ == Grade::process_group ? 0 : kill_found(main, spared);
    std::size_t left = main_lives + found;
    if (left == 0 && cgroup_ && cgroup_->is_populated()) left = 1;
    if (left == 0 || std::chrono::steady_clock::now() > give_up) return left;
    wait_for_child();
  }
}

// Looks once for what there is of the tree beside `main`, and kills it. How many there were; those
// that had ended already are among them, for their children have become ours since we looked.
std::size_t ProcessTree::kill_found(pid_t main, std::span<const pid_t> spared) const {
  std::vector<pid_t> found;
  add_children(::getpid(), found);
  std::erase_if(found, [&](pid_t pid) { return contains(spared, pid); });
  std::size_t others = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const pid_t pid = found[i];
    add_children(pid, found);
    if (pid == main) continue;  // its keeper wants to ask how it ended
    others += 1;
    // An orphan that we have adopted; others are their parents' to reap.
    if (::waitpid(pid, nullptr, WNOHANG) != pid) ::kill(pid, SIGKILL);
  }
  return others;
}

}  // namespace fanmill::exec
