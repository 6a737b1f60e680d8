// Connections that are ended from this side: of who was refused, of who never ends a message, and of
// who comes when there are no more descriptors.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "net/peer_address.hpp"
#include "net/switchboard.hpp"

namespace fanmill::net {
namespace {

// Of one kind, for as many users; who goes on after that has been told of.
constexpr std::size_t warned_max = 1024;

}  // namespace

void Switchboard::close_later(const Connection& connection) {
  if (connection.cookie == 0 || accepted_.cookie(connection.fd) != connection.cookie) return;
  if (!accepted_.begin_closing(connection.fd)) return;
  closing_.push_back({.when = now_ + options_.refused_linger,
                      .fd = connection.fd,
                      .cookie = connection.cookie,
                      .routing_id = connection.routing_id});
}

bool Switchboard::shut(int fd) {
  (void)accepted_.begin_closing(fd);  // once is enough
  if (!accepted_.shut(fd, accepted_.cookie(fd))) return false;
  counters_.connections_shut += 1;
  return true;
}

bool Switchboard::may_welcome(const Connection& connection, std::size_t bytes) {
  if (connection.cookie == 0 || accepted_.cookie(connection.fd) != connection.cookie) return true;
  if (accepted_.welcomed(connection.fd, bytes) <= limits::welcome_bytes_max) return true;
  const std::string address = peer_address(connection.fd);
  if (!shut(connection.fd)) return true;
  counters_.welcomes_cut += 1;
  warn_once("welcomes " + connection.user,
            "a worker at " + address + owner_of(connection) +
                " said hello again and again; its connection was closed");
  return false;
}

void Switchboard::take_accepted(int fd) {
  accepted_.opened(fd);
  if (!reserve_.is_lent() && !DescriptorReserve::is_last(fd)) return;
  if (shut(fd)) counters_.connections_shed += 1;
  warn_once("descriptors", "connections are turned away: this process may have " +
                               std::to_string(DescriptorReserve::limit()) +
                               " open files, and is near it; raise that limit (ulimit -n)");
}

// Until it could take the connection in, libzmq's thread would try without a pause. What it takes in
// then is ended at once, and so its descriptor comes back.
void Switchboard::take_accept_failure(int error_number) {
  if (error_number != EMFILE && error_number != ENFILE) return;
  if (reserve_.lend()) return;
  // Others of this process had them all. A stranger's is needed more.
  const int fd = accepted_.newest([this](int each) {
    const Connection* connection = connections_.find_descriptor(each);
    return connection == nullptr || !connection->session.valid();
  });
  if (fd >= 0 && shut(fd)) counters_.connections_shed += 1;
}

void Switchboard::close_refused(Instant now) {
  for (; !closing_.empty() && closing_.front().when <= now; closing_.pop_front()) {
    const Closing& each = closing_.front();
    // A message names the descriptor that it came by, but may be read when that is another's.
    const Connection* last = connections_.find_descriptor(each.fd);
    if (last != nullptr && last->routing_id != each.routing_id) continue;
    if (accepted_.shut(each.fd, each.cookie)) counters_.connections_shut += 1;
  }
}

// A frame has a limit, which libzmq keeps, but the number of a message's frames has none, and they
// pile up in libzmq until the last has come. We are only told of whole messages; so who receives
// much and delivers nothing is at it. All that was delivered has just been read.
void Switchboard::look_for_endless(Instant now) {
  if (now < look_due_) return;
  look_due_ = now + options_.memory_look;
  if (accepted_.tcp_count() == 0) return;
  const bool is_due = accepted_.has_suspects() || now >= full_look_due_;
  if (!memory_.has_grown(options_.memory_step) && !is_due) return;
  full_look_due_ = now + limits::connections_look;
  for (const int fd : accepted_.endless(limits::unfinished_bytes_max)) {
    const Connection* connection = connections_.find_descriptor(fd);
    const std::string address = peer_address(fd);
    if (!shut(fd)) continue;
    counters_.messages_endless += 1;
    warn_once("endless " + (connection == nullptr ? "" : connection->user),
              "a message without an end came from " + address +
                  (connection == nullptr ? std::string() : owner_of(*connection)) +
                  "; its connection was closed");
  }
  if (accepted_.has_suspects())
    look_due_ = now + std::min(options_.memory_look, limits::memory_second_look);
}

std::string Switchboard::owner_of(const Connection& connection) const {
  const std::string name = identities_.name_of(connection.user);
  return name.empty() ? "" : ", which has the key \"" + name + "\"";
}

void Switchboard::warn_once(const std::string& what, std::string text) {
  if (warned_.size() >= warned_max || !warned_.insert(what).second) return;
  warnings_.push_back(std::move(text));
}

}  // namespace fanmill::net
