// ChannelHub: the shell around core::ChannelEnd. One thread for all channels and listeners of the
// process, with their sockets and the clock; user code never runs on it.
//
// A listener is one ROUTER for all channels that come by it, a channel of our own a DEALER. What
// Switchboard does for workers is done here for channels: a closed descriptor makes its channel
// suspect, a probe confirms, and the loss is told once the socket was found empty, so that a goodbye
// comes first.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "core/channel_end.hpp"
#include "net/channel_port.hpp"
#include "net/curve_key.hpp"
#include "net/endpoint.hpp"

namespace fanmill::net {

struct ChannelHubOptions {
  core::ChannelEndOptions end;  // `place` is filled in by the hub
  ChannelPortOptions port;
  /// Of endpoints of tcp. Both ends have the same pair: it is the listener's key, and the only one that
  /// the listener lets in.
  struct Keys {
    std::shared_ptr<const KeyPair> pair;  // null: none, and tcp only if `plaintext`
    std::string file;                     // where it comes from, for texts
    bool plaintext = false;               // tcp without keys, as was spelled out
  } keys;
  Duration linger{};        // for the last word of an end that is over to leave
  std::size_t backlog = 1;  // listeners: channels that are open and not accepted
};

class ChannelHub {
 public:
  /// The process's: made when it is first needed, gone with the last that holds it. Throws FarmError
  /// (io_error) when descriptors or threads run out.
  [[nodiscard]] static std::shared_ptr<ChannelHub> shared();
  ChannelHub();
  /// Everything must have been closed: waits until what lingers has left, or its time is over.
  ~ChannelHub();
  ChannelHub(const ChannelHub&) = delete;
  ChannelHub& operator=(const ChannelHub&) = delete;

  // Any thread.

  [[nodiscard]] std::shared_ptr<ChannelPort> connect(const Endpoint& endpoint,
                                                     ResolvedEndpoint resolved,
                                                     ChannelHubOptions options);
  struct Listening {
    std::shared_ptr<ListenerPort> port;
    std::string endpoint;  // as bound
  };
  /// Error: bad_endpoint, address_in_use, io_error (also if a stranger was not refused).
  [[nodiscard]] Result<Listening> listen(const Endpoint& endpoint, ChannelHubOptions options);
  /// It has orders.
  void wake(const std::shared_ptr<ChannelPort>& port);
  /// Takes no more channels; those that are there stay, and keep its port taken.
  void close(const std::shared_ptr<ListenerPort>& port);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fanmill::net
