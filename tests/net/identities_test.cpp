// Roles, and who is who: what peers that hold a key may say, and what that makes of them.
#include "net/identities.hpp"

#include "board.hpp"
#include "catch.hpp"

using namespace fanmill;
using namespace fanmill::net;
using namespace fanmill::test;
using Catch::Matchers::ContainsSubstring;

namespace {

core::Hello hello_in(const core::ManagerEvent& event) {
  return std::get<core::Hello>(std::get<core::MessageReceived>(event).message);
}

}  // namespace

TEST_CASE("each message needs a role, and a user without it is told which") {
  const std::vector<core::Message> messages = {
      core::Hello{},     core::Welcome{},     core::Refuse{}, core::Who{},       core::Task{},
      core::Result{},    core::Kill{},        core::Killed{}, core::Heartbeat{}, core::Goodbye{},
      core::Output{},    core::OutputTaken{}, core::Tasks{},  core::Results{},   core::Part{},
      core::PartTaken{}, core::Unknown{}};
  REQUIRE(messages.size() == std::variant_size_v<core::Message>);  // every kind that there is
  const KeyHolder worker{"a-worker", Role::worker};
  const KeyHolder observer{"an-observer", Role::observe};
  const KeyHolder submitter{"a-submitter", Role::submit};
  Identities identities(std::make_shared<Gate>(keys_of({&worker, &observer, &submitter})));
  for (const core::Message& message : messages) {
    CAPTURE(message.index());
    CHECK(role_needed(message) == Role::worker);
    CHECK_FALSE(identities.fault_of(worker.pair.public_key.text(), message));
    for (const KeyHolder* each : {&observer, &submitter}) {
      const auto fault = identities.fault_of(each->pair.public_key.text(), message);
      REQUIRE(fault);
      CHECK_THAT(*fault, ContainsSubstring(each->name) && ContainsSubstring("not worker"));
    }
    CHECK_THAT(*identities.fault_of(KeyPair::make().public_key.text(), message),
               ContainsSubstring("revoked"));
    CHECK(identities.fault_of("", message));
  }
}

TEST_CASE("the same uuid of two users is two workers, and of one user always the same") {
  const KeyHolder one{"one", Role::worker};
  const KeyHolder other{"other", Role::worker};
  Identities identities(std::make_shared<Gate>(keys_of({&one, &other})));
  const core::Uuid uuid{.low = 1, .high = 2};
  const core::Uuid ones = identities.worker_uuid("one", uuid);
  CHECK(ones.valid());
  CHECK(ones == identities.worker_uuid("one", uuid));
  CHECK(ones != identities.worker_uuid("other", uuid));
  CHECK(ones != identities.worker_uuid("one", {.low = 1, .high = 3}));
  // Whatever somebody calls himself, he is somebody.
  const core::Uuid salt = identities.worker_uuid("one", {});
  CHECK(identities.worker_uuid("one", salt).valid());
  CHECK(Identities(nullptr).worker_uuid("one", uuid) == uuid);
}

TEST_CASE("a key without the role is refused in words, once it has said hello") {
  const KeyHolder observer{"desk", Role::observe};
  Board board({&observer});
  Peer peer(board, observer);
  peer.send(hello_of(1, 42));
  board.turn_until([&] { return board.board->snapshot().messages_refused == 1; });
  const auto refuse = std::get<core::Refuse>(peer.receive());
  CHECK(refuse.code == core::RefuseCode::key);
  CHECK(refuse.greeting == 42);
  CHECK(refuse.retry == Duration::zero());
  CHECK_THAT(refuse.words, ContainsSubstring("\"desk\" may observe, not worker"));
  CHECK(board.events.empty());
}

TEST_CASE("a worker can't take the session of another user's over by naming it") {
  const KeyHolder victim{"victim", Role::worker};
  const KeyHolder thief{"thief", Role::worker};
  Board board({&victim, &thief});
  Peer honest(board, victim);
  honest.send(hello_of(1));
  board.turn_until([&] { return board.events.size() == 1; });
  Peer liar(board, thief);
  core::Hello copy = hello_of(1, 2);
  copy.resume = SessionId{1};
  liar.send(copy);
  board.turn_until([&] { return board.events.size() == 2; });
  CHECK(hello_in(board.events[0]).uuid != hello_in(board.events[1]).uuid);
  // The same user's next connection is the same worker.
  Peer again(board, victim);
  again.send(hello_of(1, 3));
  board.turn_until([&] { return board.events.size() == 3; });
  CHECK(hello_in(board.events[0]).uuid == hello_in(board.events[2]).uuid);
}

TEST_CASE("a routing id that another user had before is another peer's") {
  const KeyHolder victim{"victim", Role::worker};
  const KeyHolder thief{"thief", Role::worker};
  Board board({&victim, &thief});
  {
    Peer honest(board, victim, "node3");
    honest.send(hello_of(1));
    board.turn_until([&] { return board.events.size() == 1; });
  }
  const PeerId before = std::get<core::MessageReceived>(board.events[0]).peer;
  board.welcome(before, SessionId{1}, 1);
  Peer liar(board, thief, "node3");
  // In the victim's name, as soon as libzmq gives the routing id to another.
  const Instant end = steady_now() + patience;
  const auto spoken_by_liar = [&] {
    for (const core::ManagerEvent& event : board.events) {
      const auto* received = std::get_if<core::MessageReceived>(&event);
      if (received != nullptr && std::holds_alternative<core::Heartbeat>(received->message))
        return received->peer;
    }
    return PeerId{};
  };
  while (!spoken_by_liar().valid() && steady_now() < end) {
    liar.send(core::Heartbeat{.session = SessionId{1}});
    zmq_pollitem_t item{board.board->router().handle(), 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, 10);
    board.turn();
  }
  REQUIRE(spoken_by_liar().valid());
  CHECK(spoken_by_liar() != before);
}

TEST_CASE("a revoked key's sessions end, and others go on") {
  const KeyHolder stays{"stays", Role::worker};
  const KeyHolder goes{"goes", Role::worker};
  Board board({&stays, &goes}, {.refused_linger = std::chrono::hours(1)});
  Peer one(board, stays);
  one.send(hello_of(1));
  board.turn_until([&] { return board.events.size() == 1; });
  Peer other(board, goes);
  other.send(hello_of(2));
  board.turn_until([&] { return board.events.size() == 2; });
  std::vector<PeerId> peers;
  for (const core::ManagerEvent& event : board.events)
    peers.push_back(std::get<core::MessageReceived>(event).peer);
  board.welcome(peers[0], SessionId{1}, 1);
  board.welcome(peers[1], SessionId{2}, 1);
  for (Peer* peer : {&one, &other}) CHECK(std::holds_alternative<core::Welcome>(peer->receive()));
  board.events.clear();

  board.gate->replace(keys_of({&stays}));
  board.board->recheck(board.take);
  REQUIRE(board.events.size() == 1);
  CHECK(std::get<core::ConnectionLost>(board.events[0]).peer == peers[1]);
  const auto refuse = std::get<core::Refuse>(other.receive());
  CHECK(refuse.session == SessionId{2});
  CHECK(refuse.code == core::RefuseCode::key);
  CHECK_THAT(refuse.words, ContainsSubstring("revoked"));
  board.events.clear();
  // On its open connection it has nothing to say any more.
  other.send(core::Heartbeat{.session = SessionId{2}});
  one.send(core::Heartbeat{.session = SessionId{1}});
  board.turn_until([&] { return !board.events.empty(); });
  board.turn_until([&] { return board.board->snapshot().messages_refused == 2; });
  REQUIRE(board.events.size() == 1);
  CHECK(std::get<core::MessageReceived>(board.events[0]).peer == peers[0]);
}

TEST_CASE("a key has no more sessions than it may, but its worker may come back") {
  const KeyHolder two{"two", Role::worker, 2};
  Board board({&two});
  std::vector<std::unique_ptr<Peer>> peers;
  const auto join = [&](std::uint64_t worker) {
    const std::size_t before = board.events.size() + board.board->snapshot().messages_refused;
    peers.push_back(std::make_unique<Peer>(board, two));
    peers.back()->send(hello_of(worker));
    board.turn_until(
        [&] { return board.events.size() + board.board->snapshot().messages_refused > before; });
  };
  for (std::uint64_t worker = 1; worker <= 2; ++worker) {
    join(worker);
    REQUIRE(board.events.size() == worker);
    board.welcome(std::get<core::MessageReceived>(board.events.back()).peer, SessionId{worker}, 1);
  }
  join(3);
  CHECK(board.events.size() == 2);
  const auto refuse = std::get<core::Refuse>(peers.back()->receive());
  CHECK(refuse.code == core::RefuseCode::limit);
  CHECK(refuse.retry > Duration::zero());
  CHECK_THAT(refuse.words, ContainsSubstring("2 sessions"));
  join(2);  // its old connection may still look alive
  CHECK(board.events.size() == 3);
}

// Who chose his routing id himself may have chosen one that was another's: by ipc and in plaintext all do.
TEST_CASE("a routing id that was another user's is a new peer's", "[plaintext]") {
  const SocketFolder folder = SocketFolder::make().value();
  const auto gate = std::make_shared<Gate>(AuthorizedKeys{}, Gate::Plaintext::allowed);
  auto router = Router::open({.gate = gate}).value();
  const std::string remote = router->bind({.host = "127.0.0.1"}).value();
  const std::string local = folder.endpoint("manager");
  REQUIRE(router->bind(parse_endpoint(local, Endpoint::Use::listen).value()).ok());
  Switchboard board(std::move(router), {.gate = gate});
  std::vector<core::ManagerEvent> events;
  const Switchboard::EventSink take = [&](core::ManagerEvent event) {
    events.push_back(std::move(event));
  };
  zmq::context_t context;
  // Tried again: libzmq hears nobody who takes a routing id before it is free. Nothing is settled
  // meanwhile, so that the first one's end is not known when the second one speaks.
  const auto speak_until_heard = [&](const std::string& endpoint) {
    const std::size_t before = events.size();
    const Instant end = steady_now() + patience;
    while (events.size() == before) {
      REQUIRE(steady_now() < end);
      zmq::socket_t peer(context, zmq::socket_type::dealer);
      peer.set(zmq::sockopt::linger, 1000);
      peer.set(zmq::sockopt::routing_id, "chosen");
      peer.connect(endpoint);
      codec::HeaderBuffer buffer;
      const core::Message result = core::Result{.attempt = AttemptId{7}};
      zmq::message_t header = frame_of(codec::encode(result, 1, buffer).value().header);
      REQUIRE(send_frame(peer, header, false) == 0);
      zmq_pollitem_t item{board.router().handle(), 0, ZMQ_POLLIN, 0};
      zmq_poll(&item, 1, 100);
      (void)board.receive(100, take);
    }
  };
  board.begin_turn(steady_now(), take);
  speak_until_heard(remote);
  const PeerId first = std::get<core::MessageReceived>(events.front()).peer;
  board.send({.peer = first,
              .message = core::Welcome{.session = SessionId{1},
                                       .farm = 1,
                                       .incarnation = 1,
                                       .greeting = 1,
                                       .heartbeat = std::chrono::seconds(2),
                                       .suspect = std::chrono::seconds(6),
                                       .dead = std::chrono::seconds(20),
                                       .frame_bytes_max = 1 << 20,
                                       .unacknowledged_max = 1}});
  events.clear();
  speak_until_heard(local);
  REQUIRE(events.size() == 2);
  CHECK(std::get<core::ConnectionLost>(events[0]).peer == first);
  CHECK(std::get<core::MessageReceived>(events[1]).peer != first);
}
