// Workers as processes of their own: exit statuses (M11), signals, functions that don't stop.
//
// The process is this very program, told by its arguments to run one of the hidden cases below: a
// process with libzmq's threads may not fork without exec.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <latch>
#include <memory>

#include "catch.hpp"
#include "farm.hpp"
#include "net/identity.hpp"

using namespace fanmill;
using namespace fanmill::test;
using namespace std::chrono_literals;

extern char** environ;

namespace {

constexpr const char* endpoint_variable = "FANMILL_TEST_ENDPOINT";

// Never returns.
[[noreturn]] void be_worker(exec::Function function, bool monitored) {
  exec::ThreadExecutor executor({.functions = {std::move(function)}});
  core::WorkerOptions core;
  core.uuid = net::random_uuid();
  core.boot = net::boot_id();
  core.monitored = monitored;
  core.leave_grace = 10ms;
  core.hello_repeat = patience;
  ::_exit(net::run_worker(
      {.core = core, .endpoints = {std::getenv(endpoint_variable)}, .keys = TestKeys::worker()},
      executor));
}

exec::FunctionResult deaf(const exec::Invocation&, const std::stop_token&) {
  std::latch never(1);
  never.wait();
  return {};
}

class WorkerProcess {
 public:
  WorkerProcess(const std::string& hidden_case, const std::string& endpoint) {
    ::setenv(endpoint_variable, endpoint.c_str(), 1);
    std::string program = "/proc/self/exe";
    std::string name = hidden_case;
    char* arguments[] = {program.data(), name.data(), nullptr};
    REQUIRE(::posix_spawn(&pid_, program.c_str(), nullptr, nullptr, arguments, environ) == 0);
  }
  ~WorkerProcess() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    (void)wait();
  }
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  void signal(int number) const { ::kill(pid_, number); }
  /// Its exit status; minus the signal that ended it.
  int wait() {
    int status = 0;
    REQUIRE(::waitpid(std::exchange(pid_, 0), &status, 0) > 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = 0;
};

bool computes(const core::Manager& manager) {
  const auto workers = manager.workers();
  return !workers.empty() && workers.front().held > 0;
}

}  // namespace

TEST_CASE("child: a monitored worker", "[.child]") { be_worker(deaf, true); }
TEST_CASE("child: a worker", "[.child]") { be_worker(echo, false); }
TEST_CASE("child: a deaf worker", "[.child]") { be_worker(deaf, false); }

TEST_CASE("a monitored worker ends with status 6 when its running task is killed") {
  Farm farm;
  WorkerProcess worker("child: a monitored worker", farm.endpoint());
  farm.submit({"x"});
  farm.wait_until(computes);
  farm.loop().post({core::JobCancelled{JobId{1}}});
  CHECK(worker.wait() == 6);
}

TEST_CASE("a monitored worker ends with status 7 when its manager is lost while it computes") {
  // A manager of few words: it welcomes, gives a task, and vanishes once that has started.
  BareManager manager;
  WorkerProcess worker("child: a monitored worker", manager.endpoint());
  manager.welcome(SessionId{1});
  manager.send_message(core::Task{.attempt = AttemptId{1}, .group = GroupId{1}, .task = TaskId{1}});
  while (manager.wait_for<core::Heartbeat>().started == 0) {
  }
  manager.vanish();
  CHECK(worker.wait() == 7);
}

TEST_CASE("SIGTERM and SIGINT end a worker with status 5, after its goodbye") {
  for (const int number : {SIGTERM, SIGINT}) {
    Farm farm;
    WorkerProcess worker("child: a worker", farm.endpoint());
    // Before its welcome it would know of no session to end with a goodbye.
    farm.submit({"x"});
    (void)farm.wait_for_groups(1);
    worker.signal(number);
    CHECK(worker.wait() == 5);
    farm.wait_until([](const core::Manager& manager) { return manager.worker_count() == 0; });
    CHECK(farm.core_counters().workers_left == 1);
  }
}

TEST_CASE("a worker whose function is deaf to its stop ends all the same") {
  Farm farm;
  WorkerProcess worker("child: a deaf worker", farm.endpoint());
  farm.submit({"x"});
  farm.wait_until(computes);
  worker.signal(SIGTERM);
  CHECK(worker.wait() == 5);
}

TEST_CASE("a killed worker process is noticed from its connection") {
  Farm farm;
  WorkerProcess worker("child: a deaf worker", farm.endpoint());
  farm.submit({"x"});
  farm.wait_until(computes);
  worker.signal(SIGKILL);
  CHECK(worker.wait() == -SIGKILL);
  farm.wait_until([](const core::Manager& manager) { return manager.worker_count() == 0; });
  CHECK(farm.core_counters().workers_lost == 1);
  TestWorker other({.endpoints = {farm.endpoint()}, .functions = {echo}});
  CHECK(farm.wait_for_groups(1)[0].result.decided);
}

// The manager was suspended for longer than its workers may be silent. They were not.
TEST_CASE("a manager that stalls does not take its workers for dead") {
  Farm farm({.core = {.heartbeat = 100ms, .suspect = 600ms, .dead = 1000ms}});
  TestWorker worker({.endpoints = {farm.endpoint()}, .functions = {echo}});
  farm.wait_until([](const core::Manager& manager) { return manager.worker_count() == 1; });
  farm.loop().query([](const core::Manager&) {
    // A stall is time that passes: there is nothing else to wait for.
    const auto end = std::chrono::steady_clock::now() + 1500ms;
    while (std::chrono::steady_clock::now() < end) {
    }
  });
  farm.wait_until_counters([](const net::LoopCounters& now) { return now.stalls >= 1; });
  farm.submit({"x"});
  CHECK(farm.wait_for_groups(1)[0].result.decided);
  // The worker may have taken its manager for dead, and have left for a new session.
  for (std::uint64_t lost = farm.core_counters().workers_lost; lost > 0; --lost) {
    const std::string why = farm.wait_for(core::Observation::Kind::worker_left).text;
    CHECK_THAT(why, !Catch::Matchers::ContainsSubstring("silent for"));
  }
}
