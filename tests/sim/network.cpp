#include "network.hpp"

#include <algorithm>

namespace fanmill::sim {

namespace {

// Linux gives up after 15 minutes by default; that would only make the runs longer.
constexpr Duration kernel_patience = std::chrono::seconds(150);

}  // namespace

LinkIndex Network::connect(const Endpoint& from, std::uint32_t incarnation) {
  const auto index = static_cast<LinkIndex>(links_.size());
  Link& link = links_.emplace_back();
  link.peer = PeerId{index + 1};
  link.worker = from.worker;
  link.life = from.life;
  link.incarnation = incarnation;
  link.latency = from.latency;
  link.jitter = from.jitter;
  link.repeats = from.repeats;
  if (rng_.percent(5)) {
    // As if the far side answered EAGAIN now and then.
    link.jitter *= 8;
    tally_.add(Count::slow_link);
  }
  trace_.note(agenda_.now(), "worker ", from.worker, " connects: ", link.peer);
  return index;
}

void Network::push(Link::Road& road, LinkIndex index, Wire wire, Event::Kind kind) {
  const Link& link = links_[index];
  const Instant due = agenda_.now() + link.latency + rng_.duration(Duration{}, link.jitter);
  road.last_due = std::max({road.last_due, due, link.frozen_until});
  road.under_way.push_back(std::move(wire));
  agenda_.add(road.last_due, kind, index);
}

/// Most messages arrive once, some twice in a row, some once more after later ones, but not after a
/// later hello or welcome, and neither do those come late: a connection keeps its order, and the
/// protocol relies on that much of it (acknowledgements count the results of a session).
void Network::pass(Link::Road& road, LinkIndex index, Wire wire, Event::Kind kind) {
  const bool opens = opens_session(wire);
  if (opens) road.echo.reset();
  const bool repeated = rng_.permille(links_[index].repeats);
  const bool at_once = repeated && (opens || rng_.percent(50));
  if (repeated) tally_.add(Count::message_duplicated);
  if (road.echo && rng_.percent(20))
    push(road, index, *std::exchange(road.echo, std::nullopt), kind);
  if (at_once) push(road, index, wire, kind);
  if (repeated && !at_once) road.echo = wire;
  push(road, index, std::move(wire), kind);
}

void Network::send_to_manager(LinkIndex index, Wire wire) {
  Link& link = links_[index];
  if (!link.up) return;
  pass(link.to_manager, index, std::move(wire), Event::Kind::reach_manager);
}

void Network::send_to_worker(PeerId peer, Wire wire) {
  const auto index = static_cast<LinkIndex>(peer.value - 1);
  Link& link = links_.at(index);
  if (!link.up) {
    // ROUTER_MANDATORY tells of a connection that the kernel knows to be gone; a pulled cable shows
    // nothing.
    tally_.add(Count::send_to_gone);
    if (!link.silent) agenda_.add(agenda_.now(), Event::Kind::link_notice_manager, index);
    return;
  }
  pass(link.to_worker, index, std::move(wire), Event::Kind::reach_worker);
}

std::optional<Wire> Network::take_for_manager(LinkIndex index) {
  Link& link = links_[index];
  if (link.to_manager.under_way.empty()) return std::nullopt;
  if (agenda_.now() < link.frozen_until) {
    agenda_.add(link.frozen_until, Event::Kind::reach_manager, index);
    return std::nullopt;
  }
  Wire wire = std::move(link.to_manager.under_way.front());
  link.to_manager.under_way.pop_front();
  return wire;
}

std::optional<Wire> Network::take_for_worker(LinkIndex index) {
  Link& link = links_[index];
  if (link.to_worker.under_way.empty()) return std::nullopt;
  if (agenda_.now() < link.frozen_until) {
    agenda_.add(link.frozen_until, Event::Kind::reach_worker, index);
    return std::nullopt;
  }
  Wire wire = std::move(link.to_worker.under_way.front());
  link.to_worker.under_way.pop_front();
  return wire;
}

void Network::lose_suffix(Link::Road& road) {
  const auto kept = rng_.below(static_cast<std::uint32_t>(road.under_way.size()) + 1);
  road.under_way.resize(kept);
}

Duration Network::notice_delay(const Link& link) {
  // Milliseconds as a rule, and now and then a loop that comes around late.
  return rng_.percent(80) ? link.latency
                          : rng_.duration(link.latency, 50 * (link.latency + link.jitter));
}

void Network::cut(LinkIndex index, bool silent) {
  Link& link = links_[index];
  if (!link.up) return;
  link.up = false;
  link.silent = silent;
  lose_suffix(link.to_manager);
  lose_suffix(link.to_worker);
  trace_.note(agenda_.now(), link.peer, " breaks", silent ? " silently" : "");
  // A silent loss is found by heartbeats, else by the kernel when its retransmissions get no
  // answer.
  const Duration manager_hears = silent ? kernel_patience : notice_delay(link);
  const Duration worker_hears = silent ? kernel_patience : notice_delay(link);
  agenda_.add(agenda_.now() + manager_hears, Event::Kind::link_notice_manager, index);
  agenda_.add(agenda_.now() + worker_hears, Event::Kind::link_notice_worker, index);
}

void Network::close(LinkIndex index, bool linger) {
  Link& link = links_[index];
  link.to_worker.under_way.clear();
  if (!link.up) return;
  link.up = false;
  if (!linger) lose_suffix(link.to_manager);
  // While nothing passes, the manager's kernel does not hear of the end either.
  const Instant heard = std::max(agenda_.now() + notice_delay(link), link.frozen_until);
  agenda_.add(heard, Event::Kind::link_notice_manager, index);
}

void Network::freeze(LinkIndex index, Instant until, bool lost_at_end) {
  Link& link = links_[index];
  if (!link.up) return;
  link.frozen_until = std::max(link.frozen_until, until);
  trace_.note(agenda_.now(), link.peer, " is frozen");
  agenda_.add(until, Event::Kind::link_thawed, index, lost_at_end ? 1 : 0);
}

LinkIndex Network::replace(LinkIndex index, std::uint32_t incarnation, bool told) {
  const Endpoint from{.worker = links_[index].worker,
                      .life = links_[index].life,
                      .latency = links_[index].latency,
                      .jitter = links_[index].jitter,
                      .repeats = links_[index].repeats};
  const LinkIndex fresh = connect(from, incarnation);
  Link& old = links_[index];
  old.up = false;
  std::deque<Wire> queued = std::move(old.to_manager.under_way);
  old.to_manager.under_way.clear();
  old.to_worker.under_way.clear();
  agenda_.add(agenda_.now() + notice_delay(old), Event::Kind::link_notice_manager, index);
  for (Wire& wire : queued) send_to_manager(fresh, std::move(wire));
  // The worker's shell may come around to the news of the old connection when the new one is up.
  if (told)
    agenda_.add(agenda_.now() + notice_delay(links_[fresh]), Event::Kind::link_notice_worker,
                fresh);
  return fresh;
}

void Network::send_garbage_to_worker(LinkIndex index) {
  if (!links_[index].up) return;
  Wire wire{.header = std::string(rng_.below(40), static_cast<char>(rng_.below(256))),
            .payload = {},
            .has_payload = false};
  push(links_[index].to_worker, index, std::move(wire), Event::Kind::reach_worker);
}

const Link* Network::find(PeerId peer) const {
  return peer.value >= 1 && peer.value <= links_.size() ? &links_[peer.value - 1] : nullptr;
}

}  // namespace fanmill::sim
