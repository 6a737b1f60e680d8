#include "core/lane_tasks.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "base/assert_trap.hpp"
#include "catch.hpp"

namespace fanmill::core {
namespace {

LoneTask task_of(std::uint64_t group) {
  return {.group = GroupId{group},
          .task = TaskId{group + 1000},
          .item = group * 10,
          .bytes = Bytes(std::to_string(group)),
          .encoding = Encoding::raw};
}

std::string numbers_of(const LaneTasks& lane) {
  std::string list;
  lane.for_each([&](LaneTasks::Number number, const LoneTask& task) {
    CHECK(lane.find(task.group) == number);
    list += (list.empty() ? "" : " ") + std::to_string(task.group.value);
  });
  return list;
}

}  // namespace

TEST_CASE("a task of a lane stays under its number until it is taken out", "[unit][manager]") {
  LaneTasks lane;
  CHECK(lane.empty());
  for (std::uint64_t group = 1; group <= 5; ++group) lane.push_back(task_of(group));
  CHECK(lane.waiting() == 5);
  const LaneTasks::Number first = lane.hand_out(7);
  const LaneTasks::Number second = lane.hand_out(8);
  CHECK(lane.at_workers() == 2);
  CHECK(lane.front().group == GroupId{3});
  CHECK_FALSE(lane.is_waiting(second));
  CHECK(lane.is_waiting(*lane.find(GroupId{3})));

  CHECK(lane[second].attempt == 8);
  const LoneTask taken = lane.take(first);
  CHECK(taken.item == 10);
  CHECK(taken.bytes.view() == "1");
  CHECK(taken.attempt == 7);
  CHECK_FALSE(lane.find(GroupId{1}));
  // One that waits, out of turn.
  lane.take(*lane.find(GroupId{4}));
  CHECK(numbers_of(lane) == "2 3 5");
  CHECK(lane.take_front().group == GroupId{3});
  CHECK(lane.front().group == GroupId{5});
  CHECK(lane[second].bytes.view() == "2");
  lane.take(second);
  lane.take_front();
  CHECK(lane.empty());
}

TEST_CASE("what has left a lane is not there any more", "[unit][manager]") {
  const test::AssertTrap trap;
  LaneTasks lane;
  CHECK_THROWS_AS(lane.front(), test::AssertionFailed);
  CHECK_THROWS_AS(lane[0], test::AssertionFailed);
  lane.push_back(task_of(1));
  lane.push_back(task_of(2));
  const LaneTasks::Number number = lane.hand_out(1);
  lane.take(number);
  CHECK_THROWS_AS(lane[number], test::AssertionFailed);
  CHECK_THROWS_AS(lane.take(number), test::AssertionFailed);
  CHECK_THROWS_AS(lane[number + 2], test::AssertionFailed);
}

// Against a map, over the wrap of the numbers: handed out and taken in any order, by number and by group.
TEST_CASE("a lane does what a map does", "[unit][manager]") {
  std::mt19937 random(1);
  const auto below = [&](std::size_t limit) { return random() % limit; };
  LaneTasks lane(0xffffff00);
  std::map<std::uint64_t, bool> open;  // by group: whether it waits
  std::vector<std::pair<std::uint64_t, LaneTasks::Number>> held;
  std::uint64_t next_group = 1;
  for (int i = 0; i < 20'000; ++i) {
    // Phases in which it grows, and others in which it shrinks, to nothing in the end.
    const bool grows = i % 4'000 < 1'800 && i < 16'000;
    const std::size_t what = below(grows ? 4 : 12);
    if (what < 2) {
      next_group += 1 + below(3);
      lane.push_back(task_of(next_group));
      open[next_group] = true;
    } else if (what < 6 && lane.waiting() > 0) {
      const std::uint64_t group = lane.front().group.value;
      REQUIRE(open.at(group));
      REQUIRE(std::none_of(open.begin(), open.lower_bound(group),
                           [](const auto& before) { return before.second; }));
      held.emplace_back(group, lane.hand_out(static_cast<std::uint32_t>(group)));
      open[group] = false;
    } else if (what < 10 && !held.empty()) {
      const std::size_t which = below(held.size());
      const auto [group, number] = held[which];
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
      REQUIRE(lane.take(number).group.value == group);
      open.erase(group);
    } else if (!open.empty()) {
      const std::uint64_t group = 1 + below(next_group);
      const auto found = lane.find(GroupId{group});
      REQUIRE(found.has_value() == open.contains(group));
      if (found && open[group]) {
        lane.take(*found);
        open.erase(group);
      }
    }
    REQUIRE(lane.waiting() + lane.at_workers() == open.size());
    REQUIRE(lane.at_workers() == held.size());
  }
  std::string expected;
  for (const auto& [group, waits] : open)
    expected += (expected.empty() ? "" : " ") + std::to_string(group);
  CHECK(numbers_of(lane) == expected);
}

TEST_CASE("a lane keeps no bytes of what has left it", "[unit][manager]") {
  int given_back = 0;
  const auto count = [](void* counter) { *static_cast<int*>(counter) += 1; };
  alignas(8) const char text[] = "12345678";
  LaneTasks lane;
  for (std::uint64_t group = 1; group <= 200; ++group) {
    LoneTask task = task_of(group);
    task.bytes = Bytes::borrow({text, 8}, &given_back, count);
    lane.push_back(std::move(task));
  }
  std::vector<LaneTasks::Number> numbers;
  for (std::uint32_t i = 0; i < 100; ++i) numbers.push_back(lane.hand_out(i));
  for (int i = 0; i < 100; i += 2) lane.take(numbers[static_cast<std::size_t>(i)]);
  CHECK(given_back == 50);
  lane = LaneTasks();
  CHECK(given_back == 200);
}

// With the last of its chunk gone the walk went on in the midst of the next: those before were lost, and it
// ran beyond the end.
TEST_CASE("whoever takes tasks out on his way through a lane meets all of them",
          "[unit][manager]") {
  const std::uint64_t left_in_first = GENERATE(1U, 5U, 63U, 64U);
  LaneTasks lane;
  std::vector<std::uint64_t> expected;
  for (std::uint64_t group = 1; group <= 130; ++group) lane.push_back(task_of(group));
  std::vector<LaneTasks::Number> numbers;
  for (std::uint64_t group = 1; group <= 100; ++group) numbers.push_back(lane.hand_out(7));
  for (std::uint64_t group = 1; group <= 130; ++group) {
    const bool is_gone = group > left_in_first && group <= 64;
    if (is_gone) lane.take(numbers[group - 1]);
    if (!is_gone) expected.push_back(group);
  }
  std::vector<std::uint64_t> met;
  lane.for_each([&](LaneTasks::Number number, const LoneTask& task) {
    met.push_back(task.group.value);
    if (task.attempt != no_index) lane.take(number);
  });
  CHECK(met == expected);
  CHECK(lane.at_workers() == 0);
  CHECK(lane.waiting() == 30);
}

// One task hangs while others come and go: the list of chunks would grow for ever.
TEST_CASE("a lane tells when its oldest is in the way", "[unit][manager]") {
  LaneTasks lane;
  lane.push_back(task_of(1));
  lane.push_back(task_of(2));
  const LaneTasks::Number hangs = lane.hand_out(77);
  const LaneTasks::Number too = lane.hand_out(78);
  std::uint64_t group = 2;
  while (!lane.is_stretched() && group < 1'000'000) {
    lane.push_back(task_of(++group));
    lane.take(lane.hand_out(1));
  }
  REQUIRE(lane.is_stretched());
  CHECK(group > 10'000);
  CHECK(lane.oldest() == hangs);
  lane.take(hangs);
  REQUIRE(lane.is_stretched());
  CHECK(lane.oldest() == too);
  lane.take(too);
  CHECK_FALSE(lane.is_stretched());
  // However many wait.
  for (int i = 0; i < 200'000; ++i) lane.push_back(task_of(++group));
  CHECK_FALSE(lane.is_stretched());
}

}  // namespace fanmill::core
