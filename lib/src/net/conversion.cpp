#include "net/conversion.hpp"

#include <fanmill/error.hpp>
#include <fanmill/json.hpp>
#include <string>

namespace fanmill::net {
namespace {

const char* name_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::none:
      return "none";
    case Encoding::object:
      return "object";
    case Encoding::json:
      return "json";
    case Encoding::raw:
      return "raw";
  }
  return "unknown";
}

}  // namespace

Result<Payload> convert(const Payload& payload, Encoding to) {
  if (payload.encoding == to) return payload;
  try {
    if (payload.encoding == Encoding::object && to == Encoding::json) {
      return Payload::json(to_json(payload));
    }
    if (payload.encoding == Encoding::json && to == Encoding::object) {
      return json_to_object(payload.bytes.view());
    }
  } catch (const FarmError& error) {
    return Error{error.code(), error.what()};
  }
  return Error{ErrorCode::malformed_payload,
               std::string("a payload of encoding ") + name_of(payload.encoding) +
                   " can't be sent to a worker that takes only " + name_of(to)};
}

}  // namespace fanmill::net
