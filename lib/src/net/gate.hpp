// Gate: who may connect to a manager, and as what. A value that several threads ask.
//
// By tcp: who has proven to hold an authorised key. By ipc: processes of this manager's own user,
// for whom there is nothing to hide (its socket lies in a folder that only they can enter). By tcp
// without keys nobody, unless that was spelled out.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "net/authorized_keys.hpp"
#include "net/zap_handler.hpp"

namespace fanmill::net {

class Gate {
 public:
  /// Whoever comes by tcp without a key: nobody, or anybody, as a worker.
  enum class Plaintext : std::uint8_t { refused, allowed };
  explicit Gate(AuthorizedKeys keys, Plaintext plaintext = Plaintext::refused)
      : keys_(std::make_shared<const AuthorizedKeys>(std::move(keys))), plaintext_(plaintext) {}

  [[nodiscard]] bool allows_plaintext() const { return plaintext_ == Plaintext::allowed; }

  /// The visitor's user id, if it may enter.
  [[nodiscard]] std::optional<std::string> admit(const Visitor& visitor) const;
  /// Whom a user id that `admit` gave means; nothing if the user's key was revoked since.
  struct User {
    std::string name;  // "node3", "uid 1000"
    RoleSet roles;
    std::uint32_t sessions_max = 0;  // 0: no limit of its own
  };
  [[nodiscard]] std::optional<User> find(const std::string& user_id) const;

  void replace(AuthorizedKeys keys);

 private:
  [[nodiscard]] std::shared_ptr<const AuthorizedKeys> keys() const;

  mutable std::mutex mutex_;
  std::shared_ptr<const AuthorizedKeys> keys_;
  const Plaintext plaintext_;
};

}  // namespace fanmill::net
