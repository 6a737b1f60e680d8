// A manager with keys, an honest worker, and peers that hold a key and say whatever a test wants.
//
// The honest worker serves the function "honest" alone and hostile peers serve "hostile", so a test
// says who is given what. A HostileFarm ends by closing its job: then nothing may be left in the
// tables of its manager.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "net/authorized_keys.hpp"
#include "net/farm.hpp"

namespace fanmill::hostile_test {

struct KeyHolder {
  std::string name;
  net::RoleSet roles;
  std::uint32_t sessions_max = 0;
  std::shared_ptr<const net::KeyPair> pair =
      std::make_shared<const net::KeyPair>(net::KeyPair::make());
};

/// A DEALER with a key.
class Peer {
 public:
  /// `queue_max`: messages that wait here unread before the network's buffers fill; 0: any number.
  Peer(zmq::context_t& context, const std::string& endpoint, const net::ClientKeys& keys,
       int queue_max = 0);

  void send(const std::vector<std::string>& frames);
  void send(const core::Message& message) { send(test::frames_of(message)); }
  core::Message receive();
  /// Receives until a message of this type comes.
  template <typename Wanted>
  Wanted wait_for() {
    for (;;) {
      core::Message message = receive();
      if (auto* wanted = std::get_if<Wanted>(&message)) return std::move(*wanted);
    }
  }
  /// The next hello of this worker, one greeting higher than the last.
  core::Hello next_hello();
  /// Says hello and waits for the welcome.
  core::Welcome join();
  void close() { socket_.close(); }

  core::Hello hello;  // as it was said last
  /// All that was sent, in order, if set.
  std::vector<std::vector<std::string>>* record = nullptr;

 private:
  zmq::socket_t socket_;
};

class HostileFarm {
 public:
  explicit HostileFarm(core::ManagerOptions core = default_options());
  ~HostileFarm();
  HostileFarm(const HostileFarm&) = delete;
  HostileFarm& operator=(const HostileFarm&) = delete;

  /// The farm that the codec's samples speak of. Silence is not judged while a test runs.
  static core::ManagerOptions default_options();

  const KeyHolder honest{"honest", net::Role::worker};
  const KeyHolder liar{"liar", net::Role::worker};
  const KeyHolder thief{"thief", net::Role::worker};
  const KeyHolder bounded{"bounded", net::Role::worker, 25};
  const KeyHolder observer{"desk", net::Role::observe};
  const KeyHolder submitter{"shop", net::Role::submit};

  std::unique_ptr<Peer> connect(const KeyHolder& holder, int queue_max = 0);
  [[nodiscard]] net::ClientKeys keys_of(const KeyHolder& holder) const {
    return {server_key_, holder.pair};
  }

  /// Tasks for a function, one group each; returns the first item, the others follow.
  std::uint64_t submit(const std::string& function, const std::vector<std::string>& texts);
  /// A task that the honest worker holds until `release`.
  std::uint64_t submit_held();
  void release();
  /// The item ended with the honest worker's answer to this text.
  void check_answer(std::uint64_t item, const std::string& text);

  /// The honest worker is given tasks and answers them, and the manager's state is whole.
  void check_unharmed();
  /// Waits until nobody but the honest worker is there, to the core as to the shell.
  void wait_until_alone();
  core::Counters counters() { return farm().core_counters(); }
  test::Farm& farm() { return *farm_; }
  test::TestWorker& worker() { return *worker_; }
  /// One more honest worker, for another function.
  void start_worker(const std::string& function);

 private:
  struct Latch {
    std::mutex mutex;
    std::condition_variable opened;
    bool open = false;
  };
  std::unique_ptr<test::TestWorker> make_worker(const std::string& function);

  zmq::context_t context_;
  net::PublicKey server_key_;
  std::shared_ptr<Latch> latch_ = std::make_shared<Latch>();
  std::unique_ptr<test::Farm> farm_;
  std::unique_ptr<test::TestWorker> worker_;
  std::vector<std::unique_ptr<test::TestWorker>> more_workers_;
  std::uint64_t next_item_ = 0;
};

/// The honest worker's function.
std::string reversed(std::string text);
/// $FANMILL_SEED or the default; printed, so that a failure can be run again.
std::uint64_t seed_of(std::uint64_t standard);
/// Bytes of this process in memory, after what is free was given back.
std::size_t resident_bytes();
/// Whether memory says nothing: a sanitizer keeps what was freed.
bool is_sanitized();

}  // namespace fanmill::hostile_test
