#include "net/zmq_version.hpp"

#include <zmq.hpp>

namespace fanmill::net {

std::string zmq_version() {
  int major = 0;
  int minor = 0;
  int patch = 0;
  ::zmq_version(&major, &minor, &patch);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

}  // namespace fanmill::net
