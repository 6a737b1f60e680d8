// Payloads on their way to a worker that does not take their encoding.
#pragma once

#include <fanmill/payload.hpp>

#include "base/result.hpp"

namespace fanmill::net {

/// Error (malformed_payload): the bytes are not what their encoding says, or there is no way
/// between the two.
[[nodiscard]] Result<Payload> convert(const Payload& payload, Encoding to);

}  // namespace fanmill::net
