#include <fanmill/channel.hpp>

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fanmill/version.hpp>

#include "codec/channel_codec.hpp"
#include "core/limits.hpp"
#include "net/channel_hub.hpp"
#include "net/endpoint.hpp"
#include "net/farm_keys.hpp"

namespace fanmill::inline v0 {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t object_bytes_least = 1024;
constexpr std::uint64_t object_bytes_most = (std::uint64_t{1} << 30) - limits::header_bytes_max;

[[noreturn]] void refuse(const std::string& what) {
  throw FarmError(ErrorCode::invalid_argument, what);
}

void require_range(const char* name, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
  if (value >= least && value <= most) return;
  refuse(std::string("ChannelOptions::") + name + " is " + std::to_string(value) + ", expected " +
         std::to_string(least) + (most == UINT64_MAX ? " or more" : " to " + std::to_string(most)));
}

void require_time(const char* name, nanoseconds value, nanoseconds least, nanoseconds most) {
  if (value >= least && value <= most) return;
  const auto ms = [](nanoseconds time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
           " ms";
  };
  refuse(std::string("ChannelOptions::") + name + " is " + ms(value) + ", expected " + ms(least) +
         (most == nanoseconds::max() ? " or more" : " to " + ms(most)));
}

net::ChannelHubOptions checked(const ChannelOptions& options) {
  constexpr std::uint64_t most = UINT64_MAX;
  if (!codec::is_plain_name(options.speech)) {
    refuse("ChannelOptions::speech is not UTF-8 without control characters, at most " +
           std::to_string(limits::text_bytes_max) + " bytes");
  }
  require_range("version_max", options.version_max, options.version_min, UINT32_MAX);
  require_range("window_objects", options.window_objects, 1, limits::channel_window_objects_max);
  require_range("window_bytes", options.window_bytes, 1, limits::channel_window_bytes_max);
  require_range("object_bytes_max", options.object_bytes_max, object_bytes_least,
                object_bytes_most);
  require_range("outbox_objects", options.outbox_objects, 1, most);
  require_range("outbox_bytes", options.outbox_bytes, 1, most);
  require_range("backlog", options.backlog, 1, most);
  require_time("silence", options.silence, limits::channel_silence_min,
               limits::channel_silence_max);
  require_time("open_limit", options.open_limit, nanoseconds(1), nanoseconds::max());
  require_time("linger", options.linger, nanoseconds(0), nanoseconds::max());
  return {.end = {.terms = {.window_objects = options.window_objects,
                            .window_bytes = options.window_bytes,
                            .object_bytes_max = options.object_bytes_max,
                            .silence = options.silence},
                  .speech_min = options.version_min,
                  .speech_max = options.version_max,
                  .speech = options.speech,
                  .software = std::string("fanmill ") + fanmill::version(),
                  .place = {},
                  .open_limit = options.open_limit},
          .port = {.window_objects = options.window_objects,
                   .window_bytes = options.window_bytes,
                   .outbox_objects_max = options.outbox_objects,
                   .outbox_bytes_max = options.outbox_bytes},
          .keys = {},
          .linger = options.linger,
          .backlog = options.backlog};
}

[[noreturn]] void throw_end(const net::ChannelPort::End& end) {
  if (end.state < net::ChannelPort::State::ended) {
    throw FarmError(ErrorCode::channel_ended, "the channel was closed here");
  }
  throw FarmError(end.code, end.words.empty() ? "the channel was closed here" : end.words);
}

}  // namespace

const char* to_string(ChannelState state) noexcept {
  switch (state) {
    case ChannelState::opening:
      return "opening";
    case ChannelState::open:
      return "open";
    case ChannelState::ended:
      return "ended";
    case ChannelState::lost:
      return "lost";
  }
  return "unknown";
}

// Loopback is no exception: other users of this host reach it, too.
net::ChannelHubOptions::Keys keys_for(const net::Endpoint& endpoint,
                                      const ChannelOptions& options) {
  if (options.insecure_plaintext && !options.certificate.empty())
    refuse(
        "ChannelOptions::certificate is set, and so is insecure_plaintext, which is without keys");
  if (endpoint.transport == net::Endpoint::Transport::ipc) return {};
  if (options.insecure_plaintext) return {.plaintext = true};
  const bool is_named = !options.certificate.empty();
  const std::string folder = is_named ? "" : net::FarmKeys::default_folder().value_or_raise();
  std::string file = is_named ? options.certificate.string() : net::FarmKeys::channel_file(folder);
  Result<net::Certificate> loaded =
      is_named ? net::Certificate::load(file) : net::FarmKeys::channel_certificate(folder);
  // Only a worker looks for a manager.
  if (!loaded.ok() && loaded.error().code == ErrorCode::join_not_found)
    raise(
        {ErrorCode::io_error, loaded.error().message + "; copy the other end's certificate there"});
  net::Certificate pair = std::move(loaded).value_or_raise();
  return {.pair = std::make_shared<const net::KeyPair>(net::KeyPair{
              .public_key = pair.public_key, .secret_key = std::move(*pair.secret_key)}),
          .file = std::move(file)};
}

// ---- Channel.

class __attribute__((visibility("hidden"))) Channel::Impl {
 public:
  Impl(std::shared_ptr<net::ChannelHub> its_hub, std::shared_ptr<net::ChannelPort> its_port,
       nanoseconds its_linger)
      : linger(its_linger), hub(std::move(its_hub)), port(std::move(its_port)) {}
  ~Impl() {
    say_goodbye(linger);
    port->close_descriptors();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void wake() const { hub->wake(port); }
  /// Whether this call is the one that closes it.
  bool say_goodbye(nanoseconds limit) const {
    const bool closes = port->close(std::max(limit, nanoseconds(0)));
    if (closes) wake();
    return closes;
  }

  const nanoseconds linger;
  const std::shared_ptr<net::ChannelHub> hub;
  const std::shared_ptr<net::ChannelPort> port;
};

Channel::Channel() noexcept = default;
Channel::Channel(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Channel::~Channel() = default;
Channel::Channel(Channel&& other) noexcept = default;
Channel& Channel::operator=(Channel&& other) noexcept = default;

Channel::Impl& Channel::impl() const {
  if (impl_ == nullptr) refuse("this Channel is empty: it was never connected, or moved from");
  return *impl_;
}

Channel Channel::start_connect(std::string_view endpoint, const ChannelOptions& options) {
  net::ChannelHubOptions checked_options = checked(options);
  const net::Endpoint parsed =
      net::parse_endpoint(endpoint, net::Endpoint::Use::connect).value_or_raise();
  checked_options.keys = keys_for(parsed, options);
  auto resolved = net::resolve(parsed).value_or_raise();
  auto hub = net::ChannelHub::shared();
  auto port = hub->connect(parsed, std::move(resolved), std::move(checked_options));
  return Channel(std::make_unique<Impl>(std::move(hub), std::move(port), options.linger));
}

Channel Channel::connect(std::string_view endpoint, const ChannelOptions& options) {
  Channel channel = start_connect(endpoint, options);
  if (!channel.wait_open()) throw_end(channel.impl().port->end());
  return channel;
}

bool Channel::wait_open(nanoseconds limit) {
  return impl().port->wait_open(net::wait_limit(limit));
}

ChannelState Channel::state() const {
  static_assert(static_cast<int>(net::ChannelPort::State::lost) ==
                static_cast<int>(ChannelState::lost));
  return static_cast<ChannelState>(impl().port->state());
}

std::string Channel::end_words() const { return impl().port->end().words; }
std::uint32_t Channel::version() const { return impl().port->facts().speech; }
std::string Channel::own_address() const { return impl().port->facts().own_address; }
std::string Channel::peer_address() const { return impl().port->facts().peer_address; }

std::optional<Payload> Channel::take_checked(nanoseconds limit, bool& timed_out, bool& lost,
                                             std::string& words) {
  net::ChannelPort::Take taken = impl().port->take(net::wait_limit(limit));
  if (taken.wake) impl().wake();
  if (taken.payload) return std::move(taken.payload);
  timed_out = !taken.over;
  if (!taken.over) return {};
  net::ChannelPort::End end = impl().port->end();
  lost = end.state == net::ChannelPort::State::lost;
  words = std::move(end.words);
  return {};
}

std::optional<Payload> Channel::take(nanoseconds limit) {
  net::ChannelPort::Take taken = impl().port->take(net::wait_limit(limit));
  if (taken.wake) impl().wake();
  if (!taken.payload && taken.over) throw_end(impl().port->end());
  return std::move(taken.payload);
}

bool Channel::put(Payload payload, nanoseconds limit, bool always) {
  using What = net::ChannelPort::Put::What;
  const std::size_t bytes = payload.bytes.size();
  const auto put = impl().port->put(std::move(payload), net::wait_limit(limit), always);
  if (put.wake) impl().wake();
  switch (put.what) {
    case What::queued:
      return true;
    case What::full:
      return false;
    case What::too_large:
      throw FarmError(ErrorCode::payload_too_large, "an object of " + std::to_string(bytes) +
                                                        " bytes; the other end takes at most " +
                                                        std::to_string(put.bytes_max) +
                                                        " (its ChannelOptions::object_bytes_max)");
    case What::over:
      break;
  }
  throw_end(impl().port->end());
}

bool Channel::is_readable() const { return impl().port->is_readable(); }
bool Channel::is_writable() const { return impl().port->is_writable(); }

bool Channel::flush(nanoseconds limit) {
  if (impl().port->wait_sent(net::wait_limit(limit))) return true;
  const net::ChannelPort::End end = impl().port->end();
  if (end.state >= net::ChannelPort::State::ended) throw_end(end);
  return false;
}

bool Channel::close(nanoseconds limit) {
  // Its limit is the loop's affair; who only waits for another thread's goodbye has one of its own.
  const bool closes = impl().say_goodbye(limit);
  return impl().port->wait_over(closes ? net::WaitLimit() : net::wait_limit(limit));
}

int Channel::readable_descriptor() { return impl().port->readable_fd(); }
int Channel::writable_descriptor() { return impl().port->writable_fd(); }

// ---- Listener.

class __attribute__((visibility("hidden"))) Listener::Impl {
 public:
  Impl(std::shared_ptr<net::ChannelHub> its_hub, net::ChannelHub::Listening its_listening,
       nanoseconds its_linger)
      : linger(its_linger), hub(std::move(its_hub)), listening(std::move(its_listening)) {}
  ~Impl() {
    close();
    listening.port->close_descriptor();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void close() const {
    if (listening.port->is_closed()) return;
    for (const auto& port : listening.port->close()) {
      if (port->close(linger)) hub->wake(port);
    }
    hub->close(listening.port);
  }

  const nanoseconds linger;
  const std::shared_ptr<net::ChannelHub> hub;
  const net::ChannelHub::Listening listening;
};

Listener::Listener() noexcept = default;
Listener::~Listener() = default;
Listener::Listener(Listener&& other) noexcept = default;
Listener& Listener::operator=(Listener&& other) noexcept = default;

Listener::Listener(std::string_view endpoint, const ChannelOptions& options) {
  net::ChannelHubOptions checked_options = checked(options);
  const net::Endpoint parsed =
      net::parse_endpoint(endpoint, net::Endpoint::Use::listen).value_or_raise();
  checked_options.keys = keys_for(parsed, options);
  auto hub = net::ChannelHub::shared();
  auto listening = hub->listen(parsed, std::move(checked_options)).value_or_raise();
  impl_ = std::make_unique<Impl>(std::move(hub), std::move(listening), options.linger);
}

Listener::Impl& Listener::impl() const {
  if (impl_ == nullptr) refuse("this Listener is empty: it never listened, or was moved from");
  return *impl_;
}

std::string Listener::endpoint() const { return impl().listening.endpoint; }

std::uint16_t Listener::port() const {
  const auto parsed = net::parse_endpoint(endpoint(), net::Endpoint::Use::listen);
  return parsed.ok() ? parsed.value().port : 0;
}

Channel Listener::accept() {
  std::optional<Channel> channel = try_accept(no_limit);
  return std::move(*channel);
}

std::optional<Channel> Listener::try_accept(nanoseconds limit) {
  const Impl& self = impl();
  auto port = self.listening.port->accept(net::wait_limit(limit));
  if (port != nullptr) {
    return Channel(std::make_unique<Channel::Impl>(self.hub, std::move(port), self.linger));
  }
  if (self.listening.port->is_closed()) {
    throw FarmError(ErrorCode::stopped, "the listener on " + endpoint() + " was closed");
  }
  return {};
}

int Listener::descriptor() { return impl().listening.port->fd(); }
void Listener::close() { impl().close(); }

// ---- Waiting.

std::vector<std::size_t> wait_any(std::span<const WaitFor> what, nanoseconds limit) {
  std::vector<pollfd> items;
  items.reserve(what.size());
  for (const WaitFor& one : what) items.push_back({one.descriptor, POLLIN, 0});
  const net::WaitLimit until = net::wait_limit(limit);
  int ready = 0;
  bool in_time = true;
  do {
    int timeout_ms = -1;
    if (until) {
      const auto left = *until - std::chrono::steady_clock::now();
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      timeout_ms = static_cast<int>(std::clamp<std::int64_t>(ms, 0, 1'000'000'000));
      in_time = left.count() > 0;
    }
    ready = ::poll(items.data(), items.size(), timeout_ms);
  } while ((ready < 0 && errno == EINTR) || (ready == 0 && in_time));
  if (ready < 0) {
    throw FarmError(ErrorCode::io_error, std::string("can't wait for ") +
                                             std::to_string(items.size()) +
                                             " descriptors: " + std::strerror(errno));
  }
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if ((items[i].revents & POLLNVAL) != 0) {
      throw FarmError(ErrorCode::io_error, "descriptor " + std::to_string(items[i].fd) +
                                               ", number " + std::to_string(i) +
                                               " of those waited for, is not open");
    }
    if (items[i].revents != 0) indices.push_back(i);
  }
  return indices;
}

std::vector<std::size_t> wait_any(std::initializer_list<WaitFor> what, nanoseconds limit) {
  return wait_any(std::span(what.begin(), what.size()), limit);
}

}  // namespace fanmill::inline v0
