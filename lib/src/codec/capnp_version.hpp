// The version of Cap'n Proto that this library was built with; it can't tell at run time.
#pragma once

#include <string>

namespace fanmill::codec {

/// "0.9.2"
[[nodiscard]] std::string capnp_version();

}  // namespace fanmill::codec
