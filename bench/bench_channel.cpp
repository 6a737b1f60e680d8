// Objects through a channel to another process and back, beside the same bytes through bare ROUTER
// and DEALER sockets in the same run. Rounds alternate; medians are printed.
//
// Those two go by ipc, which needs no keys, so that like is compared with like; a second channel goes by
// tcp as channels do that are told nothing, encrypted.
//
//     bench_channel [--rounds 9]
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fanmill/channel.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "bench_table.hpp"

namespace {

using bench::Child;
using bench::Clock;
using fanmill::Payload;
namespace fs = std::filesystem;

constexpr std::size_t header_bytes = 56;  // of a channel's Object

// By default ZeroMQ holds 1000 frames for a peer, and a ROUTER drops what is beyond.
void lift_limits(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
}

int echo_bare(const char* endpoint) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  lift_limits(socket);
  socket.connect(endpoint);
  zmq::message_t header;
  zmq::message_t payload;
  socket.send(zmq::buffer("ready"), zmq::send_flags::sndmore);
  socket.send(zmq::message_t(), zmq::send_flags::none);
  while (socket.recv(header) && socket.recv(payload)) {
    socket.send(header, zmq::send_flags::sndmore);
    socket.send(payload, zmq::send_flags::none);
  }
  return 0;
}

int echo_channel(const char* endpoint) {
  fanmill::Channel channel = fanmill::Channel::connect(endpoint);
  while (const auto object = channel.read_checked<Payload>()) channel.post(*object.value);
  return 0;
}

class Bare {
 public:
  explicit Bare(const std::string& endpoint) : router_(context_, zmq::socket_type::router) {
    lift_limits(router_);
    router_.bind(endpoint);
    child_.emplace(std::vector<std::string>{"bare", endpoint});
    receive();
    peer_.copy(routing_id_);
  }
  void send(const Payload& payload) {
    zmq::message_t to;
    to.copy(peer_);
    router_.send(to, zmq::send_flags::sndmore);
    router_.send(zmq::message_t(header_bytes), zmq::send_flags::sndmore);
    router_.send(zmq::message_t(payload.bytes.data(), payload.bytes.size()), zmq::send_flags::none);
  }
  void receive() {
    zmq::message_t header;
    zmq::message_t payload;
    if (!router_.recv(routing_id_) || !router_.recv(header) || !router_.recv(payload)) std::abort();
  }

 private:
  zmq::context_t context_;
  zmq::socket_t router_;
  zmq::message_t routing_id_;
  zmq::message_t peer_;
  std::optional<Child> child_;
};

class OverChannel {
 public:
  explicit OverChannel(const std::string& endpoint)
      : listener_(endpoint),
        child_({"channel", listener_.endpoint()}),
        channel_(listener_.accept()) {}
  void send(const Payload& payload) { channel_.post(payload); }
  void receive() { (void)channel_.read<Payload>(); }

 private:
  fanmill::Listener listener_;
  Child child_;
  fanmill::Channel channel_;
};

// Seconds for each object there and back, `window` of them under way.
template <typename Way>
double time_of(Way& way, const Payload& payload, int count, int window) {
  const Clock::time_point begin = Clock::now();
  for (int sent = 0, received = 0; received < count; ++received) {
    while (sent < count && sent < received + window) {
      way.send(payload);
      sent += 1;
    }
    way.receive();
  }
  return bench::seconds_since(begin) / count;
}

struct Ways {
  Bare bare;
  OverChannel channel;
  OverChannel with_keys;
};

void measure(Ways& ways, std::size_t bytes, int window, int count, int rounds) {
  const Payload payload = Payload::raw(std::string(bytes, 'x'));
  time_of(ways.bare, payload, count / 4 + 1, window);
  time_of(ways.channel, payload, count / 4 + 1, window);
  time_of(ways.with_keys, payload, count / 4 + 1, window);
  std::vector<double> limits;
  std::vector<double> times;
  std::vector<double> ratios;
  std::vector<double> encrypted;
  for (int round = 0; round < rounds; ++round) {
    limits.push_back(time_of(ways.bare, payload, count, window));
    times.push_back(time_of(ways.channel, payload, count, window));
    encrypted.push_back(time_of(ways.with_keys, payload, count, window));
    ratios.push_back(times.back() / limits.back());
  }
  std::printf("| %zu | %d | %.1f | %.1f | %.2f (%.2f to %.2f) | %.1f |\n", bytes, window,
              1e6 * bench::median(limits), 1e6 * bench::median(times), bench::median(ratios),
              bench::quantile(ratios, 0), bench::quantile(ratios, 1),
              1e6 * bench::median(encrypted));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "bare") return echo_bare(argv[2]);
  if (argc == 3 && std::string_view(argv[1]) == "channel") return echo_channel(argv[2]);
  CLI::App app("Objects through a channel and back, beside bare ZeroMQ sockets.");
  int rounds = 9;
  app.add_option("--rounds", rounds, "alternating rounds; medians are printed")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::printf(
      "Objects to another process and back, microseconds each, medians of %d rounds. By ipc "
      "nothing "
      "is\nencrypted; by tcp there are keys.\n\n",
      rounds);
  std::puts(
      "| bytes | under way | bare sockets, ipc | channel, ipc | ratio (least to most) | "
      "channel, tcp with keys |");
  std::puts("|---|---|---|---|---|---|");
  char name[] = "/tmp/fanmill-bench.XXXXXX";
  const fs::path folder = ::mkdtemp(name);
  {
    const std::string place = "ipc://" + folder.string();
    Ways ways{Bare(place + "/bare"), OverChannel(place + "/channel"),
              OverChannel("tcp://127.0.0.1:*")};
    measure(ways, 8, 1, 5'000, rounds);
    measure(ways, 8, 32, 50'000, rounds);
    measure(ways, 8, 512, 100'000, rounds);
    measure(ways, 100'000, 8, 2'000, rounds);
    measure(ways, 8'000'000, 1, 30, rounds);
  }
  fs::remove_all(folder);
  return 0;
}
