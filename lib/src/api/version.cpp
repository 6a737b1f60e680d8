#include <fanmill/version.hpp>

#include "codec/capnp_version.hpp"
#include "core/limits.hpp"
#include "net/zmq_version.hpp"

namespace fanmill::inline v0 {

const char* version() noexcept { return FANMILL_BUILD_VERSION; }

ProtocolRange protocol_range() noexcept {
  return {.lowest = limits::protocol_min, .highest = limits::protocol_max};
}

std::string library_versions() {
  return "libzmq " + net::zmq_version() + ", Cap'n Proto " + codec::capnp_version();
}

std::string version_text(const std::string& program) {
  const auto [lowest, highest] = protocol_range();
  std::string protocol = std::to_string(lowest);
  if (lowest != highest) protocol += " to " + std::to_string(highest);
  return program + " " + version() + "\nprotocol " + protocol + "\n" + library_versions();
}

}  // namespace fanmill::inline v0
