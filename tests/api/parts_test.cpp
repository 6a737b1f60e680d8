// Items and results that are larger than a frame, as a program sees them: like any others.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "catch.hpp"
#include "farm.hpp"
#include "farm_error.hpp"

using namespace fanmill;
using fanmill::test::words_of;

namespace {

constexpr std::size_t large_bytes = 64U << 20;

std::string large_text() {
  std::string text(large_bytes, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 25);
  return text;
}

std::string reversed(const std::string& text) { return {text.rbegin(), text.rend()}; }

/// The small ones of the same run come back, too.
void check_run(Manager& manager) {
  const std::string large = large_text();
  const auto results =
      manager.run({std::string("abc"), large, std::string("xyz")}, job<std::string>());
  REQUIRE(results.size() == 3);
  CHECK(results[0] == "cba");
  CHECK((results[1] == reversed(large)));  // not to be printed
  CHECK(results[2] == "zyx");
  CHECK(manager.counters().workers_lost == 0);
}

}  // namespace

TEST_CASE("child: a worker that forks", "[.child]") {
  ::_exit(serve(reversed, {.execution = Execution::forked}));
}

TEST_CASE("an item of 64 MiB and its result, by a thread", "[api]") {
  Farm farm(1, reversed);
  check_run(farm.manager);
}

TEST_CASE("an item of 64 MiB and its result, by a process", "[api]") {
  Manager manager;
  manager.start_workers(1, {"/proc/self/exe", "child: a worker that forks"});
  check_run(manager);
}

TEST_CASE("a result beyond the limit fails in words, and one at the limit does not",
          "[unit][api]") {
  Farm farm({.payload_bytes_max = 2U << 20});
  farm.workers.add(farm.manager.join(), [](std::size_t size) { return std::string(size, 'x'); });
  const std::size_t fits = (2U << 20) - 1024;
  const auto outcomes =
      farm.manager.run_outcomes({fits, std::size_t{3U << 20}}, job<std::string>());
  CHECK(outcomes.at(0).value().size() == fits);
  CHECK(outcomes.at(1).errors.at(0).type == "payload_too_large");
}

TEST_CASE("a task beyond what its worker takes goes to another, or ends with words",
          "[unit][api]") {
  Farm farm;
  farm.workers.add(farm.manager.join(), [](const std::string& text) { return text.size(); },
                   {.payload_bytes_max = 1U << 20});
  const std::string large(3U << 20, 'x');
  const auto outcomes = farm.manager.run_outcomes({large}, job<std::size_t>());
  REQUIRE_FALSE(outcomes.at(0).ok());
  CHECK_THAT(outcomes.at(0).errors.at(0).text,
             Catch::Matchers::ContainsSubstring("this worker takes 1048576"));
  farm.workers.add(farm.manager.join(), [](const std::string& text) { return text.size(); });
  // Before it has joined, the first would reject every attempt.
  REQUIRE(farm.manager.wait_for_workers(2, std::chrono::seconds(60)));
  CHECK(farm.manager.run({large}, job<std::size_t>()) == std::vector{large.size()});
}

TEST_CASE("limits of payloads outside their range are refused", "[unit][api]") {
  for (const std::size_t wrong : {(std::size_t{1} << 20) - 1, (std::size_t{1} << 30) + 1}) {
    CHECK_THAT(words_of(ErrorCode::invalid_argument,
                        [&] { const Manager manager({.payload_bytes_max = wrong}); }),
               Catch::Matchers::ContainsSubstring("payload_bytes_max"));
  }
  CHECK_THAT(words_of(ErrorCode::invalid_argument,
                      [] {
                        (void)serve(Join::endpoint("tcp://127.0.0.1:1"), reversed,
                                    {.payload_bytes_max = (std::size_t{1} << 30) + 1});
                      }),
             Catch::Matchers::ContainsSubstring("payload_bytes_max"));
}
