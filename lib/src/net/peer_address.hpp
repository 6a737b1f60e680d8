// Where a connection comes from, for people.
#pragma once

#include <string>

namespace fanmill::net {

/// "10.0.0.7:53122", "[fe80::1]:53122", "pid 4711" (ipc); empty if the descriptor is not connected
/// any more.
[[nodiscard]] std::string peer_address(int fd);
/// The same of this end of the connection.
[[nodiscard]] std::string own_address(int fd);

}  // namespace fanmill::net
