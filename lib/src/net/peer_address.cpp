#include "net/peer_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

namespace fanmill::net {
namespace {

std::string address_v4(const sockaddr_storage& storage) {
  sockaddr_in address{};
  std::memcpy(&address, &storage, sizeof address);
  char host[INET_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET, &address.sin_addr, host, sizeof host);
  return std::string(host) + ":" + std::to_string(ntohs(address.sin_port));
}

std::string address_v6(const sockaddr_storage& storage) {
  sockaddr_in6 address{};
  std::memcpy(&address, &storage, sizeof address);
  char host[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET6, &address.sin6_addr, host, sizeof host);
  const std::string port = std::to_string(ntohs(address.sin6_port));
  // An IPv4 peer of a socket for both.
  constexpr std::string_view mapped = "::ffff:";
  if (std::string_view(host).starts_with(mapped)) return host + mapped.size() + (":" + port);
  return "[" + std::string(host) + "]:" + port;
}

std::string process_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return {};
  return "pid " + std::to_string(credentials.pid);
}

std::string address_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) return address_v4(storage);
  if (storage.ss_family == AF_INET6) return address_v6(storage);
  return {};
}

}  // namespace

std::string peer_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (fd < 0 || ::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return storage.ss_family == AF_UNIX ? process_of(fd) : address_of(storage);
}

std::string own_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (fd < 0 || ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return storage.ss_family == AF_UNIX ? "pid " + std::to_string(::getpid()) : address_of(storage);
}

}  // namespace fanmill::net
