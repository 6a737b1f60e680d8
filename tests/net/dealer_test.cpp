// A worker's socket: what it tells of a connection, and in which order.
#include "net/dealer.hpp"

#include <dlfcn.h>

#include <functional>

#include "catch.hpp"
#include "farm.hpp"

using namespace fanmill;
using namespace fanmill::test;

namespace {

/// Runs once, on the thread that set it, when libzmq has just told it that a socket is empty.
thread_local std::function<void()> when_found_empty;

void wait_for(void* socket) {
  zmq_pollitem_t item{socket, 0, ZMQ_POLLIN, 0};
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
  REQUIRE(zmq_poll(&item, 1, static_cast<long>(limit.count())) == 1);
}

}  // namespace

// In place of libzmq's own, to act between two calls of it.
extern "C" int zmq_msg_recv(zmq_msg_t* message, void* socket, int flags) {
  static const auto real =
      reinterpret_cast<int (*)(zmq_msg_t*, void*, int)>(::dlsym(RTLD_NEXT, "zmq_msg_recv"));
  const int size = real(message, socket, flags);
  if (size < 0 && zmq_errno() == EAGAIN && when_found_empty) {
    std::exchange(when_found_empty, nullptr)();
    errno = EAGAIN;
  }
  return size;
}

// A worker found its socket empty and looked at the socket's monitor. In between the manager's
// goodbye came, and the manager's end: the goodbye was dropped with the connection, and the worker
// looked for its manager for a minute.
TEST_CASE("what came before the end of a connection is read before its end is told") {
  BareManager manager;
  net::Dealer dealer({{.address = manager.endpoint()}});
  dealer.open();
  codec::HeaderBuffer buffer;
  dealer.send(codec::encode(some_hello(), 1, buffer).value());
  manager.wait_for<core::Hello>();
  net::ReceivedFrames received;
  REQUIRE(dealer.receive(received) == net::Dealer::Next::nothing);

  const auto leave = [&] {
    manager.send_message(core::Goodbye{.session = SessionId{1}, .words = "done"});
    manager.leave();
    wait_for(dealer.monitor_handle());
  };
  SECTION("both before the look") { leave(); }
  SECTION("both in the middle of it") { when_found_empty = leave; }
  REQUIRE(dealer.receive(received) == net::Dealer::Next::message);
  CHECK(received.header.to_string() ==
        frames_of(core::Goodbye{.session = SessionId{1}, .words = "done"}).front());
  CHECK(dealer.receive(received) == net::Dealer::Next::lost);
  CHECK(dealer.receive(received) == net::Dealer::Next::nothing);
}
