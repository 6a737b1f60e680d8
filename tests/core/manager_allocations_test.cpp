// The core's steady state allocates nothing for a task: not for its submission, not to hand it out,
// not for its result. What a message carries is allocated once for each message.
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "core/client.hpp"
#include "core/manager.hpp"

namespace {

// Counted only on the thread that asks, while it asks.
thread_local bool counting = false;
thread_local std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (counting) allocations += 1;
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new(std::size_t size) {
  void* const memory = operator new(size, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace fanmill::core {
namespace {

using core::Result;

constexpr JobId job{1};
constexpr std::uint32_t credit = 64;

class Counting {
 public:
  Counting() {
    allocations = 0;
    counting = true;
  }
  ~Counting() { counting = false; }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;
};

// A worker that answers all that it holds at once.
class Rounds {
 public:
  Rounds() : manager_({.boot = {.low = 1, .high = 1}, .prefetch = credit - 1}) {
    step(MessageReceived{.peer = peer, .message = hello()});
    step(JobOpened{.client = embedded_client, .job = job, .options = {}});
    manager_.tick(now_, actions_);
    session_ = std::get<Welcome>(std::get<Send>(actions_.front()).message).session;
    actions_.clear();
  }

  void submit(std::size_t groups, std::uint32_t tasks_per_group) {
    for (std::size_t i = 0; i < groups; ++i) {
      TaskSpecs specs;
      specs.reserve(tasks_per_group);
      for (std::uint32_t task = 0; task < tasks_per_group; ++task)
        specs.push_back({.payload = payload_});
      GroupSubmitted group{
          .job = job, .item = items_++, .policy = Policy::all(), .tasks = std::move(specs)};
      const Counting count;
      manager_.step(now_, std::move(group), actions_);
      sum_ += allocations;
    }
  }

  /// Hands out and answers; returns how many messages carried tasks.
  std::size_t answer() {
    {
      const Counting count;
      manager_.tick(now_, actions_);
      sum_ += allocations;
    }
    std::size_t messages = 0;
    Results results{.session = session_};
    for (ManagerAction& action : actions_) {
      auto* send = std::get_if<Send>(&action);
      if (send == nullptr) continue;
      messages += 1;
      if (const Tasks* tasks = std::get_if<Tasks>(&send->message)) {
        for (const Task& task : tasks->tasks)
          results.results.push_back({.attempt = task.attempt, .payload = payload_});
      }
    }
    actions_.clear();
    answered += results.results.size();
    MessageReceived message{.peer = peer, .message = std::move(results)};
    const Counting count;
    manager_.step(now_, std::move(message), actions_);
    sum_ += allocations;
    return messages;
  }

  std::size_t take_sum() { return std::exchange(sum_, 0); }
  std::size_t answered = 0;

 private:
  static constexpr PeerId peer{1};

  static Hello hello() {
    return {.features = feature::heartbeat | feature::kill | feature::batch,
            .encodings = encoding_bit(Encoding::raw),
            .uuid = {.low = 1, .high = 0},
            .greeting = 1,
            .functions = {"f"}};
  }
  void step(ManagerEvent event) { manager_.step(now_, std::move(event), actions_); }

  Manager manager_;
  ManagerActions actions_;
  Instant now_{std::chrono::hours(1)};
  SessionId session_;
  Payload payload_ = Payload::raw("8 bytes.");
  std::uint64_t items_ = 0;
  std::size_t sum_ = 0;
};

}  // namespace

TEST_CASE("a task costs the core no allocation", "[unit][manager]") {
  Rounds rounds;
  rounds.submit(2000, 1);
  for (int i = 0; i < 10; ++i) {
    rounds.answer();
    rounds.submit(credit, 1);
  }
  rounds.take_sum();
  rounds.answered = 0;
  std::size_t messages = 0;
  for (int i = 0; i < 50; ++i) {
    messages += rounds.answer();
    rounds.submit(credit, 1);
  }
  REQUIRE(rounds.answered == 50 * credit);
  CHECK(messages <= 2 * 50);
  // One list of tasks for each message, which is made long enough for all with the second, and chunks of
  // the queue's list of chunks now and then.
  CHECK(rounds.take_sum() <= 2 * messages + 5);
}

TEST_CASE("an item costs its client no allocation", "[unit][client]") {
  Client client({.job = job, .ordered = true});
  ClientActions actions;
  client.open(actions);
  const Payload payload = Payload::raw("8 bytes.");
  std::uint64_t next = 0;
  std::size_t sum = 0;
  const auto counted = [&](const auto& call) {
    const Counting count;
    call();
    sum += allocations;
  };
  const auto round = [&] {
    for (int i = 0; i < 1000; ++i) {
      counted([&] {
        TaskSpecs tasks;
        tasks.push_back({.payload = payload});
        const auto order =
            client.take(ItemPulled{.policy = Policy::first(), .tasks = std::move(tasks)}, actions);
        REQUIRE(order.has_value());
      });
    }
    actions.clear();
    for (int i = 0; i < 1000; ++i, ++next) {
      DeliverGroupEnd end{.job = job, .item = next, .result = {.decided = true}};
      end.result.answers.push_back({.payload = payload});
      counted([&] {
        const auto call = client.take(std::move(end), actions);
        REQUIRE(call.has_value());
        client.step(ItemConcluded{.item = next, .bytes = 8}, actions);
      });
    }
  };
  round();
  round();
  sum = 0;
  round();
  CHECK(client.items_released() == 3000);
  CHECK(sum == 0);
}

}  // namespace fanmill::core
