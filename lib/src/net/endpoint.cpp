#include "net/endpoint.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

namespace fanmill::net {
namespace {

constexpr const char* examples =
    "type HOST, HOST:PORT, tcp://HOST:PORT or ipc:///PATH, such as tcp://127.0.0.1:5557";

Error bad_endpoint(std::string_view text, const std::string& why) {
  return {ErrorCode::bad_endpoint, "endpoint \"" + std::string(text) + "\": " + why};
}

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == ':' || c == '%';
}

Result<Endpoint> parse_ipc(std::string_view text, std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return bad_endpoint(text, "the path must be absolute: type ipc:///PATH, with three slashes");
  }
  if (path.size() > ipc_path_bytes_max) {
    return bad_endpoint(text, "the path has " + std::to_string(path.size()) +
                                  " bytes, a socket's may have " +
                                  std::to_string(ipc_path_bytes_max) + ": choose a shorter one");
  }
  return Endpoint{.transport = Endpoint::Transport::ipc, .path = std::string(path)};
}

std::optional<std::uint16_t> parse_port(std::string_view text, Endpoint::Use use) {
  if (use == Endpoint::Use::listen && text == "*") return 0;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  if (port == 0 && use == Endpoint::Use::connect) return {};
  return port;
}

struct HostAndPort {
  std::string_view host;
  std::optional<std::string_view> port;
};

// "[::1]:5557", "host:5557", "host"; an IPv6 address without brackets has no port.
std::optional<HostAndPort> split(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return {};
    HostAndPort parts{text.substr(1, end - 1), {}};
    const std::string_view rest = text.substr(end + 1);
    if (rest.empty()) return parts;
    if (rest.front() != ':') return {};
    parts.port = rest.substr(1);
    return parts;
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) {
    return HostAndPort{text, {}};
  }
  return HostAndPort{text.substr(0, colon), text.substr(colon + 1)};
}

Result<Endpoint> parse_tcp(std::string_view text, std::string_view rest, Endpoint::Use use) {
  const auto parts = split(rest);
  if (!parts || parts->host.empty()) return bad_endpoint(text, std::string("no host; ") + examples);
  if (parts->host == "*" && use == Endpoint::Use::connect) {
    return bad_endpoint(text, "\"*\" is for listening; name the manager's host to connect to it");
  }
  const bool plain = std::all_of(parts->host.begin(), parts->host.end(), is_host_character);
  if (parts->host != "*" && !plain) {
    return bad_endpoint(text, "\"" + std::string(parts->host) + "\" is no host; " + examples);
  }
  if (is_number(parts->host) && !parts->port) {
    return bad_endpoint(text, "a port without a host: type 127.0.0.1:" + std::string(parts->host));
  }
  Endpoint endpoint{.host = std::string(parts->host), .port = default_port};
  if (!parts->port) return endpoint;
  const auto port = parse_port(*parts->port, use);
  if (!port) {
    return bad_endpoint(text, "the port \"" + std::string(*parts->port) +
                                  "\" is not a number from 1 to 65535" +
                                  (use == Endpoint::Use::listen ? " nor * for a free one" : ""));
  }
  endpoint.port = *port;
  return endpoint;
}

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

bool is_ipv6_literal(const std::string& host) { return host.find(':') != std::string::npos; }

std::string numeric(const addrinfo& found) {
  char host[NI_MAXHOST] = {};
  if (::getnameinfo(found.ai_addr, found.ai_addrlen, host, sizeof host, nullptr, 0,
                    NI_NUMERICHOST) != 0) {
    return {};
  }
  return host;
}

std::string tcp_address(const std::string& host, std::uint16_t port) {
  const std::string shown = is_ipv6_literal(host) ? "[" + host + "]" : host;
  return "tcp://" + shown + ":" + (port == 0 ? "*" : std::to_string(port));
}

}  // namespace

bool Endpoint::is_loopback() const {
  if (transport == Transport::ipc) return true;
  in_addr numeric_host{};
  if (::inet_pton(AF_INET, host.c_str(), &numeric_host) == 1) {
    return (ntohl(numeric_host.s_addr) >> 24U) == 127;
  }
  return host == "localhost" || host == "::1";
}

std::string Endpoint::str() const {
  return transport == Transport::ipc ? "ipc://" + path : tcp_address(host, port);
}

Result<Endpoint> parse_endpoint(std::string_view text, Endpoint::Use use) {
  if (text.empty()) return bad_endpoint(text, examples);
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return parse_tcp(text, text, use);
  const std::string_view scheme = text.substr(0, scheme_end);
  const std::string_view rest = text.substr(scheme_end + 3);
  if (scheme == "tcp") return parse_tcp(text, rest, use);
  if (scheme == "ipc") return parse_ipc(text, rest);
  return bad_endpoint(text, "\"" + std::string(scheme) + "\" is no transport of ours; " + examples);
}

Result<ResolvedEndpoint> resolve(const Endpoint& endpoint) {
  if (endpoint.transport == Endpoint::Transport::ipc || endpoint.host == "*") {
    return ResolvedEndpoint{endpoint.str(), false};
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int failure = ::getaddrinfo(endpoint.host.c_str(), nullptr, &hints, &raw);
  if (failure != 0) {
    const bool unknown = failure == EAI_NONAME || failure == EAI_FAIL;
    return Error{unknown ? ErrorCode::bad_endpoint : ErrorCode::io_error,
                 "host \"" + endpoint.host + "\": " + ::gai_strerror(failure) +
                     "; check its spelling (getent hosts " + endpoint.host +
                     "), or type its numeric address"};
  }
  const Addresses found(raw, ::freeaddrinfo);
  const addrinfo* chosen = nullptr;
  for (const addrinfo* at = raw; at != nullptr; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    if (chosen == nullptr) chosen = at;
    if (at->ai_family == AF_INET) {
      chosen = at;
      break;
    }
  }
  const std::string host = chosen == nullptr ? "" : numeric(*chosen);
  if (host.empty()) {
    return bad_endpoint(endpoint.str(), "its host has no IPv4 or IPv6 address; type a numeric one");
  }
  return ResolvedEndpoint{tcp_address(host, endpoint.port), chosen->ai_family == AF_INET6};
}

}  // namespace fanmill::net
