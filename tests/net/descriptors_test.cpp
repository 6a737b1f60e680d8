// A manager whose descriptors run out: the farm goes on, no thread spins, and workers come again when
// there is room.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/descriptor.hpp"
#include "base/descriptor_limit.hpp"
#include "base/program.hpp"
#include "catch.hpp"
#include "farm.hpp"
#include "net/clock.hpp"
#include "net/switchboard.hpp"

using namespace fanmill;
using namespace fanmill::net;
using namespace fanmill::test;
using Catch::Matchers::ContainsSubstring;

namespace {

rlimit limit_now() {
  rlimit now{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &now) == 0);
  return now;
}

/// Of this process, while it lives.
class SoftLimit {
 public:
  explicit SoftLimit(rlim_t most) : before_(limit_now()) { set(most); }
  ~SoftLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  SoftLimit(const SoftLimit&) = delete;
  SoftLimit& operator=(const SoftLimit&) = delete;
  void set(rlim_t most) const {
    const rlimit cut{most, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &cut) == 0);
  }

 private:
  rlimit before_;
};

/// A process that holds connections, as it needs descriptors of its own. It only makes system calls.
class Crowd {
 public:
  Crowd(const std::string& endpoint, int count) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int port = std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ > 0) return;
    ::close_range(3, ~0U, 0);
    rlimit own{};
    ::getrlimit(RLIMIT_NOFILE, &own);
    own.rlim_cur = own.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &own);
    for (int i = 0; i < count; ++i) {
      const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      if (socket < 0) ::_exit(1);
      ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    for (;;) ::pause();
  }
  ~Crowd() { leave(); }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  void leave() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
};

/// Descriptors of connections that were ended come back when libzmq's thread gets to it.
void wait_for_room(std::size_t descriptors) {
  const Instant end = steady_now() + patience;
  std::vector<Descriptor> found;
  while (found.size() < descriptors) {
    REQUIRE(steady_now() < end);
    found.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (found.back().valid()) continue;
    found.clear();
    std::this_thread::yield();
  }
}

int highest_descriptor() {
  const Descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return file.get();
}

}  // namespace

TEST_CASE("more connections than descriptors are turned away, and the farm goes on") {
  Farm farm;
  RawPeer worker(farm.endpoint());
  const SessionId worker_session = worker.join().session;
  constexpr int room = 64;
  const SoftLimit limit(static_cast<rlim_t>(highest_descriptor() + room));
  constexpr int crowd = 300;
  bool is_full = false;
  SECTION("of connections") {}
  SECTION("of other files of this process") { is_full = true; }
  std::vector<Descriptor> others;
  while (is_full && (others.empty() || others.back().valid()))
    others.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));

  const LoopCounters before = farm.loop().counters();
  Crowd strangers(farm.endpoint(), crowd);
  // All of them are taken in, so that no other is waited for, and those that are too many are ended.
  farm.wait_until_counters([&](const LoopCounters& now) {
    return now.connections_accepted >= before.connections_accepted + crowd &&
           now.connections_shed >= crowd - room;
  });
  const LoopCounters calm = farm.loop().counters();
  // A thread of libzmq that spins fails some 100,000 times a second. Here there is a pause between two
  // turns, which something must end.
  farm.wait_until_counters([&](const LoopCounters& now) { return now.turns >= calm.turns + 20; });
  CHECK(farm.loop().counters().accepts_failed == calm.accepts_failed);
  CHECK((is_full || calm.accepts_failed < 100'000));
  others.clear();
  wait_for_room(1);
  // Among the sums of those that did not get in.
  std::string warned;
  while (warned.find("open files") == std::string::npos)
    warned = farm.wait_for(core::Observation::Kind::warning).text;
  CHECK_THAT(warned, ContainsSubstring("ulimit -n"));

  // All that may have taken longer than a worker may be silent.
  worker.send_message(core::Heartbeat{.session = worker_session});
  farm.submit({"a task"});
  const auto task = worker.wait_for<core::Task>();
  worker.send_message(core::Result{.attempt = task.attempt, .payload = task.payload});
  CHECK(farm.wait_for_groups(1).size() == 1);

  strangers.leave();
  wait_for_room(16);  // a context with a socket
  RawPeer next(farm.endpoint());
  (void)next.join();
}

TEST_CASE("a worker that comes when descriptors run out is told so, and comes in later") {
  Router::Received received;
  auto router = Router::open({.gate = TestKeys::gate(), .secret_key = TestKeys::secret_key()});
  const std::string endpoint = router.value()->bind({.host = "127.0.0.1"}).value();
  Switchboard board(std::move(router).value(), {});
  std::vector<core::ManagerEvent> events;
  const Switchboard::EventSink take = [&](core::ManagerEvent event) {
    events.push_back(std::move(event));
  };
  const auto turn_until = [&](const std::function<bool()>& holds) {
    const Instant end = steady_now() + patience;
    while (!holds()) {
      REQUIRE(steady_now() < end);
      board.begin_turn(steady_now(), take);
      const bool empty = board.receive(100, take);
      board.settle(steady_now(), empty, take);
    }
  };
  RawPeer worker(endpoint);
  worker.send_message(core::Heartbeat{.session = SessionId{1}});
  turn_until([&] { return events.size() == 1; });
  const int fd = board.descriptor_of(std::get<core::MessageReceived>(events[0]).peer);
  core::Hello hello = some_hello();
  hello.greeting = 42;
  {
    const SoftLimit limit(static_cast<rlim_t>(fd) + 2);
    worker.send_message(hello);
    turn_until([&] { return board.snapshot().messages_refused == 1; });
  }
  const auto refuse = worker.wait_for<core::Refuse>();
  CHECK(refuse.code == core::RefuseCode::limit);
  CHECK(refuse.greeting == 42);
  CHECK(refuse.retry > Duration::zero());
  CHECK_THAT(refuse.words, ContainsSubstring("open files") && ContainsSubstring("ulimit -n"));
  CHECK(events.size() == 1);
  RawPeer again(endpoint);
  again.send_message(hello);
  turn_until([&] { return events.size() == 2; });
}

TEST_CASE("children get the limit of descriptors that was raised for this process alone") {
  const rlim_t hard = limit_now().rlim_max;
  const SoftLimit limit(200);
  raise_descriptor_limit();
  CHECK(limit_now().rlim_cur == hard);
  raise_descriptor_limit();  // again does nothing
  Pipe pipe = make_pipe();
  const PreparedCommand shell({.arguments = {"sh", "-c", "ulimit -n"}});
  const auto child = shell.spawn({.output = pipe.write.get()});
  REQUIRE(std::holds_alternative<PreparedCommand::Spawned>(child));
  pipe.write.reset();
  std::string text(16, '\0');
  text.resize(static_cast<std::size_t>(::read(pipe.read.get(), text.data(), text.size())));
  CHECK(text == "200\n");
  ::waitpid(std::get<PreparedCommand::Spawned>(child).pid, nullptr, 0);
}
