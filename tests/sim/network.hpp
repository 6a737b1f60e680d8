// The simulated connections between workers and the manager, with the habits of ROUTER and DEALER.
//
// A link is one connection: first in, first out, each way. A fresh one has a new PeerId. When it
// breaks, a suffix of what was under way is lost in each direction; what the manager sends to a
// link that is gone vanishes, and sometimes the shell is told so. A link may be replaced behind the
// worker's back (libzmq reconnects by itself): what the worker had queued then arrives over the new
// link, before any hello.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "agenda.hpp"
#include "base/ids.hpp"
#include "rng.hpp"
#include "tally.hpp"
#include "trace.hpp"
#include "wire.hpp"

namespace fanmill::sim {

using LinkIndex = std::uint32_t;

struct Link {
  struct Road {
    std::deque<Wire> under_way;
    Instant last_due;
    std::optional<Wire> echo;  // arrives once more, later
  };
  PeerId peer;
  std::uint32_t worker = 0;
  std::uint32_t life = 0;         // of the worker's process
  std::uint32_t incarnation = 0;  // of the manager that it reaches
  bool up = true;                 // bytes still pass
  bool silent = false;            // lost without a sign to either side: only silence tells
  Instant frozen_until;
  Duration latency{};
  Duration jitter{};
  std::uint32_t repeats = 0;  // permille
  Road to_manager;
  Road to_worker;
};

class Network {
 public:
  Network(Agenda& agenda, Rng rng, Trace& trace, Tally& tally)
      : agenda_(agenda), rng_(rng), trace_(trace), tally_(tally) {}

  struct Endpoint {
    std::uint32_t worker = 0;
    std::uint32_t life = 0;
    Duration latency{};
    Duration jitter{};
    std::uint32_t repeats = 0;
  };
  LinkIndex connect(const Endpoint& from, std::uint32_t incarnation);

  void send_to_manager(LinkIndex link, Wire wire);
  void send_to_worker(PeerId peer, Wire wire);

  /// The next message that reaches that end; nothing if it was lost on the way, or is held up.
  std::optional<Wire> take_for_manager(LinkIndex link);
  std::optional<Wire> take_for_worker(LinkIndex link);

  /// The connection breaks. Both ends notice it after a while; neither does if `silent`.
  void cut(LinkIndex link, bool silent);
  /// The worker closes it, or its process is gone: only the manager's end is left to notice. With
  /// `linger` all that was sent still arrives.
  void close(LinkIndex link, bool linger);
  /// Nothing passes for so long; then all of it, or the connection is found broken.
  void freeze(LinkIndex link, Instant until, bool lost_at_end);
  /// libzmq's own reconnect: a new link that carries what the old one had not sent. `told`: the
  /// worker's shell hears of it afterwards; a worker must also find out without.
  LinkIndex replace(LinkIndex link, std::uint32_t incarnation, bool told);
  /// Something arrives at the worker that is no message.
  void send_garbage_to_worker(LinkIndex link);

  [[nodiscard]] const Link& link(LinkIndex index) const { return links_[index]; }
  [[nodiscard]] std::size_t size() const { return links_.size(); }
  /// Null for a peer that there never was.
  [[nodiscard]] const Link* find(PeerId peer) const;

 private:
  void pass(Link::Road& road, LinkIndex link, Wire wire, Event::Kind kind);
  void push(Link::Road& road, LinkIndex link, Wire wire, Event::Kind kind);
  void lose_suffix(Link::Road& road);
  Duration notice_delay(const Link& link);

  Agenda& agenda_;
  Rng rng_;
  Trace& trace_;
  Tally& tally_;
  std::vector<Link> links_;  // PeerId n is links_[n - 1]
};

}  // namespace fanmill::sim
