#include "launch/restart_rule.hpp"

#include <cerrno>
#include <csignal>

#include "catch.hpp"
#include "core/worker.hpp"

using namespace fanmill;
using namespace fanmill::launch;
using namespace std::chrono_literals;

namespace {

// This layer may not include the core's header: the numbers stand twice, and here they are
// compared.
static_assert(exit_do_not_restart == static_cast<int>(core::ExitStatus::do_not_restart));
static_assert(exit_killed == static_cast<int>(core::ExitStatus::killed));
static_assert(exit_manager_lost == static_cast<int>(core::ExitStatus::manager_lost));

constexpr ProcessEnd crash{.status = 1};
constexpr Verdict finished{.kind = Verdict::Kind::finished};
constexpr Verdict given_up{.kind = Verdict::Kind::give_up};
Verdict restart(Duration after) { return {.kind = Verdict::Kind::restart, .after = after}; }

}  // namespace

TEST_CASE("status 5 is the end, however long the program lived", "[restart]") {
  RestartRule rule({});
  CHECK(rule.ended({.status = 5}, 0s) == finished);
  CHECK(rule.ended({.status = 5}, 1h) == finished);
}

TEST_CASE("a killed worker is started again at once, and any number of times", "[restart]") {
  RestartRule rule({});
  for (int i = 0; i < 1000; ++i) CHECK(rule.ended({.status = 6}, 20ms) == restart(0ms));
}

TEST_CASE("a program that does nothing but exit with 6 is slowed to the start interval",
          "[restart]") {
  RestartRule rule({});
  CHECK(rule.ended({.status = 6}, 2ms) == restart(8ms));
}

TEST_CASE("crashes are followed by a back-off that doubles from 100 ms to 10 s", "[restart]") {
  RestartRule rule({});
  for (const Duration expected :
       {100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10000ms, 10000ms}) {
    CHECK(rule.ended(crash, 2s) == restart(expected));
  }
}

TEST_CASE("a life of ten seconds resets the back-off", "[restart]") {
  RestartRule rule({});
  for (int i = 0; i < 6; ++i) (void)rule.ended(crash, 2s);
  CHECK(rule.ended(crash, 10s) == restart(100ms));
}

TEST_CASE("a signal counts as a crash", "[restart]") {
  RestartRule rule({});
  CHECK(rule.ended({.signal = SIGSEGV}, 2s) == restart(100ms));
  CHECK(rule.ended({.signal = SIGKILL}, 2s) == restart(200ms));
}

TEST_CASE("a status of 0 counts as a crash: a worker never just ends", "[restart]") {
  CHECK(RestartRule({}).ended({.status = 0}, 2s) == restart(100ms));
}

TEST_CASE("five ends at once in a row are given up", "[restart]") {
  RestartRule rule({});
  for (int i = 0; i < 4; ++i) CHECK(rule.ended(crash, 10ms).kind == Verdict::Kind::restart);
  CHECK(rule.ended(crash, 10ms) == given_up);
}

TEST_CASE("a longer life, or a kill, in between starts the count of ends at once anew",
          "[restart]") {
  const auto between =
      GENERATE(ProcessEnd{.status = 1}, ProcessEnd{.status = 6}, ProcessEnd{.status = 7});
  RestartRule rule({});
  for (int i = 0; i < 4; ++i) (void)rule.ended(crash, 10ms);
  (void)rule.ended(between, 3s);
  for (int i = 0; i < 4; ++i) CHECK(rule.ended(crash, 10ms).kind == Verdict::Kind::restart);
}

TEST_CASE("a lost manager backs off but is never given up", "[restart]") {
  RestartRule rule({});
  CHECK(rule.ended({.status = 7}, 10ms) == restart(100ms));
  for (int i = 0; i < 100; ++i)
    CHECK(rule.ended({.status = 7}, 10ms).kind == Verdict::Kind::restart);
  CHECK(rule.ended({.status = 7}, 10ms) == restart(10s));
}

TEST_CASE("a program that never ran and can't be executed is given up at once", "[restart]") {
  CHECK(RestartRule({}).could_not_start(ENOENT) == given_up);
  CHECK(RestartRule({}).could_not_start(EACCES) == given_up);
}

TEST_CASE("a program that has run before, or a host out of processes, gets more tries",
          "[restart]") {
  RestartRule fresh({});
  CHECK(fresh.could_not_start(EAGAIN) == restart(100ms));
  RestartRule used({});
  (void)used.ended(crash, 20s);
  CHECK(used.could_not_start(ENOENT).kind == Verdict::Kind::restart);
  for (int i = 0; i < 3; ++i) (void)used.could_not_start(ENOENT);
  CHECK(used.could_not_start(ENOENT) == given_up);
}

TEST_CASE("ends are told in words", "[restart]") {
  CHECK(to_string(ProcessEnd{.status = 5}) == "exit status 5 (do not start again)");
  CHECK(to_string(ProcessEnd{.status = 3}) == "exit status 3");
  CHECK(to_string(ProcessEnd{.signal = SIGSEGV}) == "signal 11 (SIGSEGV)");
  CHECK_THAT(to_string(ProcessEnd{}), Catch::Matchers::ContainsSubstring("unknown"));
}
