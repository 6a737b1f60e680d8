#include "net/paths.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/descriptor.hpp"
#include "net/endpoint.hpp"
#include "net/system_error.hpp"

namespace fanmill::net {
namespace {

// Empty if the folder is the user's own and nobody else can put anything into it.
std::string fault_of_folder(const std::string& path) {
  struct stat status {};
  // lstat: a link that somebody else may turn elsewhere is no folder of ours.
  if (::lstat(path.c_str(), &status) != 0) return std::strerror(errno);
  if (!S_ISDIR(status.st_mode)) return "it is not a folder";
  if (status.st_uid != ::geteuid()) return "it belongs to another user";
  if ((status.st_mode & 0022U) != 0) return "others may write to it";
  return {};
}

constexpr std::string_view folder_prefix = "fanmill-";
constexpr std::size_t random_bytes = 6;  // mkdtemp's XXXXXX

bool has_room_below(const std::string& base) {
  return base.size() + 1 + folder_prefix.size() + random_bytes + 1 + SocketFolder::name_bytes_max <=
         ipc_path_bytes_max;
}

// The user's own folder for sockets; the one in /tmp is short enough for any user id.
Result<std::string> socket_base() {
  const std::string runtime = environment("XDG_RUNTIME_DIR");
  if (runtime.starts_with('/') && has_room_below(runtime) && fault_of_folder(runtime).empty()) {
    return runtime;
  }
  const std::string base = "/tmp/fanmill-" + std::to_string(::geteuid());
  const Status made = make_private_folder(base);
  if (!made.ok()) return made.error();
  return base;
}

// A name that nobody else gives to a file: what has one is one of these folders.
constexpr const char* lock_name = "/.fanmill-sockets";

// Removes the socket folders of processes that have ended without doing so. What can't be removed
// is left for the user.
void sweep(const std::string& base) {
  std::error_code ignored;
  std::filesystem::directory_iterator entry(base, ignored);
  for (; entry != std::filesystem::directory_iterator(); entry.increment(ignored)) {
    const std::string path = entry->path().string();
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(folder_prefix) || name.size() != folder_prefix.size() + random_bytes ||
        !fault_of_folder(path).empty()) {
      continue;
    }
    // One without a lock is being made just now; or it is not ours to judge.
    const Descriptor lock(::open((path + lock_name).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!lock.valid() || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;
    std::filesystem::remove_all(path, ignored);
  }
}

// The lock's file gets its name when it is locked, so that nobody finds it free.
Result<Descriptor> lock_folder(const std::string& path) {
  const std::string name = path + lock_name;
  const std::string unlocked = name + ".new";
  Descriptor lock(::open(unlocked.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!lock.valid() || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 ||
      ::rename(unlocked.c_str(), name.c_str()) != 0) {
    return system_error(name + ": can't make this file", errno,
                        "set XDG_RUNTIME_DIR to a folder of yours");
  }
  return lock;
}

}  // namespace

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Status make_private_folder(const std::string& path) {
  std::error_code failure;
  const auto parent = std::filesystem::path(path).parent_path();
  std::filesystem::create_directories(parent, failure);
  if (failure) {
    return system_error(parent.string() + ": can't make this folder", failure.value(),
                        "make it, or choose another place");
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error(path + ": can't make this folder", errno,
                        "make it, or choose another place");
  }
  const std::string fault = fault_of_folder(path);
  if (!fault.empty()) {
    return Error{ErrorCode::io_error, path + ": not a private folder of yours: " + fault +
                                          "; remove it, or set its owner and mode (chmod 700)"};
  }
  return Ok{};
}

Result<std::string> state_path() {
  std::string base = environment("XDG_STATE_HOME");
  if (!base.starts_with('/')) {
    const std::string home = environment("HOME");
    if (!home.starts_with('/')) {
      return Error{ErrorCode::io_error,
                   "no folder for state: neither XDG_STATE_HOME nor HOME is an absolute path; "
                   "set XDG_STATE_HOME to a folder of yours"};
    }
    base = home + "/.local/state";
  }
  return base + "/fanmill";
}

Result<std::string> state_folder() {
  Result<std::string> folder = state_path();
  if (!folder.ok()) return folder;
  const Status made = make_private_folder(folder.value());
  if (!made.ok()) {
    return Error{made.error().code, made.error().message + " (XDG_STATE_HOME names another)"};
  }
  return folder;
}

Result<bool> is_listened_on(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    return system_error(path, errno, "choose a path in a folder of yours");
  }
  if (!S_ISSOCK(status.st_mode)) {
    return Error{ErrorCode::io_error, path + ": it is there and no socket; choose another path"};
  }
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) return system_error(path, errno, "raise the limit of open files (ulimit -n)");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::io_error, path + ": too long for a socket; choose a shorter path"};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int connected =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  // A listener whose queue is full says EAGAIN: it is there.
  if (connected == 0 || errno == EAGAIN) return true;
  if (errno == ECONNREFUSED || errno == ENOENT) return false;
  return system_error(path, errno, "choose a path in a folder of yours");
}

Result<SocketFolder> SocketFolder::make() {
  Result<std::string> base = socket_base();
  if (!base.ok()) return base.error();
  sweep(base.value());
  std::string folder = base.value() + "/" + std::string(folder_prefix) + "XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    return system_error(base.value() + ": can't make a folder for sockets in it", errno,
                        "set XDG_RUNTIME_DIR to a folder of yours");
  }
  SocketFolder made(std::move(folder), Descriptor());
  Result<Descriptor> lock = lock_folder(made.path());
  if (!lock.ok()) return lock.error();
  made.lock_ = std::move(lock).value();
  return made;
}

SocketFolder::~SocketFolder() { remove(); }
SocketFolder::SocketFolder(SocketFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}
SocketFolder& SocketFolder::operator=(SocketFolder&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
    lock_ = std::move(other.lock_);
  }
  return *this;
}

std::string SocketFolder::endpoint(std::string_view name) const {
  FANMILL_ASSERT(!name.empty() && name.size() <= name_bytes_max, std::string(name));
  return "ipc://" + path_ + "/" + std::string(name);
}

void SocketFolder::remove() noexcept {
  if (path_.empty()) return;
  std::error_code ignored;  // what can't be removed is left for the user
  std::filesystem::remove_all(path_, ignored);
  path_.clear();
  lock_ = Descriptor();
}

}  // namespace fanmill::net
