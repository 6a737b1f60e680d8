#include "net/channel_hub.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/deadline_heap.hpp"
#include "base/signals.hpp"
#include "base/wakeup.hpp"
#include "codec/channel_codec.hpp"
#include "net/clock.hpp"
#include "net/dealer.hpp"
#include "net/identity.hpp"
#include "net/peer_address.hpp"
#include "net/poll.hpp"
#include "net/router.hpp"

namespace fanmill::net {
namespace {

using namespace std::chrono_literals;

// Two or three for each channel that is connected from here.
constexpr int sockets_max = 65535;
constexpr std::size_t messages_per_turn_max = 256;  // of one socket, so that others get their turn
constexpr Duration idle_turn = 60s;
// For the last word of a listener's channel to leave: on a live connection it needs a millisecond.
constexpr Duration last_word_linger = 1s;
// A listener under full load may never find its socket empty (switchboard.cpp has the same).
constexpr std::size_t turns_not_empty_max = 64;
// As for workers (switchboard.cpp): libzmq notices within a millisecond or two.
constexpr Duration first_probe_wait = 1ms;
constexpr Duration last_probe_wait = 1024ms;
constexpr Duration refused_retry = 1s;
constexpr int handshakes_broken_max = 2;

struct Host;

// One channel.
struct Link {
  core::ChannelEnd end;
  std::shared_ptr<ChannelPort> port;
  DeadlineHeap<Link*>::Handle deadline = no_index;
  std::optional<Instant> deadline_at;

  // Connected from here, or
  std::unique_ptr<Dealer> dealer;
  std::string place;
  ChannelHubOptions::Keys keys;
  Instant connect_at{};
  int handshakes_broken = 0;  // in a row
  Duration linger{};
  // come by a listener.
  Host* host = nullptr;
  std::string routing_id;
  int fd = -1;
  bool gone = false;      // a send was refused: its loss is told once the socket was found empty
  std::string trouble;    // no socket could be made
  Duration probe_wait{};  // before the next probe
  std::optional<Instant> probe_at;
  bool is_too_much = false;  // of what nobody has accepted
};

// One listener, and the channels that came by it.
struct Host {
  std::shared_ptr<ListenerPort> port;
  ChannelHubOptions options;
  std::unique_ptr<Router> router;
  std::unordered_map<std::string, Link*> links;
  std::unordered_map<int, Link*> descriptors;
  std::vector<int> closed_descriptors;
  std::vector<Link*> gone;  // a send to them was refused
  Router::Received received;
  std::size_t turns_not_empty = 0;
  bool is_closed = false;
};

// Why there is no connection, as far as its socket knows.
core::ChannelConnectionLost loss_of(Link& link, Instant now) {
  using Trouble = Dealer::Trouble;
  const std::optional<Trouble> trouble = link.dealer->trouble();
  const bool has_keys = link.keys.pair != nullptr;
  if (trouble == Trouble::other_user)
    return {.trouble = "a process of another user listens at " + link.place};
  if (trouble == Trouble::key_refused) {
    return {
        .trouble =
            link.place +
            (has_keys ? " does not know the key in " + link.keys.file +
                            ": both ends need the same certificate (ChannelOptions::certificate)"
                      : " lets in programs of its own user only"),
        .is_final = true};
  }
  if (trouble != Trouble::not_understood) {
    link.handshakes_broken = 0;
    return {};
  }
  if (now - link.connect_at >= limits::handshake_max)
    return {.trouble = link.place + " accepts connections and says nothing; does it stand still?"};
  link.handshakes_broken += 1;
  const std::string why =
      has_keys ? "its certificate is not that in " + link.keys.file +
                     ", or it has none (ChannelOptions::certificate, insecure_plaintext)"
               : "it wants keys (leave ChannelOptions::insecure_plaintext out)";
  // Once, a listener may have ended in the midst of it.
  return {.trouble =
              link.place + " broke off the handshake: " + why + ", or it is no channel's listener",
          .is_final = link.handshakes_broken >= handshakes_broken_max};
}

core::Refuse refusal(core::RefuseCode code, std::string words) {
  return {.code = code,
          .protocol_min = limits::channel_protocol_min,
          .protocol_max = limits::channel_protocol_max,
          .words = std::move(words)};
}

}  // namespace

class ChannelHub::Impl {
 public:
  Impl();
  ~Impl();

  void add(std::unique_ptr<Host> host);
  void add(std::shared_ptr<ChannelPort> port, std::vector<ResolvedEndpoint> endpoints,
           ChannelHubOptions options);
  void wake(const std::shared_ptr<ChannelPort>& port);
  void close(const std::shared_ptr<ListenerPort>& port);
  /// A listener's socket, guarded. Error: io_error.
  [[nodiscard]] Result<std::unique_ptr<Router>> open_router(const ChannelHubOptions& options);

 private:
  struct Connecting {
    std::shared_ptr<ChannelPort> port;
    std::vector<ResolvedEndpoint> endpoints;
    ChannelHubOptions options;
  };
  // What the program's threads leave for the loop.
  struct Orders {
    std::vector<std::unique_ptr<Host>> hosts;
    std::vector<Connecting> connecting;
    std::vector<std::shared_ptr<ChannelPort>> ports;
    std::vector<std::shared_ptr<ListenerPort>> closed;
    bool stop = false;
  };
  template <typename Change>
  void order(Change change);

  void run();
  void wait();
  void take_orders();
  void begin(Connecting&& connecting);
  void take_from(Link& link);
  void take_from(Host& host);
  void take_message(Host& host);
  void greet(Host& host, const core::ChannelOpen& open, const std::string& routing_id, int fd);
  void answer(Host& host, std::string_view routing_id, core::Refuse refuse);
  void settle(Host& host, bool empty);
  void suspect(Link& link);
  void probe(Link& link);
  void tick();

  void step(Link& link, core::ChannelEvent event);
  void carry_out(Link& link);
  void perform(Link& link, core::ChannelConnect&& connect);
  void perform(Link& link, core::ChannelSend&& send);
  void perform(Link& link, core::ChannelIsOpen&& is_open);
  void perform(Link& link, core::ChannelDeliver&& deliver);
  void perform(Link& link, core::ChannelSent&& sent);
  void perform(Link& link, core::ChannelOver&& over);
  void plan(Link& link);
  Link& keep(std::unique_ptr<Link> link);
  void sweep();

  std::mutex mutex_;
  Orders orders_;                    // guarded by mutex_
  std::shared_ptr<ZapHandler> zap_;  // guarded by mutex_; of all listeners
  Wakeup wakeup_;

  // The loop's thread only.
  std::shared_ptr<zmq::context_t> context_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::unordered_map<const ChannelPort*, std::unique_ptr<Link>> links_;
  DeadlineHeap<Link*> deadlines_;
  std::vector<Link*> over_;  // to be swept
  std::vector<zmq_pollitem_t> items_;
  std::vector<Link*> polled_links_;
  bool items_are_stale_ = true;
  bool is_stopping_ = false;
  bool has_more_ = false;  // the next turn has something to do at once
  Instant now_{};
  core::ChannelActions actions_;
  codec::HeaderBuffer header_;
  ReceivedFrames received_;
  std::uint64_t next_id_ = 0;

  std::thread thread_;
};

ChannelHub::Impl::Impl() : context_(std::make_shared<zmq::context_t>(1)) {
  context_->set(zmq::ctxopt::max_sockets, sockets_max);
  // Ids need only differ from those of this process's former life, of which an end may still speak.
  next_id_ = random_uuid().low | 1U;
  now_ = steady_now();
  const AllSignalsBlocked for_the_thread;
  thread_ = std::thread([this] { run(); });
}

ChannelHub::Impl::~Impl() {
  order([](Orders& orders) { orders.stop = true; });
  thread_.join();
}

template <typename Change>
void ChannelHub::Impl::order(Change change) {
  {
    const std::lock_guard lock(mutex_);
    change(orders_);
  }
  wakeup_.signal();
}

void ChannelHub::Impl::add(std::unique_ptr<Host> host) {
  order([&](Orders& orders) { orders.hosts.push_back(std::move(host)); });
}

void ChannelHub::Impl::add(std::shared_ptr<ChannelPort> port,
                           std::vector<ResolvedEndpoint> endpoints, ChannelHubOptions options) {
  order([&](Orders& orders) {
    orders.connecting.push_back({std::move(port), std::move(endpoints), std::move(options)});
  });
}

Result<std::unique_ptr<Router>> ChannelHub::Impl::open_router(const ChannelHubOptions& options) {
  AuthorizedKeys known;
  if (options.keys.pair != nullptr) {
    // Roles are a farm's affair: a channel has two equal ends.
    known.add({.key = options.keys.pair->public_key, .roles = {}, .name = "channel"})
        .value_or_raise();
  }
  const auto plaintext =
      options.keys.plaintext ? Gate::Plaintext::allowed : Gate::Plaintext::refused;
  RouterOptions router{.frame_bytes_max = static_cast<std::size_t>(
                           options.end.terms.object_bytes_max + limits::header_bytes_max),
                       .context = context_,
                       .gate = std::make_shared<const Gate>(std::move(known), plaintext)};
  if (options.keys.pair != nullptr)
    router.secret_key = {options.keys.pair, &options.keys.pair->secret_key};
  try {
    const std::lock_guard lock(mutex_);
    if (zap_ == nullptr) zap_ = std::make_shared<ZapHandler>(*context_);
    router.zap = zap_;
  } catch (const FarmError& error) {
    return Error{error.code(), error.what()};
  }
  return Router::open(router);
}

void ChannelHub::Impl::wake(const std::shared_ptr<ChannelPort>& port) {
  if (port->is_listed.exchange(true)) return;
  order([&](Orders& orders) { orders.ports.push_back(port); });
}

void ChannelHub::Impl::close(const std::shared_ptr<ListenerPort>& port) {
  order([&](Orders& orders) { orders.closed.push_back(port); });
}

// ---- The loop.

void ChannelHub::Impl::run() {
  while (true) {
    take_orders();
    if (is_stopping_ && links_.empty()) break;
    wait();
    for (std::size_t i = 0; i < polled_links_.size() && !items_are_stale_; ++i) {
      const bool is_ready = items_[1 + 2 * i].revents != 0 || items_[2 + 2 * i].revents != 0;
      if (is_ready && !polled_links_[i]->end.is_over()) take_from(*polled_links_[i]);
    }
    for (const auto& host : hosts_) take_from(*host);
    tick();
    sweep();
  }
  hosts_.clear();
  zap_.reset();      // nobody listens any more
  context_.reset();  // waits for what lingers
}

void ChannelHub::Impl::wait() {
  if (std::exchange(items_are_stale_, false)) {
    items_.assign(1, {nullptr, wakeup_.fd(), ZMQ_POLLIN, 0});
    polled_links_.clear();
    for (const auto& [port, link] : links_) {
      if (link->dealer == nullptr) continue;
      polled_links_.push_back(link.get());
      items_.push_back({link->dealer->handle(), -1, ZMQ_POLLIN, 0});
      items_.push_back({link->dealer->monitor_handle(), -1, ZMQ_POLLIN, 0});
    }
    for (const auto& host : hosts_) {
      items_.push_back({host->router->handle(), -1, ZMQ_POLLIN, 0});
      items_.push_back({host->router->monitor().handle(), -1, ZMQ_POLLIN, 0});
    }
  }
  Duration limit = has_more_ ? 0s : idle_turn;
  if (const auto next = deadlines_.earliest()) limit = std::min(limit, *next - now_);
  const Instant planned = std::max(now_, now_ + limit);
  poll(items_, limit);
  has_more_ = false;
  now_ = steady_now();
  if (items_[0].revents != 0) wakeup_.clear();
  if (now_ - planned < limits::stall_noticed) return;
  for (const auto& [port, link] : links_) step(*link, core::ChannelStalled{now_ - planned});
}

void ChannelHub::Impl::take_orders() {
  Orders orders;
  {
    const std::lock_guard lock(mutex_);
    orders = std::exchange(orders_, {});
  }
  is_stopping_ = is_stopping_ || orders.stop;
  for (auto& host : orders.hosts) {
    hosts_.push_back(std::move(host));
    items_are_stale_ = true;
  }
  for (Connecting& connecting : orders.connecting) begin(std::move(connecting));
  for (const auto& port : orders.ports) {
    port->is_listed.store(false);  // before its orders are taken, so that none is left behind
    const auto found = links_.find(port.get());
    if (found == links_.end()) continue;
    Link& link = *found->second;
    ChannelPort::Orders wanted = port->orders();
    if (wanted.objects_read > 0) {
      step(link, core::ChannelRead{wanted.objects_read, wanted.bytes_read});
    }
    for (Payload& payload : wanted.written) step(link, core::ChannelWrite{std::move(payload)});
    if (wanted.close) step(link, core::ChannelClose{*wanted.close});
  }
  for (const auto& closed : orders.closed) {
    for (const auto& host : hosts_) {
      // Its port stays taken: libzmq ends a socket's connections with what they were accepted by.
      if (host->port == closed) host->is_closed = true;
    }
  }
  sweep();
}

void ChannelHub::Impl::begin(Connecting&& connecting) {
  ChannelHubOptions& options = connecting.options;
  DealerOptions socket{
      .shared_context = context_,
      // More than the 33 bytes that keys add to a frame.
      .frame_bytes_max = options.end.terms.object_bytes_max + limits::header_bytes_max};
  if (options.keys.pair != nullptr)
    socket.keys = ClientKeys{options.keys.pair->public_key, options.keys.pair};
  auto dealer = std::make_unique<Dealer>(std::move(connecting.endpoints), std::move(socket));
  std::string place = options.end.place;
  Link& link = keep(std::make_unique<Link>(
      Link{.end = core::ChannelEnd::connect(now_, std::move(options.end), actions_),
           .port = std::move(connecting.port),
           .dealer = std::move(dealer),
           .place = std::move(place),
           .keys = std::move(options.keys),
           .linger = options.linger}));
  carry_out(link);
}

Link& ChannelHub::Impl::keep(std::unique_ptr<Link> link) {
  Link& kept = *link;
  links_.emplace(kept.port.get(), std::move(link));
  items_are_stale_ = items_are_stale_ || kept.dealer != nullptr;
  return kept;
}

// Those that are over go when nobody is in the middle of them.
void ChannelHub::Impl::sweep() {
  for (Link* link : std::exchange(over_, {})) {
    deadlines_.cancel(link->deadline);
    if (link->host != nullptr) {
      std::erase(link->host->gone, link);
      const auto named = link->host->links.find(link->routing_id);
      if (named != link->host->links.end() && named->second == link) link->host->links.erase(named);
      const auto seen = link->host->descriptors.find(link->fd);
      if (seen != link->host->descriptors.end() && seen->second == link) {
        link->host->descriptors.erase(seen);
      }
    } else {
      // Where nobody was met there is no last word.
      link->dealer->close(link->dealer->was_accepted() ? link->linger : 0s);
      items_are_stale_ = true;
    }
    links_.erase(link->port.get());
  }
  std::erase_if(hosts_, [this](const std::unique_ptr<Host>& host) {
    if (!host->is_closed || !host->links.empty()) return false;
    host->router->close(last_word_linger);
    items_are_stale_ = true;
    return true;
  });
}

// ---- In.

void ChannelHub::Impl::take_from(Link& link) {
  for (std::size_t count = 0; count < messages_per_turn_max; ++count) {
    if (link.end.is_over()) return;
    const Dealer::Next next = link.dealer->receive(received_);
    if (next == Dealer::Next::lost) step(link, loss_of(link, now_));
    if (next != Dealer::Next::message) return;
    const Bytes* payload = received_.has_payload ? &received_.payload : nullptr;
    auto message = codec::decode_channel(view(received_.header), payload);
    if (received_.count > limits::frames_max) {
      step(link, core::ChannelMalformed{std::to_string(received_.count) + " frames"});
    } else if (message.ok()) {
      step(link, core::ChannelReceived{std::move(message).value()});
    } else {
      step(link, core::ChannelMalformed{message.error().message});
    }
  }
  has_more_ = true;
}

void ChannelHub::Impl::take_from(Host& host) {
  while (const auto event = host.router->monitor().next()) {
    if (event->what == SocketMonitor::What::disconnected) {
      host.closed_descriptors.push_back(event->value);
    }
  }
  bool empty = false;
  for (std::size_t count = 0; count < messages_per_turn_max && !empty; ++count) {
    empty = !host.router->receive(host.received);
    if (!empty) take_message(host);
  }
  if (!empty) has_more_ = true;
  settle(host, empty);
}

void ChannelHub::Impl::take_message(Host& host) {
  const ReceivedFrames& frames = host.received.frames;
  const std::string routing_id(view(host.received.routing_id));
  const Bytes* payload = frames.has_payload ? &frames.payload : nullptr;
  auto message = codec::decode_channel(view(frames.header), payload);
  std::string fault = message.ok() ? "" : message.error().message;
  if (frames.count > limits::frames_max) fault = std::to_string(frames.count) + " frames";

  const auto found = host.links.find(routing_id);
  if (found != host.links.end() && !found->second->end.is_over()) {
    if (!fault.empty()) {
      step(*found->second, core::ChannelMalformed{std::move(fault)});
    } else {
      step(*found->second, core::ChannelReceived{std::move(message).value()});
    }
    if (found->second->is_too_much) {
      step(*found->second,
           core::ChannelMalformed{"too much was sent before this channel was accepted"});
    }
    return;
  }
  if (!fault.empty()) {
    return answer(host, routing_id, refusal(core::RefuseCode::malformed, std::move(fault)));
  }
  if (const auto* open = std::get_if<core::ChannelOpen>(&message.value())) {
    return greet(host, *open, routing_id, host.received.fd());
  }
  if (const auto* hello = std::get_if<core::Hello>(&message.value())) {
    auto refuse =
        refusal(core::RefuseCode::protocol, "this is the listener of a channel, no farm's manager");
    refuse.greeting = hello->greeting;
    return answer(host, routing_id, std::move(refuse));
  }
  // An end that was away for longer than this one waits still thinks that it is open.
  const bool is_of_channel = std::holds_alternative<core::ChannelObject>(message.value()) ||
                             std::holds_alternative<core::ChannelTaken>(message.value()) ||
                             std::holds_alternative<core::Goodbye>(message.value());
  if (!is_of_channel) return;
  answer(host, routing_id,
         refusal(core::RefuseCode::protocol, "this channel is closed here, or was never open"));
}

void ChannelHub::Impl::greet(Host& host, const core::ChannelOpen& open,
                             const std::string& routing_id, int fd) {
  if (host.is_closed) {
    return answer(host, routing_id, refusal(core::RefuseCode::limit, "the listener is closed"));
  }
  if (host.port->waiting() >= host.options.backlog) {
    auto refuse = refusal(core::RefuseCode::limit,
                          std::to_string(host.options.backlog) +
                              " channels wait to be accepted already (ChannelOptions::backlog)");
    refuse.retry = refused_retry;
    return answer(host, routing_id, std::move(refuse));
  }
  core::ChannelEndOptions options = host.options.end;
  options.place = peer_address(fd);
  if (options.place.empty()) options.place = "the other end";
  auto link = std::make_unique<Link>(Link{
      .end =
          core::ChannelEnd::accept(now_, std::move(options), SessionId{next_id_++}, open, actions_),
      .port = std::make_shared<ChannelPort>(host.options.port),
      .host = &host,
      .routing_id = routing_id,
      .fd = fd});
  if (next_id_ == 0) next_id_ = 1;
  Link& kept = keep(std::move(link));
  host.links.insert_or_assign(routing_id, &kept);
  if (fd >= 0) {
    Link*& last = host.descriptors[fd];
    if (last != nullptr) suspect(*std::exchange(last, nullptr));
    last = &kept;
  }
  carry_out(kept);
}

void ChannelHub::Impl::answer(Host& host, std::string_view routing_id, core::Refuse refuse) {
  const auto frames =
      codec::encode_channel(std::move(refuse), limits::channel_protocol_max, header_);
  FANMILL_ASSERT(frames.ok());
  // A stranger that does not read its answers gets none: nothing is kept for it.
  (void)host.router->send(routing_id, frames.value().header, nullptr);
}

// ---- Departures.

void ChannelHub::Impl::settle(Host& host, bool empty) {
  host.turns_not_empty = empty ? 0 : host.turns_not_empty + 1;
  if (!empty && host.turns_not_empty < turns_not_empty_max) return;
  host.turns_not_empty = 0;
  for (const int fd : std::exchange(host.closed_descriptors, {})) {
    const auto found = host.descriptors.find(fd);
    if (found == host.descriptors.end()) continue;
    suspect(*found->second);
  }
  for (Link* link : std::exchange(host.gone, {})) step(*link, core::ChannelConnectionLost{});
}

// Its descriptor was closed, or is another's now. The descriptor may have been another's before.
void ChannelHub::Impl::suspect(Link& link) {
  if (link.end.is_over()) return;
  link.probe_wait = first_probe_wait;
  probe(link);
}

void ChannelHub::Impl::probe(Link& link) {
  link.probe_at.reset();
  if (link.gone || link.end.is_over()) return;
  perform(link, core::ChannelSend{link.end.version(), link.end.probe()});
  if (!link.gone && link.probe_wait <= last_probe_wait) {
    link.probe_at = now_ + link.probe_wait;
    link.probe_wait *= 2;
  }
  plan(link);
}

void ChannelHub::Impl::tick() {
  // Once for each in a turn: what is due again at once waits for the next.
  std::vector<Link*> due;
  while (const auto link = deadlines_.pop_due(now_)) {
    (*link)->deadline = no_index;
    (*link)->deadline_at.reset();
    due.push_back(*link);
  }
  for (Link* each : due) {
    Link& link = *each;
    if (link.probe_at && *link.probe_at <= now_) probe(link);
    if (!link.trouble.empty()) {
      step(link, core::ChannelConnectionLost{std::exchange(link.trouble, {})});
    }
    link.end.tick(now_, actions_);
    carry_out(link);
  }
}

// ---- Out.

void ChannelHub::Impl::step(Link& link, core::ChannelEvent event) {
  link.end.step(now_, std::move(event), actions_);
  carry_out(link);
}

void ChannelHub::Impl::carry_out(Link& link) {
  for (core::ChannelAction& action : actions_) {
    std::visit([&](auto& order) { perform(link, std::move(order)); }, action);
  }
  actions_.clear();
  plan(link);
}

void ChannelHub::Impl::plan(Link& link) {
  std::optional<Instant> next = link.end.next_deadline();
  if (link.probe_at && !link.end.is_over() && (!next || *link.probe_at < *next))
    next = link.probe_at;
  if (!link.trouble.empty() && !link.end.is_over()) next = now_;
  // Each message puts the next deadline off. One that comes too early finds nothing to do and plans
  // again, which costs less than moving it each time; of an end that is over, `sweep` takes it out.
  if (!next || (link.deadline_at && *next >= *link.deadline_at)) return;
  link.deadline_at = next;
  if (link.deadline == no_index) {
    link.deadline = deadlines_.add(*next, &link);
  } else {
    deadlines_.move(link.deadline, *next);
  }
}

void ChannelHub::Impl::perform(Link& link, core::ChannelConnect&&) {
  items_are_stale_ = true;
  link.connect_at = now_;
  try {
    link.dealer->open();
  } catch (const FarmError& error) {
    link.trouble = error.what();  // descriptors may be there again in a moment
  }
}

void ChannelHub::Impl::perform(Link& link, core::ChannelSend&& send) {
  const auto frames = codec::encode_channel(send.message, send.version, header_);
  FANMILL_ASSERT(frames.ok(), frames.ok() ? "" : frames.error().message);
  if (link.host == nullptr) {
    link.dealer->send(frames.value());
    return;
  }
  if (link.gone) return;
  const Bytes* payload = frames.value().has_payload ? &frames.value().payload : nullptr;
  // Full: thousands of messages that the other side's ZeroMQ has not taken. As windows are bounded,
  // only one that says much and does not read at all comes to that.
  const auto sent = link.host->router->send(link.routing_id, frames.value().header, payload);
  if (sent == Router::Sent::yes) return;
  link.gone = true;
  link.probe_at.reset();
  link.host->gone.push_back(&link);
  has_more_ = true;  // settled in the next turn
}

void ChannelHub::Impl::perform(Link& link, core::ChannelIsOpen&& is_open) {
  const int fd = link.host == nullptr ? link.dealer->fd() : link.fd;
  link.port->opened({.speech = is_open.speech,
                     .object_bytes_max = is_open.object_bytes_max,
                     .own_address = own_address(fd),
                     .peer_address = peer_address(fd)});
  if (link.host == nullptr) return;
  if (link.host->port->offer(link.port)) return;
  // The listener was closed a moment ago. Nobody has the port, so this is told in the next turn.
  (void)link.port->close(last_word_linger);
  wake(link.port);
}

void ChannelHub::Impl::perform(Link& link, core::ChannelDeliver&& deliver) {
  // Anybody can open channels and fill their windows. A program that has not accepted them yet holds
  // no more than a limit of all that.
  if (link.host != nullptr && !link.host->port->count(*link.port, deliver.payload.bytes.size())) {
    link.is_too_much = true;
  }
  link.port->deliver(std::move(deliver.payload));
}

void ChannelHub::Impl::perform(Link& link, core::ChannelSent&& sent) {
  link.port->sent(sent.objects, sent.bytes);
}

void ChannelHub::Impl::perform(Link& link, core::ChannelOver&& over) {
  const auto state = over.clean ? ChannelPort::State::ended : ChannelPort::State::lost;
  link.port->over({state, over.code, std::move(over.words)});
  if (link.host != nullptr && !over.clean) link.host->port->withdraw(*link.port);
  over_.push_back(&link);
}

// ---- ChannelHub.

std::shared_ptr<ChannelHub> ChannelHub::shared() {
  static std::mutex mutex;
  static std::weak_ptr<ChannelHub> current;
  const std::lock_guard lock(mutex);
  std::shared_ptr<ChannelHub> hub = current.lock();
  if (hub == nullptr) {
    hub = std::make_shared<ChannelHub>();
    current = hub;
  }
  return hub;
}

ChannelHub::ChannelHub() try : impl_(std::make_unique<Impl>()) {
} catch (const std::system_error& error) {
  throw FarmError(ErrorCode::io_error, std::string("no thread for channels: ") + error.what());
} catch (const zmq::error_t& error) {
  throw FarmError(ErrorCode::io_error, std::string("no sockets for channels: ") + error.what());
}

ChannelHub::~ChannelHub() = default;

std::shared_ptr<ChannelPort> ChannelHub::connect(const Endpoint& endpoint,
                                                 ResolvedEndpoint resolved,
                                                 ChannelHubOptions options) {
  options.end.place = endpoint.str();
  auto port = std::make_shared<ChannelPort>(options.port);
  impl_->add(port, {std::move(resolved)}, std::move(options));
  return port;
}

Result<ChannelHub::Listening> ChannelHub::listen(const Endpoint& endpoint,
                                                 ChannelHubOptions options) {
  Result<std::unique_ptr<Router>> router = impl_->open_router(options);
  if (!router.ok()) return router.error();
  if (options.keys.pair != nullptr) {
    const Status shut = router.value()->prove_gate(limits::gate_proof_max);
    if (!shut.ok()) return shut.error();
  }
  const Result<std::string> bound = router.value()->bind(endpoint);
  if (!bound.ok()) return bound.error();
  auto host = std::make_unique<Host>();
  host->port = std::make_shared<ListenerPort>();
  host->options = std::move(options);
  host->router = std::move(router).value();
  Listening listening{host->port, bound.value()};
  impl_->add(std::move(host));
  return listening;
}

void ChannelHub::wake(const std::shared_ptr<ChannelPort>& port) { impl_->wake(port); }
void ChannelHub::close(const std::shared_ptr<ListenerPort>& port) { impl_->close(port); }

}  // namespace fanmill::net
