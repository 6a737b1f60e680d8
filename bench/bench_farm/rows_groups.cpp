// Groups of five with policy first: what is over at once, and what must be killed.
#include <ranges>

#include "farm.hpp"
#include "rows.hpp"
#include "sample.hpp"

namespace bench {
namespace {

constexpr int group_tasks = 5;

/// `numbers`: what the tasks of each group are given, in their order.
void measure(const Settings& settings, const std::string& row, Farm& farm,
             const std::string& function, const std::vector<std::int64_t>& numbers,
             std::int64_t groups) {
  for (int round = -1; round < settings.rounds; ++round) {
    const std::uint64_t killed = farm.manager().counters().killed;
    const Clock::time_point begin = Clock::now();
    farm.manager().run(std::views::iota(std::int64_t{0}, groups),
                       fanmill::job<std::int64_t>()
                           .function(function)
                           .group_tasks([&](std::int64_t) { return numbers; })
                           .first()
                           .update_results(0, [](int&, std::int64_t, std::size_t) {}));
    const double took = seconds_since(begin);
    if (round < 0) continue;
    sample(row, "groups", static_cast<double>(groups) / took);
    sample(row, "kills", static_cast<double>(farm.manager().counters().killed - killed) / took);
  }
}

}  // namespace

void groups(const Settings& settings) {
  {
    // Whichever answers first: the rest is mostly dropped from the queue.
    Farm farm(settings.scratch.endpoint(true));
    measure(settings, "groups/empty", farm, "empty", {1, 2, 3, 4, 5}, settings.tasks(100'000));
  }
  // Four wait to be killed, the fifth answers.
  Farm farm(settings.scratch.endpoint(true), {.workers = 2 * group_tasks});
  measure(settings, "groups/killed", farm, "race", {1, 1, 1, 1, 0}, settings.tasks(10'000));
}

}  // namespace bench
