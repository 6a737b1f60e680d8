// A manager's loop and workers, over real sockets.
#include <chrono>
#include <fanmill/object.hpp>
#include <set>
#include <span>

#include "catch.hpp"
#include "farm.hpp"
#include "net/paths.hpp"

using namespace fanmill;
using namespace fanmill::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

std::vector<std::string> numbered(std::size_t count) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back("item " + std::to_string(i));
  return texts;
}

}  // namespace

TEST_CASE("items come back through workers on tcp and on ipc, which lead to the same manager") {
  auto sockets = net::SocketFolder::make();
  REQUIRE(sockets.ok());
  Farm farm({.endpoints = {"tcp://127.0.0.1:*", sockets.value().endpoint("manager")}});
  REQUIRE(farm.loop().endpoints().size() == 2);
  TestWorker by_tcp({.endpoints = {farm.loop().endpoints()[0]}, .functions = {echo}});
  TestWorker by_ipc({.endpoints = {farm.loop().endpoints()[1]}, .functions = {echo}, .slots = 2});

  std::set<std::string> kinds;
  for (int i = 0; i < 2; ++i) {
    const std::string text = farm.wait_for(core::Observation::Kind::worker_joined).worker;
    kinds.insert(text.find("pid ") == std::string::npos ? "tcp" : "ipc");
  }
  CHECK(kinds == std::set<std::string>{"tcp", "ipc"});

  const auto texts = numbered(500);
  farm.submit(texts);
  const auto groups = farm.wait_for_groups(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    REQUIRE(groups[i].result.decided);
    CHECK(groups[i].result.answers.front().payload.bytes.view() == texts[i]);
  }
}

TEST_CASE("workers may come before their manager's work and after it") {
  Farm farm;
  farm.submit(numbered(10));
  TestWorker worker({.endpoints = {farm.endpoint()}, .functions = {echo}});
  CHECK(farm.wait_for_groups(10).size() == 10);
}

TEST_CASE("big payloads arrive whole both ways") {
  Farm farm;
  TestWorker worker({.endpoints = {farm.endpoint()}, .functions = {echo}});
  std::vector<std::string> texts;
  for (const std::size_t size : {0U, 1U, 1023U, 1024U, 1025U, 70'000U, 1U << 20U}) {
    texts.emplace_back(size, static_cast<char>('a' + texts.size()));
  }
  farm.submit(texts);
  const auto groups = farm.wait_for_groups(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    REQUIRE(groups[i].result.decided);
    CHECK(groups[i].result.answers.front().payload.bytes.view() == texts[i]);
  }
}

// Keys make frames longer on the wire, and libzmq's limit is about those: a result as large as the
// welcome allows ended its connection, came again with the next one, and ended that.
TEST_CASE(
    "the largest payloads arrive with keys, too, and larger frames still end the connection") {
  Farm farm;
  TestWorker worker({.endpoints = {farm.endpoint()}, .functions = {echo}});
  std::vector<std::string> texts;
  for (const std::size_t less : {0U, 1U, 32U, 33U, 34U})
    texts.emplace_back((1U << 20U) - less, 'x');
  farm.submit(texts);
  const auto groups = farm.wait_for_groups(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    REQUIRE(groups[i].result.decided);
    CHECK(groups[i].result.answers.front().payload.bytes.view() == texts[i]);
  }
  CHECK(farm.core_counters().workers_lost == 0);
  CHECK(farm.core_counters().sessions_opened == 1);

  RawPeer peer(farm.endpoint());
  const std::uint64_t closed = farm.loop().counters().connections_closed;
  peer.send({"garbage"});
  peer.send({std::string((1U << 20U) + 1, 'x')});
  farm.wait_until_counters(
      [&](const net::LoopCounters& now) { return now.connections_closed > closed; });
}

TEST_CASE("who does not get in is told of in sums") {
  net::KeyPair server = net::KeyPair::make();
  const net::ClientKeys keys{server.public_key,
                             std::make_shared<const net::KeyPair>(net::KeyPair::make())};
  Farm farm({.gate = std::make_shared<const net::Gate>(net::AuthorizedKeys()),
             .secret_key = std::make_shared<const net::SecretKey>(std::move(server.secret_key))});
  TestWorker worker({.endpoints = {farm.endpoint()}, .functions = {echo}, .keys = keys});
  const core::Observation told = farm.wait_for(core::Observation::Kind::warning);
  CHECK(told.level == 1);
  // It goes on trying meanwhile, so there may have been more.
  CHECK_THAT(told.text, ContainsSubstring(" showed a key"));
  CHECK_THAT(told.text, !ContainsSubstring(" 0 showed a key"));
}

// The worker would close its connection on it, and so would each next one. Large payloads go as they
// are; this one only becomes large for a worker that takes nothing but JSON.
TEST_CASE(
    "a task that is too large once converted is rejected without being sent, the rest goes on") {
  Farm farm;
  TestWorker worker({.endpoints = {farm.endpoint()},
                     .functions = {echo},
                     .core = {.encodings = core::encoding_bit(Encoding::json)}});
  farm.open_job();
  const std::string bytes(900'000, 'x');
  farm.submit_group(0, {{.payload = Payload::json("1")}}, {});
  farm.submit_group(1, {{.payload = encode(std::as_bytes(std::span(bytes)))}}, {});
  farm.submit_group(2, {{.payload = Payload::json("2")}}, {});
  const auto groups = farm.wait_for_groups(3);
  CHECK(groups[0].result.decided);
  CHECK(groups[2].result.decided);
  CHECK_FALSE(groups[1].result.decided);
  REQUIRE_FALSE(groups[1].result.errors.empty());
  CHECK_THAT(groups[1].result.errors.front().text, ContainsSubstring("frame_bytes_max"));
  CHECK(farm.loop().counters().tasks_unsendable >= 1);
  CHECK(farm.core_counters().workers_lost == 0);
}

TEST_CASE("a worker that takes only JSON is sent JSON; what can't be converted is rejected") {
  Farm farm;
  core::Hello hello = some_hello();
  hello.encodings = core::encoding_bit(Encoding::json);
  RawPeer peer(farm.endpoint());
  const core::Welcome welcome = peer.join(hello);

  farm.open_job();
  // These bytes are no object: their conversion fails.
  farm.submit_group(0, {{.payload = {Bytes("garbage!"), Encoding::object}}}, {});
  farm.submit_group(1, {{.payload = Payload::json("[1, 2]")}}, {});
  const auto task = peer.wait_for<core::Task>();
  CHECK(task.payload.encoding == Encoding::json);
  CHECK(task.item == 1);
  // It has had no result recorded, whatever the shell has answered in its name.
  CHECK(task.acknowledged == 0);
  peer.send_message(core::Result{.attempt = task.attempt, .payload = Payload::json("3")});
  const auto groups = farm.wait_for_groups(2);
  CHECK_FALSE(groups[0].result.decided);
  CHECK(groups[1].result.decided);
  // One result has been recorded that this worker knows of; never is it told of two.
  auto heartbeat = peer.wait_for<core::Heartbeat>();
  while (heartbeat.acknowledged == 0) heartbeat = peer.wait_for<core::Heartbeat>();
  CHECK(heartbeat.acknowledged == 1);
  CHECK(heartbeat.session == welcome.session);
}

TEST_CASE("the first answer of a race frees the workers that still compute") {
  Farm farm;
  TestWorker slow_1({.endpoints = {farm.endpoint()}, .functions = {until_stopped}});
  TestWorker slow_2({.endpoints = {farm.endpoint()}, .functions = {until_stopped}});
  farm.wait_until([](const core::Manager& manager) { return manager.worker_count() == 2; });
  farm.open_job();
  farm.submit_group(0, {{}, {}, {}}, {.kind = core::Policy::Kind::first});
  farm.wait_until([](const core::Manager& manager) { return manager.counters().attempts >= 2; });
  TestWorker quick({.endpoints = {farm.endpoint()}, .functions = {echo}});
  const auto groups = farm.wait_for_groups(1);
  CHECK(groups[0].result.decided);
  CHECK(groups[0].result.tasks_killed >= 1);
  // Both are idle again, with the sessions that they had.
  farm.wait_until([](const core::Manager& manager) {
    for (const auto& worker : manager.workers()) {
      if (worker.held != 0) return false;
    }
    return manager.worker_count() == 3;
  });
  CHECK(farm.core_counters().sessions_opened == 3);
}

TEST_CASE("a worker whose connection is cut is noticed by it, and its task runs elsewhere") {
  Farm farm;
  auto peer = std::make_unique<RawPeer>(farm.endpoint());
  (void)peer->join();
  farm.submit({"only"});
  const auto task = peer->wait_for<core::Task>();
  CHECK(task.number == 1);
  peer.reset();  // no goodbye
  CHECK_THAT(farm.wait_for(core::Observation::Kind::worker_left).text, ContainsSubstring("lost"));
  TestWorker worker({.endpoints = {farm.endpoint()}, .functions = {echo}});
  CHECK(farm.wait_for_groups(1)[0].result.decided);
  CHECK(farm.core_counters().workers_lost == 1);
}

TEST_CASE("a goodbye that was on its way is heard before the end of its connection") {
  Farm farm;
  for (int i = 0; i < 50; ++i) {
    RawPeer peer(farm.endpoint());
    const core::Welcome welcome = peer.join();
    peer.send_message(core::Goodbye{.session = welcome.session, .words = "done"});
    peer.socket().set(zmq::sockopt::linger, static_cast<int>(1000 * patience.count()));
  }
  farm.wait_until([](const core::Manager& manager) { return manager.worker_count() == 0; });
  CHECK(farm.core_counters().workers_left == 50);
  CHECK(farm.core_counters().workers_lost == 0);
}

TEST_CASE("after two hundred workers have come and gone nothing of them is left") {
  Farm farm;
  for (int i = 0; i < 200; ++i) {
    RawPeer peer(farm.endpoint());
    if (i % 4 == 0) {
      peer.send({"garbage"});
      (void)peer.wait_for<core::Refuse>();
    } else {
      (void)peer.join();
    }
  }
  farm.wait_until_counters([](const net::LoopCounters& now) {
    return now.peers == 0 && now.descriptors == 0 && now.connections_closed == 200;
  });
  farm.wait_until([](const core::Manager& manager) { return manager.worker_count() == 0; });
  CHECK(farm.core_counters().workers_lost == 150);
}

// By ipc, as by tcp the manager names who has a key.
TEST_CASE("a peer that keeps its routing id over a reconnect is a new peer") {
  auto sockets = net::SocketFolder::make();
  REQUIRE(sockets.ok());
  Farm farm({.endpoints = {sockets.value().endpoint("manager")}});
  core::Hello hello = some_hello();
  {
    RawPeer first(farm.endpoint(), {.routing_id = "chosen"});
    (void)first.join(hello);
  }
  farm.wait_until([](const core::Manager& manager) { return manager.worker_count() == 0; });
  hello.greeting = 2;
  RawPeer second(farm.endpoint(), {.routing_id = "chosen"});
  CHECK(second.join(hello).session.valid());
  CHECK(farm.loop().counters().peers == 1);
}

TEST_CASE("a stop says goodbye to all workers, and they end") {
  auto farm = std::make_unique<Farm>();
  std::vector<std::unique_ptr<TestWorker>> workers;
  for (int i = 0; i < 8; ++i) {
    workers.push_back(std::make_unique<TestWorker>(
        TestWorker::Options{.endpoints = {farm->endpoint()}, .functions = {until_stopped}}));
  }
  farm->wait_until([](const core::Manager& manager) { return manager.worker_count() == 8; });
  farm->submit(numbered(4));
  farm->wait_until([](const core::Manager& manager) { return manager.counters().attempts == 4; });
  farm->loop().stop(30s);
  for (auto& worker : workers) CHECK(worker->status() == 5);

  // A stopped loop still answers, and stays stopped.
  farm->loop().stop(1s);
  farm->loop().post({core::ShutdownRequested{}});
  CHECK(farm->core_counters().sessions_opened == 8);
  CHECK(farm->loop().counters().messages_in > 0);
}

TEST_CASE("a worker finds a manager that starts after it") {
  auto sockets = net::SocketFolder::make();
  REQUIRE(sockets.ok());
  const std::string endpoint = sockets.value().endpoint("later");
  TestWorker worker({.endpoints = {endpoint}, .functions = {echo}});
  Farm farm({.endpoints = {endpoint}});
  farm.submit({"x"});
  CHECK(farm.wait_for_groups(1)[0].result.decided);
}

TEST_CASE("a worker with several endpoints takes the one that answers") {
  auto sockets = net::SocketFolder::make();
  REQUIRE(sockets.ok());
  Farm farm;
  TestWorker worker(
      {.endpoints = {sockets.value().endpoint("nobody"), farm.endpoint()}, .functions = {echo}});
  farm.submit({"x"});
  CHECK(farm.wait_for_groups(1)[0].result.decided);
}

TEST_CASE("a worker returns to a manager that was started anew on its endpoint") {
  BareManager first;
  TestWorker worker({.endpoints = {first.endpoint()}, .functions = {echo}});
  first.wait_for<core::Hello>();
  first.vanish();  // before it has said anything
  Farm farm({.endpoints = {first.endpoint()}});
  farm.submit({"x"});
  CHECK(farm.wait_for_groups(1)[0].result.decided);
}

TEST_CASE("a worker tells at once what is wrong with its endpoint") {
  TestWorker bad({.endpoints = {"udp://x"}, .functions = {echo}});
  CHECK(bad.status() == 5);
  CHECK_THAT(bad.log(), ContainsSubstring("\"udp\" is no transport"));
  TestWorker unknown({.endpoints = {"tcp://no-such-host.invalid:1"}, .functions = {echo}});
  CHECK(unknown.status() == 5);
  CHECK_THAT(unknown.log(), ContainsSubstring("no-such-host.invalid"));
}
