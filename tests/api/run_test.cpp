// Plain lists: a run over items of many kinds, its results, and what becomes of those that fail.
#include <atomic>
#include <numeric>
#include <ranges>
#include <sstream>
#include <stdexcept>

#include "catch.hpp"
#include "farm.hpp"
#include "farm_error.hpp"

using fanmill::ErrorCode;
using fanmill::ItemFailed;
using fanmill::job;
using fanmill::TaskError;
using fanmill::test::words_of;

namespace {

struct Point {
  int x = 0;
  int y = 0;
  bool operator==(const Point&) const = default;
};
FANMILL_FIELDS(Point, x, y);

int square(int n) { return n * n; }

int fail_at_odd(int n) {
  if (n % 2 != 0) throw std::runtime_error("odd: " + std::to_string(n));
  return n;
}

}  // namespace

TEST_CASE("results come in the order of the items", "[unit][api]") {
  Farm farm(3, square);
  std::vector<int> items(500);
  std::iota(items.begin(), items.end(), 0);
  const std::vector<int> squares = farm.manager.run(items, job<int>());
  REQUIRE(squares.size() == items.size());
  for (std::size_t i = 0; i < squares.size(); ++i) REQUIRE(squares[i] == items[i] * items[i]);
}

TEST_CASE("a list without items gives no results and needs no worker", "[unit][api]") {
  Farm farm;
  CHECK(farm.manager.run(std::vector<int>(), job<int>()).empty());
}

TEST_CASE("items may be a view, a stream, a list in braces or structs", "[unit][api]") {
  Farm farm(1, square);
  CHECK(
      farm.manager.run(std::views::iota(1, 4) | std::views::transform([](int n) { return 10 * n; }),
                       job<int>()) == std::vector{100, 400, 900});
  std::istringstream stream("1 2 3");
  CHECK(farm.manager.run(std::ranges::istream_view<int>(stream), job<int>()) ==
        std::vector{1, 4, 9});
  CHECK(farm.manager.run({5, 6}, job<int>()) == std::vector{25, 36});

  Farm mirror(1, [](const Point& p) { return Point{p.y, p.x}; });
  CHECK(mirror.manager.run({Point{1, 2}}, job<Point>()) == std::vector{Point{2, 1}});
}

TEST_CASE("bool results and no results have their own types", "[unit][api]") {
  Farm farm(1, [](int n) { return n > 1; });
  const std::vector<bool> truths = farm.manager.run({1, 2}, job<bool>());
  CHECK(truths == std::vector{false, true});

  std::atomic<int> sum = 0;
  Farm adder(1, [&](int n) { sum += n; });
  static_assert(std::is_void_v<decltype(adder.manager.run({1, 2}, job<void>()))>);
  adder.manager.run({1, 2}, job<void>());
  CHECK(sum == 3);
}

TEST_CASE("raw bytes and JSON text travel as they are", "[unit][api]") {
  Farm farm(1, [](const fanmill::Payload& payload) { return payload; });
  using fanmill::Payload;
  const std::vector<Payload> items{Payload::raw("abc"), Payload::json("[1]")};
  CHECK(farm.manager.run(items, job<Payload>()) == items);
}

TEST_CASE("a generator is pulled no further than the look-ahead", "[unit][api]") {
  // The worker answers only when the test has seen how far the input was pulled.
  Gate gate;
  Farm farm(1, [&](int n) {
    gate.wait();
    return n;
  });
  int pulled = 0;
  int pulled_at_first_result = 0;
  auto items = std::views::iota(0, 1000) | std::views::transform([&](int n) {
                 pulled += 1;
                 // Full: nothing more is pulled until a result came.
                 if (pulled == 10) gate.open();
                 return n;
               });
  farm.manager.run(items, job<int>().lookahead(10).update_results(0, [&](int&, int, std::size_t) {
    if (pulled_at_first_result == 0) pulled_at_first_result = pulled;
  }));
  CHECK(pulled_at_first_result == 10);
  CHECK(pulled == 1000);
}

TEST_CASE("a generator is pulled no further than the bytes of the look-ahead", "[unit][api]") {
  Gate gate;
  Farm farm(1, [&](const fanmill::Payload& payload) {
    gate.wait();
    return payload;
  });
  int pulled = 0;
  int pulled_at_first_result = 0;
  auto items = std::views::iota(0, 100) | std::views::transform([&](int) {
                 pulled += 1;
                 if (pulled == 10) gate.open();
                 return fanmill::Payload::raw(std::string(1000, 'x'));
               });
  const auto echo =
      job<fanmill::Payload>().update_results(0, [&](int&, const fanmill::Payload&, std::size_t) {
        if (pulled_at_first_result == 0) pulled_at_first_result = pulled;
      });
  // The tenth is the one with which they are there.
  farm.manager.run(items, echo.lookahead_bytes(9001));
  CHECK(pulled_at_first_result == 10);
  CHECK(pulled == 100);
}

TEST_CASE("by default a generator is pulled as far as the workers may hold", "[unit][api]") {
  // The second worker comes when as much is pulled as for the first alone, and nothing ends before as
  // much is pulled as both may hold.
  constexpr int least = 4096;
  constexpr int held_by_each = 3000;
  Gate gate;
  Farm farm(fanmill::ManagerOptions{.prefetch = held_by_each - 1});
  const auto add = [&] {
    farm.workers.add(farm.manager.join(), [&](int n) {
      gate.wait();
      return n;
    });
  };
  add();
  REQUIRE(farm.manager.wait_for_workers(1, std::chrono::seconds(60)));
  int pulled = 0;
  int pulled_at_first_result = 0;
  auto items = std::views::iota(0, 10'000) | std::views::transform([&](int n) {
                 pulled += 1;
                 if (pulled == least) add();
                 if (pulled == 2 * held_by_each) gate.open();
                 return n;
               });
  farm.manager.run(items, job<int>().update_results(0, [&](int&, int, std::size_t) {
    if (pulled_at_first_result == 0) pulled_at_first_result = pulled;
  }));
  CHECK(pulled_at_first_result == 2 * held_by_each);
  CHECK(pulled == 10'000);
}

TEST_CASE("update_results sees each item once, and process_results the whole", "[unit][api]") {
  Farm farm(2, square);
  struct Seen {
    int sum = 0;
    std::vector<int> times = std::vector<int>(100, 0);
  };
  const auto counting = job<int>().update_results(
      Seen(), [](Seen& seen, int result, std::size_t index, const int& item) {
        seen.sum += result;
        seen.times[index] += item == static_cast<int>(index) ? 1 : 100;
      });
  const Seen seen = farm.manager.run(std::views::iota(0, 100), counting);
  CHECK(seen.sum == 328350);
  CHECK(seen.times == std::vector<int>(100, 1));

  const auto sum = counting.process_results([](Seen& all) { return all.sum; });
  CHECK(farm.manager.run(std::views::iota(0, 100), sum) == 328350);
  int processed = 0;
  const auto noted =
      job<int>().process_results([&](std::vector<int>& all) { processed = all.at(3); });
  CHECK(farm.manager.run(std::views::iota(0, 4), noted) == std::vector{0, 1, 4, 9});
  CHECK(processed == 9);
}

TEST_CASE("update_results goes by completion", "[unit][api]") {
  // Item 0 ends only when the result of item 1 was seen.
  Gate gate;
  Farm farm(2, [&](int n) {
    if (n == 0) gate.wait();
    return n;
  });
  const auto order = job<int>().update_results(std::vector<int>(),
                                               [&](std::vector<int>& seen, int n, std::size_t) {
                                                 if (n == 1) gate.open();
                                                 seen.push_back(n);
                                               });
  CHECK(farm.manager.run({0, 1}, order) == std::vector{1, 0});
}

TEST_CASE("update_results goes by the items if in_order", "[unit][api]") {
  // Item 0 ends only when item 2 was computed, so both later results wait for it.
  Gate gate;
  Farm farm(2, [&](int n) {
    if (n == 0) gate.wait();
    if (n == 2) gate.open();
    return n;
  });
  const auto order = job<int>().in_order().update_results(
      std::vector<int>(), [&](std::vector<int>& seen, int n, std::size_t) { seen.push_back(n); });
  CHECK(farm.manager.run({0, 1, 2}, order) == std::vector{0, 1, 2});
}

TEST_CASE("one manager runs several lists, also with different jobs", "[unit][api]") {
  Farm farm;
  farm.workers.add(farm.manager.join(),
                   fanmill::Functions().add("square", square).add("text", [](int n) {
                     return std::to_string(n);
                   }));
  CHECK(farm.manager.run({2}, job<int>()) == std::vector{4});
  CHECK(farm.manager.run({2}, job<std::string>().function("text")) ==
        std::vector<std::string>{"2"});
  CHECK(farm.manager.run({3}, job<int>().function("square")) == std::vector{9});
  CHECK(farm.manager.counters().results == 3);
}

TEST_CASE("calls name their function, and one that the job does not name is refused",
          "[unit][api]") {
  Farm farm;
  farm.workers.add(
      farm.manager.join(),
      fanmill::Functions().add("square", square).add("negate", [](int n) { return -n; }));
  const auto both = job<int>().functions({"square", "negate"});
  CHECK(farm.manager.run({fanmill::call("negate", 3), fanmill::call("square", 3)}, both) ==
        std::vector{-3, 9});
  words_of(ErrorCode::invalid_argument,
           [&] { farm.manager.run({fanmill::call("negaet", 3)}, both); });
}

TEST_CASE("a failed item ends the run with its number and its errors", "[unit][api]") {
  Farm farm(2, fail_at_odd);
  try {
    farm.manager.run({0, 2, 5, 4}, job<int>());
    FAIL("the run did not throw");
  } catch (const ItemFailed& failed) {
    CHECK(failed.item() == 2);
    REQUIRE(failed.errors().size() == 1);
    CHECK(failed.errors()[0].kind == TaskError::Kind::failed);
    CHECK(failed.errors()[0].text == "odd: 5");
    CHECK_THAT(failed.what(), Catch::Matchers::ContainsSubstring("item 2"));
    CHECK_THAT(failed.what(), Catch::Matchers::ContainsSubstring("odd: 5"));
  }
  CHECK(farm.manager.run({2}, job<int>()) == std::vector{2});
}

TEST_CASE("on_failure puts a value in the place of a failed result", "[unit][api]") {
  Farm farm(2, fail_at_odd);
  CHECK(farm.manager.run({0, 1, 2}, job<int>().on_failure(-1)) == std::vector{0, -1, 2});
  const auto tell =
      job<int>().on_failure([](const int& item, const std::vector<TaskError>& errors) {
        return 100 * item + static_cast<int>(errors.size());
      });
  CHECK(farm.manager.run({0, 1, 2}, tell) == std::vector{0, 101, 2});
}

TEST_CASE("run_outcomes gives result or errors for each item", "[unit][api]") {
  Farm farm(2, fail_at_odd);
  const auto outcomes = farm.manager.run_outcomes({0, 1, 2}, job<int>());
  REQUIRE(outcomes.size() == 3);
  CHECK(outcomes[0].value() == 0);
  CHECK_FALSE(outcomes[1].ok());
  CHECK(outcomes[1].errors.at(0).text == "odd: 1");
  CHECK_THROWS_AS(outcomes[1].value(), ItemFailed);
  CHECK(outcomes[2].value() == 2);
}

TEST_CASE("a failed task is tried again as often as the job says", "[unit][api]") {
  std::atomic<int> tries = 0;
  Farm farm(1, [&](int n, const fanmill::TaskContext& context) {
    tries += 1;
    if (context.attempt < 3) throw std::runtime_error("not yet");
    return n;
  });
  CHECK(farm.manager.run({7}, job<int>().retries(2)) == std::vector{7});
  CHECK(tries == 3);
  CHECK_THROWS_AS(farm.manager.run({7}, job<int>().retries(1)), ItemFailed);
}

TEST_CASE("a result of another type than the job's makes the item fail", "[unit][api]") {
  Farm farm(1, [](int n) { return std::to_string(n); });
  const auto outcomes = farm.manager.run_outcomes({1}, job<int>());
  REQUIRE_FALSE(outcomes.at(0).ok());
  CHECK(outcomes[0].errors.at(0).type == "malformed_payload");
  CHECK_THAT(outcomes[0].errors[0].text, Catch::Matchers::ContainsSubstring("expected an integer"));
  // Whose it was: who reads the error wants to mend that worker.
  CHECK(outcomes[0].errors[0].worker == farm.manager.workers().at(0).name);
}

TEST_CASE("a callback's task names the worker whose result is of another type", "[unit][api]") {
  Farm farm(1, [](int n) { return std::to_string(n); });
  std::string worker;
  const auto on_result = [](int, int, int) -> fanmill::Update<int> { return fanmill::go_on(); };
  const auto on_failure = [&](int, int, const std::vector<fanmill::TaskError>& errors) {
    worker = errors.back().worker;
  };
  CHECK_THROWS_AS(farm.manager.run({1}, job<int>().update_group(on_result).task_failed(on_failure)),
                  ItemFailed);
  CHECK(worker == farm.manager.workers().at(0).name);
}

TEST_CASE("an item of another type than the function's is told as its error", "[unit][api]") {
  Farm farm(1, square);
  const auto outcomes = farm.manager.run_outcomes({std::string("two")}, job<int>());
  REQUIRE_FALSE(outcomes.at(0).ok());
  CHECK_THAT(outcomes[0].errors.at(0).text, Catch::Matchers::ContainsSubstring("got text"));
}

TEST_CASE("a function that finds nothing makes a plain item fail, unless the job takes an optional",
          "[unit][api]") {
  Farm farm(1, [](int n) { return n > 1 ? std::optional(n) : std::nullopt; });
  const auto outcomes = farm.manager.run_outcomes({1, 2}, job<int>());
  CHECK_FALSE(outcomes.at(0).ok());
  CHECK(outcomes.at(1).value() == 2);
  CHECK(farm.manager.run({1, 2}, job<std::optional<int>>()) ==
        std::vector<std::optional<int>>{std::nullopt, 2});
}

TEST_CASE("an item beyond the limit is refused with its number, size and limit", "[unit][api]") {
  Farm farm({.payload_bytes_max = 1 << 20});
  farm.workers.add(farm.manager.join(), [](const std::string& text) { return text.size(); });
  const std::string large(2 << 20, 'x');
  const std::string words = words_of(ErrorCode::payload_too_large, [&] {
    farm.manager.run({std::string("a"), large}, job<std::size_t>());
  });
  CHECK_THAT(words, Catch::Matchers::ContainsSubstring("item 1"));
  CHECK_THAT(words, Catch::Matchers::ContainsSubstring("1048576"));
  const auto outcomes = farm.manager.run_outcomes({std::string("a"), large}, job<std::size_t>());
  CHECK(outcomes.at(0).value() == 1);
  CHECK(outcomes.at(1).errors.at(0).type == "payload_too_large");
}

TEST_CASE("an exception from a callback or the input ends the run, and the manager goes on",
          "[unit][api]") {
  Farm farm(2, square);
  struct Surprise {};
  const auto throwing = [](int n) -> int {
    if (n == 50) throw Surprise();
    return n;
  };
  const auto many = std::views::iota(0, 100);
  CHECK_THROWS_AS(farm.manager.run(many | std::views::transform(throwing), job<int>()), Surprise);
  CHECK_THROWS_AS(farm.manager.run(many, job<int>().group_tasks(
                                             [&](int n) { return std::vector{throwing(n)}; })),
                  Surprise);
  CHECK_THROWS_AS(
      farm.manager.run(many, job<int>().update_results(0,
                                                       [](int&, int, std::size_t index) {
                                                         if (index == 50) throw Surprise();
                                                       })),
      Surprise);
  CHECK_THROWS_AS(farm.manager.run(many, job<int>().process_results(
                                             [](std::vector<int>&) { throw Surprise(); })),
                  Surprise);
  CHECK_THROWS_AS(
      farm.manager.run(many, job<int>().update_group(
                                 [](int, int, int) -> fanmill::Update<int> { throw Surprise(); })),
      Surprise);
  CHECK(farm.manager.run({3}, job<int>()) == std::vector{9});
}

TEST_CASE("a run from within a callback is refused", "[unit][api]") {
  Farm farm(1, square);
  const auto nested = job<int>().update_results(
      0, [&](int&, int, std::size_t) { farm.manager.run({1}, job<int>()); });
  words_of(ErrorCode::invalid_argument, [&] { farm.manager.run({1}, nested); });
}

TEST_CASE("a feed grows while it is worked on, and the run ends when nothing is left",
          "[unit][api]") {
  Farm farm(2, [](int n) { return n - 1; });
  fanmill::Feed<int> feed{5, 3};
  std::vector<int> seen;
  farm.manager.run(feed, job<int>().update_results(0, [&](int&, int n, std::size_t) {
    seen.push_back(n);
    if (n > 0) feed.push(n);
  }));
  std::sort(seen.begin(), seen.end());
  CHECK(seen == std::vector{0, 0, 1, 1, 2, 2, 3, 4});
}

TEST_CASE("other threads feed a run through an inlet", "[unit][api]") {
  Farm farm(2, square);
  fanmill::Inlet<int> inlet(2);
  std::jthread feeder([&] {
    for (int n = 0; n < 50; ++n) inlet.push(n);
    inlet.close();
  });
  CHECK(farm.manager.run(inlet, job<int>().update_results(
                                    0, [](int& sum, int n, std::size_t) { sum += n; })) == 40425);
}

TEST_CASE("stop ends the run under way", "[unit][api]") {
  Gate gate;
  Farm farm(1, [&](int n, std::stop_token stop) {
    gate.open();
    wait_for_stop(std::move(stop));
    return n;
  });
  std::jthread stopper([&] {
    gate.wait();
    farm.manager.stop();
  });
  words_of(ErrorCode::stopped, [&] { farm.manager.run({1}, job<int>()); });
}

TEST_CASE("drain finishes what workers have and drops the rest", "[unit][api]") {
  Gate begun;
  Gate drained;
  Farm farm(1, [&](int n) {
    begun.open();
    drained.wait();
    return n * n;
  });
  fanmill::Inlet<int> inlet;  // never closed
  for (int n = 1; n <= 50; ++n) inlet.push(n);
  std::jthread drainer([&](const std::stop_token& over) {
    const auto wait_until = [&](const auto& happened) {
      while (!over.stop_requested() && !happened(farm.manager.counters()))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    begun.wait();
    wait_until([](const fanmill::Counters& counters) { return counters.items_started == 50; });
    farm.manager.drain();
    // The worker may go on when the manager has been told.
    wait_until([](const fanmill::Counters& counters) { return counters.dropped > 0; });
    drained.open();
  });
  std::vector<int> seen;
  const auto collect = [&](int&, int n, std::size_t) { seen.push_back(n); };
  words_of(ErrorCode::stopped,
           [&] { farm.manager.run(inlet, job<int>().in_order().update_results(0, collect)); });
  REQUIRE(!seen.empty());
  CHECK(seen.size() <= 2);  // one running, one prefetched
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const int n = static_cast<int>(i) + 1;
    CHECK(seen[i] == n * n);
  }
  // The next run knows nothing of it.
  CHECK(farm.manager.run({7}, job<int>()) == std::vector{49});
}

TEST_CASE("drain without a run ends the next one", "[unit][api]") {
  Farm farm;
  farm.manager.drain();
  words_of(ErrorCode::stopped, [&] { farm.manager.run({1, 2}, job<int>()); });
}

TEST_CASE("wrong options of a job are refused before anything is pulled", "[unit][api]") {
  Farm farm;
  const auto check_refused = [&](const auto& wrong) {
    words_of(ErrorCode::invalid_argument, [&] { farm.manager.run(std::vector{1}, wrong); });
  };
  check_refused(job<int>().lookahead(0));
  check_refused(job<int>().lookahead_bytes(0));
  check_refused(job<int>().lost_attempts_max(0));
  check_refused(job<int>().answers(0));
  check_refused(job<int>().policy(fanmill::Policy::all()));
  check_refused(job<int>().functions({"a", "a"}));
}
