#include "load.hpp"

#include <fanmill.capnp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fanmill/join.hpp>
#include <memory>
#include <random>
#include <vector>
#include <zmq.hpp>

#include "api/join_keys.hpp"
#include "bare.hpp"
#include "base/descriptor_limit.hpp"
#include "codec/codec.hpp"
#include "net/curve_socket.hpp"

namespace bench {
namespace {

using namespace fanmill;        // NOLINT: a program of its own
using namespace fanmill::core;  // NOLINT
using core::Result;             // not the one of base/
using namespace std::chrono_literals;

/// Writes the header of a Result over that of a Task: as long, of the same attempt. False if it is none.
/// The offsets are those of docs/protocol.md; a Result of 5 words has no memoryBytes and no texts.
bool turn_into_result(zmq::message_t& header) {
  constexpr std::size_t task_bytes = 64;
  constexpr std::uint64_t root = 5ULL << 32U | 2ULL << 48U;
  constexpr std::uint64_t busy_us = 1;
  auto* const at = static_cast<char*>(header.data());
  std::uint16_t kind = 0;
  if (header.size() != task_bytes) return false;
  std::memcpy(&kind, at + 12, sizeof kind);
  if (kind != schema::KIND_TASK) return false;
  kind = schema::KIND_RESULT;
  std::memcpy(at, &root, sizeof root);
  std::memcpy(at + 12, &kind, sizeof kind);
  std::memcpy(at + 26, at + 34, 2);  // encoding
  std::memset(at + 24, 0, 2);        // outcome: ok
  std::memset(at + 28, 0, 4);        // detail
  std::memcpy(at + 32, &busy_us, sizeof busy_us);
  std::memset(at + 40, 0, task_bytes - 40);
  return true;
}

/// One simulated worker: a session, and an answer to everything.
class LoadPeer {
 public:
  LoadPeer(zmq::context_t& context, FeatureSet features, std::uint32_t prefetch, int slots = 1)
      : socket_(context, zmq::socket_type::dealer),
        features_(features),
        prefetch_(prefetch),
        slots_(static_cast<std::uint16_t>(slots)) {
    lift_limits(socket_);
  }

  void connect(const std::string& endpoint, const net::ClientKeys* keys = nullptr) {
    if (keys != nullptr) net::show_keys(socket_, keys->server, *keys->own);
    socket_.connect(endpoint);
    say_hello();
  }

  /// Takes and answers what is there. False when the manager has no more use for it.
  bool serve() {
    while (receive(zmq::recv_flags::dontwait)) {
      if (!answer()) return false;
    }
    return true;
  }
  /// The same, waiting for each message: for a process that has nothing else to do.
  void serve_forever() {
    while (receive(zmq::recv_flags::none) && (answer_in_place() || answer())) {
    }
  }

  /// A sign of life, unless something was said since the last one.
  void beat() {
    if (session_.valid() && !has_spoken_) say(Heartbeat{.session = session_, .started = started_});
    has_spoken_ = false;
  }

  [[nodiscard]] int descriptor() const { return socket_.get(zmq::sockopt::fd); }
  [[nodiscard]] Duration heartbeat() const { return heartbeat_; }

 private:
  bool receive(zmq::recv_flags flags) {
    has_payload_ = false;
    if (!socket_.recv(header_, flags)) return false;
    if (header_.more()) has_payload_ = socket_.recv(payload_).has_value();
    return true;
  }

  // As a thrifty worker in C does it: the Task's frames go back as the Result's. False if it is no task.
  bool answer_in_place() {
    if (!turn_into_result(header_)) return false;
    started_ += 1;
    socket_.send(header_, has_payload_ ? zmq::send_flags::sndmore : zmq::send_flags::none);
    if (has_payload_) socket_.send(payload_, zmq::send_flags::none);
    return true;
  }

  bool answer() {
    Bytes payload;
    if (has_payload_) payload = Bytes(payload_.to_string_view());
    auto decoded = codec::decode(header_.to_string_view(), has_payload_ ? &payload : nullptr);
    if (!decoded.ok()) {
      std::fprintf(stderr, "bench: %s\n", decoded.error().message.c_str());
      return false;
    }
    return std::visit([this](auto& message) { return on(message); }, decoded.value().message);
  }

  bool on(Tasks& tasks) {
    Results results{.session = session_};
    results.results.reserve(tasks.tasks.size());
    for (Task& task : tasks.tasks) results.results.push_back(result_of(task));
    results.started = started_;
    say(std::move(results));
    return true;
  }
  bool on(Task& task) {
    say(result_of(task));
    return true;
  }
  bool on(const Welcome& welcome) {
    session_ = welcome.session;
    heartbeat_ = welcome.heartbeat;
    started_ = 0;
    return true;
  }
  bool on(const Heartbeat& heartbeat) {
    if (heartbeat.echo) say(Heartbeat{.session = session_, .started = started_});
    return true;
  }
  bool on(const Who&) {
    say_hello();
    return true;
  }
  static bool on(const Refuse& refuse) {
    std::fprintf(stderr, "bench: refused: %s\n", refuse.words.c_str());
    return false;
  }
  static bool on(const Goodbye&) { return false; }
  template <typename Other>
  static bool on(const Other&) {
    return true;  // a Kill comes too late: every task has been answered
  }

  Result result_of(Task& task) {
    started_ += 1;
    return {.attempt = task.attempt, .busy = 1us, .payload = std::move(task.payload)};
  }

  void say_hello() {
    static std::mt19937_64 random{std::random_device{}()};
    if (!uuid_.valid()) uuid_ = {.low = random(), .high = random()};
    greeting_ += 1;
    say(Hello{.slots = slots_,
              .features = features_,
              .encodings = encoding_bit(Encoding::object) | encoding_bit(Encoding::json) |
                           encoding_bit(Encoding::raw),
              .uuid = uuid_,
              .pid = static_cast<std::uint32_t>(::getpid()),
              .greeting = greeting_,
              .prefetch = prefetch_,
              .software = "fanmill bench",
              .host = "simulated",
              .functions = {"empty"}});
  }

  void say(const Message& message) {
    static codec::HeaderBuffer buffer;
    const auto frames = codec::encode(message, 1, buffer);
    if (!frames.ok()) return;
    has_spoken_ = true;
    const bool two = frames.value().has_payload;
    socket_.send(zmq::buffer(frames.value().header),
                 two ? zmq::send_flags::sndmore : zmq::send_flags::none);
    if (two) socket_.send(zmq::buffer(frames.value().payload.view()), zmq::send_flags::none);
  }

  zmq::socket_t socket_;
  const FeatureSet features_;
  const std::uint32_t prefetch_;
  const std::uint16_t slots_;
  zmq::message_t header_;
  zmq::message_t payload_;
  bool has_payload_ = false;
  Uuid uuid_;
  std::uint32_t greeting_ = 0;
  SessionId session_;
  Duration heartbeat_ = 2s;
  std::uint32_t started_ = 0;
  bool has_spoken_ = false;
};

/// Whose turn it is to say that it lives: each once in an interval, spread evenly.
class Pulse {
 public:
  explicit Pulse(std::vector<std::unique_ptr<LoadPeer>>& peers) : peers_(peers) {}
  void beat_due() {
    const Duration step = peers_.front()->heartbeat() / static_cast<int>(peers_.size());
    for (const auto now = Clock::now(); next_ <= now; next_ += step) {
      peers_[turn_]->beat();
      turn_ = (turn_ + 1) % peers_.size();
    }
  }

 private:
  std::vector<std::unique_ptr<LoadPeer>>& peers_;
  std::size_t turn_ = 0;
  Clock::time_point next_ = Clock::now();
};

class Load {
 public:
  Load(int count, FeatureSet features, int slots) {
    context_.set(zmq::ctxopt::max_sockets, count + 16);
    const std::string endpoint = Join::find().endpoints().front();
    for (int i = 0; i < count; ++i) {
      peers_.push_back(std::make_unique<LoadPeer>(context_, features, 0, slots));
      epoll_event wanted{.events = EPOLLIN, .data = {.u32 = static_cast<std::uint32_t>(i)}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, peers_.back()->descriptor(), &wanted);
      peers_.back()->connect(endpoint);
      peers_.back()->serve();
    }
  }
  ~Load() { ::close(epoll_); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void run() {
    Pulse pulse(peers_);
    for (;;) {
      std::array<epoll_event, 256> ready;  // NOLINT: filled by the next line
      const int count = ::epoll_wait(epoll_, ready.data(), ready.size(), 10);
      for (int i = 0; i < count; ++i) {
        if (!peers_[ready[static_cast<std::size_t>(i)].data.u32]->serve()) return;
      }
      pulse.beat_due();
    }
  }

 private:
  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  zmq::context_t context_;
  std::vector<std::unique_ptr<LoadPeer>> peers_;
};

}  // namespace

int run_load(int count, int slots) {
  raise_descriptor_limit();
  Load(count, feature::heartbeat | feature::kill | feature::batch | feature::time_limit, slots)
      .run();
  return 0;
}

int run_plain_peer(int window, bool plain) {
  Join join = Join::find();
  if (plain) join = join.with_insecure_plaintext();
  const auto keys = detail::JoinKeys::stated_or_found(join);
  zmq::context_t context;
  LoadPeer peer(context, 0, static_cast<std::uint32_t>(window - 1));
  peer.connect(join.endpoints().front(), keys ? &*keys : nullptr);
  peer.serve_forever();
  return 0;
}

}  // namespace bench
