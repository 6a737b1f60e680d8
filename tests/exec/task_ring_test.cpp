#include "exec/task_ring.hpp"

#include <algorithm>
#include <thread>

#include "catch.hpp"

using namespace fanmill;
using namespace fanmill::exec;

namespace {

std::vector<std::uint32_t> slots_of(const std::vector<TaskRing::Entry>& entries) {
  std::vector<std::uint32_t> slots;
  for (const TaskRing::Entry& each : entries) slots.push_back(each.slot);
  return slots;
}

}  // namespace

TEST_CASE("what is published is taken in its order, and nothing before it is") {
  TaskRing ring(2);
  for (std::uint32_t round = 0; round < 10; ++round) {
    ring.push({.slot = 0, .serial = round});
    CHECK(ring.empty());
    CHECK_FALSE(ring.take().has_value());
    CHECK(ring.publish() == 1);
    ring.push({.slot = 1, .serial = round});
    CHECK(ring.size() == 1);
    CHECK(ring.publish() == 1);
    CHECK(ring.publish() == 0);
    CHECK(ring.foresee(1) == TaskRing::Entry{.slot = 1, .serial = round});
    CHECK_FALSE(ring.foresee(2).has_value());
    CHECK(ring.take() == TaskRing::Entry{.slot = 0, .serial = round});
    CHECK(ring.take() == TaskRing::Entry{.slot = 1, .serial = round});
    CHECK_FALSE(ring.take().has_value());
  }
}

TEST_CASE("a ring that is full has room for as many again when all were taken out") {
  TaskRing ring(2);
  for (std::uint32_t i = 0; i < 4; ++i) {
    CHECK_FALSE(ring.is_full());
    ring.push({.slot = i});
    if (i == 1) ring.publish();
  }
  REQUIRE(ring.is_full());
  CHECK(ring.take()->slot == 0);
  CHECK(slots_of(ring.take_all()) == std::vector<std::uint32_t>{1, 2, 3});
  CHECK_FALSE(ring.take().has_value());
  for (std::uint32_t i = 5; i < 9; ++i) ring.push({.slot = i});
  CHECK(ring.is_full());
  CHECK(ring.publish() > 0);
  for (std::uint32_t i = 5; i < 9; ++i) CHECK(ring.take()->slot == i);
  CHECK(ring.empty());
}

TEST_CASE("of many threads each entry is taken by one, also while all are taken out and put back") {
  constexpr std::uint32_t count = 20'000;
  constexpr std::size_t takers = 3;
  TaskRing ring(8);
  std::atomic<bool> is_over = false;
  std::vector<std::vector<std::uint32_t>> taken(takers);
  std::vector<std::thread> threads;
  for (std::size_t which = 0; which < takers; ++which) {
    threads.emplace_back([&, which] {
      for (;;) {
        const bool was_over = is_over;
        if (const auto entry = ring.take()) {
          taken[which].push_back(entry->slot);
        } else if (was_over) {
          return;
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  for (std::uint32_t i = 0; i < count;) {
    if (i % 7 == 0) {
      for (const TaskRing::Entry& entry : ring.take_all()) ring.push(entry);
    }
    for (; i < count && !ring.is_full(); ++i) ring.push({.slot = i});
    ring.publish();
    std::this_thread::yield();
  }
  is_over = true;
  for (std::thread& thread : threads) thread.join();

  std::vector<std::uint32_t> all;
  for (const auto& mine : taken) {
    CHECK(std::is_sorted(mine.begin(), mine.end()));
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  REQUIRE(all.size() == count);
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}
