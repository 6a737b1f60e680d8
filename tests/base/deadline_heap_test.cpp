#include "base/deadline_heap.hpp"

#include <map>
#include <random>
#include <string>

#include "assert_trap.hpp"
#include "catch.hpp"

namespace fanmill {
namespace {

using namespace std::chrono_literals;
constexpr Instant start{};

}  // namespace

TEST_CASE("deadlines come in the order of their times, equals in the order in which they were set",
          "[unit][base]") {
  DeadlineHeap<std::string> heap;
  CHECK_FALSE(heap.earliest());
  heap.add(start + 3s, "third");
  heap.add(start + 2s, "second a");
  heap.add(start + 2s, "second b");
  heap.add(start + 1s, "first");
  CHECK(heap.earliest() == start + 1s);
  CHECK_FALSE(heap.pop_due(start + 999ms));
  std::string order;
  while (const auto due = heap.pop_due(start + 3s)) order += *due + ", ";
  CHECK(order == "first, second a, second b, third, ");
  CHECK(heap.size() == 0);
}

TEST_CASE("a moved deadline counts as set last", "[unit][base]") {
  DeadlineHeap<int> heap;
  const auto moved = heap.add(start + 9s, 1);
  heap.add(start + 5s, 2);
  heap.move(moved, start + 5s);
  CHECK(heap.pop_due(start + 5s) == 2);
  heap.move(moved, start + 1s);
  CHECK(heap.earliest() == start + 1s);
  heap.move(moved, start + 7s);
  CHECK(heap.earliest() == start + 7s);
}

TEST_CASE("a cancelled deadline leaves nothing behind, and its handle is void", "[unit][base]") {
  test::AssertTrap trap;
  DeadlineHeap<int> heap;
  auto first = heap.add(start + 1s, 1);
  auto second = heap.add(start + 2s, 2);
  const auto stale = first;
  heap.cancel(first);
  CHECK(first == no_index);
  heap.cancel(first);  // no_index is ignored
  CHECK(heap.earliest() == start + 2s);
  CHECK_THROWS_AS(heap.move(stale, start), test::AssertionFailed);
  heap.cancel(second);
  CHECK(heap.size() == 0);
  CHECK_FALSE(heap.earliest());
}

TEST_CASE("a heap agrees with a multimap that is changed alike", "[unit][base]") {
  std::mt19937 random(4);
  DeadlineHeap<int> heap;
  // A multimap keeps equals in the order of insertion, which is what the heap promises.
  std::multimap<Instant, int> model;
  std::map<int, DeadlineHeap<int>::Handle> handles;
  const auto erase_from_model = [&](int name) {
    for (auto entry = model.begin(); entry != model.end(); ++entry) {
      if (entry->second == name) return void(model.erase(entry));
    }
  };
  Instant now = start;
  for (int round = 0; round < 20000; ++round) {
    const Instant at = now + std::chrono::milliseconds(random() % 50);  // few, so many are equal
    const std::uint32_t what = random() % 8;
    const auto any = handles.lower_bound(static_cast<int>(random() % 20000));
    if (what < 3 || any == handles.end()) {
      handles[round] = heap.add(at, round);
      model.emplace(at, round);
    } else if (what < 5) {
      heap.move(any->second, at);
      erase_from_model(any->first);
      model.emplace(at, any->first);
    } else if (what < 6) {
      heap.cancel(any->second);
      erase_from_model(any->first);
      handles.erase(any);
    } else {
      now += 3ms;
      while (const auto due = heap.pop_due(now)) {
        REQUIRE(model.begin()->first <= now);
        REQUIRE(*due == model.begin()->second);
        handles.erase(*due);
        model.erase(model.begin());
      }
    }
    REQUIRE(heap.size() == model.size());
    REQUIRE(heap.earliest() ==
            (model.empty() ? std::nullopt : std::optional<Instant>(model.begin()->first)));
  }
}

}  // namespace fanmill
