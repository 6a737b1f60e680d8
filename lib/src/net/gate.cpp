#include "net/gate.hpp"

#include <unistd.h>

#include <charconv>
#include <string_view>

namespace fanmill::net {
namespace {

constexpr std::string_view uid_prefix = "uid ";
constexpr const char* plaintext_id = "plaintext";

// Of an ipc connection, whose address libzmq gives as this, then uid, gid and pid with colons between
// them (the kernel's word for it). Addresses of tcp are numbers, also IPv6's, which have colons too.
constexpr std::string_view ipc_prefix = "localhost:";

std::optional<::uid_t> uid_of(std::string_view address) {
  if (!address.starts_with(ipc_prefix)) return std::nullopt;
  address.remove_prefix(ipc_prefix.size());
  ::uid_t uid = 0;
  const auto [end, error] = std::from_chars(address.data(), address.data() + address.size(), uid);
  if (error != std::errc() || end == address.data() + address.size() || *end != ':')
    return std::nullopt;
  return uid;
}

}  // namespace

std::optional<std::string> Gate::admit(const Visitor& visitor) const {
  if (visitor.mechanism == Visitor::Mechanism::curve) {
    if (!visitor.key || keys()->find(*visitor.key) == nullptr) return std::nullopt;
    return visitor.key->text();
  }
  if (visitor.mechanism != Visitor::Mechanism::null) return std::nullopt;
  if (const std::optional<::uid_t> uid = uid_of(visitor.address)) {
    if (*uid != ::geteuid()) return std::nullopt;
    return std::string(uid_prefix) + std::to_string(*uid);
  }
  if (!allows_plaintext()) return std::nullopt;
  return plaintext_id;
}

std::optional<Gate::User> Gate::find(const std::string& user_id) const {
  if (user_id.starts_with(uid_prefix)) return User{.name = user_id, .roles = RoleSet::all()};
  if (user_id == plaintext_id) {
    if (!allows_plaintext()) return std::nullopt;
    return User{.name = user_id, .roles = Role::worker};
  }
  const Result<PublicKey> key = PublicKey::parse(user_id);
  if (!key.ok()) return std::nullopt;
  const std::shared_ptr<const AuthorizedKeys> now = keys();
  const AuthorizedKey* entry = now->find(key.value());
  if (entry == nullptr) return std::nullopt;
  return User{.name = entry->name, .roles = entry->roles, .sessions_max = entry->sessions_max};
}

void Gate::replace(AuthorizedKeys keys) {
  auto next = std::make_shared<const AuthorizedKeys>(std::move(keys));
  const std::lock_guard lock(mutex_);
  keys_.swap(next);
}

std::shared_ptr<const AuthorizedKeys> Gate::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

}  // namespace fanmill::net
