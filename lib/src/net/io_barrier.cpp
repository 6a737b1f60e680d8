#include "net/io_barrier.hpp"

#include "net/clock.hpp"
#include "net/identity.hpp"
#include "net/poll.hpp"

namespace fanmill::net {
namespace {

// Each address is connected to once; the one attempt fails at once.
constexpr int reconnect_ms = 3'600'000;

// An abstract name of Linux: no file. Nobody else can know it.
std::string secret_prefix() {
  const core::Uuid random = random_uuid();
  return "ipc://@fanmill-nobody-" + std::to_string(random.low) + std::to_string(random.high) + "-";
}

}  // namespace

IoBarrier::IoBarrier(zmq::context_t& context)
    : prefix_(secret_prefix()),
      socket_(context, zmq::socket_type::dealer),
      reports_(context, socket_) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::reconnect_ivl, reconnect_ms);
}

bool IoBarrier::pass(Duration limit) {
  const std::string address = prefix_ + std::to_string(++passed_);
  const Instant end = steady_now() + limit;
  // Those of the last time, of the end of its attempt.
  while (reports_.next()) {
  }
  socket_.connect(address);
  bool reported = false;
  while (!reported && steady_now() < end) {
    zmq_pollitem_t item{reports_.handle(), 0, ZMQ_POLLIN, 0};
    poll({&item, 1}, end - steady_now());
    // Of this attempt or of the end of the former: that was ordered before, by this thread, and may
    // have been reported only now. What tells is the attempt.
    while (const auto event = reports_.next())
      reported = reported || event->what == SocketMonitor::What::connect_retried;
  }
  socket_.disconnect(address);
  return reported;
}

}  // namespace fanmill::net
