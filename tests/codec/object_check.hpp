// What the tests of objects share: the round trip of a value, and the words of a refusal.
#pragma once

#include <fanmill/json.hpp>
#include <fanmill/object.hpp>
#include <string>

#include "catch.hpp"
#include "farm_error.hpp"

namespace fanmill::codec_test {

/// Through the payload, and through JSON and back.
template <typename T>
void check_round_trip(const T& value) {
  const Payload payload = encode(value);
  CHECK(payload.encoding == Encoding::object);
  CHECK(decode<T>(payload) == value);
  CHECK(decode<T>(Payload::json(to_json(payload))) == value);
}

/// What `decode` says that must refuse `payload`.
template <typename T>
std::string refusal(const Payload& payload) {
  return test::words_of(ErrorCode::malformed_payload, [&] { decode<T>(payload); });
}

}  // namespace fanmill::codec_test
