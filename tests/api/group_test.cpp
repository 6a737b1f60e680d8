// Groups: the built-in policies, and update_group with all that it may answer.
#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "catch.hpp"
#include "farm.hpp"

using fanmill::Group;
using fanmill::ItemFailed;
using fanmill::job;
using fanmill::TaskError;
using fanmill::Update;

namespace {

/// Each task is a number: 0 finds nothing, a negative one fails, 1000 runs until it is killed,
/// others are the answer.
std::optional<int> answer(int n, std::stop_token stop) {
  if (n < 0) throw std::runtime_error("negative");
  if (n == 1000) {
    wait_for_stop(std::move(stop));
    return std::nullopt;
  }
  return n == 0 ? std::nullopt : std::optional(n);
}

/// The item is the list of its group's tasks.
auto tasks_are_items() {
  return job<int>().group_tasks([](const std::vector<int>& item) { return item; });
}

using Items = std::vector<std::vector<int>>;

}  // namespace

TEST_CASE("first: the first result decides, and the others are killed", "[unit][api]") {
  Farm farm(3, answer);
  CHECK(farm.manager.run(Items{{1000, 7, 1000}}, tasks_are_items()) == std::vector{7});
  CHECK(farm.manager.counters().items_ended == 1);
}

TEST_CASE("first_answer: nothing and failures do not decide", "[unit][api]") {
  Farm farm(2, answer);
  CHECK(farm.manager.run(Items{{0, -1, 0, 4}}, tasks_are_items().first_answer()) == std::vector{4});
}

TEST_CASE("a group without an answer fails, or is what incomplete_group says", "[unit][api]") {
  Farm farm(2, answer);
  const auto race = tasks_are_items().first_answer();
  const auto outcomes = farm.manager.run_outcomes(Items{{0, 0}, {0, -1}, {}}, race);
  CHECK_FALSE(outcomes.at(0).ok());
  CHECK(outcomes[0].errors.empty());
  CHECK(outcomes.at(1).errors.at(0).text == "negative");
  CHECK_FALSE(outcomes.at(2).ok());
  CHECK(farm.manager.run(Items{{0, 0}, {3}, {}},
                         race.incomplete_group([](const std::vector<int>& item) {
                           return -static_cast<int>(item.size());
                         })) == std::vector{-2, 3, 0});
}

TEST_CASE("stages: the next tasks wait until those before have found nothing", "[unit][api]") {
  std::mutex mutex;
  std::vector<int> started;
  Farm farm(4, [&](int n) {
    const std::lock_guard lock(mutex);
    started.push_back(n);
    return n >= 30 ? std::optional(n) : std::nullopt;
  });
  // The results came after the starts, but through sockets, whose order the thread sanitizer can't
  // see.
  const auto take_started = [&] {
    const std::lock_guard lock(mutex);
    return std::exchange(started, {});
  };
  const auto in_steps = job<int>().stages();
  CHECK(farm.manager.run({1}, in_steps.group_tasks([](int) {
    return std::vector<std::vector<int>>{{10, 11}, {20, 21}, {30}, {40}};
  })) == std::vector{30});
  const std::vector<int> first = take_started();
  REQUIRE(first.size() == 5);
  CHECK(std::max(first[0], first[1]) < 20);
  CHECK(std::max(first[2], first[3]) < 30);

  CHECK(farm.manager.run({1}, in_steps.group_tasks([](int) {
    return std::vector{1, 2, 30, 40};
  })) == std::vector{30});
  CHECK(take_started() == std::vector{1, 2, 30});
}

TEST_CASE("answers(k): as many answers as asked, in order of arrival", "[unit][api]") {
  Farm farm(3, answer);
  auto results = farm.manager.run(Items{{0, 5, 1000, 6}}, tasks_are_items().answers(2));
  REQUIRE(results.size() == 1);
  std::sort(results[0].begin(), results[0].end());
  CHECK(results[0] == std::vector{5, 6});
  CHECK_FALSE(farm.manager.run_outcomes(Items{{0, 5}}, tasks_are_items().answers(2)).at(0).ok());
  CHECK(farm.manager.run(Items{{0, 5}}, tasks_are_items().answers(2).incomplete_group(
                                            [](const std::vector<int>&, std::vector<int>& got) {
                                              return got;
                                            })) == Items{{5}});
}

TEST_CASE("all: the results of a group in the order of its tasks", "[unit][api]") {
  Farm farm(3, answer);
  CHECK(farm.manager.run(Items{{3, 1, 2}, {4, 0, 5}, {}}, tasks_are_items().all()) ==
        Items{{3, 1, 2}, {4, 5}, {}});
  const auto outcomes = farm.manager.run_outcomes(Items{{3, -1}}, tasks_are_items().all());
  CHECK(outcomes.at(0).errors.at(0).text == "negative");
}

TEST_CASE("update_group keeps a state and ends the group when it is satisfied", "[unit][api]") {
  Farm farm(3, answer);
  const auto sum_to_ten =
      job<int>()
          .group_tasks([](const std::vector<int>& item) {
            return Group{0, item};
          })
          .update_group([](const std::vector<int>&, const int& task, int result,
                           int& sum) -> Update<std::string> {
            CHECK(task == result);
            sum += result;
            if (sum >= 10) return fanmill::done(std::string("ten"));
            return fanmill::go_on();
          })
          .incomplete_group([](const std::vector<int>&, int& sum) { return std::to_string(sum); });
  CHECK(farm.manager.run(Items{{5, 5, 1000}, {1, 2}, {}}, sum_to_ten) ==
        std::vector<std::string>{"ten", "3", "0"});
}

TEST_CASE("update_group adds tasks until it is done", "[unit][api]") {
  Farm farm(2, [](int n) { return n; });
  const auto count_up =
      job<int>().update_group([](int item, int task, int result) -> Update<int, int> {
        if (result >= item + 10) return fanmill::done(result);
        return fanmill::add({task + 1});
      });
  CHECK(farm.manager.run({0, 100}, count_up) == std::vector{10, 110});
}

TEST_CASE("update_group replaces what is under way", "[unit][api]") {
  Farm farm(2, answer);
  const auto once = job<int>()
                        .group_tasks([](int) {
                          return std::vector{1000, 3};
                        })
                        .update_group([](int, int, int result) -> Update<int, int> {
                          if (result == 3) return fanmill::replace({8});
                          return fanmill::done(result);
                        });
  CHECK(farm.manager.run({1}, once) == std::vector{8});
}

TEST_CASE("the state is the result of a group that runs out, if it converts", "[unit][api]") {
  Farm farm(2, answer);
  const auto sum =
      job<int>()
          .group_tasks([](const std::vector<int>& item) {
            return Group{0L, item};
          })
          .update_group([](const std::vector<int>&, int, int result, long& total) -> Update<long> {
            total += result;
            return fanmill::go_on();
          });
  CHECK(farm.manager.run(Items{{1, 2, -1}, {0}}, sum) == std::vector{3L, 0L});
  // All failed: a state that nothing has touched is no result.
  const auto outcomes = farm.manager.run_outcomes(Items{{-1, -1}}, sum);
  CHECK_FALSE(outcomes.at(0).ok());
  CHECK(outcomes[0].errors.size() == 2);
}

TEST_CASE("task_failed sees a failed task with its errors and may replace it", "[unit][api]") {
  Farm farm(1, answer);
  const auto counting = job<int>()
                            .group_tasks([](const std::vector<int>& item) {
                              return Group{0, item};
                            })
                            .update_group([](const std::vector<int>&, int, int,
                                             int&) -> Update<int> { return fanmill::go_on(); });
  CHECK(farm.manager.run(Items{{-1, 3, -2}},
                         counting.task_failed([](const std::vector<int>&, int task,
                                                 const std::vector<TaskError>& errors, int& state) {
                           CHECK(errors.at(0).text == "negative");
                           state += task;
                         })) == std::vector{-3});

  const auto instead =
      job<int>()
          .update_group(
              [](int, int, int result) -> Update<int, int> { return fanmill::done(result); })
          .task_failed([](int, int task, const std::vector<TaskError>&) -> Update<int, int> {
            return fanmill::add({-task});
          });
  CHECK(farm.manager.run({-4}, instead) == std::vector{4});
}

TEST_CASE("a group of optionals hears of tasks that found nothing", "[unit][api]") {
  Farm farm(1, answer);
  const auto count_nothing =
      job<std::optional<int>>()
          .group_tasks([](const std::vector<int>& item) {
            return Group{0, item};
          })
          .update_group([](const std::vector<int>&, int, std::optional<int> found,
                           int& nothing) -> Update<int> {
            if (!found) nothing += 1;
            return fanmill::go_on();
          });
  CHECK(farm.manager.run(Items{{0, 5, 0}}, count_nothing) == std::vector{2});
}

// With prefetch, a racing task once waited at a worker behind one of another group that never
// ended, while that one's deciding sibling waited elsewhere behind its own like: the run stood
// still for ever. Racing tasks now go to free slots only.
TEST_CASE("races whose losers never end are all won, prefetch or not", "[unit][api]") {
  Farm farm;
  farm.workers.add(farm.manager.join(), answer);
  farm.workers.add(farm.manager.join(), answer);
  const Items items(50, std::vector{1000, 1});
  CHECK(farm.manager.run(items, tasks_are_items()) == std::vector<int>(50, 1));
}

TEST_CASE("an update that adds a task too large ends the run with words", "[unit][api]") {
  Farm farm({.payload_bytes_max = 1 << 20});
  farm.workers.add(farm.manager.join(), [](const std::string& text) { return text.size(); });
  const auto growing = job<std::size_t>().update_group(
      [](const std::string&, const std::string&, std::size_t) -> Update<int, std::string> {
        return fanmill::add({std::string(2 << 20, 'x')});
      });
  CHECK_THROWS_AS(farm.manager.run({std::string("a")}, growing), fanmill::FarmError);
  CHECK(farm.manager.run_outcomes({std::string("a")}, growing).at(0).errors.at(0).type ==
        "payload_too_large");
}
