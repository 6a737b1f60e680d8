// The way in: messages, monitor events, departures. The way out stands in switchboard_send.cpp.
#include "net/switchboard.hpp"

#include <chrono>
#include <string>
#include <variant>

#include "net/peer_address.hpp"

namespace fanmill::net {
namespace {

using namespace std::chrono_literals;

// libzmq notices within a millisecond or two; a second is for a machine that is short of time.
constexpr Duration first_probe_wait = 1ms;
constexpr Duration last_probe_wait = 1024ms;
// A farm under full load may never find its socket empty. The socket takes turns among peers, so by
// then all that a peer had said has come.
constexpr std::size_t turns_not_empty_max = 64;

}  // namespace

Switchboard::Switchboard(std::unique_ptr<Router> router, SwitchboardOptions options)
    : router_(std::move(router)),
      options_(std::move(options)),
      identities_(options_.gate),
      connections_(options_.strangers_max),
      outbox_wait_(0s) {}

void Switchboard::begin_turn(Instant now, const EventSink& take, bool monitor_silent) {
  counters_.turns += 1;
  now_ = now;
  reserve_.regain();
  // Between turns nothing waits to be sent to a peer, so here a stranger can be forgotten.
  for (const PeerId peer : std::exchange(suspects_, {})) {
    if (Connection* connection = connections_.find(peer)) suspect(*connection, now);
  }
  while (const auto surplus = connections_.surplus_stranger()) {
    counters_.strangers_evicted += 1;
    connections_.erase(*surplus);
  }
  // Before anything else of this turn: the orders that follow have counted these results.
  for (auto& [peer, result] : std::exchange(answers_, {})) {
    Connection* connection = connections_.find(peer);
    if (connection == nullptr) continue;  // its session went with it
    connection->unsent_tasks.answered();
    take(core::MessageReceived{.peer = peer, .message = std::move(result)});
  }
  if (!monitor_silent) read_monitor();
}

void Switchboard::read_monitor() {
  while (const auto event = router_->monitor().next()) on_monitor_event(*event);
}

void Switchboard::on_monitor_event(const SocketMonitor::Event& event) {
  using What = SocketMonitor::What;
  switch (event.what) {
    case What::accepted:
      counters_.connections_accepted += 1;
      take_accepted(event.value);
      break;
    case What::accept_failed:
      counters_.accepts_failed += 1;
      take_accept_failure(event.value);
      break;
    case What::handshake_failed:
      counters_.handshake_failures += 1;
      break;
    case What::key_refused:
      counters_.keys_refused += 1;
      break;
    case What::disconnected:
      // Not those whose begin was kept from us: of the stranger that the router tried its gate with.
      counters_.connections_closed += accepted_.closed(event.value) ? 1 : 0;
      report_closed(event.value);
      break;
    case What::connected:
    case What::connect_retried:
    case What::handshake_done:
    case What::other:
      break;
  }
}

bool Switchboard::receive(std::size_t messages_max, const EventSink& take) {
  for (std::size_t i = 0; i < messages_max; ++i) {
    if (!router_->receive(received_)) return true;
    read_message(take);
  }
  return false;
}

/// Whose message was received.
Connection& Switchboard::sender(const EventSink& take) {
  const std::string_view routing_id = view(received_.routing_id);
  Connection* connection = connections_.find(routing_id);
  if (connection == nullptr) return admit(routing_id, received_.fd());
  // A routing id that a peer chose may have been another's before.
  if (identities_.has_gate() && !connection->has_own_id && received_.user() != connection->user)
    return admit_again(*connection, received_.fd(), take);
  return *connection;
}

void Switchboard::read_message(const EventSink& take) {
  const ReceivedFrames& frames = received_.frames;
  counters_.messages_in += 1;
  counters_.bytes_in += frames.header.size() + frames.payload.size();

  Connection& from = sender(take);
  accepted_.delivered(from.fd);
  if (read_lone_result(from, take)) return;
  if (auto event = event_of(from, take)) take(std::move(*event));
}

/// What would come of it in `event_of`, too. False if the message is another.
bool Switchboard::read_lone_result(const Connection& sender, const EventSink& take) {
  ReceivedFrames& frames = received_.frames;
  if (!sender.session.valid() || frames.count > limits::frames_max) return false;
  auto& received = std::get<core::MessageReceived>(lone_result_);
  received.peer = sender.peer;
  auto& result = received.message.emplace<core::Result>();
  if (!codec::decode_lone(view(frames.header), frames.has_payload ? &frames.payload : nullptr,
                          result))
    return false;
  take(std::move(lone_result_));
  return true;
}

std::optional<core::ManagerEvent> Switchboard::event_of(Connection& sender, const EventSink& take) {
  const ReceivedFrames& frames = received_.frames;
  Connection* connection = &sender;
  if (identities_.has_gate() && !connection->session.valid() &&
      !identities_.is_known(connection->user)) {
    // Its key was revoked since it came in. Not even its hello is looked at.
    turn_away(*connection,
              {.code = core::RefuseCode::key, .words = std::string(Identities::revoked_words)},
              take);
    return {};
  }
  if (frames.count > limits::frames_max) {
    return core::MalformedReceived{connection->peer, std::to_string(frames.count) +
                                                         " frames, expected at most " +
                                                         std::to_string(limits::frames_max)};
  }
  Result<codec::Decoded> decoded =
      codec::decode(view(frames.header), frames.has_payload ? &frames.payload : nullptr);
  if (!decoded.ok()) return core::MalformedReceived{connection->peer, decoded.error().message};
  core::Message& message = decoded.value().message;

  if (const auto refuse = refusal_of(*connection, message)) {
    turn_away(*connection, *refuse, take);
    return {};
  }
  if (auto* hello = std::get_if<core::Hello>(&message)) {
    // Peers that choose their routing id keep it over reconnects: a new descriptor, a new peer.
    const int fd = received_.fd();
    if (fd != connection->fd) connection = &admit_again(*connection, fd, take);
    hello->uuid = identities_.worker_uuid(connection->user, hello->uuid);
    connections_.name_worker(*connection, hello->uuid);
    return core::MessageReceived{connection->peer, std::move(message), peer_address(fd)};
  }
  // One of a former session counted other tasks.
  if (auto* heartbeat = std::get_if<core::Heartbeat>(&message);
      heartbeat != nullptr && heartbeat->session == connection->session) {
    heartbeat->started = connection->unsent_tasks.started(heartbeat->started);
  } else if (auto* results = std::get_if<core::Results>(&message);
             results != nullptr && results->session == connection->session) {
    results->started = connection->unsent_tasks.started(results->started);
  }
  return core::MessageReceived{.peer = connection->peer, .message = std::move(message)};
}

std::optional<core::Refuse> Switchboard::refusal_of(const Connection& connection,
                                                    const core::Message& message) {
  const auto* hello = std::get_if<core::Hello>(&message);
  if (hello != nullptr && DescriptorReserve::is_scarce(received_.fd())) {
    return core::Refuse{.session = connection.session,
                        .code = core::RefuseCode::limit,
                        .greeting = hello->greeting,
                        .retry = limits::refused_retry,
                        .words = "the manager has no more descriptors for workers (it may have " +
                                 std::to_string(DescriptorReserve::limit()) +
                                 " open files; raise that limit, ulimit -n)"};
  }
  // Each message of thousands of workers asks no lock: the gate is asked when a session begins, and
  // when it has changed (recheck).
  if (!identities_.has_gate() || (hello == nullptr && connection.session.valid())) return {};
  core::Refuse refuse{.session = connection.session, .greeting = hello ? hello->greeting : 0};
  if (auto fault = identities_.fault_of(connection.user, message)) {
    refuse.code = core::RefuseCode::key;
    refuse.words = std::move(*fault);
    return refuse;
  }
  const std::uint32_t most = hello ? identities_.sessions_max(connection.user) : 0;
  if (most == 0) return {};
  const core::Uuid uuid = identities_.worker_uuid(connection.user, hello->uuid);
  if (connections_.count_others(connection.user, uuid) < most) return {};
  refuse.code = core::RefuseCode::limit;
  refuse.retry = limits::refused_retry;
  refuse.words = "this key may have " + std::to_string(most) + " sessions at the same time";
  return refuse;
}

void Switchboard::turn_away(Connection& connection, core::Refuse refuse, const EventSink& take) {
  counters_.messages_refused += 1;
  refuse.protocol_min = limits::protocol_min;
  refuse.protocol_max = limits::protocol_max;
  const Result<codec::Frames> frames =
      codec::encode(core::Message{std::move(refuse)}, limits::protocol_max, header_);
  FANMILL_ASSERT(frames.ok(), connection.peer);
  transmit(connection, frames.value().header, nullptr, true);
  close_later(connection);
  if (!connection.session.valid()) return;
  counters_.peers_lost += 1;
  const PeerId peer = connection.peer;
  connections_.erase(peer);
  take(core::ConnectionLost{peer});
}

void Switchboard::recheck(const EventSink& take) {
  std::vector<std::pair<PeerId, std::string>> ended;
  const core::Message any = core::Heartbeat{};
  connections_.for_each([&](const Connection& each) {
    if (!each.session.valid()) return;
    if (auto fault = identities_.fault_of(each.user, any))
      ended.emplace_back(each.peer, std::move(*fault));
  });
  for (auto& [peer, fault] : ended) {
    Connection& connection = *connections_.find(peer);
    turn_away(connection,
              core::Refuse{.session = connection.session,
                           .code = core::RefuseCode::key,
                           .words = std::move(fault)},
              take);
  }
}

Connection& Switchboard::admit(std::string_view routing_id, int fd) {
  read_monitor();  // its connection may have begun within this turn
  if (Connection* former = connections_.find_descriptor(fd)) {
    connections_.release_descriptor(*former);
    suspects_.push_back(former->peer);
  }
  Connection& connection = connections_.add(
      routing_id, fd, identities_.has_gate() ? received_.user() : std::string_view());
  connection.cookie = accepted_.cookie(fd);
  connection.has_own_id = router_->has_named(routing_id);
  return connection;
}

Connection& Switchboard::admit_again(Connection& former, int fd, const EventSink& take) {
  const std::string routing_id = former.routing_id;
  counters_.peers_lost += 1;
  const PeerId peer = former.peer;
  connections_.erase(peer);
  take(core::ConnectionLost{peer});
  return admit(routing_id, fd);
}

void Switchboard::settle(Instant now, bool empty, const EventSink& take) {
  turns_not_empty_ = empty ? 0 : turns_not_empty_ + 1;
  if (empty || turns_not_empty_ >= turns_not_empty_max) {
    turns_not_empty_ = 0;
    report_departed(take);
    for (const int fd : std::exchange(closed_descriptors_, {})) {
      if (const Connection* connection = connections_.find_descriptor(fd)) {
        suspects_.push_back(connection->peer);
      }
    }
  }
  while (!probes_.empty() && probes_.begin()->first <= now) {
    const PeerId peer = probes_.begin()->second;
    probes_.erase(probes_.begin());
    if (Connection* connection = connections_.find(peer)) probe(*connection, now);
  }
  flush_outboxes(now);
  close_refused(now);
  if (empty) look_for_endless(now);
}

void Switchboard::report_departed(const EventSink& take) {
  for (const PeerId peer : std::exchange(departed_, {})) {
    // Maybe it was forgotten, or came again, meanwhile.
    if (connections_.find(peer) == nullptr) continue;
    counters_.peers_lost += 1;
    connections_.erase(peer);
    take(core::ConnectionLost{peer});
  }
}

void Switchboard::depart(Connection& connection) {
  if (connection.gone) return;
  connection.gone = true;
  connection.outbox.clear();
  connections_.outbox_emptied(connection);
  departed_.push_back(connection.peer);
}

void Switchboard::suspect(Connection& connection, Instant now) {
  if (connection.gone) return;
  // No heartbeat can be made for a stranger. To forget one that lives does no harm: the core knows
  // nothing of it, and what it says next comes from a new peer.
  if (!connection.session.valid()) {
    connections_.erase(connection.peer);
    return;
  }
  const bool is_probed = connection.probe_wait > Duration::zero();
  connection.probe_wait = first_probe_wait;
  if (!is_probed) probe(connection, now);
}

void Switchboard::probe(Connection& connection, Instant now) {
  if (connection.gone) return;
  counters_.probes += 1;
  const Result<codec::Frames> frames = codec::encode(
      core::Heartbeat{.session = connection.session, .acknowledged = connection.acknowledged},
      connection.version, header_);
  FANMILL_ASSERT(frames.ok(), connection.peer);
  if (router_->send(connection.routing_id, frames.value().header, nullptr) == Router::Sent::gone) {
    depart(connection);
    return;
  }
  if (connection.probe_wait > last_probe_wait) {
    connection.probe_wait = Duration::zero();  // it lives: the descriptor was another's before
    connections_.reclaim_descriptor(connection);
    return;
  }
  probes_.emplace(now + connection.probe_wait, connection.peer);
  connection.probe_wait *= 2;
}

std::optional<Instant> Switchboard::next_deadline() const {
  const bool at_once =
      !departed_.empty() || !closed_descriptors_.empty() || !suspects_.empty() || !answers_.empty();
  if (at_once) return Instant{};
  std::optional<Instant> next = outboxes_due_;
  if (!probes_.empty() && (!next || probes_.begin()->first < *next)) {
    next = probes_.begin()->first;
  }
  if (!closing_.empty() && (!next || closing_.front().when < *next)) next = closing_.front().when;
  if (accepted_.tcp_count() > 0 && (!next || look_due_ < *next)) next = look_due_;
  return next;
}

LoopCounters Switchboard::snapshot() const {
  LoopCounters counters = counters_;
  counters.peers = connections_.size();
  counters.strangers = connections_.stranger_count();
  counters.descriptors = connections_.descriptor_count();
  counters.outboxes = connections_.waiting().size();
  return counters;
}

}  // namespace fanmill::net
