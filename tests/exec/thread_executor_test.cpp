// Functions on threads: completions, exceptions, stops, and functions that don't stop.
#include "exec/thread_executor.hpp"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <fanmill/error.hpp>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "catch.hpp"
#include "exec/invoke.hpp"

using namespace fanmill;
using namespace fanmill::exec;
using namespace std::chrono_literals;

namespace {

// A limit for hangs, not for speed.
constexpr int patience_ms = 60'000;

bool is_readable(int fd, int limit_ms) {
  pollfd item{fd, POLLIN, 0};
  return ::poll(&item, 1, limit_ms) == 1;
}

std::vector<Completion> take_at_least(Executor& executor, std::size_t count) {
  std::vector<Completion> completions;
  while (completions.size() < count) {
    REQUIRE(is_readable(executor.completions_fd(), patience_ms));
    executor.take(completions);
  }
  return completions;
}

Completion run_one(Function function, Invocation invocation = {.attempt = AttemptId{1}}) {
  ThreadExecutor executor({.functions = {std::move(function)}});
  executor.start(0, std::move(invocation));
  auto completions = take_at_least(executor, 1);
  REQUIRE(completions.size() == 1);
  return completions.front();
}

// As the loop does it.
void end_turn(Executor& executor) {
  executor.publish();
  executor.flush(false);
}

struct OwnError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Blocks until it is told to stop.
FunctionResult wait_for_stop(const Invocation&, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait(lock, stop, [] { return false; });
  return {Payload::raw("stopped"), false};
}

}  // namespace

TEST_CASE("a function's result comes back with slot, attempt and time") {
  const Completion done = run_one(
      [](const Invocation& in, const std::stop_token&) {
        return FunctionResult{Payload::raw("<" + in.payload.bytes.str() + ">"), true};
      },
      {.attempt = AttemptId{7}, .payload = Payload::raw("in")});
  CHECK(done.kind == Completion::Kind::returned);
  CHECK(done.slot == 0);
  CHECK(done.attempt == AttemptId{7});
  CHECK(done.nothing);
  CHECK(done.payload.bytes.view() == "<in>");
  CHECK(done.busy >= Duration::zero());
}

TEST_CASE("what a function throws becomes a type and a text") {
  const Completion own = run_one([](const Invocation&, const std::stop_token&) -> FunctionResult {
    throw OwnError("no such curve");
  });
  CHECK(own.kind == Completion::Kind::failed);
  CHECK_THAT(own.error_type, Catch::Matchers::ContainsSubstring("OwnError"));
  CHECK(own.error_text == "no such curve");

  const Completion number =
      run_one([](const Invocation&, const std::stop_token&) -> FunctionResult { throw 42; });
  CHECK(number.error_type == "int");

  const Completion text =
      run_one([](const Invocation&, const std::stop_token&) -> FunctionResult { throw "words"; });
  CHECK(text.error_text == "words");
}

TEST_CASE("a long error text is cut between characters") {
  const Completion done = run_one([](const Invocation&, const std::stop_token&) -> FunctionResult {
    std::string text = "x";
    while (text.size() < 4 * error_text_bytes_max) text += "\u00e4";
    throw OwnError(text);
  });
  CHECK(done.error_text.size() == error_text_bytes_max - 1);
}

TEST_CASE("an unknown function is rejected, not run") {
  const Completion done =
      run_one([](const Invocation&, const std::stop_token&) { return FunctionResult{}; },
              {.attempt = AttemptId{1}, .function = 3});
  CHECK(done.kind == Completion::Kind::rejected);
  CHECK_THAT(done.error_text, Catch::Matchers::ContainsSubstring("index 3"));
}

TEST_CASE("a stop reaches the running function of its slot only") {
  ThreadExecutor executor({.functions = {wait_for_stop}, .slots = 2});
  executor.start(0, {.attempt = AttemptId{1}});
  executor.start(1, {.attempt = AttemptId{2}});
  executor.stop(1);
  auto first = take_at_least(executor, 1);
  REQUIRE(first.size() == 1);
  CHECK(first.front().attempt == AttemptId{2});
  CHECK_FALSE(executor.wait_idle(0s));
  executor.stop(0);
  CHECK(take_at_least(executor, 1).front().attempt == AttemptId{1});
  CHECK(executor.wait_idle(60s));
}

// A stop is carried out by another thread. Were its token that of the slot, the next task of the
// slot could be hit by it.
TEST_CASE("a stop of one task never reaches the next one of its slot") {
  std::atomic<int> hits{0};
  const Function look = [&](const Invocation&, const std::stop_token& stop) {
    if (stop.stop_requested()) hits += 1;
    return FunctionResult{};
  };
  ThreadExecutor executor({.functions = {look, wait_for_stop}});
  for (std::uint64_t i = 1; i <= 200; ++i) {
    executor.start(0, {.attempt = AttemptId{2 * i}, .function = 1});
    executor.stop(0);
    (void)take_at_least(executor, 1);
    executor.start(0, {.attempt = AttemptId{2 * i + 1}, .function = 0});
    (void)take_at_least(executor, 1);
  }
  CHECK(hits == 0);
}

// The loop that asks for a stop speaks the protocol: it must not run what users register.
TEST_CASE("a function's stop callback does not run on the thread that asks for the stop") {
  std::promise<std::thread::id> ran_on;
  std::promise<void> registered;
  const Function function = [&](const Invocation& in, const std::stop_token& stop) {
    const std::stop_callback callback(stop, [&] { ran_on.set_value(std::this_thread::get_id()); });
    registered.set_value();
    return wait_for_stop(in, stop);
  };
  ThreadExecutor executor({.functions = {function}});
  executor.start(0, {.attempt = AttemptId{1}});
  registered.get_future().wait();
  executor.stop(0);
  CHECK(ran_on.get_future().get() != std::this_thread::get_id());
  (void)take_at_least(executor, 1);
}

TEST_CASE("an idle slot can be stopped, and a stop can be repeated") {
  ThreadExecutor executor({.functions = {wait_for_stop}});
  executor.stop(0);
  executor.start(0, {.attempt = AttemptId{1}});
  executor.stop(0);
  executor.stop(0);
  CHECK(take_at_least(executor, 1).size() == 1);
}

TEST_CASE("many completions of many slots all arrive") {
  constexpr std::uint32_t slots = 8;
  constexpr std::uint64_t tasks = 4000;
  ThreadExecutor executor(
      {.functions = {[](const Invocation&, const std::stop_token&) { return FunctionResult{}; }},
       .slots = slots});
  std::uint64_t started = 0;
  std::vector<std::uint64_t> seen;
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    executor.start(slot, {.attempt = AttemptId{++started}});
  }
  while (seen.size() < tasks) {
    for (const Completion& done : take_at_least(executor, 1)) {
      seen.push_back(done.attempt.value);
      if (started < tasks) executor.start(done.slot, {.attempt = AttemptId{++started}});
    }
  }
  std::sort(seen.begin(), seen.end());
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  CHECK(seen.back() == tasks);
  CHECK(executor.wait_idle(60s));
}

TEST_CASE("a deaf function does not keep the executor from going") {
  std::promise<void> let_go;
  const std::shared_future<void> may_go = let_go.get_future().share();
  std::promise<void> begun;
  std::promise<void> returned;
  {
    ThreadExecutor executor({.functions = {[&](const Invocation&, const std::stop_token&) {
                               begun.set_value();
                               may_go.wait();
                               returned.set_value();
                               return FunctionResult{};
                             }},
                             .leave_grace = 1ms});
    executor.start(0, {.attempt = AttemptId{1}});
    begun.get_future().wait();  // or it would be called off, and never be deaf
    CHECK_FALSE(executor.wait_idle(1ms));
  }
  let_go.set_value();
  returned.get_future().wait();
}

namespace {

/// Functions that wait until the test lets them go, and say in which order they began.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::uint64_t> begun;
  std::vector<std::uint64_t> open;

  FunctionResult pass(const Invocation& invocation) {
    std::unique_lock lock(mutex);
    begun.push_back(invocation.item);
    changed.notify_all();
    changed.wait(
        lock, [&] { return std::find(open.begin(), open.end(), invocation.item) != open.end(); });
    return {};
  }
  void let_go(std::uint64_t item) {
    const std::lock_guard lock(mutex);
    open.push_back(item);
    changed.notify_all();
  }
  void wait_for_begun(std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return begun.size() >= count; });
  }
};

void start_all(ThreadExecutor& executor, std::uint32_t count) {
  for (std::uint32_t slot = 0; slot < count; ++slot)
    executor.start(slot, {.attempt = AttemptId{slot + 1}, .item = slot});
}

}  // namespace

TEST_CASE("tasks beyond the threads wait in their order") {
  Gate gate;
  ThreadExecutor executor({.functions = {[&](const Invocation& invocation, const std::stop_token&) {
                             return gate.pass(invocation);
                           }},
                           .ahead = 3});
  CHECK(executor.slot_count() == 1);
  CHECK(executor.ahead_count() == 3);
  start_all(executor, 4);
  for (std::uint64_t item = 0; item < 4; ++item) gate.let_go(item);
  take_at_least(executor, 4);
  CHECK(gate.begun == std::vector<std::uint64_t>{0, 1, 2, 3});
}

TEST_CASE("what waits goes to whichever thread is free first") {
  Gate gate;
  ThreadExecutor executor({.functions = {[&](const Invocation& invocation, const std::stop_token&) {
                             return gate.pass(invocation);
                           }},
                           .slots = 2,
                           .ahead = 2});
  start_all(executor, 4);
  gate.wait_for_begun(2);
  for (const std::uint64_t item : {1, 2, 3}) gate.let_go(item);
  CHECK(take_at_least(executor, 3).size() == 3);  // beside the first, which is still at it
  gate.let_go(0);
  CHECK(take_at_least(executor, 1).front().attempt == AttemptId{1});
}

TEST_CASE("what waits is revoked or stopped without being run") {
  Gate gate;
  ThreadExecutor executor({.functions = {[&](const Invocation& invocation, const std::stop_token&) {
                             return gate.pass(invocation);
                           }},
                           .ahead = 3});
  start_all(executor, 4);
  gate.wait_for_begun(1);
  executor.revoke(0);  // too late
  executor.revoke(1);
  executor.stop(2);
  const auto back = take_at_least(executor, 2);
  REQUIRE(back.size() == 2);
  for (const Completion& each : back) {
    CHECK(each.kind == Completion::Kind::revoked);
    CHECK((each.attempt == AttemptId{2} || each.attempt == AttemptId{3}));
  }
  // Its place is free again, while what was there before is still in the queue.
  executor.start(1, {.attempt = AttemptId{9}, .item = 9});
  for (const std::uint64_t item : {0, 3, 9}) gate.let_go(item);
  take_at_least(executor, 3);
  CHECK(gate.begun == std::vector<std::uint64_t>{0, 3, 9});
}

TEST_CASE("what was started in a turn that is not over is revoked or stopped without being run") {
  using Helped = Executor::Helped;
  Gate gate;
  ThreadExecutor executor({.functions = {[&](const Invocation& invocation, const std::stop_token&) {
                             return gate.pass(invocation);
                           }},
                           .ahead = 3});
  executor.set_helper([](Completion&) { return Helped::no; });
  for (std::uint32_t slot = 0; slot < 3; ++slot)
    executor.start(slot, {.attempt = AttemptId{slot + 1}, .item = slot});
  gate.let_go(0);
  SECTION("revoked") { executor.revoke(2); }
  SECTION("stopped") { executor.stop(2); }
  executor.start(3, {.attempt = AttemptId{4}, .item = 3});
  end_turn(executor);
  for (const std::uint64_t item : {1, 3}) gate.let_go(item);
  const auto back = take_at_least(executor, 4);
  const auto revoked = std::find_if(back.begin(), back.end(), [](const Completion& each) {
    return each.kind == Completion::Kind::revoked;
  });
  REQUIRE(revoked != back.end());
  CHECK(revoked->attempt == AttemptId{3});
  CHECK(gate.begun == std::vector<std::uint64_t>{0, 1, 3});
}

TEST_CASE("an executor that goes does not begin what waits") {
  std::atomic<int> begun = 0;
  {
    ThreadExecutor executor(
        {.functions = {[&](const Invocation& invocation, const std::stop_token& stop) {
           begun += 1;
           begun.notify_all();
           return wait_for_stop(invocation, stop);
         }},
         .ahead = 1});
    start_all(executor, 2);
    begun.wait(0);
  }
  CHECK(begun == 1);
}

TEST_CASE("tasks that come and are revoked behind one that lasts leave nothing behind") {
  Gate gate;
  ThreadExecutor executor({.functions = {[&](const Invocation& invocation, const std::stop_token&) {
                             return gate.pass(invocation);
                           }},
                           .ahead = 2});
  start_all(executor, 2);
  gate.wait_for_begun(1);
  for (std::uint64_t round = 0; round < 100; ++round) {
    executor.start(2, {.attempt = AttemptId{100 + round}, .item = 100 + round});
    executor.revoke(2);
    CHECK(take_at_least(executor, 1).front().kind == Completion::Kind::revoked);
  }
  for (const std::uint64_t item : {0, 1}) gate.let_go(item);
  take_at_least(executor, 2);
  CHECK(gate.begun == std::vector<std::uint64_t>{0, 1});
}

TEST_CASE("a thread with nothing more to do offers its completion to the helper") {
  using Helped = Executor::Helped;
  ThreadExecutor executor({.functions = {[](const Invocation& in, const std::stop_token&) {
                             return FunctionResult{in.payload, false};
                           }}});
  std::promise<Completion> offered;
  const Helped answer = GENERATE(Helped::no, Helped::yes, Helped::yes_and_wake);
  executor.set_helper([&](Completion& completion) {
    offered.set_value(completion);
    return answer;
  });
  executor.start(0, {.attempt = AttemptId{1}, .payload = Payload::raw("a")});
  end_turn(executor);
  CHECK(offered.get_future().get().attempt == AttemptId{1});
  REQUIRE(executor.wait_idle(1min));
  if (answer != Helped::yes) CHECK(is_readable(executor.completions_fd(), patience_ms));
  std::vector<Completion> left;
  executor.take(left);
  CHECK(left.size() == (answer == Helped::no ? 1U : 0U));
}

TEST_CASE("a helper may start the same slot again, and its thread goes on with that") {
  using Helped = Executor::Helped;
  ThreadExecutor executor({.functions = {[](const Invocation& in, const std::stop_token&) {
                             return FunctionResult{in.payload, false};
                           }}});
  std::vector<AttemptId> order;
  std::promise<void> third;
  executor.set_helper([&](Completion& completion) {
    order.push_back(completion.attempt);
    if (order.size() == 3) {
      third.set_value();
      return Helped::yes;
    }
    executor.start(0, {.attempt = AttemptId{order.size() + 1}});
    executor.publish();
    return Helped::yes;
  });
  executor.start(0, {.attempt = AttemptId{1}});
  end_turn(executor);
  third.get_future().get();
  REQUIRE(executor.wait_idle(1min));
  CHECK(order == std::vector{AttemptId{1}, AttemptId{2}, AttemptId{3}});
}

TEST_CASE("with more in the queue the helper is not asked until it is empty") {
  using Helped = Executor::Helped;
  std::promise<void> both_queued;
  const std::shared_future<void> begin = both_queued.get_future().share();
  ThreadExecutor executor({.functions = {[&](const Invocation& in, const std::stop_token&) {
                             begin.wait();
                             return FunctionResult{in.payload, false};
                           }},
                           .ahead = 2});
  std::atomic<bool> asked_early = false;
  executor.set_helper([&](Completion& completion) {
    if (completion.attempt != AttemptId{2}) asked_early = true;
    return Helped::no;
  });
  executor.start(0, {.attempt = AttemptId{1}});
  executor.start(1, {.attempt = AttemptId{2}});
  end_turn(executor);
  both_queued.set_value();
  // What is not the last one waits for the loop, and the last one behind it.
  const auto completions = take_at_least(executor, 2);
  CHECK(completions[0].attempt == AttemptId{1});
  CHECK(completions[1].attempt == AttemptId{2});
  CHECK_FALSE(asked_early);
}

// It was not counted among those that have nothing to do, so the second had to wait for the end of the first.
TEST_CASE("of two tasks that a helper starts its thread takes one, and another thread the other") {
  using Helped = Executor::Helped;
  std::promise<void> second_begun;
  auto second = second_begun.get_future().share();
  std::atomic<bool> side_by_side = false;
  ThreadExecutor executor({.functions = {[&](const Invocation& in, const std::stop_token&) {
                             if (in.attempt == AttemptId{3}) second_begun.set_value();
                             if (in.attempt == AttemptId{2})
                               side_by_side = second.wait_for(1min) == std::future_status::ready;
                             return FunctionResult{in.payload, false};
                           }},
                           .slots = 2});
  std::promise<void> helped;
  executor.set_helper([&](const Completion& completion) {
    if (completion.attempt != AttemptId{1}) return Helped::no;
    executor.start(0, {.attempt = AttemptId{2}});
    executor.start(1, {.attempt = AttemptId{3}});
    executor.publish();
    helped.set_value();
    return Helped::yes;
  });
  executor.start(0, {.attempt = AttemptId{1}});
  end_turn(executor);
  helped.get_future().get();
  REQUIRE(executor.wait_idle(2min));
  CHECK(side_by_side);
}

namespace {

/// One thread, five tasks, each held until it is let go.
struct GatheringRig {
  explicit GatheringRig(bool first_gathers = true) {
    executor.set_helper([](Completion&) { return Executor::Helped::no; });
    for (std::uint32_t slot = 0; slot < 5; ++slot) {
      executor.start(
          slot,
          {.attempt = AttemptId{slot + 1}, .item = slot, .gathers = slot > 0 || first_gathers});
    }
    executor.publish();
  }
  ~GatheringRig() {
    for (std::uint64_t item = 0; item < 5; ++item) gate.let_go(item);
    executor.wait_idle(1min);
  }
  /// It has ended, and the one behind it runs.
  void end(std::uint64_t item) {
    gate.let_go(item);
    gate.wait_for_begun(item + 2);
  }
  bool is_told() { return is_readable(executor.completions_fd(), 0); }
  std::size_t take() {
    std::vector<Completion> completions;
    executor.take(completions);
    return completions.size();
  }

  Gate gate;
  ThreadExecutor executor{{.functions = {[this](const Invocation& in, const std::stop_token&) {
                             return gate.pass(in);
                           }},
                           .ahead = 4}};
};

}  // namespace

TEST_CASE("while the loop looks by itself it is only told when little waits") {
  GatheringRig rig;
  REQUIRE(rig.executor.flush(true));
  rig.end(0);
  CHECK_FALSE(rig.is_told());
  CHECK(rig.take() == 1);
  rig.end(1);
  CHECK_FALSE(rig.is_told());
  rig.end(2);  // less than half of them is left
  CHECK(rig.is_told());
  CHECK(rig.take() == 2);
}

// They stay in the queue until they come to its front.
TEST_CASE("what was revoked is none that waits behind a task that ends") {
  GatheringRig rig;
  REQUIRE(rig.executor.flush(true));
  rig.gate.wait_for_begun(1);
  for (const std::uint32_t slot : {1U, 2U, 3U, 4U}) rig.executor.revoke(slot);
  REQUIRE(rig.take() == 4);
  rig.gate.let_go(0);
  CHECK(is_readable(rig.executor.completions_fd(), 60'000));
  CHECK(rig.take() == 1);
}

TEST_CASE("the end of a task that does not gather is told at once") {
  GatheringRig rig(false);
  REQUIRE(rig.executor.flush(true));
  rig.end(0);
  CHECK(rig.is_told());
}

TEST_CASE("a loop that does not look any more is told of what has ended") {
  GatheringRig rig;
  REQUIRE(rig.executor.flush(true));
  rig.end(0);
  REQUIRE_FALSE(rig.is_told());
  CHECK_FALSE(rig.executor.flush(false));
  CHECK(rig.is_told());
  CHECK(rig.take() == 1);
  rig.end(1);
  CHECK(rig.is_told());
}

TEST_CASE("the loop need not look where nothing waits") {
  Gate gate;
  ThreadExecutor executor(
      {.functions = {[&](const Invocation& in, const std::stop_token&) { return gate.pass(in); }}});
  executor.start(0, {.attempt = AttemptId{1}, .gathers = true});
  gate.wait_for_begun(1);
  CHECK_FALSE(executor.flush(true));
  gate.let_go(0);
  CHECK(take_at_least(executor, 1).size() == 1);
}
