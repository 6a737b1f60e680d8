// Connections that the manager ends: of who was refused, and of who never ends a message.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <limits>

#include "base/descriptor.hpp"
#include "board.hpp"
#include "net/accepted.hpp"

using namespace fanmill;
using namespace fanmill::net;
using namespace fanmill::test;
using Catch::Matchers::ContainsSubstring;

namespace {

sockaddr_in address_of(const std::string& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string port = endpoint.substr(endpoint.rfind(':') + 1);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  return address;
}

Descriptor connected_to(const std::string& endpoint) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = address_of(endpoint);
  REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
          0);
  return socket;
}

/// Speaks ZMTP 3.0 without keys, byte by byte: libzmq's own sockets send whole messages only.
class BareZmtp {
 public:
  explicit BareZmtp(const std::string& endpoint) : socket_(connected_to(endpoint)) {
    std::string greeting("\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL", 16);
    greeting.resize(64, '\0');
    send_all(greeting);
    const std::string ready(
        "\x05READY\x0bSocket-Type\0\0\0\x06"
        "DEALER\x08Identity\0\0\0\0",
        41);
    send_all(std::string("\x04") + static_cast<char>(ready.size()) + ready);
    // What came before the other side is ready would be a fault.
    const std::string theirs = receive_all(64 + 2);
    (void)receive_all(static_cast<unsigned char>(theirs.back()));
    REQUIRE(::fcntl(socket_.get(), F_SETFL, O_NONBLOCK) == 0);
  }
  static std::string frame(std::size_t size, bool more) {
    std::string bytes(1, static_cast<char>(more ? 3 : 2));  // long
    for (int shift = 56; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<char>((size >> shift) & 0xffU));
    return bytes.append(size, 'x');
  }
  /// As much as goes of what is left, and when nothing is, of `bytes`. False once the connection is no
  /// more.
  bool send(const std::string& bytes) {
    if (left_.empty()) left_ = bytes;
    while (!left_.empty()) {
      const ssize_t done = ::send(socket_.get(), left_.data(), left_.size(), MSG_NOSIGNAL);
      if (done < 0) return errno == EAGAIN || errno == EINTR;
      sent_ += static_cast<std::size_t>(done);
      left_.erase(0, static_cast<std::size_t>(done));
    }
    return true;
  }
  [[nodiscard]] std::size_t sent() const { return sent_; }

 private:
  void send_all(const std::string& bytes) {
    REQUIRE(::send(socket_.get(), bytes.data(), bytes.size(), 0) ==
            static_cast<ssize_t>(bytes.size()));
  }
  std::string receive_all(std::size_t size) {
    std::string bytes(size, '\0');
    REQUIRE(::recv(socket_.get(), bytes.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size));
    return bytes;
  }

  Descriptor socket_;
  std::string left_;
  std::size_t sent_ = 0;
};

/// A switchboard without keys, as BareZmtp has none.
struct PlaintextBoard {
  std::string endpoint;
  std::unique_ptr<Switchboard> board;
  std::vector<core::ManagerEvent> events;
  const Switchboard::EventSink take = [this](core::ManagerEvent event) {
    events.push_back(std::move(event));
  };
  explicit PlaintextBoard(const SwitchboardOptions& options = {}) {
    auto router = Router::open(
        {.gate = std::make_shared<const Gate>(AuthorizedKeys(), Gate::Plaintext::allowed)});
    endpoint = router.value()->bind({.host = "127.0.0.1"}).value();
    board = std::make_unique<Switchboard>(std::move(router).value(), options);
  }
  bool turn() {
    board->begin_turn(steady_now(), take);
    const bool empty = board->receive(100, take);
    board->settle(steady_now(), empty, take);
    return empty;
  }
};

}  // namespace

TEST_CASE("a refused peer reads why, and then its connection is closed") {
  const KeyHolder goes{"goes", Role::worker};
  Board board({&goes});
  Peer peer(board, goes);
  peer.send(hello_of(1));
  board.turn_until([&] { return board.events.size() == 1; });
  board.welcome(std::get<core::MessageReceived>(board.events[0]).peer, SessionId{1}, 1);
  CHECK(std::holds_alternative<core::Welcome>(peer.receive()));
  board.gate->replace({});
  board.board->recheck(board.take);
  // It says nothing more, and reads only when the connection is closed.
  CHECK(board.board->next_deadline().has_value());
  board.turn_until([&] { return board.board->snapshot().connections_closed >= 1; });
  CHECK(board.board->snapshot().connections_shut == 1);
  const auto refuse = std::get<core::Refuse>(peer.receive());
  CHECK(refuse.code == core::RefuseCode::key);
  // libzmq connects again by itself, and is not let in.
  board.turn_until([&] { return board.board->snapshot().keys_refused >= 1; });
}

TEST_CASE("who does not finish its handshake in time is cut off") {
  auto router = Router::open({.handshake_max = std::chrono::milliseconds(50),
                              .gate = TestKeys::gate(),
                              .secret_key = TestKeys::secret_key()});
  const std::string endpoint = router.value()->bind({.host = "127.0.0.1"}).value();
  const Descriptor peer = connected_to(endpoint);
  SECTION("who says nothing") {}
  SECTION("who says half a greeting") { REQUIRE(::send(peer.get(), "\xff\0\0\0", 4, 0) == 4); }
  char bytes[64];
  ssize_t got = 0;
  // It says its own greeting first.
  while ((got = ::recv(peer.get(), bytes, sizeof bytes, 0)) > 0) {
  }
  // A reset where the rest of its greeting was not read any more.
  CHECK((got == 0 || errno == ECONNRESET));
}

TEST_CASE("a message without an end is cut off, and others are served", "[plaintext]") {
  // At each turn: a fast machine sends any amount between two looks.
  PlaintextBoard board({.memory_look = Duration::zero(), .memory_step = 0});
  RawPeer honest = plaintext_peer(board.endpoint);
  bool has_spoken = false;
  SECTION("of a peer that never said anything") {}
  SECTION("of a peer that has a whole message behind it") { has_spoken = true; }
  BareZmtp endless(board.endpoint);
  if (has_spoken) REQUIRE(endless.send(BareZmtp::frame(10, false)));
  const std::string frame = BareZmtp::frame(1U << 18, true);
  const std::size_t before = endless.sent();
  constexpr std::size_t too_much = 512U << 20;
  const Instant end = steady_now() + patience;
  std::uint64_t said = 0;
  while (endless.send(frame) && endless.sent() - before < too_much && steady_now() < end) {
    honest.send_message(core::Heartbeat{.session = SessionId{++said}});
    board.turn();
    zmq_pollitem_t item{board.board->router().handle(), 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, 1);
  }
  CHECK(endless.sent() - before < too_much);
  CHECK(board.board->snapshot().messages_endless == 1);
  const std::vector<std::string> warnings = board.board->take_warnings();
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], ContainsSubstring("a message without an end came from 127.0.0.1:"));
  const std::size_t whole = said + (has_spoken ? 1 : 0);
  while (steady_now() < end &&
         (board.events.size() < whole || board.board->snapshot().connections_closed == 0))
    board.turn();
  CHECK(board.events.size() == whole);
  CHECK(board.board->snapshot().connections_closed == 1);
}

// What was freed before is filled again.
TEST_CASE("a message without an end is cut off though this process does not grow", "[plaintext]") {
  PlaintextBoard board({.memory_look = Duration::zero(),
                        .memory_step = std::numeric_limits<std::size_t>::max() / 2});
  BareZmtp endless(board.endpoint);
  board.turn();  // all connections were just looked through
  const std::string frame = BareZmtp::frame(1U << 18, true);
  const std::uint64_t enough = limits::unfinished_bytes_max + (2U << 20);
  const Instant end = steady_now() + patience;
  const auto is_cut = [&] { return board.board->snapshot().connections_closed > 0; };
  while (!is_cut() && steady_now() < end) {
    if (endless.sent() < enough) (void)endless.send(frame);
    board.turn();
  }
  CHECK(is_cut());
  CHECK(endless.sent() >= limits::unfinished_bytes_max);
  CHECK(board.board->snapshot().messages_endless == 1);
}

TEST_CASE("much that is whole is no message without an end", "[plaintext]") {
  PlaintextBoard board;
  BareZmtp bulk(board.endpoint);
  const std::string message = BareZmtp::frame(1U << 20, true) + BareZmtp::frame(1U << 20, false);
  const Instant end = steady_now() + patience;
  // Connections are looked at because this process grows.
  std::vector<std::string> ballast;
  const Instant grown = steady_now() + 3 * limits::memory_look;
  while ((bulk.sent() < 200U << 20 || steady_now() < grown) && steady_now() < end) {
    REQUIRE(bulk.send(message));
    if (ballast.size() < 200) ballast.emplace_back(1U << 20, 'b');
    board.turn();
    board.events.clear();
  }
  CHECK(bulk.sent() >= 200U << 20);
  CHECK(board.board->snapshot().connections_shut == 0);
}

TEST_CASE("without connections by tcp nothing wakes the switchboard") {
  Board board({});
  board.turn();
  CHECK_FALSE(board.board->next_deadline());
  const Descriptor peer = connected_to(board.endpoint);
  const Instant end = steady_now() + patience;
  while (!board.board->next_deadline() && steady_now() < end) board.turn();
  CHECK(board.board->next_deadline().has_value());
}

TEST_CASE("a descriptor that became another's is left alone") {
  const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::listen(listener.get(), 8) == 0);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const auto is_open = [](const Descriptor& socket) {
    char byte = 0;
    return ::recv(socket.get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  };
  Accepted accepted;
  const Descriptor first = connected_to(endpoint);
  Descriptor taken(::accept(listener.get(), nullptr, nullptr));
  const int fd = taken.get();
  accepted.opened(fd);
  const std::uint64_t cookie = accepted.cookie(fd);
  REQUIRE(cookie != 0);
  CHECK(accepted.tcp_count() == 1);
  CHECK(accepted.begin_closing(fd));
  CHECK_FALSE(accepted.begin_closing(fd));

  // Its end has not been told yet.
  const Descriptor second = connected_to(endpoint);
  taken.reset();
  Descriptor again(::accept(listener.get(), nullptr, nullptr));
  REQUIRE(again.get() == fd);
  CHECK_FALSE(accepted.shut(fd, cookie));
  CHECK(is_open(second));
  // It has.
  accepted.closed(fd);
  CHECK(accepted.cookie(fd) == 0);
  accepted.opened(fd);
  CHECK_FALSE(accepted.shut(fd, cookie));
  CHECK(is_open(second));
  CHECK(accepted.shut(fd, accepted.cookie(fd)));
  CHECK_FALSE(is_open(second));
  // And now no socket at all.
  again.reset();
  Descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  REQUIRE(file.get() == fd);
  CHECK_FALSE(accepted.shut(fd, accepted.cookie(fd)));
}

TEST_CASE("who says hello without end and reads nothing is cut off") {
  const KeyHolder holder{"node3", Role::worker};
  Board board({&holder});
  Peer peer(board, holder);
  const auto hellos = [&] { return board.events.size(); };
  const auto shut = [&] { return board.board->snapshot().connections_shut; };
  // What a manager answers to as many attempts as one hello can name.
  std::vector<core::Judgement> judgements(limits::holdings_max);
  for (std::size_t i = 0; i < judgements.size(); ++i) judgements[i].attempt = AttemptId{i + 1};
  constexpr std::size_t most = limits::welcome_bytes_max / limits::frame_bytes_max;
  for (std::uint32_t greeting = 1; greeting <= most + 1; ++greeting) {
    CHECK(shut() == 0);
    const std::size_t before = hellos();
    peer.send(hello_of(1, greeting));
    board.turn_until([&] { return hellos() > before; });
    const auto& heard = std::get<core::MessageReceived>(board.events.back());
    board.board->send({.peer = heard.peer,
                       .message = core::Welcome{.session = SessionId{greeting},
                                                .greeting = greeting,
                                                .heartbeat = std::chrono::seconds(2),
                                                .suspect = std::chrono::seconds(6),
                                                .dead = std::chrono::seconds(20),
                                                .frame_bytes_max = limits::frame_bytes_max,
                                                .unacknowledged_max = 1,
                                                .judgements = judgements}});
  }
  CHECK(shut() == 1);
  CHECK(board.board->snapshot().welcomes_cut == 1);
  // It may come back.
  Peer again(board, holder);
  const std::size_t before = hellos();
  again.send(hello_of(1, 100));
  board.turn_until([&] { return hellos() > before; });
}
