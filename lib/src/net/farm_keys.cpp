#include "net/farm_keys.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/descriptor.hpp"
#include "net/paths.hpp"
#include "net/system_error.hpp"

namespace fanmill::net {
namespace {

constexpr const char* worker_name = "worker";

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Held while keys are read or made, so that of two managers that start at once one makes them.
Result<Descriptor> lock(const std::string& folder) {
  const std::string path = folder + "/lock";
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  int failed = file.valid() ? 0 : -1;
  while (file.valid() && (failed = ::flock(file.get(), LOCK_EX)) != 0 && errno == EINTR) {
  }
  if (failed != 0) return system_error(path, errno, "choose another folder with XDG_STATE_HOME");
  return file;
}

Result<Certificate> load_or_make(const std::string& path, const char* name,
                                 std::optional<PublicKey> server_key = {}) {
  if (is_there(path)) return Certificate::load(path);
  KeyPair pair = KeyPair::make();
  Certificate made{.name = name,
                   .public_key = pair.public_key,
                   .secret_key = std::move(pair.secret_key),
                   .server_key = server_key};
  const Status saved = made.save(path);
  if (!saved.ok()) return saved.error();
  return made;
}

Result<AuthorizedKeys> load_or_make(const std::string& path, const PublicKey& worker) {
  if (is_there(path)) return AuthorizedKeys::load(path);
  AuthorizedKeys made;
  Status done = made.add({.key = worker, .roles = Role::worker, .name = worker_name});
  if (done.ok()) done = made.save(path);
  if (!done.ok()) return done.error();
  return made;
}

}  // namespace

Result<std::string> FarmKeys::default_folder() {
  Result<std::string> state = state_folder();
  if (!state.ok()) return state;
  return state.value() + "/keys";
}

Result<FarmKeys> FarmKeys::open(const std::string& folder) {
  const Status made = make_private_folder(folder);
  if (!made.ok()) return made.error();
  const Result<Descriptor> locked = lock(folder);
  if (!locked.ok()) return locked.error();
  FarmKeys keys;
  keys.folder_ = folder;
  Result<Certificate> manager = load_or_make(folder + "/manager.cert", "manager");
  if (!manager.ok()) return manager.error();
  const Result<Certificate> worker =
      load_or_make(keys.worker_file(), worker_name, manager.value().public_key);
  if (!worker.ok()) return worker.error();
  Result<AuthorizedKeys> authorized =
      load_or_make(keys.authorized_file(), worker.value().public_key);
  if (!authorized.ok()) return authorized.error();
  keys.server_key_ = manager.value().public_key;
  keys.secret_key_ =
      std::make_shared<const SecretKey>(std::move(*std::move(manager).value().secret_key));
  keys.authorized_ = std::move(authorized).value();
  return keys;
}

Status FarmKeys::change(const std::string& folder,
                        const std::function<Status(AuthorizedKeys&)>& edit) {
  const Result<FarmKeys> made = open(folder);
  if (!made.ok()) return made.error();
  const Result<Descriptor> locked = lock(folder);
  if (!locked.ok()) return locked.error();
  Result<AuthorizedKeys> keys = AuthorizedKeys::load(authorized_file(folder));
  if (!keys.ok()) return keys.error();
  Status edited = edit(keys.value());
  return edited.ok() ? keys.value().save(authorized_file(folder)) : edited;
}

}  // namespace fanmill::net
