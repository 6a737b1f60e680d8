// Rows of tasks on threads: what is called off while a thread comes nearer, what lasts, throws or is
// stopped among others.
#include <array>
#include <atomic>
#include <future>
#include <map>
#include <stdexcept>
#include <thread>

#include "catch.hpp"
#include "exec/thread_executor.hpp"

using namespace fanmill;
using namespace fanmill::exec;
using namespace std::chrono_literals;

namespace {

using Kind = Completion::Kind;

/// An executor whose loop is the test's thread.
struct Rows {
  Rows(Function function, std::uint32_t slots, std::uint32_t ahead)
      : executor({.functions = {std::move(function)}, .slots = slots, .ahead = ahead}) {
    executor.set_helper([](Completion&) { return Executor::Helped::no; });
  }
  void start(std::uint32_t slot, std::uint64_t attempt) {
    executor.start(slot, {.attempt = AttemptId{attempt}, .item = attempt, .gathers = true});
  }
  /// Tasks 1 to `count` in the slots from 0 on.
  void start_row(std::uint32_t count) {
    for (std::uint32_t slot = 0; slot < count; ++slot) start(slot, slot + 1);
    end_turn();
  }
  void end_turn() {
    executor.publish();
    executor.flush(true);
  }
  /// Takes until so many have ended in all; by attempt. Each once.
  const std::map<std::uint64_t, Completion>& wait_for(std::size_t count) {
    while (ends.size() < count) {
      std::vector<Completion> taken;
      executor.take(taken);
      for (Completion& each : taken) {
        const std::uint64_t attempt = each.attempt.value;
        REQUIRE(ends.emplace(attempt, std::move(each)).second);
      }
      if (taken.empty()) std::this_thread::yield();
    }
    return ends;
  }

  ThreadExecutor executor;
  std::map<std::uint64_t, Completion> ends;
};

FunctionResult echo(const Invocation& in, const std::stop_token&) { return {in.payload, false}; }

/// Until the task is told to stop.
FunctionResult wait_for_stop(const std::stop_token& stop) {
  std::promise<void> stopped;
  const std::stop_callback told(stop, [&] { stopped.set_value(); });
  stopped.get_future().wait();
  return {Payload::raw("stopped"), false};
}

}  // namespace

// The word of its slot is what both reach for: were it looked at and then changed, a task would run that
// was given back.
TEST_CASE("each task of a row either runs or is given back, however near its thread is") {
  constexpr std::uint32_t count = 64;
  const std::uint32_t slots = GENERATE(1U, 3U);
  std::array<std::atomic<int>, count + 1> runs{};
  Rows rows(
      [&](const Invocation& in, const std::stop_token&) {
        runs[in.item] += 1;
        return FunctionResult{};
      },
      slots, count - slots);
  std::size_t given_back = 0;
  for (int round = 0; round < 300; ++round) {
    for (auto& each : runs) each = 0;
    rows.ends.clear();
    rows.start_row(count);
    // From the end of the row, against the threads; by both ways to call one off.
    for (std::uint32_t slot = count; slot-- > 0;) {
      if (slot % 3 == 0) rows.executor.revoke(slot);
      if (slot % 3 == 1) rows.executor.stop(slot);
    }
    rows.end_turn();
    for (const auto& [attempt, end] : rows.wait_for(count)) {
      const bool is_back = end.kind == Kind::revoked;
      given_back += is_back ? 1 : 0;
      REQUIRE(runs[attempt] == (is_back ? 0 : 1));
    }
  }
  CHECK(given_back > 0);
}

TEST_CASE("what lasts holds up no other of its row while a thread is free") {
  constexpr std::uint32_t count = 40;
  std::promise<void> let_go;
  const std::shared_future<void> may_go = let_go.get_future().share();
  Rows rows(
      [&](const Invocation& in, const std::stop_token&) {
        if (in.item == 1) may_go.wait();
        return FunctionResult{};
      },
      2, count - 2);
  rows.start_row(count);
  CHECK(rows.wait_for(count - 1).count(1) == 0);
  let_go.set_value();
  CHECK(rows.wait_for(count).count(1) == 1);
}

TEST_CASE("behind what lasts all others of its row can be given back") {
  constexpr std::uint32_t count = 40;
  std::promise<void> let_go;
  const std::shared_future<void> may_go = let_go.get_future().share();
  std::promise<void> begun;
  Rows rows(
      [&](const Invocation& in, const std::stop_token&) {
        if (in.item == 3) {
          begun.set_value();
          may_go.wait();
        }
        return FunctionResult{};
      },
      1, count - 1);
  rows.start_row(count);
  begun.get_future().wait();
  for (std::uint32_t slot = 0; slot < count; ++slot) rows.executor.revoke(slot);
  for (const auto& [attempt, end] : rows.wait_for(count - 1))
    CHECK((end.kind == Kind::revoked) == (attempt > 3));
  let_go.set_value();
  CHECK(rows.wait_for(count).at(3).kind == Kind::returned);
}

TEST_CASE("what throws in the middle of a row ends alone") {
  Rows rows(
      [](const Invocation& in, const std::stop_token&) -> FunctionResult {
        if (in.item == 2) throw std::runtime_error("no such curve");
        return {Payload::raw("fine"), false};
      },
      1, 3);
  rows.start_row(4);
  for (const auto& [attempt, end] : rows.wait_for(4)) {
    CHECK((end.kind == Kind::failed) == (attempt == 2));
    CHECK(end.error_text == (attempt == 2 ? "no such curve" : ""));
    CHECK(end.payload.bytes.empty() == (attempt == 2));
  }
}

TEST_CASE("a stop of what runs in a row does not reach those behind it") {
  std::promise<void> begun;
  std::atomic<int> others_stopped = 0;
  Rows rows(
      [&](const Invocation& in, const std::stop_token& stop) {
        if (in.item == 2) {
          begun.set_value();
          return wait_for_stop(stop);
        }
        others_stopped += stop.stop_requested() ? 1 : 0;
        return FunctionResult{};
      },
      1, 7);
  rows.start_row(8);
  begun.get_future().wait();
  rows.executor.stop(1);
  CHECK(rows.wait_for(8).at(2).payload.bytes.view() == "stopped");
  CHECK(others_stopped == 0);
  for (const auto& [attempt, end] : rows.ends) CHECK(end.kind == Kind::returned);
}

// The token belongs to the slot, and is only lent.
TEST_CASE("whatever a function does with its token, the next task of its slot has one") {
  const bool throws = GENERATE(false, true);
  std::promise<void> begun;
  Rows rows(
      [&](const Invocation& in, std::stop_token& stop) -> FunctionResult {
        if (in.item == 1) {
          const std::stop_token kept = std::move(stop);
          if (throws) throw std::runtime_error("gone with it");
          return {};
        }
        begun.set_value();
        return wait_for_stop(stop);
      },
      1, 0);
  rows.start(0, 1);
  rows.end_turn();
  rows.wait_for(1);
  rows.start(0, 2);
  rows.end_turn();
  begun.get_future().wait();
  rows.executor.stop(0);
  CHECK(rows.wait_for(2).at(2).payload.bytes.view() == "stopped");
}

TEST_CASE("what is taken with something that was called off comes behind it") {
  std::promise<void> let_go;
  const std::shared_future<void> may_go = let_go.get_future().share();
  Rows rows(
      [&](const Invocation& in, const std::stop_token& stop) {
        may_go.wait();
        return echo(in, stop);
      },
      1, 2);
  rows.start_row(3);
  rows.executor.revoke(1);
  let_go.set_value();
  REQUIRE(rows.executor.wait_idle(1min));
  std::vector<Completion> taken;
  rows.executor.take(taken);
  REQUIRE(taken.size() == 3);
  CHECK(taken[0].attempt == AttemptId{2});
  CHECK(taken[1].attempt == AttemptId{1});
  CHECK(taken[2].attempt == AttemptId{3});
}

TEST_CASE("an executor that goes in the middle of a row runs none that had not begun") {
  std::atomic<int> begun = 0;
  {
    Rows rows(
        [&](const Invocation&, const std::stop_token& stop) {
          begun += 1;
          begun.notify_all();
          return wait_for_stop(stop);
        },
        1, 15);
    rows.start_row(16);
    begun.wait(0);
  }
  CHECK(begun == 1);
}

// Its time is that from the end of the one before it, so nobody has to look twice; and after a rest it
// is not that of the rest.
TEST_CASE("the time that a task took has no part of the wait before it") {
  Rows rows(echo, 1, 1);
  rows.start(0, 1);
  rows.end_turn();
  rows.wait_for(1);
  REQUIRE(rows.executor.wait_idle(1min));
  // So that it would show.
  const auto first = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < first + 20ms) std::this_thread::yield();
  const auto before = std::chrono::steady_clock::now();
  rows.start(0, 2);
  rows.end_turn();
  const Completion& second = rows.wait_for(2).at(2);
  CHECK(second.busy <= std::chrono::steady_clock::now() - before);
}

// Its thread has not come to rest when what it gave is known. A worker that left then, and had no
// patience, took it for one that does not stop, and ended the process.
TEST_CASE("with its last end taken an executor is idle, however short the patience") {
  ThreadExecutor executor({.functions = {echo}});
  std::promise<void> given;
  std::promise<void> let_go;
  const std::shared_future<void> may_go = let_go.get_future().share();
  executor.set_helper([&](Completion&) {
    given.set_value();
    may_go.wait();
    return Executor::Helped::yes;
  });
  executor.start(0, {.attempt = AttemptId{1}});
  executor.publish();
  executor.flush(false);
  given.get_future().wait();
  std::thread later([&] {
    // So that it would show.
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < begin + 20ms) std::this_thread::yield();
    let_go.set_value();
  });
  CHECK(executor.wait_idle(0s));
  later.join();
}
