// A core::Client on a bench: steps it and hands its actions to the test one by one. A rig that goes
// out of scope with an action that nobody claimed fails its test.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "core/client.hpp"

namespace fanmill::core::test {

/// In a few words: "open", "submit 0", "update add 2", "ask 0/3", "conclude 0 decided", "release
/// 0", "finished".
std::string in_short(const ClientAction& action);

inline constexpr JobId job{1};

class ClientRig {
 public:
  /// Opened, and that claimed.
  explicit ClientRig(ClientOptions options = {});
  ~ClientRig();
  ClientRig(const ClientRig&) = delete;
  ClientRig& operator=(const ClientRig&) = delete;

  void step(ClientEvent event);
  /// Claims all, in short, separated by commas; "-" if there are none.
  std::string claim_all();
  /// Claims the only action, which must be of this kind.
  template <typename Action>
  Action expect_only() {
    REQUIRE(unclaimed.size() == 1);
    REQUIRE(std::holds_alternative<Action>(unclaimed.front()));
    Action action = std::get<Action>(std::move(unclaimed.front()));
    unclaimed.clear();
    return action;
  }

  // Facts, in short.
  void pull(Policy::Kind kind, std::size_t tasks, std::size_t task_bytes = 1);
  void task_ended(std::uint64_t item, std::uint32_t task);
  void group_ended(std::uint64_t item);
  void group_withdrawn(std::uint64_t item);
  void answered(std::uint64_t item, std::size_t add = 0, bool replace = false, bool done = false);
  void concluded(std::uint64_t item, std::size_t bytes = 0);

  Client client;
  std::vector<ClientAction> unclaimed;

 private:
  void check_accounts();
};

}  // namespace fanmill::core::test
