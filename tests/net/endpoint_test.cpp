// What people type for an endpoint, and what they are told.
#include "net/endpoint.hpp"

#include "catch.hpp"

using namespace fanmill;
using namespace fanmill::net;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr auto connect = Endpoint::Use::connect;
constexpr auto listen = Endpoint::Use::listen;

std::string parsed(std::string_view text, Endpoint::Use use) {
  const auto endpoint = parse_endpoint(text, use);
  return endpoint.ok() ? endpoint.value().str() : "error: " + endpoint.error().message;
}

}  // namespace

TEST_CASE("endpoints are read in all the ways that people write them") {
  CHECK(parsed("tcp://node7:5557", connect) == "tcp://node7:5557");
  CHECK(parsed("node7:6000", connect) == "tcp://node7:6000");
  CHECK(parsed("node7", connect) == "tcp://node7:5557");
  CHECK(parsed("10.0.0.7", connect) == "tcp://10.0.0.7:5557");
  CHECK(parsed("[::1]:6000", connect) == "tcp://[::1]:6000");
  CHECK(parsed("::1", connect) == "tcp://[::1]:5557");
  CHECK(parsed("ipc:///run/user/1000/fm", connect) == "ipc:///run/user/1000/fm");
  CHECK(parsed("tcp://127.0.0.1:*", listen) == "tcp://127.0.0.1:*");
  CHECK(parsed("tcp://*:5557", listen) == "tcp://*:5557");
  CHECK(parsed("*", listen) == "tcp://*:5557");
  CHECK(parsed("localhost:0", listen) == "tcp://localhost:*");
}

TEST_CASE("a wrong endpoint is answered by what to type") {
  CHECK_THAT(parsed("", connect), ContainsSubstring("tcp://127.0.0.1:5557"));
  CHECK_THAT(parsed("http://node7", connect), ContainsSubstring("\"http\" is no transport"));
  CHECK_THAT(parsed("tcp://", connect), ContainsSubstring("no host"));
  CHECK_THAT(parsed("tcp://:5557", connect), ContainsSubstring("no host"));
  CHECK_THAT(parsed("5557", connect), ContainsSubstring("127.0.0.1:5557"));
  CHECK_THAT(parsed("node7:http", connect), ContainsSubstring("1 to 65535"));
  CHECK_THAT(parsed("node7:70000", connect), ContainsSubstring("1 to 65535"));
  CHECK_THAT(parsed("node7:0", connect), ContainsSubstring("1 to 65535"));
  CHECK_THAT(parsed("node7:*", connect), ContainsSubstring("1 to 65535"));
  CHECK_THAT(parsed("*:5557", connect), ContainsSubstring("name the manager's host"));
  CHECK_THAT(parsed("node 7:5557", connect), ContainsSubstring("no host"));
  CHECK_THAT(parsed("tcp://node7/x", connect), ContainsSubstring("no host"));
  CHECK_THAT(parsed("[::1", connect), ContainsSubstring("no host"));
  CHECK_THAT(parsed("ipc://relative", connect), ContainsSubstring("three slashes"));
  CHECK_THAT(parsed("ipc:///" + std::string(200, 'x'), connect), ContainsSubstring("107"));
}

TEST_CASE("loopback is what only this host can reach") {
  const auto is_loopback = [](std::string_view text) {
    return parse_endpoint(text, connect).value().is_loopback();
  };
  CHECK(is_loopback("ipc:///tmp/x"));
  CHECK(is_loopback("localhost"));
  CHECK(is_loopback("127.0.0.1"));
  CHECK(is_loopback("127.8.9.10"));
  CHECK(is_loopback("[::1]"));
  CHECK_FALSE(is_loopback("10.0.0.1"));
  CHECK_FALSE(is_loopback("128.0.0.1"));
  CHECK_FALSE(is_loopback("node7"));
}

TEST_CASE("names are looked up, numbers and wildcards are not") {
  const auto resolved = [](std::string_view text, Endpoint::Use use) {
    return resolve(parse_endpoint(text, use).value());
  };
  CHECK(resolved("localhost", connect).value() == ResolvedEndpoint{"tcp://127.0.0.1:5557", false});
  CHECK(resolved("[::1]", connect).value() == ResolvedEndpoint{"tcp://[::1]:5557", true});
  CHECK(resolved("*:*", listen).value() == ResolvedEndpoint{"tcp://*:*", false});
  CHECK(resolved("ipc:///tmp/x", listen).value() == ResolvedEndpoint{"ipc:///tmp/x", false});
  const auto unknown = resolved("no-such-host.invalid", connect);
  REQUIRE_FALSE(unknown.ok());
  CHECK_THAT(unknown.error().message, ContainsSubstring("getent hosts no-such-host.invalid"));
}
