// Functions of which many are given to their process at once: each has its own end, whatever becomes of
// the others.
#include <semaphore.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <map>
#include <random>

#include "exec/ledger.hpp"
#include "processes.hpp"

using namespace fanmill;
using namespace fanmill::test;
using Kind = Completion::Kind;

namespace {

constexpr std::size_t places_max = 600;

/// What functions do is seen here, whatever becomes of their processes.
struct Seen {
  std::array<std::atomic<int>, places_max> runs;  // by the task's payload
  std::atomic<int> waiting;                       // at the gate
  sem_t gate;

  /// For each that waits there, and the next ones.
  void open() { ::sem_post(&gate); }
  void close() { ::sem_init(&gate, 1, 0); }
};

Seen& seen() {
  static void* const memory =
      ::mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return *static_cast<Seen*>(memory);
}

void note_run(const Invocation& invocation) {
  seen().runs[std::stoul(invocation.payload.bytes.str())] += 1;
}

enum : std::uint32_t { counts, waits, falls, strikes, naps };

FunctionResult call_counts(const Invocation& invocation, const std::stop_token&) {
  note_run(invocation);
  return {invocation.payload};
}
FunctionResult call_waits(const Invocation& invocation, const std::stop_token&) {
  note_run(invocation);
  seen().waiting += 1;
  while (::sem_wait(&seen().gate) != 0) continue;  // EINTR
  seen().open();
  return {invocation.payload};
}
FunctionResult call_falls(const Invocation& invocation, const std::stop_token&) {
  note_run(invocation);
  std::signal(SIGSEGV, SIG_DFL);
  ::raise(SIGSEGV);
  return {};
}
// At whoever watches over it.
FunctionResult call_strikes(const Invocation& invocation, const std::stop_token&) {
  note_run(invocation);
  ::kill(::getppid(), SIGKILL);
  for (;;) ::pause();
}
// Long enough to be met by a kill.
FunctionResult call_naps(const Invocation& invocation, const std::stop_token&) {
  note_run(invocation);
  ::usleep(200);
  return {invocation.payload};
}

struct Batch {
  explicit Batch(std::uint32_t slots = 1)
      : farm({.slots = slots, .functions = functions_of_fresh_memory()}) {}

  // Made before anything is forked that shares it.
  static std::vector<Function> functions_of_fresh_memory() {
    for (auto& each : seen().runs) each = 0;
    seen().waiting = 0;
    seen().close();
    return {call_counts, call_waits, call_falls, call_strikes, call_naps};
  }

  /// Of so many places, all at once.
  template <typename Choose>
  void start(std::uint32_t count, const Choose& function_of) {
    for (std::uint32_t place = 0; place < count; ++place)
      farm.start_later(place, function_of(place), std::to_string(place));
    farm.executor().flush(false);
  }
  void start_more(std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t place = first; place < first + count; ++place)
      farm.start(place, counts, std::to_string(place));
  }
  std::map<std::uint32_t, Completion> take(std::size_t count) {
    std::map<std::uint32_t, Completion> found;
    for (Completion& each : farm.take(count)) found[each.slot] = std::move(each);
    return found;
  }

  Fixture farm;
};

void check_fine(std::uint32_t place, const Completion& completion) {
  CHECK(completion.kind == Kind::returned);
  CHECK(completion.payload == Payload::raw(std::to_string(place)));
}

}  // namespace

TEST_CASE(
    "of many functions the one that takes its process with it is to blame, and no other runs twice",
    "[processes]") {
  Batch batch;
  batch.start(200, [](std::uint32_t place) { return place % 50 == 40 ? falls : counts; });
  for (const auto& [place, completion] : batch.take(200)) {
    CHECK(seen().runs[place] == 1);
    if (place % 50 != 40) {
      check_fine(place, completion);
    } else {
      CHECK(completion.kind == Kind::died);
      CHECK(completion.detail == SIGSEGV);
    }
  }
}

TEST_CASE("a kill of the function that runs meets no other", "[processes]") {
  Batch batch;
  batch.start(200, [](std::uint32_t place) { return place == 3 ? waits : counts; });
  wait_until([] { return seen().waiting == 1; });
  batch.farm.executor().stop(3);
  for (const auto& [place, completion] : batch.take(200)) {
    CHECK(seen().runs[place] == 1);
    if (place == 3) {
      CHECK(completion.kind == Kind::died);
      CHECK(completion.error_type == "stopped");
    } else {
      check_fine(place, completion);
    }
  }
}

TEST_CASE("functions behind one that runs are stopped, or called off, without having begun",
          "[processes]") {
  Batch batch;
  batch.start(20, [](std::uint32_t place) { return place == 0 ? waits : counts; });
  wait_until([] { return seen().waiting == 1; });
  batch.farm.executor().stop(7);
  batch.farm.executor().revoke(8);
  auto back = batch.take(2);
  CHECK(back[7].error_text == "stopped");
  CHECK(back[8].kind == Kind::revoked);
  seen().open();
  for (const auto& [place, completion] : batch.take(18)) check_fine(place, completion);
  CHECK(seen().runs[7] == 0);
  CHECK(seen().runs[8] == 0);
}

TEST_CASE("results of short functions come though a long one follows", "[processes]") {
  Batch batch;
  for (int round = 0; round < 20; ++round) {
    seen().close();
    batch.start(10, [](std::uint32_t place) { return place == 9 ? waits : counts; });
    for (const auto& [place, completion] : batch.take(9)) check_fine(place, completion);
    seen().open();
    CHECK(batch.take(1).begin()->first == 9);
  }
}

TEST_CASE("with its keeper goes the function that runs, and no other", "[processes]") {
  Batch batch;
  const bool by_itself = GENERATE(false, true);
  batch.start(20, [&](std::uint32_t place) {
    if (place != 10) return counts;
    return by_itself ? strikes : waits;
  });
  if (!by_itself) {
    wait_until([] { return seen().waiting == 1; });
    for (const pid_t keeper : named("fanmill-keeper")) ::kill(keeper, SIGKILL);
  }
  for (const auto& [place, completion] : batch.take(20)) {
    if (place == 10) {
      CHECK(completion.kind == Kind::died);
      CHECK(completion.error_type == "lost its keeper");
    } else {
      check_fine(place, completion);
    }
  }
}

TEST_CASE("whoever is killed among many, each function ends once and the others run once",
          "[processes]") {
  std::mt19937 random(7);
  Batch batch(2);
  for (int round = 0; round < 100; ++round) {
    for (auto& each : seen().runs) each = 0;
    constexpr std::uint32_t count = 40;
    batch.start(count, [](std::uint32_t place) { return place % 3 == 0 ? naps : counts; });
    std::array<bool, places_max> stopped{};
    std::size_t ended = 0;
    std::map<std::uint32_t, Completion> all;
    while (ended < count) {
      const auto which = static_cast<std::uint32_t>(random() % count);
      stopped[which] = stopped[which] || all.count(which) == 0;
      batch.farm.executor().stop(which);
      for (auto& [place, completion] : batch.take(std::min<std::size_t>(5, count - ended)))
        all[place] = std::move(completion);
      ended = all.size();
    }
    for (const auto& [place, completion] : all) {
      if (!stopped[place]) {
        check_fine(place, completion);
        CHECK(seen().runs[place] == 1);
      } else {
        CHECK(seen().runs[place] <= 1);
      }
    }
  }
}

// A spare that was killed before its first word was read became a slot's keeper, and the task that it was
// given counted as lost with it.
TEST_CASE("a spare keeper that is killed with another costs no task that has not begun",
          "[processes]") {
  Batch batch;
  for (int round = 0; round < 20; ++round) {
    seen().close();
    seen().waiting = 0;
    wait_until([] { return named("fanmill-keeper").size() == 2; });
    batch.start(1, [](std::uint32_t) { return waits; });
    wait_until([] { return seen().waiting == 1; });
    batch.start_more(1, 5);
    for (const pid_t keeper : named("fanmill-keeper")) ::kill(keeper, SIGKILL);
    for (const auto& [place, completion] : batch.take(6)) {
      if (place == 0) {
        CHECK(completion.kind == Kind::died);
      } else {
        check_fine(place, completion);
      }
    }
  }
}

TEST_CASE("an order is either begun or taken back", "[processes]") {
  auto made = exec::Ledger::make();
  REQUIRE(made);
  exec::Ledger& ledger = made->first;
  auto view = exec::Ledger::open(made->second);
  REQUIRE(view);
  ledger.give(1);
  CHECK(view->begin(1, AttemptId{7}, {}));
  CHECK(ledger.running() == AttemptId{7});
  CHECK_FALSE(ledger.withdraw(1));
  view->set_idle();
  CHECK_FALSE(ledger.running().valid());
  ledger.give(2);
  CHECK(ledger.withdraw(2));
  CHECK_FALSE(view->begin(2, AttemptId{8}, {}));
  // Its place is another's by now.
  ledger.give(2 + exec::Ledger::orders_max);
  CHECK_FALSE(view->begin(2, AttemptId{8}, {}));
  CHECK(view->begin(2 + exec::Ledger::orders_max, AttemptId{9}, {}));
}

// Each that is taken back has had a place in the ledger. What was given 256 places later took that of a task
// that still waited, and nobody ever began it.
TEST_CASE("what is taken back again and again costs what waits before it nothing", "[processes]") {
  Batch batch;
  batch.farm.start(0, waits, "0");
  wait_until([] { return seen().waiting == 1; });
  batch.farm.start(1, counts, "1");
  for (int round = 0; round < 300; ++round) {
    for (const std::uint32_t place : {2U, 3U})
      batch.farm.start_later(place, counts, std::to_string(place));
    batch.farm.executor().flush(false);
    // Once the one has been answered the other is at the process.
    for (const std::uint32_t place : {3U, 2U}) {
      batch.farm.executor().revoke(place);
      CHECK(batch.take(1).at(place).kind == Kind::revoked);
    }
  }
  seen().open();
  for (const auto& [place, completion] : batch.take(2)) check_fine(place, completion);
  CHECK(seen().runs[1] == 1);
}
