// The manager's loop alone: listening, asking, and peers that misbehave.
#include "net/manager_loop.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <utility>

#include "base/descriptor.hpp"
#include "catch.hpp"
#include "farm.hpp"
#include "net/endpoint.hpp"
#include "net/paths.hpp"
#include "scratch_folder.hpp"
#include "versions/peer.hpp"

using namespace fanmill;
using namespace fanmill::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Error start_error(const std::string& endpoint) {
  auto started = net::ManagerLoop::start({.core = {},
                                          .endpoints = {endpoint},
                                          .gate = TestKeys::gate(),
                                          .secret_key = TestKeys::secret_key(),
                                          .deliver = {}});
  REQUIRE_FALSE(started.ok());
  return started.error();
}

std::vector<std::string> texts(const fanmill_test::Frames& frames) {
  std::vector<std::string> list{frames.header};
  if (frames.payload) list.push_back(*frames.payload);
  return list;
}

// Something that works, to see that nothing of it was disturbed.
void check_that_it_works(Farm& farm) {
  TestWorker worker({.endpoints = {farm.endpoint()}, .functions = {echo}});
  farm.submit({"a", "b"});
  CHECK(farm.wait_for_groups(2).size() == 2);
}

}  // namespace

TEST_CASE("a port that is taken is refused in words") {
  Farm farm;
  const Error error = start_error(farm.endpoint());
  CHECK(error.code == ErrorCode::address_in_use);
  CHECK_THAT(error.message, ContainsSubstring("the port is taken"));
}

TEST_CASE("an ipc path with a listener, or with a file, is refused and left as it is") {
  auto sockets = net::SocketFolder::make();
  REQUIRE(sockets.ok());
  const std::string endpoint = sockets.value().endpoint("manager");
  Farm farm({.endpoints = {endpoint}});
  CHECK(start_error(endpoint).code == ErrorCode::address_in_use);
  check_that_it_works(farm);

  const ScratchFolder scratch;
  const std::string file = scratch.path() + "/file";
  std::ofstream(file) << "precious";
  CHECK(start_error("ipc://" + file).code == ErrorCode::io_error);
  std::ifstream in(file);
  std::string text;
  in >> text;
  CHECK(text == "precious");
}

TEST_CASE("an ipc path that a killed manager left behind is taken over") {
  const ScratchFolder scratch;
  const std::string path = scratch.path() + "/left";
  {
    const Descriptor left(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr address{};
    address.sa_family = AF_UNIX;
    std::string name = path;
    std::vector<char> bytes(2 + name.size() + 1);
    std::memcpy(bytes.data(), &address.sa_family, 2);
    std::memcpy(bytes.data() + 2, name.c_str(), name.size() + 1);
    REQUIRE(::bind(left.get(), reinterpret_cast<const sockaddr*>(bytes.data()),
                   static_cast<socklen_t>(bytes.size())) == 0);
  }
  Farm farm({.endpoints = {"ipc://" + path}});
  check_that_it_works(farm);
}

TEST_CASE("endpoints that can't be listened on are refused in words") {
  CHECK(start_error("tcp://no-such-host.invalid:*").message.find("spelling") != std::string::npos);
  CHECK(start_error("tcp://192.0.2.1:*").code == ErrorCode::bad_endpoint);
  CHECK(start_error("nonsense://").code == ErrorCode::bad_endpoint);
  CHECK(start_error("ipc:///no/such/folder/socket").code == ErrorCode::io_error);
  CHECK(net::ManagerLoop::start({}).error().code == ErrorCode::bad_endpoint);
}

TEST_CASE("deliveries may ask the loop and post to it") {
  std::unique_ptr<net::ManagerLoop> loop;
  std::promise<std::size_t> asked;
  bool is_first = true;
  auto started = net::ManagerLoop::start({.core = {},
                                          .endpoints = {"tcp://127.0.0.1:*"},
                                          .gate = TestKeys::gate(),
                                          .secret_key = TestKeys::secret_key(),
                                          .deliver = [&](core::ManagerActions&&) {
                                            if (!std::exchange(is_first, false)) return;
                                            loop->query([&](const core::Manager& manager) {
                                              asked.set_value(manager.worker_count());
                                            });
                                            loop->post({});
                                          }});
  REQUIRE(started.ok());
  loop = std::move(started).value();
  loop->query([&](const core::Manager&) {
    loop->post({core::JobOpened{.client = core::embedded_client, .job = JobId{1}, .options = {}},
                core::GroupSubmitted{.job = JobId{1}, .item = 0, .policy = {}, .tasks = {}}});
  });
  CHECK(asked.get_future().get() == 0);
  loop->stop(Duration::zero());
}

TEST_CASE("garbage of every length is answered by a refusal and disturbs nobody") {
  Farm farm;
  RawPeer peer(farm.endpoint());
  std::mt19937 random(4711);  // NOLINT: the same bytes in every run
  std::size_t sent = 0;
  for (const std::size_t size :
       {0U, 1U, 7U, 8U, 15U, 16U, 32U, 33U, 200U, 4096U, 4097U, 100'000U}) {
    for (int i = 0; i < 20; ++i) {
      std::string bytes(size, '\0');
      for (char& byte : bytes) byte = static_cast<char>(random());
      peer.send({bytes});
      sent += 1;
    }
  }
  for (std::size_t i = 0; i < sent; ++i) {
    CHECK(peer.wait_for<core::Refuse>().code == core::RefuseCode::malformed);
  }
  CHECK(farm.core_counters().messages_malformed == sent);
  CHECK(farm.loop().counters().peers == 0);
  check_that_it_works(farm);
}

// The refusal lets the peer be forgotten. What it said behind that, read in the same turn, was then
// answered to a peer that nobody knew any more, and the welcome was lost.
TEST_CASE("a hello right behind garbage is welcomed") {
  Farm farm;
  RawPeer peer(farm.endpoint());
  farm.loop().query(
      [&](const core::Manager&) {  // so that both are read in one turn, or nearly always
        peer.send({"garbage"});
        peer.send_message(some_hello());
      });
  CHECK(peer.wait_for<core::Welcome>().session.valid());
}

TEST_CASE("random headers that begin like ours are survived") {
  Farm farm;
  RawPeer peer(farm.endpoint());
  std::mt19937 random(815);  // NOLINT: the same bytes in every run
  const auto sample = texts(fanmill_test::v2::hello());
  constexpr std::uint64_t count = 2000;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::vector<std::string> frames = sample;
    for (int flips = 0; flips < 3; ++flips) {
      frames[0][random() % frames[0].size()] = static_cast<char>(random());
    }
    peer.send(frames);
  }
  farm.wait_until_counters([](const net::LoopCounters& now) { return now.messages_in >= count; });
  peer.close();  // some were hellos all the same, and it will not work
  check_that_it_works(farm);
}

TEST_CASE("too many frames close the session of their sender and no other") {
  Farm farm;
  RawPeer witness(farm.endpoint());
  (void)witness.join();
  RawPeer peer(farm.endpoint());
  const core::Welcome welcome = peer.join();
  peer.send(std::vector<std::string>(1000, "frame"));
  const auto refuse = peer.wait_for<core::Refuse>();
  CHECK(refuse.session == welcome.session);
  CHECK_THAT(refuse.words, ContainsSubstring("1000 frames, expected at most 2"));
  farm.wait_until([](const core::Manager& manager) { return manager.worker_count() == 1; });
  witness.close();
  check_that_it_works(farm);
}

TEST_CASE("a frame beyond the limit costs its sender the connection and us nothing") {
  Farm farm;
  RawPeer peer(farm.endpoint());
  (void)peer.join();
  peer.send({std::string((1U << 20U) + 1, 'x')});
  CHECK_THAT(farm.wait_for(core::Observation::Kind::worker_left).text, ContainsSubstring("lost"));
  check_that_it_works(farm);
}

TEST_CASE("a browser on the port is not answered and disturbs nobody") {
  Farm farm;
  const auto endpoint = net::parse_endpoint(farm.endpoint(), net::Endpoint::Use::connect).value();
  const Descriptor client(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  ::inet_pton(AF_INET, endpoint.host.c_str(), &address.sin_addr);
  REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
          0);
  const std::string request =
      "GET / HTTP/1.1\r\nHost: " + endpoint.host + "\r\nUser-Agent: test\r\n\r\n";
  REQUIRE(::send(client.get(), request.data(), request.size(), 0) ==
          static_cast<ssize_t>(request.size()));
  ::shutdown(client.get(), SHUT_WR);
  farm.wait_until_counters(
      [](const net::LoopCounters& now) { return now.connections_closed >= 1; });
  check_that_it_works(farm);
  farm.wait_until_counters([](const net::LoopCounters& now) { return now.peers == 0; });
}

TEST_CASE("an older worker is refused with both ranges, a newer one is welcome in our version") {
  Farm farm;
  RawPeer older(farm.endpoint());
  older.send(texts(fanmill_test::v0::hello()));
  const auto refuse = fanmill_test::v0::read_refuse(older.receive().front());
  REQUIRE(refuse);
  CHECK(refuse->code == 1);
  CHECK(refuse->protocol_min == 1);

  RawPeer newer(farm.endpoint());
  newer.send(texts(fanmill_test::v2::hello()));
  const auto welcome = newer.wait_for<core::Welcome>();
  CHECK(welcome.version == 1);
  newer.send(texts(fanmill_test::v2::telemetry(1, welcome.session.value)));
  newer.send(texts(fanmill_test::v2::heartbeat(1, welcome.session.value, 0, 0, true)));
  CHECK(newer.wait_for<core::Heartbeat>().session == welcome.session);
  CHECK(farm.core_counters().messages_unknown == 1);
  newer.close();
  check_that_it_works(farm);
}

TEST_CASE("a peer without a session is asked who it is") {
  Farm farm;
  RawPeer peer(farm.endpoint());
  peer.send_message(core::Heartbeat{.session = SessionId{77}});
  (void)peer.wait_for<core::Who>();
  CHECK(peer.join().session.valid());
}

// The shell can't tell an answer that is never read from one that is slow: it must hold no more
// than libzmq's queue of them.
TEST_CASE("a peer that never reads what it asks for does not make us hold its answers") {
  Farm farm;
  RawPeer peer(farm.endpoint(), {.queue_max = 1});
  constexpr std::uint64_t count = 60'000;
  for (std::uint64_t i = 0; i < count; ++i) peer.send({"garbage"});
  farm.wait_until_counters([](const net::LoopCounters& now) { return now.messages_in == count; });
  CHECK(farm.loop().counters().sends_dropped > 0);
  CHECK(farm.loop().counters().outboxes == 0);
  CHECK(farm.loop().counters().peers <= 1);
  check_that_it_works(farm);
}
