#include <fanmill/version.hpp>

#include "codec/capnp_version.hpp"
#include "core/limits.hpp"
#include "net/zmq_version.hpp"

namespace fanmill {

const char* version() noexcept { return FANMILL_BUILD_VERSION; }

ProtocolRange protocol_range() noexcept {
  return {.lowest = limits::protocol_min, .highest = limits::protocol_max};
}

std::string library_versions() {
  return "libzmq " + net::zmq_version() + ", Cap'n Proto " + codec::capnp_version();
}

}  // namespace fanmill
