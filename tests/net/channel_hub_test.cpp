// A listener among peers that do not behave: strangers, liars, those who never read, those who go
// without a word. Other channels are not disturbed by any of them.
#include <chrono>
#include <fanmill/channel.hpp>
#include <optional>
#include <string>
#include <vector>

#include "catch.hpp"
#include "codec/channel_codec.hpp"
#include "farm_error.hpp"
#include "net/certificate.hpp"
#include "net/farm.hpp"
#include "net/farm_keys.hpp"

namespace fanmill::test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

std::vector<std::string> frames_of_channel(const core::ChannelMessage& message) {
  codec::HeaderBuffer buffer;
  const codec::Frames frames = codec::encode_channel(message, 1, buffer).value_or_raise();
  std::vector<std::string> owned{std::string(frames.header)};
  if (frames.has_payload) owned.push_back(frames.payload.str());
  return owned;
}

core::ChannelMessage channel_message(const std::vector<std::string>& frames) {
  const Bytes payload(std::string_view(frames.size() > 1 ? frames[1] : std::string()));
  return codec::decode_channel(frames.at(0), frames.size() > 1 ? &payload : nullptr)
      .value_or_raise();
}

template <typename Wanted>
Wanted wait_for(RawPeer& peer) {
  for (;;) {
    core::ChannelMessage message = channel_message(peer.receive());
    if (auto* wanted = std::get_if<Wanted>(&message)) return std::move(*wanted);
  }
}

core::ChannelOpen some_open() {
  return {.terms = {.window_objects = 10,
                    .window_bytes = 1'000'000,
                    .object_bytes_max = 1'000'000,
                    .silence = 3600s},
          .speech_min = 1,
          .speech_max = 1};
}

/// What both ends of this program's channels show.
net::ClientKeys channel_keys() {
  net::Certificate made =
      net::FarmKeys::channel_certificate(net::FarmKeys::default_folder().value_or_raise())
          .value_or_raise();
  return {.server = made.public_key,
          .own = std::make_shared<const net::KeyPair>(net::KeyPair{
              .public_key = made.public_key, .secret_key = std::move(*made.secret_key)})};
}

/// A bare socket that connects to it, and has its certificate.
RawPeer peer_of(const Listener& listener, int queue_max = 1000) {
  return {listener.endpoint(), {.queue_max = queue_max, .keys = channel_keys()}};
}

/// What keeps a bare socket with these keys from coming in.
net::Dealer::Trouble trouble_with(const Listener& listener, std::optional<net::ClientKeys> keys) {
  net::Dealer dealer({{.address = listener.endpoint()}}, {.keys = std::move(keys)});
  dealer.open();
  net::ReceivedFrames received;
  const auto end = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < end) {
    (void)dealer.receive(received);
    if (const auto trouble = dealer.take_trouble()) return *trouble;
    zmq_pollitem_t item{dealer.monitor_handle(), 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, 1000);
  }
  FAIL("it came in");
  return {};
}

/// A listener, and an honest channel that must not notice anything.
struct Scene {
  Listener listener = Listener("tcp://127.0.0.1:*");
  Channel honest = Channel::connect(listener.endpoint());
  Channel honest_far = listener.accept();

  /// An end that is open, made by hand.
  struct Liar {
    RawPeer peer;
    SessionId id;
    Channel far;
  };
  Liar liar() {
    RawPeer peer = peer_of(listener);
    peer.send(frames_of_channel(some_open()));
    const auto opened = wait_for<core::ChannelOpened>(peer);
    return {std::move(peer), opened.channel, listener.accept()};
  }

  ~Scene() {
    honest.write(1);
    CHECK(honest_far.read<int>() == 1);
    honest_far.write(2);
    CHECK(honest.read<int>() == 2);
  }
};

}  // namespace

TEST_CASE("a stranger who knows the listener's public key gets nowhere with a key of its own",
          "[integration][channel]") {
  const Scene scene;
  net::ClientKeys keys = channel_keys();
  keys.own = std::make_shared<const net::KeyPair>(net::KeyPair::make());
  CHECK(trouble_with(scene.listener, keys) == net::Dealer::Trouble::key_refused);
}

TEST_CASE("a stranger in plaintext gets nowhere", "[integration][channel][plaintext]") {
  const Scene scene;
  CHECK(trouble_with(scene.listener, {}) == net::Dealer::Trouble::not_understood);
}

TEST_CASE("strangers are answered in words", "[integration][channel]") {
  Scene scene;
  RawPeer peer = peer_of(scene.listener);
  peer.send({"nonsense"});
  CHECK_THAT(wait_for<core::Refuse>(peer).words, ContainsSubstring("a header of 8 bytes"));
  peer.send({"a", "b", "c"});
  CHECK_THAT(wait_for<core::Refuse>(peer).words, ContainsSubstring("3 frames"));
  peer.send(frames_of_channel(core::ChannelTaken{SessionId{5}, {}}));
  CHECK_THAT(wait_for<core::Refuse>(peer).words, ContainsSubstring("never open"));
  core::Hello hello = some_hello();
  hello.greeting = 3;
  peer.send_message(hello);
  const auto refuse = wait_for<core::Refuse>(peer);
  CHECK(refuse.greeting == 3);
  CHECK_THAT(refuse.words, ContainsSubstring("no farm's manager"));
  CHECK_FALSE(scene.listener.try_accept());
}

TEST_CASE("an end that lies is told so and lost, and nobody else", "[integration][channel]") {
  Scene scene;
  auto liar = scene.liar();
  liar.peer.send(frames_of_channel(
      core::ChannelObject{.channel = liar.id, .sequence = 1, .payload = Payload::json("[1, 2]")}));
  CHECK(liar.far.read<std::vector<int>>() == std::vector{1, 2});
  liar.peer.send(frames_of_channel(core::ChannelObject{.channel = liar.id, .sequence = 3}));
  const auto end = liar.far.read_checked<int>();
  CHECK(end.lost);
  CHECK_THAT(end.words, ContainsSubstring("object 3 behind object 1"));
  CHECK_THAT(wait_for<core::Refuse>(liar.peer).words, ContainsSubstring("object 3"));
  words_of(ErrorCode::malformed_message, [&] { liar.far.write(1); });
}

TEST_CASE("a connection that breaks is a loss, noticed at once", "[integration][channel]") {
  Scene scene;
  std::optional<Scene::Liar> liar = scene.liar();
  liar->peer.send(frames_of_channel(core::ChannelObject{.channel = liar->id, .sequence = 1}));
  Channel far = std::move(liar->far);
  liar->peer.close();
  // What had come is read first. It is the end of the connection that tells: the silence that is
  // allowed is longer than this waits.
  CHECK(far.read<std::optional<int>>() == std::nullopt);
  const auto end = far.read_checked<int>(patience / 4);
  CHECK(end.lost);
  CHECK_THAT(end.words,
             ContainsSubstring("the connection to 127.0.0.1:") && ContainsSubstring("was lost"));
}

TEST_CASE("a goodbye that is followed by the connection's end is no loss",
          "[integration][channel]") {
  for (int round = 0; round < 50; ++round) {
    Scene scene;
    auto liar = scene.liar();
    liar.peer.send(frames_of_channel(core::Goodbye{.session = liar.id}));
    Channel far = std::move(liar.far);
    liar.peer.close();
    CHECK(far.read_checked<int>().ended);
  }
}

TEST_CASE("an end that never reads is held to its window", "[integration][channel]") {
  Scene scene;
  auto liar = scene.liar();
  // Its window and our outbox.
  for (int i = 0; i < 10 + 1024; ++i) REQUIRE(liar.far.try_write(i, 60s));
  CHECK_FALSE(liar.far.try_write(0, 100ms));
  CHECK_FALSE(liar.far.close(50ms));
  CHECK(liar.far.state() == ChannelState::lost);
}

TEST_CASE("an end that offers a window without end gets no more than the limit",
          "[integration][channel]") {
  Scene scene;
  RawPeer peer = peer_of(scene.listener, 0);
  core::ChannelOpen open = some_open();
  open.terms.window_objects = 1'000'000;
  open.terms.window_bytes = std::uint64_t{1} << 62U;
  peer.send(frames_of_channel(open));
  const auto opened = wait_for<core::ChannelOpened>(peer);
  Channel far = scene.listener.accept();
  for (std::uint32_t i = 0; i < limits::channel_window_objects_max + 100; ++i) far.post(i);
  CHECK_FALSE(far.flush(100ms));
  CHECK(far.state() == ChannelState::open);
  peer.send(frames_of_channel(core::ChannelTaken{opened.channel, {200, 0}}));
  // Bytes may be said to be taken later than objects; here none are, and 100 objects are left.
  CHECK(far.flush(patience));
}

TEST_CASE("a channel that is lost before it was accepted is not given to anybody",
          "[integration][channel]") {
  Scene scene;
  for (int round = 0; round < 20; ++round) {
    RawPeer peer = peer_of(scene.listener);
    peer.send(frames_of_channel(some_open()));
    const auto opened = wait_for<core::ChannelOpened>(peer);
    peer.send(frames_of_channel(core::ChannelObject{
        .channel = opened.channel, .sequence = 1, .payload = Payload::raw("once")}));
    peer.send(frames_of_channel(some_open()));
    CHECK_THAT(wait_for<core::Refuse>(peer).words, ContainsSubstring("second time"));
  }
  // A refusal is under way before the listener forgets; whoever knocks after it, is heard after it.
  RawPeer good = peer_of(scene.listener);
  good.send(frames_of_channel(some_open()));
  wait_for<core::ChannelOpened>(good);
  CHECK(scene.listener.accept().state() == ChannelState::open);
  CHECK_FALSE(scene.listener.try_accept());
}

TEST_CASE("what strangers send before they are accepted is bounded", "[integration][channel]") {
  Scene scene;
  const std::string large(900'000, 'x');
  bool refused = false;
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 400 && !refused; ++i) {
    RawPeer& peer = *peers.emplace_back(std::make_unique<RawPeer>(peer_of(scene.listener)));
    peer.send(frames_of_channel(some_open()));
    const auto opened = wait_for<core::ChannelOpened>(peer);
    peer.send(frames_of_channel(core::ChannelObject{
        .channel = opened.channel, .sequence = 1, .payload = Payload::raw(large)}));
    // What the listener says next is said after it has read that.
    peer.send(frames_of_channel(core::Goodbye{.session = opened.channel}));
    for (bool answered = false; !answered;) {
      const core::ChannelMessage message = channel_message(peer.receive());
      refused = refused || std::holds_alternative<core::Refuse>(message);
      answered = refused || std::holds_alternative<core::Goodbye>(message);
    }
  }
  CHECK(refused);
  CHECK(peers.size() > limits::channel_unaccepted_bytes_max / large.size());
  // Those that kept to it are there, and make room when they are accepted.
  Channel first = scene.listener.accept();
  CHECK(first.read<std::string>() == large);
}

TEST_CASE("what was accepted no longer counts, whether anything follows or not",
          "[integration][channel]") {
  Scene scene;
  const std::string large(900'000, 'x');
  for (std::uint64_t sum = 0; sum <= 2 * limits::channel_unaccepted_bytes_max;
       sum += large.size()) {
    auto liar = scene.liar();
    liar.peer.send(frames_of_channel(
        core::ChannelObject{.channel = liar.id, .sequence = 1, .payload = Payload::raw(large)}));
    liar.peer.send(frames_of_channel(core::Goodbye{.session = liar.id}));
    REQUIRE(liar.far.read<std::string>() == large);
    REQUIRE(liar.far.read_checked<int>().ended);
  }
}

TEST_CASE("a listener that refuses, lies or is a manager is told of in words",
          "[integration][channel]") {
  zmq::context_t context;
  zmq::socket_t router(context, zmq::socket_type::router);
  router.set(zmq::sockopt::linger, 0);
  router.set(zmq::sockopt::curve_server, true);
  REQUIRE(zmq_setsockopt(router.handle(), ZMQ_CURVE_SECRETKEY,
                         channel_keys().own->secret_key.data(), net::key_bytes) == 0);
  router.bind("tcp://127.0.0.1:*");
  Channel near = Channel::start_connect(router.get(zmq::sockopt::last_endpoint));
  zmq::message_t routing_id;
  zmq::message_t header;
  REQUIRE(router.recv(routing_id));
  REQUIRE(router.recv(header));
  CHECK(std::holds_alternative<core::ChannelOpen>(channel_message({header.to_string()})));
  const auto answer = [&](const std::string& frame) {
    zmq::message_t to;
    to.copy(routing_id);
    router.send(to, zmq::send_flags::sndmore);
    router.send(zmq::buffer(frame), zmq::send_flags::none);
  };

  SECTION("refuses") {
    answer(frames_of_channel(core::Refuse{.code = core::RefuseCode::limit,
                                          .protocol_min = 1,
                                          .protocol_max = 1,
                                          .words = "full"})[0]);
    CHECK_FALSE(near.wait_open());
    words_of(ErrorCode::refused, [&] { (void)near.read<int>(); });
    CHECK_THAT(near.end_words(), ContainsSubstring("refuses: full"));
  }
  SECTION("lies") {
    answer("nonsense");
    CHECK_FALSE(near.wait_open());
    CHECK_THAT(near.end_words(), ContainsSubstring("a header of 8 bytes"));
  }
  SECTION("is a manager") {
    answer(frames_of(core::Who{1, 1})[0]);
    CHECK_FALSE(near.wait_open());
    CHECK_THAT(near.end_words(), ContainsSubstring("a farm's manager listens at"));
  }
}

// What a real manager says to a channel; by tcp, where their keys are others, nothing.
TEST_CASE("a channel that knocks at a manager is told so", "[integration][channel]") {
  auto sockets = net::SocketFolder::make();
  REQUIRE(sockets.ok());
  Farm farm({.endpoints = {sockets.value().endpoint("manager"), "tcp://127.0.0.1:*"}});
  const auto words = [&](const std::string& endpoint) {
    return words_of(ErrorCode::refused,
                    [&] { (void)Channel::connect(endpoint, {.open_limit = patience}); });
  };
  CHECK_THAT(words(farm.loop().endpoints()[0]), ContainsSubstring("a farm's manager listens at"));
  CHECK_THAT(words(farm.loop().endpoints()[1]),
             ContainsSubstring("or it is no channel's listener"));
}

}  // namespace fanmill::test
