#include "codec/capnp_version.hpp"

#include <capnp/common.h>

namespace fanmill::codec {

std::string capnp_version() {
  return std::to_string(CAPNP_VERSION_MAJOR) + "." + std::to_string(CAPNP_VERSION_MINOR) + "." +
         std::to_string(CAPNP_VERSION_MICRO);
}

}  // namespace fanmill::codec
