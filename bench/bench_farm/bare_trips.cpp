#include "bare_trips.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "bare.hpp"
#include "pinned.hpp"

namespace bench {
namespace {

constexpr std::size_t header_bytes = 64;
constexpr std::size_t payload_bytes = 8;

}  // namespace

class SocketThread::Impl {
 public:
  Impl(zmq::socket_type type, const std::string& endpoint) : socket(context_, type) {
    lift_limits(socket);
    if (type == zmq::socket_type::router) {
      socket.bind(endpoint);
    } else {
      socket.connect(endpoint);
    }
    thread_ = std::thread([this] { run(); });
  }
  ~Impl() {
    post({});
    thread_.join();
    ::close(wake_);
  }

  void post(Frames frames) {
    {
      const std::lock_guard lock(mutex_);
      outgoing_.push_back(std::move(frames));
    }
    ::eventfd_write(wake_, 1);
  }
  Frames take() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !incoming_.empty(); });
    Frames frames = std::move(incoming_.front());
    incoming_.pop_front();
    return frames;
  }

 private:
  void run() {
    for (;;) {
      std::array<zmq_pollitem_t, 2> items = {
          {{socket.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, wake_, ZMQ_POLLIN, 0}}};
      zmq_poll(items.data(), items.size(), -1);
      if (items[1].revents != 0 && !send_all()) return;
      if (items[0].revents != 0) receive_all();
    }
  }
  bool send_all() {
    eventfd_t count = 0;
    ::eventfd_read(wake_, &count);
    std::deque<Frames> outgoing;
    {
      const std::lock_guard lock(mutex_);
      outgoing.swap(outgoing_);
    }
    for (Frames& frames : outgoing) {
      if (frames.empty()) return false;  // the end
      for (zmq::message_t& frame : frames) {
        const bool last = &frame == &frames.back();
        socket.send(frame, last ? zmq::send_flags::none : zmq::send_flags::sndmore);
      }
    }
    return true;
  }
  void receive_all() {
    for (;;) {
      Frames frames(1);
      if (!socket.recv(frames.back(), zmq::recv_flags::dontwait)) return;
      while (frames.back().more()) static_cast<void>(socket.recv(frames.emplace_back()));
      {
        const std::lock_guard lock(mutex_);
        incoming_.push_back(std::move(frames));
      }
      arrived_.notify_one();
    }
  }

  zmq::context_t context_;

 public:
  zmq::socket_t socket;

 private:
  const int wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Frames> outgoing_;
  std::deque<Frames> incoming_;
  std::thread thread_;
};

SocketThread::SocketThread(zmq::socket_type type, const std::string& endpoint)
    : impl_(std::make_unique<Impl>(type, endpoint)) {
  endpoint_ = impl_->socket.get(zmq::sockopt::last_endpoint);
}
SocketThread::~SocketThread() = default;
void SocketThread::post(Frames frames) { impl_->post(std::move(frames)); }
SocketThread::Frames SocketThread::take() { return impl_->take(); }

HandOverPair::HandOverPair(const std::string& endpoint)
    : socket_(zmq::socket_type::router, endpoint),
      child_({"hand-over", socket_.endpoint()}),
      peer_(socket_.take()) {}

std::vector<double> HandOverPair::round_trips(int count) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const Clock::time_point begin = Clock::now();
    SocketThread::Frames frames(3);
    frames[0].copy(peer_.front());
    frames[1].rebuild(header_bytes);
    frames[2].rebuild(payload_bytes);
    socket_.post(std::move(frames));
    static_cast<void>(socket_.take());
    times.push_back(seconds_since(begin));
  }
  return times;
}

int echo_hand_over(const std::string& endpoint) {
  SocketThread socket(zmq::socket_type::dealer, endpoint);
  SocketThread::Frames ready;
  ready.emplace_back(std::string("ready"));
  socket.post(std::move(ready));
  for (;;) socket.post(socket.take());
}

namespace {

void no_delay(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

using Block = std::array<char, header_bytes + payload_bytes>;

bool read_block(int socket, Block& block) {
  return ::recv(socket, block.data(), block.size(), MSG_WAITALL) ==
         static_cast<ssize_t>(block.size());
}
void write_block(int socket, const Block& block) {
  [[maybe_unused]] const ssize_t sent = ::send(socket, block.data(), block.size(), MSG_NOSIGNAL);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

TcpPair::TcpPair(bool apart) : apart_(apart) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT: the sockets' interface
  if (::bind(listener, generic, size) != 0 || ::listen(listener, 1) != 0 ||
      ::getsockname(listener, generic, &size) != 0)
    throw std::runtime_error("no TCP socket on this host");
  child_ = std::make_unique<Child>(std::vector<std::string>{
      "tcp", std::to_string(ntohs(address.sin_port)), std::to_string(apart ? cores().back() : -1)});
  socket_ = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  ::close(listener);
  no_delay(socket_);
}
TcpPair::~TcpPair() { ::close(socket_); }

std::vector<double> TcpPair::round_trips(int count) {
  const Pinned pin(apart_ ? cores().front() : -1);
  std::vector<double> times;
  Block block{};
  for (int i = 0; i < count; ++i) {
    const Clock::time_point begin = Clock::now();
    write_block(socket_, block);
    read_block(socket_, block);
    times.push_back(seconds_since(begin));
  }
  return times;
}

int echo_tcp(const std::string& port, const std::string& core) {
  const Pinned pin(std::stoi(core));
  const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(static_cast<std::uint16_t>(std::stoi(port)));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);  // NOLINT
  if (::connect(connection, generic, sizeof address) != 0) return 1;
  no_delay(connection);
  Block block{};
  while (read_block(connection, block)) write_block(connection, block);
  return 0;
}

}  // namespace bench
