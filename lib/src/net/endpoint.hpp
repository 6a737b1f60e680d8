// Endpoints as people write them: "tcp://host:port", "host:port", "host", "ipc:///path".
//
// Parsing touches nothing outside; `resolve` asks the system's name service. Errors say what to
// type instead.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace fanmill::net {

/// Below the range from which systems take ports for outgoing connections.
inline constexpr std::uint16_t default_port = 5557;
/// What the kernel's address structure holds, without the NUL at its end.
inline constexpr std::size_t ipc_path_bytes_max = 107;

struct Endpoint {
  enum class Transport : std::uint8_t { tcp, ipc };
  /// A listener may leave its host ("*", all interfaces) and port ("*", one that is free) open.
  enum class Use : std::uint8_t { listen, connect };

  Transport transport = Transport::tcp;
  std::string host;        // tcp: a name or a numeric address; IPv6 without its brackets
  std::uint16_t port = 0;  // tcp: 0 for one that is free
  std::string path;        // ipc: absolute

  /// Whether only processes of this host can be meant: ipc, "localhost" and loopback addresses.
  [[nodiscard]] bool is_loopback() const;
  /// As `parse_endpoint` takes it.
  [[nodiscard]] std::string str() const;
  bool operator==(const Endpoint&) const = default;
};

/// Error: bad_endpoint.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text, Endpoint::Use use);

/// What libzmq is given: no names in it, so that it never resolves one itself.
struct ResolvedEndpoint {
  std::string address;  // "tcp://10.0.0.7:5557", "tcp://*:*", "ipc:///path"
  bool ipv6 = false;
  bool operator==(const ResolvedEndpoint&) const = default;
};

/// Looks the host's name up (may take seconds if the name service is away); IPv4 is preferred,
/// because a manager that was told nothing else listens there. Error: bad_endpoint for an unknown
/// host, io_error if nobody could be asked.
[[nodiscard]] Result<ResolvedEndpoint> resolve(const Endpoint& endpoint);

}  // namespace fanmill::net
