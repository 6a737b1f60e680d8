#include "net/farm_keys.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/descriptor.hpp"
#include "net/clock.hpp"
#include "net/paths.hpp"
#include "net/poll.hpp"
#include "net/system_error.hpp"

namespace fanmill::net {
namespace {

constexpr const char* worker_name = "worker";

// Only what is certainly not there may be made: in its place it would be lost.
Result<bool> is_there(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT) return false;
  return system_error(path, errno, "try again when its disk can be read");
}

std::string first_line(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

// "process 4711 (fanmill-broker)". The kernel lists locks as
//     1: FLOCK  ADVISORY  WRITE 4711 08:02:1234567 0 EOF
// with the file's inode at the end of its sixth word.
std::string holder_of(const Descriptor& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return "another process";
  const std::string inode = ":" + std::to_string(status.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number;
    std::string kind;
    std::string mode;
    std::string access;
    std::string pid;
    std::string place;
    if (!(words >> number >> kind >> mode >> access >> pid >> place)) continue;
    if (kind != "FLOCK" || !place.ends_with(inode)) continue;
    return "process " + pid + " (" + first_line("/proc/" + pid + "/comm") + ")";
  }
  return "another process";
}

// Held while keys are read or made, so that of two managers that start at once one makes them.
Result<Descriptor> lock(const std::string& folder, Duration limit) {
  constexpr Duration step = std::chrono::milliseconds(10);
  const std::string path = folder + "/lock";
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return system_error(path, errno, "choose another folder with XDG_STATE_HOME");
  const Instant end = steady_now() + limit;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return system_error(path, errno, "choose another folder with XDG_STATE_HOME");
    // A process that was stopped with the lock in its hands must not stop all others, too.
    if (steady_now() >= end) {
      return Error{ErrorCode::io_error, path + ": " + holder_of(file) +
                                            " has held this lock for too long; see whether it "
                                            "hangs, end it and try again"};
    }
    poll({}, step);
  }
  return file;
}

Result<Certificate> make_certificate(const std::string& path, const char* name,
                                     std::optional<PublicKey> server_key = {}) {
  KeyPair pair = KeyPair::make();
  Certificate made{.name = name,
                   .public_key = pair.public_key,
                   .secret_key = std::move(pair.secret_key),
                   .server_key = server_key};
  const Status saved = made.save(path);
  if (!saved.ok()) return saved.error();
  return made;
}

// A new pair for workers takes the place of the former one, if there was any.
Status authorize(AuthorizedKeys& keys, const std::string& path, const PublicKey& worker) {
  keys.remove(worker_name);
  Status done = keys.add({.key = worker, .roles = Role::worker, .name = worker_name});
  return done.ok() ? keys.save(path) : done;
}

}  // namespace

Result<std::string> FarmKeys::default_folder() {
  Result<std::string> state = state_folder();
  if (!state.ok()) return state;
  return state.value() + "/keys";
}

Result<FarmKeys> FarmKeys::open(const std::string& folder, Duration lock_wait) {
  const Status made = make_private_folder(folder);
  if (!made.ok()) return made.error();
  const Result<Descriptor> locked = lock(folder, lock_wait);
  if (!locked.ok()) return locked.error();
  FarmKeys keys;
  keys.folder_ = folder;
  const std::string manager_file = folder + "/manager.cert";
  const Result<bool> has_manager = is_there(manager_file);
  const Result<bool> has_worker = is_there(keys.worker_file());
  const Result<bool> has_authorized = is_there(keys.authorized_file());
  for (const Result<bool>* each : {&has_manager, &has_worker, &has_authorized})
    if (!each->ok()) return each->error();
  Result<Certificate> manager = has_manager.value() ? Certificate::load(manager_file)
                                                    : make_certificate(manager_file, "manager");
  if (!manager.ok()) return manager.error();
  const Result<Certificate> worker =
      has_worker.value()
          ? Certificate::load(keys.worker_file())
          : make_certificate(keys.worker_file(), worker_name, manager.value().public_key);
  if (!worker.ok()) return worker.error();
  if (has_authorized.value()) {
    Result<AuthorizedKeys> authorized = AuthorizedKeys::load(keys.authorized_file());
    if (!authorized.ok()) return authorized.error();
    keys.authorized_ = std::move(authorized).value();
  }
  if (!has_authorized.value() || !has_worker.value()) {
    const Status done =
        authorize(keys.authorized_, keys.authorized_file(), worker.value().public_key);
    if (!done.ok()) return done.error();
  }
  keys.server_key_ = manager.value().public_key;
  keys.secret_key_ =
      std::make_shared<const SecretKey>(std::move(*std::move(manager).value().secret_key));
  return keys;
}

Result<Certificate> FarmKeys::channel_certificate(const std::string& folder, Duration lock_wait) {
  const std::string path = channel_file(folder);
  // A file is put in its place whole, so who only reads needs no lock.
  Result<bool> has_it = is_there(path);
  if (!has_it.ok()) return has_it.error();
  if (has_it.value()) return Certificate::load(path);
  const Status made = make_private_folder(folder);
  if (!made.ok()) return made.error();
  const Result<Descriptor> locked = lock(folder, lock_wait);
  if (!locked.ok()) return locked.error();
  has_it = is_there(path);
  if (!has_it.ok()) return has_it.error();
  return has_it.value() ? Certificate::load(path) : make_certificate(path, "channel");
}

Status FarmKeys::change(const std::string& folder,
                        const std::function<Status(AuthorizedKeys&)>& edit) {
  const Result<FarmKeys> made = open(folder);
  if (!made.ok()) return made.error();
  const Result<Descriptor> locked = lock(folder, limits::keys_lock_wait);
  if (!locked.ok()) return locked.error();
  Result<AuthorizedKeys> keys = AuthorizedKeys::load(authorized_file(folder));
  if (!keys.ok()) return keys.error();
  Status edited = edit(keys.value());
  return edited.ok() ? keys.value().save(authorized_file(folder)) : edited;
}

}  // namespace fanmill::net
