// A manager's switchboard behind a gate, without a loop, and workers' sockets with keys.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catch.hpp"
#include "farm.hpp"
#include "net/clock.hpp"
#include "net/curve_socket.hpp"
#include "net/switchboard.hpp"

namespace fanmill::test {

using namespace net;  // NOLINT(google-build-using-namespace): a test's own header

struct KeyHolder {
  std::string name;
  RoleSet roles;
  std::uint32_t sessions_max = 0;
  KeyPair pair = KeyPair::make();
};

inline AuthorizedKeys keys_of(const std::vector<const KeyHolder*>& holders) {
  AuthorizedKeys keys;
  for (const KeyHolder* each : holders) {
    REQUIRE(keys.add({.key = each->pair.public_key,
                      .roles = each->roles,
                      .name = each->name,
                      .sessions_max = each->sessions_max})
                .ok());
  }
  return keys;
}

/// A switchboard behind a gate, and what it told.
struct Board {
  KeyPair server = KeyPair::make();
  PublicKey server_key = server.public_key;
  std::shared_ptr<Gate> gate;
  std::string endpoint;
  std::unique_ptr<Switchboard> board;
  std::vector<core::ManagerEvent> events;
  const Switchboard::EventSink take = [this](core::ManagerEvent event) {
    events.push_back(std::move(event));
  };

  explicit Board(const std::vector<const KeyHolder*>& holders, SwitchboardOptions options = {})
      : gate(std::make_shared<Gate>(keys_of(holders))) {
    auto router = Router::open(
        {.gate = gate,
         .secret_key = std::make_shared<const SecretKey>(std::move(server.secret_key))});
    endpoint = router.value()->bind({.host = "127.0.0.1"}).value();
    options.gate = gate;
    board = std::make_unique<Switchboard>(std::move(router).value(), options);
  }

  void turn() {
    board->begin_turn(steady_now(), take);
    const bool empty = board->receive(100, take);
    board->settle(steady_now(), empty, take);
  }
  template <typename Holds>
  void turn_until(const Holds& holds) {
    const Instant end = steady_now() + patience;
    while (!holds()) {
      REQUIRE(steady_now() < end);
      zmq_pollitem_t item{board->router().handle(), 0, ZMQ_POLLIN, 0};
      zmq_poll(&item, 1, 10);
      turn();
    }
  }
  void welcome(PeerId peer, SessionId session, std::uint32_t greeting) {
    board->send({.peer = peer,
                 .message = core::Welcome{.session = session,
                                          .farm = 1,
                                          .incarnation = 1,
                                          .greeting = greeting,
                                          .heartbeat = std::chrono::seconds(2),
                                          .suspect = std::chrono::seconds(6),
                                          .dead = std::chrono::seconds(20),
                                          .frame_bytes_max = 1 << 20,
                                          .unacknowledged_max = 1}});
  }
};

/// A worker's socket with a key.
class Peer {
 public:
  Peer(const Board& board, const KeyHolder& holder, const std::string& routing_id = {})
      : socket_(context_, zmq::socket_type::dealer) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(patience.count()) * 1000);
    if (!routing_id.empty()) socket_.set(zmq::sockopt::routing_id, routing_id);
    show_keys(socket_, board.server_key, holder.pair);
    socket_.connect(board.endpoint);
  }
  void send(const core::Message& message) {
    codec::HeaderBuffer buffer;
    const codec::Frames frames = codec::encode(message, 1, buffer).value();
    zmq::message_t header = frame_of(frames.header);
    REQUIRE(send_frame(socket_, header, false) == 0);
  }
  core::Message receive() {
    zmq::message_t header;
    REQUIRE(socket_.recv(header));
    return codec::decode(view(header), nullptr).value().message;
  }
  void close() { socket_.close(); }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

inline core::Hello hello_of(std::uint64_t worker, std::uint32_t greeting = 1) {
  core::Hello hello = some_hello();
  hello.uuid = {.low = worker, .high = 7};
  hello.greeting = greeting;
  return hello;
}

}  // namespace fanmill::test
