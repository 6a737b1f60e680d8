// The bare limit: a ROUTER that keeps so many messages at each of some DEALERs in other processes,
// which send back what they get. No bookkeeping, no liveness, nothing is ever lost or killed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "bench_table.hpp"

namespace bench {

struct BareShape {
  int frames = 2;          // 1: the payload alone; 2: a header of 64 bytes before it
  std::size_t bytes = 8;   // of payload
  int tasks = 1;           // that one message stands for, each with so many bytes
  bool encrypted = false;  // CURVE
  std::int64_t ns = 0;     // that a worker takes for each...
  bool sleeps = false;     // ...sleeping, else computing
};

struct Figures {
  double rate = 0;          // tasks per second
  double cpu_per_task = 0;  // seconds of the manager's process
};

class BareFarm {
 public:
  BareFarm(const std::string& endpoint, int workers, BareShape shape = {});

  /// `window`: messages at each worker.
  Figures run(std::int64_t tasks, int window);
  /// Seconds each.
  std::vector<double> round_trips(int count);

 private:
  std::string receive();  // whose it was
  void send(const std::string& to);
  [[nodiscard]] zmq::message_t payload();

  const BareShape shape_;
  std::string bytes_;
  zmq::context_t context_;
  zmq::socket_t socket_;
  std::vector<std::string> ids_;
  std::vector<std::unique_ptr<Child>> children_;
};

/// The process at the other end: `bench_farm bare ENDPOINT NS sleep|spin [SERVER_KEY]`.
int echo_bare(const std::string& endpoint, std::int64_t ns, bool sleeps,
              const std::string& server_key);

/// Without the limits that ZeroMQ has by default, beyond which a ROUTER drops.
void lift_limits(zmq::socket_t& socket);

}  // namespace bench
