// Between the router and the core, without a loop: full queues, outboxes, unsent tasks, the table
// of peers.
#include "net/switchboard.hpp"

#include <chrono>

#include "catch.hpp"
#include "farm.hpp"
#include "net/clock.hpp"

using namespace fanmill;
using namespace fanmill::test;
using namespace fanmill::net;
using namespace std::chrono_literals;

namespace {

core::Task task_of(std::uint64_t number, std::size_t payload_bytes) {
  return {.attempt = AttemptId{number},
          .group = GroupId{1},
          .task = TaskId{number},
          .payload = Payload::raw(std::string(payload_bytes, 'p'))};
}

// A switchboard whose queues are full after two messages, and one peer with a session.
class FullQueues {
 public:
  FullQueues() {
    auto router = Router::open(
        {.send_queue_max = 2, .gate = TestKeys::gate(), .secret_key = TestKeys::secret_key()});
    REQUIRE(router.ok());
    const auto bound =
        router.value()->bind(parse_endpoint("tcp://127.0.0.1:*", Endpoint::Use::listen).value());
    REQUIRE(bound.ok());
    endpoint = bound.value();
    board = std::make_unique<Switchboard>(std::move(router).value(), SwitchboardOptions{});
    peer = std::make_unique<RawPeer>(bound.value(), RawPeer::Options{.queue_max = 1});
    peer->send_message(some_hello());
    turn_until([&] { return !events.empty(); });
    id = std::get<core::MessageReceived>(events.front()).peer;
    events.clear();
    board->send({.peer = id,
                 .message = core::Welcome{.session = SessionId{1},
                                          .farm = 1,
                                          .incarnation = 1,
                                          .greeting = 1,
                                          .heartbeat = 2s,
                                          .suspect = 6s,
                                          .dead = 20s,
                                          .frame_bytes_max = 1 << 20,
                                          .unacknowledged_max = 1}});
    (void)peer->wait_for<core::Welcome>();
  }

  void turn() {
    const Switchboard::EventSink take = [this](core::ManagerEvent event) {
      events.push_back(std::move(event));
    };
    board->begin_turn(steady_now(), take);
    const bool empty = board->receive(100, take);
    board->settle(steady_now(), empty, take);
  }
  template <typename Condition>
  void turn_until(Condition condition) {
    const Instant limit = steady_now() + patience;
    while (!condition() && steady_now() < limit) turn();
    REQUIRE(condition());
  }

  std::string endpoint;
  std::unique_ptr<Switchboard> board;
  std::unique_ptr<RawPeer> peer;
  PeerId id;
  std::vector<core::ManagerEvent> events;
};

}  // namespace

TEST_CASE("what does not fit into a peer's queue waits, in order, and is sent when there is room") {
  FullQueues farm;
  std::uint64_t sent = 0;
  while (farm.board->counters().send_again == 0) {
    farm.board->send({.peer = farm.id, .message = task_of(++sent, 1 << 20)});
  }
  for (int i = 0; i < 10; ++i) farm.board->send({.peer = farm.id, .message = task_of(++sent, 100)});
  CHECK(farm.board->snapshot().outboxes == 1);
  CHECK(farm.board->next_deadline().has_value());

  // An answer is not worth waiting for.
  farm.board->send({.peer = farm.id, .message = core::Who{}});
  CHECK(farm.board->counters().sends_dropped == 1);

  farm.peer->socket().set(zmq::sockopt::rcvtimeo, 0);
  std::uint64_t received = 0;
  farm.turn_until([&] {
    zmq::message_t header;
    while (farm.peer->socket().recv(header)) {
      zmq::message_t payload;
      REQUIRE(farm.peer->socket().recv(payload));
      const auto decoded =
          codec::decode({static_cast<const char*>(header.data()), header.size()}, nullptr);
      received += 1;
      // Word 1 of the header is the attempt.
      std::uint64_t attempt = 0;
      std::memcpy(&attempt, static_cast<const char*>(header.data()) + 16, sizeof attempt);
      REQUIRE(attempt == received);
    }
    return received == sent;
  });
  farm.turn_until([&] { return farm.board->snapshot().outboxes == 0; });
}

TEST_CASE("a batch has one frame, whether it is shared or copied, sent at once or later") {
  FullQueues farm;
  const auto batch_of = [](std::uint64_t number, std::size_t payload_bytes) {
    return core::Tasks{.session = SessionId{1}, .tasks = {task_of(number, payload_bytes)}};
  };
  farm.peer->socket().set(zmq::sockopt::rcvtimeo, 10);
  const auto receive = [&] {
    zmq::message_t frame;
    bool is_there = false;
    farm.turn_until([&] { return is_there = is_there || farm.peer->socket().recv(frame); });
    CHECK_FALSE(frame.more());
    return std::get<core::Tasks>(codec::decode(view(frame), nullptr).value().message);
  };
  for (const std::size_t bytes : {std::size_t{8}, std::size_t{8000}}) {
    farm.board->send({.peer = farm.id, .message = batch_of(bytes, bytes)});
    CHECK(receive() == batch_of(bytes, bytes));
  }
  const std::uint64_t before = farm.board->counters().send_again;
  std::uint64_t sent = 0;
  while (farm.board->counters().send_again == before)
    farm.board->send({.peer = farm.id, .message = batch_of(++sent, 1 << 19)});
  farm.board->send({.peer = farm.id, .message = batch_of(++sent, 8)});
  for (std::uint64_t next = 1; next <= sent; ++next)
    CHECK(receive().tasks.at(0).attempt.value == next);
}

TEST_CASE("an outbox goes with its peer") {
  FullQueues farm;
  while (farm.board->counters().send_again == 0) {
    farm.board->send({.peer = farm.id, .message = task_of(1, 1 << 20)});
  }
  farm.peer->close();
  farm.turn_until([&] { return !farm.events.empty(); });
  CHECK(std::get<core::ConnectionLost>(farm.events.front()).peer == farm.id);
  const LoopCounters now = farm.board->snapshot();
  CHECK(now.outboxes == 0);
  CHECK(now.peers == 0);
  farm.board->send({.peer = farm.id, .message = task_of(2, 1)});
  CHECK(farm.board->counters().sends_dropped >= 1);
}

TEST_CASE("messages of a forgotten peer come from a peer that is new") {
  FullQueues farm;
  farm.board->forget(farm.id);
  farm.peer->send_message(core::Heartbeat{.session = SessionId{1}});
  farm.turn_until([&] { return !farm.events.empty(); });
  CHECK(std::get<core::MessageReceived>(farm.events.front()).peer != farm.id);
}

// Descriptors are used again: the monitor's word about one need not be about the peer that has it.
TEST_CASE("a live peer whose descriptor was reported closed is probed and kept") {
  FullQueues farm;
  farm.board->report_closed(farm.board->descriptor_of(farm.id));
  farm.turn_until([&] { return farm.board->counters().probes >= 3; });
  CHECK(farm.events.empty());
  CHECK(farm.board->snapshot().peers == 1);
  CHECK(farm.peer->wait_for<core::Heartbeat>().session == SessionId{1});
}

// The same, when the hello of the new peer and the end of the old one are read in one turn.
TEST_CASE("a stranger whose descriptor was reported closed in the turn of its hello is answered") {
  FullQueues farm;
  RawPeer other(farm.endpoint);
  other.send_message(some_hello());
  farm.turn_until([&] { return !farm.events.empty(); });
  const PeerId stranger = std::get<core::MessageReceived>(farm.events.front()).peer;
  farm.board->report_closed(farm.board->descriptor_of(stranger));
  farm.board->send({.peer = stranger, .message = core::Who{}});
  (void)other.wait_for<core::Who>();
  farm.turn_until([&] { return farm.board->snapshot().strangers == 0; });
}
