// What a manager's loop has done, as numbers: the shell's side of core::Counters.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fanmill::net {

struct LoopCounters {
  std::uint64_t turns = 0;
  std::uint64_t messages_in = 0;
  std::uint64_t messages_out = 0;
  std::uint64_t bytes_in = 0;  // of headers and payloads
  std::uint64_t bytes_out = 0;
  std::uint64_t send_again = 0;     // sends that found a peer's queue full
  std::uint64_t sends_dropped = 0;  // to a peer that is gone, or answers to one that does not read
  std::uint64_t sends_unencodable = 0;
  std::uint64_t tasks_unsendable = 0;  // payloads that could not be converted, or are too large
  std::uint64_t probes = 0;            // of peers whose connection may be gone
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_closed = 0;
  std::uint64_t accepts_failed = 0;
  std::uint64_t handshake_failures = 0;
  std::uint64_t keys_refused = 0;      // connections that the gate did not let in
  std::uint64_t messages_refused = 0;  // of peers whose key may not send them, or is revoked
  std::uint64_t peers_lost = 0;        // reported to the core as ConnectionLost
  std::uint64_t strangers_evicted = 0;
  std::uint64_t connections_shut = 0;  // by this side
  std::uint64_t connections_shed = 0;  // of them: descriptors ran out
  std::uint64_t messages_endless = 0;  // that were cut off
  std::uint64_t welcomes_cut = 0;      // connections closed for the welcomes that they had
  std::uint64_t stalls = 0;            // the loop was away for too long

  // As they are now.
  std::size_t peers = 0;
  std::size_t strangers = 0;  // of them: without a session
  std::size_t descriptors = 0;
  std::size_t outboxes = 0;  // peers with messages that wait for room in their queue
};

}  // namespace fanmill::net
