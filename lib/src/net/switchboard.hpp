// Switchboard: between the manager's socket and its core. Messages to events, orders to frames, and
// who is still there.
//
// How a departure is noticed. The monitor names a descriptor that was closed; the peer last seen on
// it is probed, for descriptors are used again and the one now there may live. A heartbeat to it is
// refused (EHOSTUNREACH) or is harmless; if it was taken, libzmq may not have noticed yet, so more
// probes follow. A peer that is gone is reported once the socket was found empty: whatever it still
// said, such as its goodbye, comes first.
//
// Lives on the loop's thread. Each turn calls begin_turn, receive and settle in this order, then
// send and forget.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "codec/codec.hpp"
#include "core/manager_actions.hpp"
#include "core/manager_events.hpp"
#include "net/accepted.hpp"
#include "net/connections.hpp"
#include "net/descriptor_reserve.hpp"
#include "net/identities.hpp"
#include "net/loop_counters.hpp"
#include "net/memory_watch.hpp"
#include "net/router.hpp"

namespace fanmill::net {

struct SwitchboardOptions {
  std::size_t frame_bytes_max = limits::frame_bytes_max;
  std::size_t strangers_max = limits::strangers_max;
  Duration refused_linger = limits::refused_linger;
  Duration memory_look = limits::memory_look;
  std::size_t memory_step = limits::memory_step;
  // Whom the router's gate lets in; null: there is none.
  std::shared_ptr<const Gate> gate;
};

class Switchboard {
 public:
  using EventSink = std::function<void(core::ManagerEvent&&)>;

  /// Throws FarmError (io_error) when descriptors run out.
  Switchboard(std::unique_ptr<Router> router, SwitchboardOptions options);

  /// What the last turn left over, then all that the monitor has to tell, unless its descriptor was
  /// seen silent.
  void begin_turn(Instant now, const EventSink& take, bool monitor_silent = false);
  /// Up to `messages_max` messages. Whether the socket was found empty.
  [[nodiscard]] bool receive(std::size_t messages_max, const EventSink& take);
  /// Departures, probes that are due, outboxes. `empty`: what the last `receive` of the turn said.
  void settle(Instant now, bool empty, const EventSink& take);

  /// The gate has changed: sessions of users that may not have one any more end.
  void recheck(const EventSink& take);

  void send(core::Send&& order);
  /// Two steps, because the core forgets a peer when it decides so, while what it has ordered
  /// before is still to be sent. At once: what is received from now on comes from a new peer.
  void renumber(PeerId peer);
  /// In its turn among the orders: nothing can be sent to it any more.
  void forget(PeerId peer);

  /// As if the monitor had told that this descriptor was closed.
  void report_closed(int fd) { closed_descriptors_.push_back(fd); }
  /// -1 if the peer is unknown.
  [[nodiscard]] int descriptor_of(PeerId peer) {
    const Connection* connection = connections_.find(peer);
    return connection == nullptr ? -1 : connection->fd;
  }

  /// When `settle` has something to do; in the past if at once.
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  [[nodiscard]] bool has_unsent() const { return !connections_.waiting().empty(); }
  [[nodiscard]] LoopCounters& counters() { return counters_; }
  /// For people, since the last call.
  [[nodiscard]] std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }
  /// With the numbers of the moment filled in.
  [[nodiscard]] LoopCounters snapshot() const;
  [[nodiscard]] Router& router() { return *router_; }

 private:
  void on_monitor_event(const SocketMonitor::Event& event);
  void read_monitor();
  void read_message(const EventSink& take);
  bool read_lone_result(const Connection& sender, const EventSink& take);
  [[nodiscard]] std::optional<core::ManagerEvent> event_of(Connection& sender,
                                                           const EventSink& take);
  Connection& sender(const EventSink& take);
  [[nodiscard]] std::optional<core::Refuse> refusal_of(const Connection& connection,
                                                       const core::Message& message);
  void turn_away(Connection& connection, core::Refuse refuse, const EventSink& take);
  Connection& admit(std::string_view routing_id, int fd);
  Connection& admit_again(Connection& former, int fd, const EventSink& take);
  void report_departed(const EventSink& take);
  void depart(Connection& connection);
  void suspect(Connection& connection, Instant now);
  void probe(Connection& connection, Instant now);
  void prepare(Connection& connection, core::Message& message);
  [[nodiscard]] std::optional<std::string> fault_of(core::Task& task,
                                                    std::optional<Encoding> convert_to) const;
  void answer_unsent(Connection& connection, AttemptId attempt, const std::string& words);
  void send_task(Connection& connection, core::Send& order, core::Task& task);
  void transmit(Connection& connection, std::string_view header, const Bytes* payload,
                bool expendable);
  bool flush(Connection& connection);
  void flush_outboxes(Instant now);
  void take_accepted(int fd);
  void take_accept_failure(int error_number);
  [[nodiscard]] bool shut(int fd);
  void close_later(const Connection& connection);
  /// Else its connection is closed: it had more of them than anybody needs.
  bool may_welcome(const Connection& connection, std::size_t bytes);
  void close_refused(Instant now);
  void look_for_endless(Instant now);
  [[nodiscard]] std::string owner_of(const Connection& connection) const;
  void warn_once(const std::string& what, std::string text);

  std::unique_ptr<Router> router_;
  SwitchboardOptions options_;
  Identities identities_;
  Connections connections_;
  LoopCounters counters_;
  codec::HeaderBuffer header_;
  Router::Received received_;
  // What comes most often from peers without batches, made in place: to move it costs more than to read it.
  core::ManagerEvent lone_result_{core::MessageReceived{}};

  std::vector<int> closed_descriptors_;  // as the monitor told; handled once the socket was empty
  std::vector<PeerId> suspects_;         // their descriptor was closed, or is another peer's now
  std::vector<PeerId> departed_;         // gone, not yet reported
  std::size_t turns_not_empty_ = 0;
  std::multimap<Instant, PeerId> probes_;
  // Results in the name of workers for tasks that could not be sent to them.
  std::vector<std::pair<PeerId, core::Result>> answers_;

  Duration outbox_wait_;  // until outboxes are tried again; grows while nothing moves
  std::optional<Instant> outboxes_due_;

  // Connections that are ended from this side.
  struct Closing {
    Instant when;
    int fd;
    std::uint64_t cookie;
    std::string routing_id;
  };
  Instant now_{};  // of this turn
  Accepted accepted_;
  MemoryWatch memory_;
  DescriptorReserve reserve_;
  std::deque<Closing> closing_;  // by their time
  Instant look_due_{};
  Instant full_look_due_{};
  std::set<std::string> warned_;
  std::vector<std::string> warnings_;
};

}  // namespace fanmill::net
