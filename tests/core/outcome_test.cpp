#include <fanmill/outcome.hpp>

#include "catch.hpp"

namespace fanmill {
namespace {

TEST_CASE("an error is told in one line", "[outcome]") {
  TaskError error{
      .type = "ValueError", .text = "negative size", .worker = "node7:4711", .attempt = 2};
  CHECK(to_string(error) == "attempt 2 on node7:4711 failed: ValueError: negative size");
  error.kind = TaskError::Kind::crashed;
  error.type.clear();
  error.text = "signal 11";
  CHECK(to_string(error) == "attempt 2 on node7:4711 crashed: signal 11");
  CHECK(to_string(TaskError{.kind = TaskError::Kind::lost_worker, .worker = "a:1", .attempt = 1}) ==
        "attempt 1 on a:1 was lost with its worker");
  CHECK(to_string(TaskError{}) == "an attempt failed");
}

TEST_CASE("an error tells what was measured, and nothing of what was not", "[outcome]") {
  using namespace std::chrono_literals;
  TaskError error{.kind = TaskError::Kind::crashed,
                  .type = "signal 11 (SIGSEGV)",
                  .worker = "node7:4711",
                  .attempt = 2,
                  .detail = 11,
                  .wall = 1500ms,
                  .cpu = 1400ms,
                  .memory = std::uint64_t{312} << 20U};
  CHECK(to_string(error) ==
        "attempt 2 on node7:4711 crashed after 1.5 s, 1.4 s of cpu, at most 312 MiB: "
        "signal 11 (SIGSEGV)");
  error = {.kind = TaskError::Kind::time_limit, .attempt = 1, .wall = 3600s};
  CHECK(to_string(error) == "attempt 1 ran past its time limit after 3600 s");
  error = {.attempt = 1, .wall = 999us, .cpu = 12345us};
  CHECK(to_string(error) == "attempt 1 failed with 12.3 ms of cpu");
  error = {.attempt = 1, .wall = 999us, .memory = 1536};
  CHECK(to_string(error) == "attempt 1 failed with at most 1.5 KiB");
}

TEST_CASE("outcomes and kinds of errors are called as in their header", "[outcome]") {
  CHECK(std::string(to_string(OutcomeKind::quarantined)) == "quarantined");
  CHECK(std::string(to_string(OutcomeKind::result)) == "result");
  CHECK(std::string(to_string(TaskError::Kind::time_limit)) == "time_limit");
  CHECK(std::string(to_string(TaskError::Kind::lost_worker)) == "lost_worker");
}

}  // namespace
}  // namespace fanmill
