#include "net/identities.hpp"

#include <variant>

#include "net/identity.hpp"

namespace fanmill::net {
namespace {

// Of what only managers send, or a kind that this version doesn't know, the core takes no notice; a
// peer that may do nothing else may not send it either.
template <typename Message>
constexpr Role role_of(const Message&) {
  return Role::worker;
}

}  // namespace

Role role_needed(const core::Message& message) {
  return std::visit([](const auto& each) { return role_of(each); }, message);
}

std::optional<std::string> Identities::fault_of(const std::string& user,
                                                const core::Message& message) const {
  if (gate_ == nullptr) return std::nullopt;
  const std::optional<Gate::User> known = gate_->find(user);
  if (!known) return std::string(revoked_words);
  const Role needed = role_needed(message);
  if (known->roles.has(needed)) return std::nullopt;
  return "the key \"" + known->name + "\" may " + known->roles.text() + ", not " +
         to_string(needed) + "; ask for another join file";
}

std::uint32_t Identities::sessions_max(const std::string& user) const {
  if (gate_ == nullptr) return 0;
  const std::optional<Gate::User> known = gate_->find(user);
  return known ? known->sessions_max : 0;
}

core::Uuid Identities::worker_uuid(const std::string& user, core::Uuid uuid) {
  if (gate_ == nullptr) return uuid;
  auto found = salts_.find(user);
  if (found == salts_.end()) found = salts_.emplace(user, random_uuid()).first;
  const core::Uuid& salt = found->second;
  const core::Uuid own{.low = uuid.low ^ salt.low, .high = uuid.high ^ salt.high};
  return own.valid() ? own : salt;  // 0 is nobody
}

}  // namespace fanmill::net
