// The version of libzmq that this process runs with.
#pragma once

#include <string>

namespace fanmill::net {

/// "4.3.4"
[[nodiscard]] std::string zmq_version();

}  // namespace fanmill::net
