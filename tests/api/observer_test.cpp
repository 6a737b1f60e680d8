// What people are told: the lines, the observer, and what happens if it is slow.
#include <algorithm>
#include <array>
#include <cstdio>
#include <fanmill/object.hpp>
#include <fanmill/observer.hpp>
#include <memory>

#include "api/reporter.hpp"
#include "catch.hpp"
#include "farm.hpp"

using Catch::Matchers::ContainsSubstring;
using fanmill::encode;
using fanmill::Event;
using fanmill::to_line;

TEST_CASE("a group's end is told in words with the workers it freed", "[unit][api]") {
  CHECK(to_line({.kind = Event::Kind::group_ended}) == "group 1 complete, ending 0 other workers");
  CHECK(to_line({.kind = Event::Kind::group_ended, .item = 4, .killed = 1, .dropped = 2}) ==
        "group 5 complete, ending 1 other worker, dropping 2 queued tasks");
}

TEST_CASE("data in lines is readable and cut at 200 characters", "[unit][api]") {
  Event event{.kind = Event::Kind::task_assigned, .worker = "node7:4711", .item = 1, .task = 2};
  event.payload = encode(std::vector{1, 2});
  CHECK_THAT(to_line(event), ContainsSubstring("task 3 of group 2 goes to node7:4711: [1,2]") ||
                                 ContainsSubstring("task 3 of group 2 goes to node7:4711: [1, 2]"));
  std::string umlauts;
  for (int i = 0; i < 300; ++i) umlauts += "\u00e4";
  event.payload = encode(umlauts);
  const std::string line = to_line(event);
  CHECK(line.ends_with("\u00e4..."));
  CHECK(std::count(line.begin(), line.end(), '\xc3') == 199);  // and the quotation mark
  event.payload = fanmill::Payload::raw("abc");
  CHECK_THAT(to_line(event), ContainsSubstring("3 raw bytes"));
  event.payload = {fanmill::Bytes("xx"), fanmill::Encoding::object};
  CHECK_THAT(to_line(event), ContainsSubstring("can't be read"));
}

TEST_CASE("an event is one line, with the time in front if asked for", "[unit][api]") {
  Event event{.kind = Event::Kind::worker_left, .worker = "a:1", .text = "lost\nconnection"};
  const std::string line = to_line(event);
  CHECK(line.find('\n') == std::string::npos);
  const std::string stamped = to_line(event, true);
  CHECK(stamped.ends_with(" " + line));
  CHECK(stamped.starts_with("19"));  // the clock's beginning
}

TEST_CASE("a slow observer loses events, and is told how many", "[unit][api]") {
  Gate first_told;
  Gate go_on;
  std::vector<Event> told;
  {
    fanmill::api::Reporter reporter({.observer =
                                         [&](const Event& event) {
                                           told.push_back(event);
                                           first_told.open();
                                           go_on.wait();
                                         },
                                     .events_waiting_max = 2});
    const auto tell = [&] {
      reporter.tell({.kind = fanmill::core::Observation::Kind::group_ended, .level = 2});
    };
    tell();
    first_told.wait();
    for (int i = 0; i < 5; ++i) tell();
    CHECK(reporter.dropped() == 3);
    go_on.open();
  }
  REQUIRE(told.size() == 4);
  CHECK(told[2].kind == Event::Kind::group_ended);
  CHECK(told[3].kind == Event::Kind::events_dropped);
  CHECK(told[3].dropped == 3);
}

TEST_CASE("lines are those of the level asked for", "[unit][api]") {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
  {
    fanmill::api::Reporter reporter({.verbose = 1, .lines_to = file.get()});
    reporter.tell(
        {.kind = fanmill::core::Observation::Kind::worker_joined, .level = 1, .worker = "a:1"});
    reporter.tell({.kind = fanmill::core::Observation::Kind::group_ended, .level = 2});
  }
  std::rewind(file.get());
  std::array<char, 200> text{};
  const std::size_t size = std::fread(text.data(), 1, text.size(), file.get());
  CHECK(std::string(text.data(), size) == "worker a:1 joined\n");
}

TEST_CASE("an observer sees workers, assignments, results and groups", "[unit][api]") {
  std::vector<Event> events;
  {
    WorkerThreads workers;
    fanmill::Manager manager({.observer = [&](const Event& event) { events.push_back(event); }});
    workers.add(manager.join(), [](int n) { return n + 1; });
    manager.run({41}, fanmill::job<int>());
  }
  const auto find = [&](Event::Kind kind) {
    const auto found =
        std::find_if(events.begin(), events.end(), [&](const Event& e) { return e.kind == kind; });
    REQUIRE(found != events.end());
    return *found;
  };
  CHECK(find(Event::Kind::worker_joined).level == 1);
  CHECK(fanmill::decode<int>(find(Event::Kind::task_assigned).payload) == 41);
  CHECK(fanmill::decode<int>(find(Event::Kind::task_ended).payload) == 42);
  CHECK(find(Event::Kind::group_ended).item == 0);
}
