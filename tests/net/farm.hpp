// A farm in one process: a manager's loop, workers on threads, and bare sockets that misbehave.
//
// Nothing here sleeps: what is waited for is a condition, with a limit for hangs.
#pragma once

#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "base/wakeup.hpp"
#include "core/manager.hpp"
#include "exec/thread_executor.hpp"
#include "net/manager_loop.hpp"
#include "net/paths.hpp"
#include "net/worker_loop.hpp"
#include "test_keys.hpp"

namespace fanmill::test {

/// A limit for hangs, not for speed.
inline constexpr std::chrono::seconds patience{60};

/// A manager's loop and what it delivered.
class Farm {
 public:
  struct Options {
    std::vector<std::string> endpoints = {"tcp://127.0.0.1:*"};
    core::ManagerOptions core = {};
    std::shared_ptr<const net::Gate> gate = TestKeys::gate();
    std::shared_ptr<const net::SecretKey> secret_key = TestKeys::secret_key();
  };
  Farm() : Farm(Options{}) {}
  explicit Farm(Options options);

  net::ManagerLoop& loop() { return *loop_; }
  [[nodiscard]] const std::string& endpoint() const { return loop_->endpoints().front(); }

  /// One job of one group for each text, a task each, with a raw payload.
  void submit(const std::vector<std::string>& texts, core::Policy policy = {});
  void submit_group(std::uint64_t item, std::vector<core::TaskSpec> tasks, core::Policy policy);
  void open_job();

  /// Waits until so many groups have ended; returns their results by item.
  std::vector<core::DeliverGroupEnd> wait_for_groups(std::size_t count);
  /// Waits for the end of the group of this item.
  core::DeliverGroupEnd wait_for_item(std::uint64_t item);
  /// Waits for an observation of this kind (and removes it).
  core::Observation wait_for(core::Observation::Kind kind);
  /// So that they cost nothing where many come.
  void forget_observations();
  /// Asks the core until it agrees.
  void wait_until(const std::function<bool(const core::Manager&)>& agrees);
  void wait_until_counters(const std::function<bool(const net::LoopCounters&)>& agree);
  [[nodiscard]] core::Counters core_counters();

 private:
  void take(core::ManagerActions&& actions);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<core::DeliverGroupEnd> groups_;
  std::vector<core::Observation> observations_;
  std::unique_ptr<net::ManagerLoop> loop_;
};

/// A worker on a thread. Destroying it stops it.
class TestWorker {
 public:
  struct Options {
    std::vector<std::string> endpoints;
    std::vector<exec::Function> functions;
    std::uint16_t slots = 1;
    core::WorkerOptions core = {};
    net::ClientKeys keys = TestKeys::worker();  // by tcp
  };
  explicit TestWorker(Options options);
  ~TestWorker();

  void stop() { stop_.signal(); }
  /// Waits for its end.
  int status();
  /// What its log said, so far.
  std::string log();

 private:
  Wakeup stop_;
  std::mutex mutex_;
  std::string log_;
  std::unique_ptr<exec::ThreadExecutor> executor_;
  std::future<int> ended_;
  std::optional<int> status_;
};

/// Gives the payload back.
exec::FunctionResult echo(const exec::Invocation& invocation, const std::stop_token& stop);
/// Ends when told to.
exec::FunctionResult until_stopped(const exec::Invocation& invocation, const std::stop_token& stop);

/// A bare socket that speaks whatever a test wants.
class RawPeer {
 public:
  struct Options {
    std::string routing_id = {};  // by ipc, and without keys: else the manager makes one
    int queue_max = 1000;  // messages that wait here unread before the network's buffers fill
    std::optional<net::ClientKeys> keys = TestKeys::worker();  // by tcp
  };
  explicit RawPeer(const std::string& endpoint) : RawPeer(endpoint, Options{}) {}
  RawPeer(const std::string& endpoint, const Options& options);
  void send(const std::vector<std::string>& frames);
  void send_message(const core::Message& message);
  /// Waits for the next message; its frames.
  std::vector<std::string> receive();
  core::Message receive_message();
  /// Receives until a message of this type comes.
  template <typename Wanted>
  Wanted wait_for() {
    for (;;) {
      core::Message message = receive_message();
      if (auto* wanted = std::get_if<Wanted>(&message)) return std::move(*wanted);
    }
  }
  /// Says hello and returns the welcome.
  core::Welcome join(core::Hello hello = {});
  void close();
  zmq::socket_t& socket() { return socket_; }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

/// A peer without keys.
RawPeer plaintext_peer(const std::string& endpoint);

/// The manager's end of the wire, for one worker: a bare socket that speaks whatever a test wants.
class BareManager {
 public:
  BareManager();
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  /// To the connection that was heard last.
  void send(const std::vector<std::string>& frames);
  void send_message(const core::Message& message);
  /// Waits for the next message, from whatever connection.
  core::Message receive_message();
  /// Receives until a message of this type comes.
  template <typename Wanted>
  Wanted wait_for() {
    for (;;) {
      core::Message message = receive_message();
      if (auto* wanted = std::get_if<Wanted>(&message)) return std::move(*wanted);
    }
  }
  /// Waits for a hello, welcomes it with a heartbeat of 10 ms, and returns it.
  core::Hello welcome(SessionId session, std::vector<core::Judgement> judgements = {});
  /// In order: what was sent leaves first.
  void leave();
  /// As if killed. Returns when nobody listens on the endpoint any more.
  void vanish();

 private:
  std::optional<net::SocketFolder> folder_;
  std::string endpoint_;
  zmq::context_t context_;
  zmq::socket_t socket_;
  std::string routing_id_;
};

/// The frames of a message in protocol version 1.
std::vector<std::string> frames_of(const core::Message& message);

/// A hello that is complete.
core::Hello some_hello();

}  // namespace fanmill::test
