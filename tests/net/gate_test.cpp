// Who is let in: real sockets, real handshakes.
#include "net/gate.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "catch.hpp"
#include "farm.hpp"
#include "net/clock.hpp"
#include "net/curve_socket.hpp"
#include "net/dealer.hpp"
#include "net/router.hpp"
#include "scratch_folder.hpp"

using namespace fanmill;
using namespace fanmill::net;
using namespace fanmill::test;
using Catch::Matchers::ContainsSubstring;

namespace {

AuthorizedKeys keys_with(const PublicKey& key, RoleSet roles = Role::worker) {
  AuthorizedKeys keys;
  REQUIRE(keys.add({.key = key, .roles = roles, .name = "node3"}).ok());
  return keys;
}

/// The user that the router sees in what the dealer sends.
std::string user_of(Dealer& dealer, Router& router) {
  codec::HeaderBuffer buffer;
  dealer.send(
      codec::encode(core::Message{core::Goodbye{.session = SessionId{1}}}, 1, buffer).value());
  zmq_pollitem_t item{router.handle(), 0, ZMQ_POLLIN, 0};
  REQUIRE(zmq_poll(&item, 1, 60'000) == 1);
  Router::Received received;
  REQUIRE(router.receive(received));
  return std::string(received.user());
}

/// A guarded router and the keys of one worker that may enter.
struct Guarded {
  KeyPair server = KeyPair::make();
  std::shared_ptr<const KeyPair> worker = std::make_shared<const KeyPair>(KeyPair::make());
  PublicKey server_key = server.public_key;
  std::shared_ptr<Gate> gate;
  std::unique_ptr<Router> router;
  std::string endpoint;

  Guarded() : gate(std::make_shared<Gate>(keys_with(worker->public_key))) {
    router = Router::open(
                 {.gate = gate,
                  .secret_key = std::make_shared<const SecretKey>(std::move(server.secret_key))})
                 .value();
    endpoint = router->bind({.host = "127.0.0.1"}).value();
  }

  std::string user_of(Dealer& dealer) { return ::user_of(dealer, *router); }
};

/// Waits for the first trouble that the dealer has.
Dealer::Trouble trouble_of(Dealer& dealer) {
  ReceivedFrames received;
  const Instant end = steady_now() + patience;
  while (steady_now() < end) {
    (void)dealer.receive(received);
    if (const auto trouble = dealer.take_trouble()) return *trouble;
    zmq_pollitem_t item{dealer.monitor_handle(), 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, 1000);
  }
  FAIL("no trouble");
  return {};
}

Dealer dealer_to(const std::string& endpoint, std::optional<ClientKeys> keys) {
  return Dealer({{.address = endpoint}}, {.keys = std::move(keys)});
}

}  // namespace

TEST_CASE("whoever holds an authorised key enters, and is known by it") {
  Guarded guarded;
  Dealer dealer = dealer_to(guarded.endpoint, ClientKeys{guarded.server_key, guarded.worker});
  dealer.open();
  const std::string user = guarded.user_of(dealer);
  CHECK(user == guarded.worker->public_key.text());
  CHECK(guarded.gate->find(user)->name == "node3");
}

TEST_CASE("an unknown key, a wrong server key and no server are three different troubles") {
  Guarded guarded;
  const auto stranger = std::make_shared<const KeyPair>(KeyPair::make());
  SECTION("unknown key") {
    Dealer dealer = dealer_to(guarded.endpoint, ClientKeys{guarded.server_key, stranger});
    dealer.open();
    CHECK(trouble_of(dealer) == Dealer::Trouble::key_refused);
  }
  SECTION("revoked key") {
    guarded.gate->replace({});
    Dealer dealer = dealer_to(guarded.endpoint, ClientKeys{guarded.server_key, guarded.worker});
    dealer.open();
    CHECK(trouble_of(dealer) == Dealer::Trouble::key_refused);
  }
  SECTION("wrong server key") {
    Dealer dealer = dealer_to(guarded.endpoint, ClientKeys{stranger->public_key, guarded.worker});
    dealer.open();
    CHECK(trouble_of(dealer) == Dealer::Trouble::not_understood);
  }
  SECTION("no keys") {
    Dealer dealer = dealer_to(guarded.endpoint, {});
    dealer.open();
    CHECK(trouble_of(dealer) == Dealer::Trouble::not_understood);
  }
  SECTION("nobody listens") {
    const std::string endpoint = guarded.endpoint;
    guarded.router->close(Duration::zero());
    Dealer dealer = dealer_to(endpoint, ClientKeys{guarded.server_key, guarded.worker});
    dealer.open();
    CHECK(trouble_of(dealer) == Dealer::Trouble::not_there);
  }
}

TEST_CASE("over ipc the user's own processes enter without a key") {
  Guarded guarded;
  const SocketFolder folder = SocketFolder::make().value();
  const std::string endpoint = folder.endpoint("manager");
  REQUIRE(guarded.router->bind(parse_endpoint(endpoint, Endpoint::Use::listen).value()).ok());
  // Keys are of no use there, and do no harm.
  std::optional<ClientKeys> keys;
  SECTION("without keys") {}
  SECTION("with keys") { keys = ClientKeys{guarded.server_key, guarded.worker}; }
  Dealer dealer = dealer_to(endpoint, keys);
  dealer.open();
  const std::string user = guarded.user_of(dealer);
  CHECK(user == "uid " + std::to_string(::geteuid()));
  CHECK(guarded.gate->find(user)->roles == RoleSet::all());
}

TEST_CASE("without a key a router listens on tcp only if that was spelled out", "[plaintext]") {
  const auto router_of = [](Gate::Plaintext plaintext) {
    return Router::open({.gate = std::make_shared<Gate>(AuthorizedKeys(), plaintext)}).value();
  };
  const auto refused = router_of(Gate::Plaintext::refused)->bind({.host = "127.0.0.1"});
  REQUIRE_FALSE(refused.ok());
  CHECK_THAT(refused.error().message, ContainsSubstring("there is no key to encrypt with"));

  const auto router = router_of(Gate::Plaintext::allowed);
  const std::string endpoint = router->bind({.host = "127.0.0.1"}).value();
  Dealer dealer = dealer_to(endpoint, {});
  dealer.open();
  CHECK(user_of(dealer, *router) == "plaintext");
  const Gate gate({}, Gate::Plaintext::allowed);
  CHECK(gate.find("plaintext")->roles == RoleSet(Role::worker));
  CHECK_FALSE(Gate({}).find("plaintext"));
}

TEST_CASE("what the gate says of visitors and of users") {
  const KeyPair pair = KeyPair::make();
  Gate gate(keys_with(pair.public_key, Role::observe));
  using Mechanism = Visitor::Mechanism;
  CHECK(gate.admit({Mechanism::curve, "10.0.0.7", pair.public_key}) == pair.public_key.text());
  CHECK_FALSE(gate.admit({Mechanism::curve, "10.0.0.7", KeyPair::make().public_key}));
  CHECK_FALSE(gate.admit({Mechanism::curve, "10.0.0.7", {}}));
  const std::string uid = std::to_string(::geteuid());
  CHECK(gate.admit({Mechanism::null, "localhost:" + uid + ":0:1", {}}));
  CHECK_FALSE(
      gate.admit({Mechanism::null, "localhost:" + std::to_string(::geteuid() + 1) + ":0:1", {}}));
  for (const std::string& address :
       {std::string(), std::string("localhost"), std::string("localhost:"), "localhost:" + uid,
        "localhost:x" + uid + ":0:1", "::" + uid + ":0:1", std::string("127.0.0.1")}) {
    CAPTURE(address);
    CHECK_FALSE(gate.admit({Mechanism::null, address, {}}));
  }
  CHECK_FALSE(gate.admit({Mechanism::other, "localhost:" + uid + ":0:1", {}}));
  CHECK_FALSE(gate.find(""));
  CHECK(gate.find(pair.public_key.text())->roles == RoleSet(Role::observe));
  gate.replace({});
  CHECK_FALSE(gate.find(pair.public_key.text()));
}

TEST_CASE("a router shows at its start that strangers are refused") {
  Guarded guarded;
  const Status shown = guarded.router->prove_gate(patience);
  CHECK(shown.ok());
  // What was bound for that is gone, and the router serves as before.
  Dealer dealer = dealer_to(guarded.endpoint, ClientKeys{guarded.server_key, guarded.worker});
  dealer.open();
  CHECK(guarded.user_of(dealer) == guarded.worker->public_key.text());
}

TEST_CASE("a second guard in one context is refused, not left out") {
  const auto context = std::make_shared<zmq::context_t>(1);
  const auto gate = std::make_shared<Gate>(AuthorizedKeys());
  const auto first = Router::open({.context = context, .gate = gate});
  REQUIRE(first.ok());
  const auto second = Router::open({.context = context, .gate = gate});
  REQUIRE_FALSE(second.ok());
  CHECK_THAT(second.error().message, ContainsSubstring("can't guard a socket"));
}

// libzmq's own default lets everybody in if nobody answers.
TEST_CASE("a guarded socket without a handler lets nobody in") {
  zmq::context_t context;
  zmq::socket_t router(context, zmq::socket_type::router);
  router.set(zmq::sockopt::linger, 0);
  ZapHandler::shut(router, "nobody's");
  const KeyPair server = KeyPair::make();
  router.set(zmq::sockopt::curve_server, true);
  REQUIRE(zmq_setsockopt(router.handle(), ZMQ_CURVE_SECRETKEY, server.secret_key.data(),
                         key_bytes) == 0);
  router.bind("tcp://127.0.0.1:*");
  const auto own = std::make_shared<const KeyPair>(KeyPair::make());
  Dealer dealer({{.address = router.get(zmq::sockopt::last_endpoint)}},
                {.keys = ClientKeys{server.public_key, own}});
  dealer.open();
  CHECK(trouble_of(dealer) == Dealer::Trouble::not_understood);
}

// The kernel remembers who called listen.
TEST_CASE("by ipc nothing is taken from another user's process") {
  if (::geteuid() != 0) return;  // only root can be two users
  const ScratchFolder scratch;
  REQUIRE(::chmod(scratch.path().c_str(), 0777) == 0);
  const std::string path = scratch.path() + "/manager";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const pid_t other = ::fork();
  if (other == 0) {
    constexpr ::uid_t nobody = 65534;
    ::_exit(::setuid(nobody) == 0 && ::listen(listener, 8) == 0 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(other, &status, 0) == other);
  REQUIRE(status == 0);
  Dealer dealer({{.address = "ipc://" + path}});
  dealer.open();
  CHECK(trouble_of(dealer) == Dealer::Trouble::other_user);
  ::close(listener);
}

// libzmq 4.3.4 gives a peer that has chosen no routing id a byte of 0 and a number that rises by one,
// and aborts if somebody has chosen that one before. Whoever holds a key could end the manager so.
TEST_CASE("a peer with a key can't take a routing id that libzmq will give to another") {
  Guarded guarded;
  const SocketFolder folder = SocketFolder::make().value();
  const std::string local = folder.endpoint("manager");
  REQUIRE(guarded.router->bind(parse_endpoint(local, Endpoint::Use::listen).value()).ok());
  zmq::context_t context;
  std::vector<zmq::socket_t> peers;
  const auto speak = [&](const std::string& endpoint, const std::string& routing_id) {
    zmq::socket_t& peer = peers.emplace_back(context, zmq::socket_type::dealer);
    peer.set(zmq::sockopt::linger, 0);
    if (!routing_id.empty()) peer.set(zmq::sockopt::routing_id, routing_id);
    if (endpoint.starts_with("tcp")) show_keys(peer, guarded.server_key, *guarded.worker);
    peer.connect(endpoint);
    peer.send(zmq::str_buffer("hello"));
    zmq_pollitem_t item{guarded.router->handle(), 0, ZMQ_POLLIN, 0};
    REQUIRE(zmq_poll(&item, 1, 60'000) == 1);
    Router::Received received;
    REQUIRE(guarded.router->receive(received));
    return std::string(view(received.routing_id));
  };
  const std::string given = speak(local, "");
  REQUIRE(given.size() == 5);
  std::string next = given;
  for (std::size_t at = next.size(); at-- > 1 && ++next[at] == '\0';) {
  }
  const std::string named = speak(guarded.endpoint, next);
  CHECK(guarded.router->has_named(named));
  CHECK(speak(local, "") == next);  // and here the process would end
  CHECK_FALSE(guarded.router->has_named(next));
  // Those of the same choice are as many peers.
  std::set<std::string> names;
  for (int i = 0; i < 50; ++i) names.insert(speak(guarded.endpoint, next));
  CHECK(names.size() == 50);
  for (const std::string& name : names) CHECK(guarded.router->has_named(name));
}
