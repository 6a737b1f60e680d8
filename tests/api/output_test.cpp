// task_output: what tasks write while they run, as a job sees it.
// The worker is this very program, told by its arguments to run the hidden case below.
#include <unistd.h>

#include <map>

#include "api/command_tasks.hpp"
#include "api/serve_worker.hpp"
#include "catch.hpp"
#include "farm.hpp"

namespace {

struct Ended {
  int exit = -1;
  std::uint32_t streamed = 0;
};
FANMILL_FIELDS(Ended, exit, streamed)

fanmill::Payload command(const std::string& text) {
  return fanmill::Payload::json(R"({"stream":true,"command":")" + text + "\"}");
}

/// A manager with a worker that runs commands.
struct CommandFarm {
  CommandFarm() { manager.start_workers(1, {"/proc/self/exe", "child: a command worker"}); }
  fanmill::Manager manager;
};

}  // namespace

TEST_CASE("child: a command worker", "[.child]") {
  using namespace fanmill;
  ::_exit(detail::serve_programs(Join::find(), "", detail::programs_of_tasks(), {.slots = 2}));
}

TEST_CASE("what a task writes is told in order, and before its result", "[api]") {
  CommandFarm farm;
  std::string written;
  const auto job = fanmill::job<Ended>()
                       .task_output([&](const fanmill::Payload& item, const fanmill::Payload& task,
                                        std::uint32_t attempt, std::string_view chunk) {
                         CHECK(item == task);
                         CHECK(attempt == 1);
                         written += chunk;
                       })
                       .update_results(0, [&](int& results, const Ended& ended, std::size_t) {
                         CHECK(ended.exit == 0);
                         CHECK(ended.streamed == 1);
                         CHECK(written.size() == 3'000'000);
                         results += 1;
                       });
  CHECK(farm.manager.run(std::vector{command("head -c 3000000 /dev/zero")}, job) == 1);
}

TEST_CASE("output is told with the task of the group that wrote it", "[api]") {
  CommandFarm farm;
  std::map<std::string, std::string> written;
  const auto tell = [&](const int&, const fanmill::Payload& task, std::uint32_t,
                        std::string_view chunk) { written[task.bytes.str()] += chunk; };
  const auto tasks = [](const int& item) {
    return std::vector{command("echo a" + std::to_string(item)),
                       command("echo b" + std::to_string(item))};
  };
  const auto job = fanmill::job<Ended>().group_tasks(tasks).task_output(tell);
  SECTION("of a built-in policy") { farm.manager.run(std::vector{1, 2}, job.all()); }
  SECTION("of an own one") {
    using Update = fanmill::Update<int, fanmill::Payload>;
    const auto second = [ended = std::map<int, int>()](const int& item, const fanmill::Payload&,
                                                       const Ended&) mutable -> Update {
      ended[item] += 1;
      if (ended[item] < 2) return fanmill::go_on();
      return fanmill::done(item);
    };
    farm.manager.run(std::vector{1, 2}, job.update_group(second));
  }
  CHECK(written[command("echo a1").bytes.str()] == "a1\n");
  CHECK(written[command("echo b1").bytes.str()] == "b1\n");
  CHECK(written[command("echo a2").bytes.str()] == "a2\n");
}

TEST_CASE("a job without task_output is not kept waiting by what its tasks write", "[api]") {
  CommandFarm farm;
  const auto ended =
      farm.manager.run(std::vector{command("head -c 3000000 /dev/zero")}, fanmill::job<Ended>());
  CHECK(ended.front().streamed == 1);
}

TEST_CASE("an exception from task_output ends the run, and the task", "[api]") {
  CommandFarm farm;
  const auto job = fanmill::job<Ended>().task_output(
      [](const fanmill::Payload&, const fanmill::Payload&, std::uint32_t, std::string_view) {
        throw std::runtime_error("full");
      });
  CHECK_THROWS_WITH(farm.manager.run(std::vector{command("yes")}, job), "full");
}
