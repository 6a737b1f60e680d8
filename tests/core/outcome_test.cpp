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

TEST_CASE("outcomes and kinds of errors are called as in their header", "[outcome]") {
  CHECK(std::string(to_string(OutcomeKind::quarantined)) == "quarantined");
  CHECK(std::string(to_string(OutcomeKind::result)) == "result");
  CHECK(std::string(to_string(TaskError::Kind::time_limit)) == "time_limit");
  CHECK(std::string(to_string(TaskError::Kind::lost_worker)) == "lost_worker");
}

}  // namespace
}  // namespace fanmill
