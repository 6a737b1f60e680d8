// Round trips without fanmill: a pair of sockets each owned by a thread that hands what comes to
// another, as any library must that keeps its connections alive while user code runs; and a TCP
// connection with blocking calls.
#pragma once

#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "bench_table.hpp"

namespace bench {

/// A thread that owns a socket. It wakes its user by a condition variable and is woken by an eventfd
/// beside the socket.
class SocketThread {
 public:
  /// Of this type, connected or bound to `endpoint`.
  SocketThread(zmq::socket_type type, const std::string& endpoint);
  ~SocketThread();
  SocketThread(const SocketThread&) = delete;
  SocketThread& operator=(const SocketThread&) = delete;

  using Frames = std::vector<zmq::message_t>;
  void post(Frames frames);
  Frames take();  // waits
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

 private:
  class Impl;
  std::string endpoint_;
  std::unique_ptr<Impl> impl_;
};

/// A ROUTER and a DEALER in another process, each with such a thread.
class HandOverPair {
 public:
  explicit HandOverPair(const std::string& endpoint);
  std::vector<double> round_trips(int count);

 private:
  SocketThread socket_;
  Child child_;
  SocketThread::Frames peer_;
};
int echo_hand_over(const std::string& endpoint);

/// write and read on a TCP connection to another process, without delay. `apart`: the two on cores of
/// their own, for the kernel puts them on one by itself, where they take turns without a wake-up.
class TcpPair {
 public:
  explicit TcpPair(bool apart);
  ~TcpPair();
  TcpPair(const TcpPair&) = delete;
  TcpPair& operator=(const TcpPair&) = delete;
  std::vector<double> round_trips(int count);

 private:
  const bool apart_;
  int socket_ = -1;
  std::unique_ptr<Child> child_;
};
/// `bench_farm tcp PORT CORE`: a negative core is any.
int echo_tcp(const std::string& port, const std::string& core);

}  // namespace bench
