#include "exec/cgroup.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

namespace fanmill::exec {
namespace {

// Where the cgroup2 hierarchy is mounted, and where in it this process is; empty if nowhere.
std::string own_folder() {
  std::ifstream mounts("/proc/self/mounts");
  std::string mount;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, where, type;
    words >> device >> where >> type;
    if (type == "cgroup2") mount = where;
  }
  if (mount.empty()) return {};
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.starts_with("0::")) return mount + (line == "0::/" ? "" : line.substr(3));
  }
  return {};
}

bool write_file(const std::string& path, const std::string& text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file.valid() &&
         ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// The number behind `key` in a file of "key number" lines.
std::uint64_t read_count(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string name;
  for (std::uint64_t count = 0; file >> name >> count;) {
    if (name == key) return count;
  }
  return 0;
}

std::string number_or_max(std::uint64_t number) {
  return number == 0 ? "max" : std::to_string(number);
}

/// Whether a child that is started in the group lives: see SpawnOptions::cgroup_was_killed. It does not
/// when this process's own group, or the one that was left under this name, was once killed as a whole.
bool can_start_in(int directory) {
#if defined(SYS_clone3) && defined(CLONE_INTO_CGROUP)
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<std::uint64_t>(directory);
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) ::_exit(0);
  int status = -1;
  return pid > 0 && ::waitpid(static_cast<pid_t>(pid), &status, 0) == pid && status == 0;
#else
  (void)directory;
  return false;
#endif
}

}  // namespace

std::optional<Cgroup> Cgroup::make(const std::string& name) {
  const std::string parent = own_folder();
  if (parent.empty()) return {};
  // It works where no process is in the parent, or the parent is the root.
  for (const char* controller : {"+memory", "+pids"})
    write_file(parent + "/cgroup.subtree_control", controller);
  const std::string folder = parent + "/" + name;
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return {};
  Cgroup group(folder);
  if (!group.directory_.valid() || !group.kill_.valid()) return {};  // Linux before 5.14
  group.may_start_in_ = can_start_in(group.directory());
  group.was_killed_ = !group.may_start_in_;
  return group;
}

void Cgroup::remove_left(const std::string& name) {
  const std::string parent = own_folder();
  if (parent.empty()) return;
  const std::string folder = parent + "/" + name;
  write_file(folder + "/cgroup.kill", "1");
  // Those that are being killed hold it for some more moments.
  constexpr int tries_max = 1000;
  constexpr timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
  for (int i = 0; i < tries_max && ::rmdir(folder.c_str()) != 0 && errno == EBUSY; ++i)
    ::nanosleep(&moment, nullptr);
}

void Cgroup::remove_all_left(const std::string& prefix) {
  const std::string parent = own_folder();
  if (parent.empty()) return;
  std::error_code gone;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(parent, gone))
    names.push_back(entry.path().filename());
  for (const std::string& name : names) {
    if (name.starts_with(prefix)) remove_left(name);
  }
}

Cgroup::Cgroup(std::string folder)
    : folder_(std::move(folder)),
      directory_(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
      kill_(::open((folder_ + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC)) {}

bool Cgroup::renew() {
  if (!may_start_in_) return false;
  // It may be gone already: the last try ended between the two steps.
  if (::rmdir(folder_.c_str()) != 0 && errno != ENOENT) return false;
  if (::mkdir(folder_.c_str(), 0755) != 0) return false;
  Cgroup fresh(folder_);
  if (!fresh.directory_.valid() || !fresh.kill_.valid()) return false;
  std::swap(directory_, fresh.directory_);
  std::swap(kill_, fresh.kill_);
  fresh.directory_.reset();  // or it would remove the folder
  was_killed_ = false;
  return true;
}

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(was_killed_, other.was_killed_);
  std::swap(may_start_in_, other.may_start_in_);
  std::swap(directory_, other.directory_);
  std::swap(kill_, other.kill_);
  return *this;
}

Cgroup::~Cgroup() {
  if (directory_.valid()) ::rmdir(folder_.c_str());
}

void Cgroup::enter() const { (void)write_file(folder_ + "/cgroup.procs", "0"); }

bool Cgroup::kill() const {
  was_killed_ = true;
  return ::write(kill_.get(), "1", 1) == 1;
}

bool Cgroup::is_populated() const {
  return read_count(folder_ + "/cgroup.events", "populated") != 0;
}

bool Cgroup::limit_memory(std::uint64_t bytes) const {
  // Without swap a limit means what it says.
  write_file(folder_ + "/memory.swap.max", bytes == 0 ? "max" : "0");
  return write_file(folder_ + "/memory.max", number_or_max(bytes));
}

bool Cgroup::limit_processes(std::uint64_t count) const {
  return write_file(folder_ + "/pids.max", number_or_max(count));
}

std::uint64_t Cgroup::oom_kills() const {
  return read_count(folder_ + "/memory.events", "oom_kill");
}

}  // namespace fanmill::exec
