// Conversions between payloads of encoding `object` and JSON text, for workers that speak only
// JSON.
//
// Both ways are total: what JSON lacks is tagged, as schemas/object.capnp says under "AS JSON"
// ({"$bytes": "aGk="},
// {"$int": "12345678901234567890"} and so on). Programs seldom call these: `decode` reads JSON
// payloads, and the farm converts what goes to a JSON-only worker.
#pragma once

#include <fanmill/export.hpp>
#include <fanmill/payload.hpp>
#include <string>
#include <string_view>

namespace fanmill::inline v0 {

/// One JSON text as a payload of encoding `object`. JSON objects become maps with text keys, arrays
/// lists; numbers with a '.' or an exponent become floats, others integers, exact up to 4,932
/// digits (more need {"$int": ...}, which takes 100,000 decimal digits, or any number of
/// hexadecimal ones behind "0x"). Throws FarmError (malformed_payload) with the place: "JSON,
/// column 17: unexpected '}'; expected ..." (and the line, beyond the first). A key that stands
/// twice in one object is refused, and so is more than 64 levels of nesting.
FANMILL_EXPORT Payload json_to_object(std::string_view text);

/// JSON text for `payload`: none gives "null", JSON is checked and given back as it is, raw bytes
/// are refused (FarmError, malformed_payload). The text is UTF-8 in one line.
FANMILL_EXPORT std::string to_json(const Payload& payload);

}  // namespace fanmill::inline v0
