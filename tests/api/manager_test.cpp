// The manager itself: its endpoints, its workers' coming and going, its options.
#include <filesystem>
#include <numeric>
#include <vector>

#include "catch.hpp"
#include "farm.hpp"
#include "farm_error.hpp"
#include "scratch_folder.hpp"

using fanmill::ErrorCode;
using fanmill::job;
using fanmill::test::words_of;
using namespace std::chrono_literals;

namespace {

int negate(int n) { return -n; }

}  // namespace

TEST_CASE("a manager listens on a private socket by default", "[unit][api]") {
  fanmill::Manager manager;
  const auto endpoints = manager.endpoints();
  REQUIRE(endpoints.size() == 1);
  CHECK(endpoints[0].starts_with("ipc:///"));
  CHECK(manager.join().server_key().empty());
}

TEST_CASE("workers come over tcp as well as over ipc", "[unit][api]") {
  const fanmill::test::ScratchFolder folder;
  Farm farm({.endpoints = {"ipc://" + folder.path() + "/manager", "tcp://127.0.0.1:*"}});
  REQUIRE(farm.manager.endpoints().size() == 2);
  CHECK_FALSE(farm.manager.endpoints()[1].ends_with("*"));
  for (const std::string& endpoint : farm.manager.endpoints()) {
    farm.workers.add(fanmill::Join::endpoint(endpoint), negate);
  }
  REQUIRE(farm.manager.wait_for_workers(2, 20s));
  CHECK(farm.manager.run({1, 2, 3, 4}, job<int>()) == std::vector{-1, -2, -3, -4});
  const auto workers = farm.manager.workers();
  REQUIRE(workers.size() == 2);
  CHECK(workers[0].state == fanmill::WorkerInfo::State::live);
  CHECK(workers[0].slots == 1);
  CHECK(workers[0].software.starts_with("fanmill "));
}

TEST_CASE("a run waits for its first worker", "[unit][api]") {
  Farm farm;
  const auto items = std::views::iota(0, 3) | std::views::transform([&](int n) {
                       // The run is under way; only now somebody comes to do it.
                       if (n == 2) farm.workers.add(farm.manager.join(), negate);
                       return n;
                     });
  CHECK(farm.manager.run(items, job<int>()) == std::vector{0, -1, -2});
}

TEST_CASE("wait_for_workers says no when the time is up", "[unit][api]") {
  fanmill::Manager manager;
  CHECK(manager.wait_for_workers(0, 0s));
  CHECK_FALSE(manager.wait_for_workers(1, 10ms));
}

TEST_CASE("the end of a manager ends its workers with status 5", "[unit][api]") {
  WorkerThreads workers;
  {
    fanmill::Manager manager;
    workers.add(manager.join(), negate);
    workers.add(manager.join(), negate);
    REQUIRE(manager.wait_for_workers(2, 20s));
  }
  CHECK(workers.statuses() == std::vector{5, 5});
}

TEST_CASE("a moved manager is the same manager", "[unit][api]") {
  Farm farm(1, negate);
  fanmill::Manager moved = std::move(farm.manager);
  CHECK(moved.run({1}, job<int>()) == std::vector{-1});
}

TEST_CASE("a worker with the wrong cookie is refused", "[unit][api]") {
  WorkerThreads workers;
  fanmill::Manager manager({.cookie = "right"});
  workers.add(manager.join().with_cookie("wrong"), negate);
  CHECK(workers.statuses() == std::vector{5});
  CHECK(manager.counters().workers_refused >= 1);
}

TEST_CASE("a join file is written for workers and removed at the end", "[unit][api]") {
  const std::filesystem::path path = fanmill::Join::default_path();
  std::filesystem::remove(path);
  {
    WorkerThreads workers;
    fanmill::Manager manager({.cookie = "crumb", .join_file = path});
    CHECK(fanmill::Join::find().cookie() == "crumb");
    workers.add(fanmill::Join::find(), negate);
    CHECK(manager.run({4}, job<int>()) == std::vector{-4});
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a worker program that can't be started ends the run with words", "[unit][api]") {
  fanmill::Manager manager;
  manager.start_workers(2, {"/nonexistent/worker"});
  const std::string words =
      words_of(ErrorCode::launch_failed, [&] { manager.run({1}, job<int>()); });
  CHECK_THAT(words, Catch::Matchers::ContainsSubstring("/nonexistent/worker"));
}

TEST_CASE("a worker program that says no ends the run with words", "[unit][api]") {
  fanmill::Manager manager;
  manager.start_workers(1, {"sh", "-c", "exit 5"});
  const std::string words =
      words_of(ErrorCode::launch_failed, [&] { manager.run({1}, job<int>()); });
  CHECK_THAT(words, Catch::Matchers::ContainsSubstring("exit status 5"));
}

TEST_CASE("options outside their range are refused with name and value", "[unit][api]") {
  const auto words = [](fanmill::ManagerOptions options) {
    return words_of(ErrorCode::invalid_argument,
                    [&] { fanmill::Manager manager(std::move(options)); });
  };
  CHECK_THAT(words({.heartbeat = 1us}), Catch::Matchers::ContainsSubstring("heartbeat"));
  CHECK_THAT(words({.suspect = 3s}), Catch::Matchers::ContainsSubstring("suspect is 3 s"));
  CHECK_THAT(words({.dead = 5s}), Catch::Matchers::ContainsSubstring("dead is 5 s"));
  CHECK_THAT(words({.credit_bytes = 1}), Catch::Matchers::ContainsSubstring("credit_bytes is 1"));
  CHECK_THAT(words({.spin = 2s}), Catch::Matchers::ContainsSubstring("spin is 2 s"));
  CHECK_THAT(words({.spin = -1ns}), Catch::Matchers::ContainsSubstring("spin is"));
}

TEST_CASE("wrong options of a worker are refused with name and value", "[unit][api]") {
  const fanmill::Join join = fanmill::Join::endpoint("tcp://127.0.0.1:5557");
  const auto words = [&](ErrorCode code, fanmill::ServeOptions options, const fanmill::Join& to) {
    return words_of(code, [&] { (void)fanmill::serve(to, negate, options); });
  };
  CHECK_THAT(words(ErrorCode::invalid_argument, {.slots = 0}, join),
             Catch::Matchers::ContainsSubstring("slots is 0"));
  CHECK_THAT(words(ErrorCode::invalid_argument, {.slots = 2, .monitored = true}, join),
             Catch::Matchers::ContainsSubstring("slots = 1"));
  CHECK_THAT(words(ErrorCode::invalid_argument, {.spin = -1ns}, join),
             Catch::Matchers::ContainsSubstring("spin must be 0 to 1 s"));
  CHECK_THAT(words(ErrorCode::invalid_argument, {.spin = 2s}, join),
             Catch::Matchers::ContainsSubstring("spin must be 0 to 1 s"));
  CHECK_THAT(words(ErrorCode::bad_endpoint, {}, fanmill::Join::endpoint("udp://x")),
             Catch::Matchers::ContainsSubstring("udp"));
}

TEST_CASE("with a spinning wait results are the same, one at a time and many at once",
          "[unit][api]") {
  Farm farm({.spin = 2ms});
  farm.workers.add(farm.manager.join(), negate, {.slots = 2, .spin = 2ms});
  std::vector<int> items(300);
  std::iota(items.begin(), items.end(), 0);
  std::vector<int> expected(300);
  std::iota(expected.rbegin(), expected.rend(), -299);
  CHECK(farm.manager.run(items, job<int>().lookahead(1)) == expected);
  CHECK(farm.manager.run(items, job<int>()) == expected);
}
