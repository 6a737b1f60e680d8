#include "bare.hpp"

#include <array>

#include "work.hpp"

namespace bench {
namespace {

constexpr std::size_t header_bytes = 64;  // about what a task's header has
constexpr std::size_t copied_bytes_max = 8192;

struct CurvePair {
  CurvePair() { zmq_curve_keypair(public_key.data(), secret_key.data()); }
  std::array<char, 41> public_key{};
  std::array<char, 41> secret_key{};
};

}  // namespace

void lift_limits(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.set(zmq::sockopt::linger, 0);
}

int echo_bare(const std::string& endpoint, std::int64_t ns, bool sleeps,
              const std::string& server_key) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  lift_limits(socket);
  if (!server_key.empty()) {
    const CurvePair own;
    socket.set(zmq::sockopt::curve_serverkey, server_key);
    socket.set(zmq::sockopt::curve_publickey, own.public_key.data());
    socket.set(zmq::sockopt::curve_secretkey, own.secret_key.data());
  }
  socket.connect(endpoint);
  socket.send(zmq::str_buffer("ready"));
  for (;;) {
    zmq::message_t frame;
    static_cast<void>(socket.recv(frame));
    if (ns > 0 && !frame.more()) (sleeps ? sleep_for_ns : spin_for_ns)(ns);
    socket.send(frame, frame.more() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

BareFarm::BareFarm(const std::string& endpoint, int workers, BareShape shape)
    : shape_(shape),
      bytes_(shape.bytes * static_cast<std::size_t>(shape.tasks), 'x'),
      socket_(context_, zmq::socket_type::router) {
  lift_limits(socket_);
  std::vector<std::string> child = {"bare", endpoint, std::to_string(shape.ns),
                                    shape.sleeps ? "sleep" : "spin"};
  if (shape.encrypted) {
    const CurvePair own;
    socket_.set(zmq::sockopt::curve_server, true);
    socket_.set(zmq::sockopt::curve_secretkey, own.secret_key.data());
    child.emplace_back(own.public_key.data());
  }
  socket_.bind(endpoint);
  child[1] = socket_.get(zmq::sockopt::last_endpoint);
  for (int i = 0; i < workers; ++i) children_.push_back(std::make_unique<Child>(child));
  for (int i = 0; i < workers; ++i) ids_.push_back(receive());
}

Figures BareFarm::run(std::int64_t tasks, int window) {
  const double cpu = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  const std::int64_t messages = tasks / shape_.tasks;
  std::int64_t sent = 0;
  for (int i = 0; i < window; ++i) {
    for (const std::string& id : ids_) {
      send(id);
      sent += 1;
    }
  }
  for (std::int64_t done = 0; done < sent; ++done) {
    const std::string id = receive();
    if (sent == messages) continue;
    send(id);
    sent += 1;
  }
  const auto done = static_cast<double>(sent * shape_.tasks);
  return {done / seconds_since(begin), (cpu_seconds() - cpu) / done};
}

std::vector<double> BareFarm::round_trips(int count) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const Clock::time_point begin = Clock::now();
    send(ids_.front());
    static_cast<void>(receive());
    times.push_back(seconds_since(begin));
  }
  return times;
}

std::string BareFarm::receive() {
  zmq::message_t id;
  zmq::message_t frame;
  static_cast<void>(socket_.recv(id));
  do {
    static_cast<void>(socket_.recv(frame));
  } while (frame.more());
  return id.to_string();
}

void BareFarm::send(const std::string& to) {
  static const std::array<char, header_bytes> header{};
  socket_.send(zmq::buffer(to), zmq::send_flags::sndmore);
  if (shape_.frames == 2) socket_.send(zmq::buffer(header), zmq::send_flags::sndmore);
  socket_.send(payload(), zmq::send_flags::none);
}

// Large ones are sent from where they lie.
zmq::message_t BareFarm::payload() {
  if (bytes_.size() <= copied_bytes_max) return zmq::message_t(bytes_.data(), bytes_.size());
  return {bytes_.data(), bytes_.size(), [](void*, void*) {}, nullptr};
}

}  // namespace bench
