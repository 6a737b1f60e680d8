// A worker's loop against a manager that does not keep to the protocol.
#include "catch.hpp"
#include "farm.hpp"

using namespace fanmill;
using namespace fanmill::test;
using Catch::Matchers::ContainsSubstring;

namespace {

core::Task task(std::uint64_t attempt) {
  return {.attempt = AttemptId{attempt},
          .group = GroupId{1},
          .task = TaskId{1},
          .payload = Payload::raw("x")};
}

std::size_t count(const std::string& text, const std::string& words) {
  std::size_t found = 0;
  for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) {
    found += 1;
  }
  return found;
}

}  // namespace

// The worker only counted such a message: the manager waited for the answer to a Task that nobody
// had read, for as long as the session lasted.
TEST_CASE("a message that can't be read ends the session, and the next hello tells what is held") {
  BareManager manager;
  TestWorker worker({.endpoints = {manager.endpoint()}, .functions = {echo}});
  manager.welcome(SessionId{1});
  manager.send_message(task(1));
  CHECK(manager.wait_for<core::Result>().attempt == AttemptId{1});

  std::vector<std::string> unreadable = frames_of(task(2));
  SECTION("a header that is cut off") { unreadable[0].resize(unreadable[0].size() - 8); }
  SECTION("a payload that should be there") { unreadable.pop_back(); }
  SECTION("three frames") { unreadable.emplace_back("more"); }
  manager.send(unreadable);

  const core::Hello hello = manager.welcome(SessionId{2}, {{AttemptId{1}, core::Verdict::drop}});
  CHECK(hello.greeting == 2);
  CHECK(hello.resume == SessionId{1});
  CHECK(hello.holdings == std::vector<core::Holding>{{AttemptId{1}, core::HoldingState::result}});
  manager.send_message(task(3));
  CHECK(manager.wait_for<core::Result>().attempt == AttemptId{3});
  CHECK(count(worker.log(), "malformed message") == 1);

  manager.send(unreadable);
  CHECK(manager.wait_for<core::Hello>().greeting == 3);
}
