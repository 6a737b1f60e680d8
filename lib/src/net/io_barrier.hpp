// IoBarrier: waits until libzmq's I/O thread is done with whatever it was doing.
//
// That thread takes its orders one after the other. So it is given one, to connect to where nobody
// listens, and its report of that is awaited.
#pragma once

#include <cstdint>
#include <string>
#include <zmq.hpp>

#include "base/time.hpp"
#include "net/socket_monitor.hpp"

namespace fanmill::net {

class IoBarrier {
 public:
  /// Of a context with one I/O thread. Throws zmq::error_t.
  explicit IoBarrier(zmq::context_t& context);

  /// Microseconds on an idle machine. False if nothing was reported within `limit`.
  bool pass(Duration limit);

 private:
  const std::string prefix_;
  std::uint64_t passed_ = 0;
  zmq::socket_t socket_;
  SocketMonitor reports_;  // before its socket it goes
};

}  // namespace fanmill::net
