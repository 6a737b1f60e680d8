// Join files, and the endpoints in them: what is taken is written so that it is taken for the same.
#include <fanmill/error.hpp>
#include <fanmill/join.hpp>
#include <optional>

#include "fuzz.hpp"
#include "net/endpoint.hpp"

namespace fanmill::fuzz {
namespace {

std::optional<Join> join_of(const std::string& text) {
  try {
    return Join::from_text(text, "FILE");
  } catch (const FarmError& error) {
    if (error.code() != ErrorCode::invalid_argument)
      found(std::string("an error of another code: ") + error.what());
    must(std::string_view(error.what()).starts_with("FILE"),
         "an error that does not name the file");
    return std::nullopt;
  }
}

// Nothing for what a file of ours can't say: quotes and line breaks.
std::optional<std::string> text_of_join(const Join& join) {
  try {
    return join.to_text();
  } catch (const FarmError& error) {
    if (error.code() != ErrorCode::invalid_argument)
      found(std::string("an error of another code: ") + error.what());
    return std::nullopt;
  }
}

void try_endpoint(const std::string& text, net::Endpoint::Use use) {
  const Result<net::Endpoint> endpoint = net::parse_endpoint(text, use);
  if (!endpoint.ok()) {
    must(endpoint.error().code == ErrorCode::bad_endpoint, "an endpoint's error of another code");
    return;
  }
  (void)endpoint.value().is_loopback();
  const Result<net::Endpoint> again = net::parse_endpoint(endpoint.value().str(), use);
  if (!again.ok()) found("an endpoint of ours is refused: " + again.error().message);
  must(again.value() == endpoint.value(), "an endpoint comes back as another");
}

void try_text(const std::string& text) {
  const std::optional<Join> join = join_of(text);
  if (!join) return;
  for (const std::string& endpoint : join->endpoints()) {
    try_endpoint(endpoint, net::Endpoint::Use::connect);
    try_endpoint(endpoint, net::Endpoint::Use::listen);
  }
  const std::optional<std::string> written = text_of_join(*join);
  if (!written) return;
  const std::optional<Join> again = join_of(*written);
  if (!again) found("a join file of ours is refused:\n" + *written);
  const bool same = again->endpoints() == join->endpoints() && again->farm() == join->farm() &&
                    again->cookie() == join->cookie() && again->server_key() == join->server_key();
  if (!same) found("a join file comes back as another:\n" + *written);
}

}  // namespace
}  // namespace fanmill::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fanmill::fuzz;
  try_text(std::string(text_of(data, size)));
  return 0;
}
