// JSON to an object and back: any text gives a value or a refusal that names its place, and a value
// comes back the same.
#include <fanmill/error.hpp>
#include <fanmill/json.hpp>
#include <fanmill/object_view.hpp>
#include <optional>

#include "fuzz.hpp"

namespace fanmill::fuzz {
namespace {

std::optional<Payload> object_of(std::string_view text) {
  try {
    return json_to_object(text);
  } catch (const FarmError& error) {
    if (error.code() != ErrorCode::malformed_payload)
      found(std::string("an error of another code: ") + error.what());
    must(std::string_view(error.what()).starts_with("JSON, "), "an error that names no place");
    return std::nullopt;
  }
}

void try_text(std::string_view text) {
  const std::optional<Payload> object = object_of(text);
  if (!object) return;
  const std::string json = to_json(*object);
  must(json.find('\n') == std::string::npos, "JSON of ours in two lines");
  const std::optional<Payload> again = object_of(json);
  if (!again) found("JSON of ours is refused: " + json);
  must(*again == *object, "a value comes back as another");
  must(to_json(Payload::json(text)) == text, "JSON does not pass unchanged");
}

}  // namespace
}  // namespace fanmill::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fanmill::fuzz;
  const std::vector<char> exact(data, data + size);  // a byte read behind it is noticed
  try_text({exact.data(), exact.size()});
  return 0;
}
