// Connections: the manager loop's table of peers. Which PeerId is which routing id, which
// descriptor it came by, what waits to be sent to it.
//
// Plain data: no sockets, no clock. A PeerId stands for one connection and is never used again.
// What is here is bounded: a peer with a session leaves when its connection does; of peers without
// one ("strangers") only the newest are kept, which is harmless, because the core knows nothing of
// them.
#pragma once

#include <cstdint>
#include <deque>
#include <fanmill/bytes.hpp>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "core/message.hpp"
#include "net/unsent_tasks.hpp"

namespace fanmill::net {

struct WaitingMessage {
  std::string header;
  Bytes payload;
  bool has_payload = false;
};

struct Connection {
  PeerId peer;
  std::string routing_id;
  int fd = -1;
  std::uint64_t cookie = 0;  // of the connection that had the descriptor then (accepted.hpp)
  std::string user;          // whom the gate let in
  bool has_own_id = false;   // its routing id is no other connection's, now or ever
  core::Uuid worker;         // as its hello named it (name_worker); not valid() before

  // Of the session that was last opened on it; not valid() for a stranger.
  SessionId session;
  std::uint16_t version = 0;
  std::uint32_t acknowledged = 0;  // last told to it: a probe says the same
  UnsentTasks unsent_tasks;

  bool gone = false;  // a send was refused: its end is reported once all that it sent was read
  std::deque<WaitingMessage> outbox;
  Duration probe_wait{};  // before the next probe; 0: none is due

  std::list<PeerId>::iterator stranger;  // its place among the strangers, while it is one
};

class Connections {
 public:
  explicit Connections(std::size_t strangers_max) : strangers_max_(strangers_max) {}

  /// Null if unknown. Pointers stay valid until `erase`.
  [[nodiscard]] Connection* find(PeerId peer);
  [[nodiscard]] Connection* find(std::string_view routing_id);
  /// The peer that was last seen on this descriptor.
  [[nodiscard]] Connection* find_descriptor(int fd);

  /// A new peer, as a stranger. Neither the routing id nor the descriptor may be in use: see `find`
  /// and `release_descriptor`. `fd` may be -1.
  Connection& add(std::string_view routing_id, int fd, std::string_view user = {});
  /// The oldest stranger, if there are more than may be.
  [[nodiscard]] std::optional<PeerId> surplus_stranger() const;
  void open_session(Connection& connection, SessionId session, std::uint16_t version);
  /// Which worker it is from now on; not valid(): none.
  void name_worker(Connection& connection, core::Uuid worker);
  /// Connections of the user's other workers.
  [[nodiscard]] std::size_t count_others(const std::string& user, core::Uuid worker) const;
  /// The descriptor seems to be somebody else's now. `reclaim`: it was not, if nobody has it.
  void release_descriptor(Connection& connection);
  void reclaim_descriptor(Connection& connection);
  /// The next message of this routing id is a new peer's; this one can still be sent to.
  void release_routing_id(Connection& connection);
  void erase(PeerId peer);

  /// Keeps the list of those with something in their outbox.
  void put(Connection& connection, WaitingMessage message);
  void outbox_emptied(Connection& connection);
  [[nodiscard]] const std::set<PeerId>& waiting() const { return waiting_; }

  /// Calls `f(Connection&)` for each; it must not add or erase any.
  template <typename F>
  void for_each(const F& f) {
    for (const auto& [peer, connection] : connections_) f(*connection);
  }

  [[nodiscard]] std::size_t size() const { return connections_.size(); }
  [[nodiscard]] std::size_t stranger_count() const { return strangers_.size(); }
  [[nodiscard]] std::size_t descriptor_count() const { return descriptors_.size(); }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  /// Of one user: how many connections name a worker, and which.
  struct Workers {
    std::size_t count = 0;
    std::map<core::Uuid, std::size_t> each;
  };

  std::size_t strangers_max_;
  std::uint64_t last_peer_ = 0;
  std::unordered_map<PeerId, std::unique_ptr<Connection>> connections_;
  std::unordered_map<std::string, Connection*, TextHash, std::equal_to<>> routing_ids_;
  std::unordered_map<int, Connection*> descriptors_;
  std::list<PeerId> strangers_;  // oldest first
  std::set<PeerId> waiting_;
  std::unordered_map<std::string, Workers> workers_;  // by user; those with a worker at all
};

}  // namespace fanmill::net
