// Identities: who a peer is, and what it may say. The one place where roles are checked.
//
// A peer is known by the user that the gate let in (the key that it proved to hold), not by what it
// says of itself. Workers name themselves by uuids, which are no secret; so each user's are turned
// into others, by a number that nobody else knows. A worker that says the uuid, or the session, of
// another user's is just one more worker.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/message.hpp"
#include "net/gate.hpp"

namespace fanmill::net {

/// What a user needs to be to send such a message to a manager.
[[nodiscard]] Role role_needed(const core::Message& message);

class Identities {
 public:
  /// `gate` may be null: then everybody may say everything, and uuids stay as they are.
  explicit Identities(std::shared_ptr<const Gate> gate) : gate_(std::move(gate)) {}

  static constexpr std::string_view revoked_words =
      "the key of this worker was revoked; ask for another join file";

  /// Whether there are users at all.
  [[nodiscard]] bool has_gate() const { return gate_ != nullptr; }
  /// Whether the gate would let the user in again.
  [[nodiscard]] bool is_known(const std::string& user) const {
    return gate_ == nullptr || gate_->find(user).has_value();
  }
  /// "node3"; empty if it is nobody's.
  [[nodiscard]] std::string name_of(const std::string& user) const {
    const auto known = gate_ == nullptr ? std::nullopt : gate_->find(user);
    return known ? known->name : "";
  }
  /// Why the user may not send this, for people; nothing if it may. Asks the gate anew, so a key that
  /// was revoked has no say any more.
  [[nodiscard]] std::optional<std::string> fault_of(const std::string& user,
                                                    const core::Message& message) const;
  /// Sessions that the user may have at the same time; 0: any number.
  [[nodiscard]] std::uint32_t sessions_max(const std::string& user) const;
  /// Of the worker that calls itself `uuid`.
  [[nodiscard]] core::Uuid worker_uuid(const std::string& user, core::Uuid uuid);

 private:
  const std::shared_ptr<const Gate> gate_;
  std::unordered_map<std::string, core::Uuid> salts_;  // one for each user that was let in
};

}  // namespace fanmill::net
