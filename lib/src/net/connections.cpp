#include "net/connections.hpp"

#include <utility>

#include "base/assert.hpp"

namespace fanmill::net {
namespace {

template <typename Map, typename Key>
Connection* lookup(Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : found->second;
}

}  // namespace

Connection* Connections::find(PeerId peer) {
  const auto found = connections_.find(peer);
  return found == connections_.end() ? nullptr : found->second.get();
}

Connection* Connections::find(std::string_view routing_id) {
  return lookup(routing_ids_, routing_id);
}

Connection* Connections::find_descriptor(int fd) { return lookup(descriptors_, fd); }

Connection& Connections::add(std::string_view routing_id, int fd, std::string_view user) {
  auto made = std::make_unique<Connection>();
  Connection& connection = *made;
  connection.peer = PeerId{++last_peer_};
  connection.routing_id = routing_id;
  connection.fd = fd;
  connection.user = user;
  connection.stranger = strangers_.insert(strangers_.end(), connection.peer);
  connections_.emplace(connection.peer, std::move(made));
  const bool is_new = routing_ids_.emplace(connection.routing_id, &connection).second;
  FANMILL_ASSERT(is_new, connection.peer);
  if (fd >= 0) {
    const bool is_free = descriptors_.emplace(fd, &connection).second;
    FANMILL_ASSERT(is_free, connection.peer, fd);
  }
  return connection;
}

std::optional<PeerId> Connections::surplus_stranger() const {
  if (strangers_.size() <= strangers_max_) return {};
  return strangers_.front();
}

void Connections::open_session(Connection& connection, SessionId session, std::uint16_t version) {
  if (!connection.session.valid()) strangers_.erase(connection.stranger);
  connection.session = session;
  connection.version = version;
  connection.acknowledged = 0;
  connection.unsent_tasks = {};
}

void Connections::name_worker(Connection& connection, core::Uuid worker) {
  const core::Uuid former = std::exchange(connection.worker, worker);
  if (former == worker) return;
  Workers& workers = workers_[connection.user];
  if (worker.valid()) {
    workers.count += 1;
    workers.each[worker] += 1;
  }
  if (former.valid()) {
    workers.count -= 1;
    const auto place = workers.each.find(former);
    if (--place->second == 0) workers.each.erase(place);
  }
  if (workers.count == 0) workers_.erase(connection.user);
}

std::size_t Connections::count_others(const std::string& user, core::Uuid worker) const {
  const auto workers = workers_.find(user);
  if (workers == workers_.end()) return 0;
  const auto same = workers->second.each.find(worker);
  return workers->second.count - (same == workers->second.each.end() ? 0 : same->second);
}

void Connections::release_descriptor(Connection& connection) {
  const auto found = descriptors_.find(connection.fd);
  if (found != descriptors_.end() && found->second == &connection) descriptors_.erase(found);
}

void Connections::reclaim_descriptor(Connection& connection) {
  if (connection.fd >= 0) descriptors_.emplace(connection.fd, &connection);
}

void Connections::release_routing_id(Connection& connection) {
  const auto found = routing_ids_.find(connection.routing_id);
  if (found != routing_ids_.end() && found->second == &connection) routing_ids_.erase(found);
}

void Connections::erase(PeerId peer) {
  Connection* connection = find(peer);
  if (connection == nullptr) return;
  release_descriptor(*connection);
  release_routing_id(*connection);
  if (!connection->session.valid()) strangers_.erase(connection->stranger);
  waiting_.erase(peer);
  name_worker(*connection, {});
  connections_.erase(peer);
}

void Connections::put(Connection& connection, WaitingMessage message) {
  connection.outbox.push_back(std::move(message));
  waiting_.insert(connection.peer);
}

void Connections::outbox_emptied(Connection& connection) {
  FANMILL_ASSERT(connection.outbox.empty(), connection.peer);
  waiting_.erase(connection.peer);
}

}  // namespace fanmill::net
