// Tasks in processes of their own: what they give, how they end, and that nothing of them is left.
#include "exec/process_executor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fanmill/error.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "catch.hpp"
#include "processes.hpp"

using namespace fanmill;
using namespace fanmill::exec;
using namespace fanmill::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Kind = Completion::Kind;
using How = Evidence::How;

namespace {

/// Functions, by index.
enum : std::uint32_t {
  echo,
  throws,
  segfaults,
  exits,
  spins,
  deaf,
  flees,
  prints,
  eats,
  names,
  breeds,
  hops,
  regroups,
  splits,
  closes
};

FunctionResult call_echo(const Invocation& invocation, const std::stop_token&) {
  return {invocation.payload};
}
FunctionResult call_throws(const Invocation&, const std::stop_token&) {
  throw std::invalid_argument("negative");
}
FunctionResult call_segfaults(const Invocation&, const std::stop_token&) {
  std::fputs("about to fall\n", stderr);
  // Not by a bad pointer: sanitizers would catch that and tell their own story.
  std::signal(SIGSEGV, SIG_DFL);
  ::raise(SIGSEGV);
  return {};
}
FunctionResult call_exits(const Invocation&, const std::stop_token&) { ::_exit(3); }
/// How many of them have begun, whatever became of their processes.
std::atomic<int>& spinning() {
  static void* const memory = ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return *static_cast<std::atomic<int>*>(memory);
}
FunctionResult call_spins(const Invocation&, const std::stop_token&) {
  spinning() += 1;
  for (;;) std::atomic_signal_fence(std::memory_order_seq_cst);
}
FunctionResult call_deaf(const Invocation&, const std::stop_token&) {
  for (int number = 1; number < NSIG; ++number) std::signal(number, SIG_IGN);
  for (;;) ::pause();
}
// What it starts has its own session, is nobody's child, and holds everything that it was given.
FunctionResult call_flees(const Invocation&, const std::stop_token&) {
  if (::fork() == 0) {
    ::setsid();
    if (::fork() != 0) ::_exit(0);
    ::execlp("sleep", "sleep", "1000", nullptr);
    ::_exit(127);
  }
  for (;;) ::pause();
}
FunctionResult call_prints(const Invocation& invocation, const std::stop_token&) {
  std::fputs("a word\n", stderr);
  return {invocation.payload};
}
FunctionResult call_eats(const Invocation&, const std::stop_token&) {
  std::vector<std::unique_ptr<char[]>> all;
  for (;;) {
    all.push_back(std::make_unique<char[]>(1U << 20));
    std::fill_n(all.back().get(), 1U << 20, 'x');
  }
}
FunctionResult call_names(const Invocation&, const std::stop_token&) {
  return {Payload::raw(std::string(std::getenv("FANMILL_ITEM")) + " " +
                       std::getenv("FANMILL_TASK") + " " + std::getenv("FANMILL_ATTEMPT"))};
}

// Not without an end: other tests need processes, too.
FunctionResult call_breeds(const Invocation&, const std::stop_token&) {
  for (int i = 0; i < 2000; ++i) {
    if (::fork() == 0) {
      for (;;) ::pause();
    }
  }
  for (;;) ::pause();
}

// One process after another, each the child of one that has ended, in a session of its own.
FunctionResult call_hops(const Invocation&, const std::stop_token&) {
  if (::fork() == 0) {
    for (;;) {
      if (::fork() > 0) ::_exit(0);
      ::setsid();
      ::prctl(PR_SET_NAME, "hopper");
    }
  }
  for (;;) ::pause();
}

// Neither is in the group that it was started in.
FunctionResult call_regroups(const Invocation&, const std::stop_token&) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  ::setpgid(child, child);
  ::setpgid(0, child);
  ::prctl(PR_SET_NAME, "regrouped");
  for (;;) ::pause();
}
FunctionResult call_splits(const Invocation& invocation, const std::stop_token&) {
  ::fork();
  return {invocation.payload};
}
FunctionResult call_closes(const Invocation&, const std::stop_token&) {
  ::close_range(3, ~0U, 0);
  for (;;) ::pause();
}

std::vector<Function> functions() {
  return {call_echo,   call_throws, call_segfaults, call_exits,  call_spins,
          call_deaf,   call_flees,  call_prints,    call_eats,   call_names,
          call_breeds, call_hops,   call_regroups,  call_splits, call_closes};
}

Fixture with_functions(std::uint32_t slots = 1, TaskLimits limits = {},
                       Grade best = Grade::cgroup) {
  ::setenv(mark_name, std::to_string(::getpid()).c_str(), 1);
  spinning() = 0;
  return Fixture({.slots = slots, .functions = functions(), .limits = limits, .best = best});
}

/// The only one that has, beside its spare, a process that runs something.
pid_t busy_keeper() {
  for (const pid_t keeper : named("fanmill-keeper")) {
    if (child_count(keeper) > 1) return keeper;
  }
  FAIL("no keeper is busy");
  return 0;
}

}  // namespace

TEST_CASE("what a function gives comes back", "[processes]") {
  Fixture farm = with_functions();
  const Completion given = farm.run(echo, "some bytes");
  CHECK(given.kind == Kind::returned);
  CHECK(given.payload == Payload::raw("some bytes"));
  CHECK(given.attempt == AttemptId{1});
  CHECK(farm.run(names).payload == Payload::raw("6 7 2"));
  const std::string large(8U << 20, 'x');
  CHECK(farm.run(echo, large).payload == Payload::raw(large));
  const Completion thrown = farm.run(throws);
  CHECK(thrown.kind == Kind::failed);
  CHECK(thrown.error_type == "std::invalid_argument");
  CHECK(thrown.error_text == "negative");
  CHECK(farm.run(99).kind == Kind::rejected);
}

TEST_CASE("a function that takes its process with it is told of, and the next one runs",
          "[processes]") {
  Fixture farm = with_functions();
  for (int round = 0; round < 3; ++round) {
    const Completion fallen = farm.run(segfaults);
    CHECK(fallen.kind == Kind::died);
    CHECK(fallen.detail == SIGSEGV);
    CHECK(fallen.error_type == "signal 11 (SIGSEGV)");
    CHECK_THAT(fallen.error_text, ContainsSubstring("about to fall"));
    const Completion left = farm.run(exits);
    CHECK(left.kind == Kind::died);
    CHECK(left.detail == 256 + 3);
    CHECK(farm.run(echo, "x").kind == Kind::returned);
  }
}

TEST_CASE("a stop ends a function whatever it is doing, and all that it has started",
          "[processes]") {
  const Grade best = GENERATE(Grade::subreaper, Grade::cgroup);
  Fixture farm = with_functions(1, {}, best);
  for (const std::uint32_t function : {spins, deaf, flees, spins}) {
    farm.start(0, function);
    if (function == flees) wait_until([] { return !named("sleep").empty(); });
    if (function == spins) wait_until([] { return spinning() > 0; });
    farm.executor().stop(0);
    CHECK(farm.take(1).front().kind == Kind::died);
    CHECK(named("sleep").empty());
    CHECK(farm.run(echo, "x").kind == Kind::returned);
  }
}

TEST_CASE("slots run side by side, and a stop of one is nothing to the other", "[processes]") {
  Fixture farm = with_functions(2);
  farm.start(0, spins);
  for (int i = 0; i < 50; ++i) {
    farm.start(1, echo, "x");
    CHECK(farm.take(1).front().slot == 1);
  }
  farm.executor().stop(0);
  CHECK(farm.take(1).front().slot == 0);
}

TEST_CASE("a stop that comes too late, or twice, changes nothing", "[processes]") {
  Fixture farm = with_functions();
  farm.executor().stop(0);
  farm.start(0, echo, "x");
  wait_until([&] {
    pollfd item{farm.executor().completions_fd(), POLLIN, 0};
    return ::poll(&item, 1, 0) == 1;
  });
  farm.executor().stop(0);
  farm.executor().stop(0);
  CHECK(farm.take(1).size() == 1);
  CHECK(farm.run(echo, "y").payload == Payload::raw("y"));
}

std::size_t resident_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

std::size_t descriptor_count(pid_t pid) {
  const auto list = std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(list), end(list)));
}

// Sanitizers keep what is freed, and make a fork ten times as slow.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif
// And need more address space than a limit of memory leaves.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t memory_limit = 0;
#else
constexpr std::uint64_t memory_limit = 1U << 30;
#endif

TEST_CASE("ten thousand functions ended in a row leave nothing behind", "[processes]") {
  Fixture farm = with_functions();
  const auto lose = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const int before = spinning();
      farm.start(0, i % 2 == 0 ? spins : segfaults);
      wait_until([&] { return i % 2 != 0 || spinning() > before; });
      farm.executor().stop(0);
      (void)farm.take(1);
    }
    CHECK(farm.run(echo, "x").kind == Kind::returned);
  };
  lose(100);
  wait_until([] { return named("fanmill-keeper").size() == 2; });
  std::vector<pid_t> lasting = named("fanmill-keeper");
  lasting.push_back(named("fanmill-warden").at(0));
  lasting.push_back(::getpid());
  const auto descriptors = [&] {
    std::size_t sum = 0;
    for (const pid_t pid : lasting) sum += descriptor_count(pid);
    return sum;
  };
  const auto memory = [&] {
    std::size_t sum = 0;
    for (const pid_t pid : lasting) sum += resident_kib(pid);
    return sum;
  };
  const std::size_t descriptors_before = descriptors();
  const std::size_t memory_before = memory();
  const std::size_t processes = ours().size();
  lose(is_sanitized ? 1000 : 10'000);
  CHECK(descriptors() == descriptors_before);
  // A leak of 100 bytes each would be as much.
  if (!is_sanitized) CHECK(memory() < memory_before + 1000);
  wait_until([&] { return ours().size() <= processes; });
}

// A process that ended between two looks left its child to the keeper, which did not look again.
TEST_CASE("who flees from process to process is caught", "[processes]") {
  const Grade best = GENERATE(Grade::subreaper, Grade::cgroup);
  Fixture farm = with_functions(1, {}, best);
  for (int round = 0; round < 20; ++round) {
    farm.start(0, hops);
    wait_until([] { return !named("hopper").empty(); });
    farm.executor().stop(0);
    CHECK(farm.take(1).front().kind == Kind::died);
    CHECK(named("hopper").empty());
  }
}

TEST_CASE("not one process of a fork loop is left", "[processes]") {
  const Grade best = GENERATE(Grade::subreaper, Grade::cgroup);
  Fixture farm = with_functions(1, {}, best);
  farm.run(echo);
  const std::size_t processes = ours().size();
  for (int round = 0; round < 30; ++round) {
    farm.start(0, breeds);
    wait_until([&] { return ours().size() > processes + 20; });
    farm.executor().stop(0);
    CHECK(farm.take(1).front().kind == Kind::died);
    CHECK(ours().size() <= processes);
  }
}

TEST_CASE("memory past its limit is an error of the function, or its end", "[processes]") {
  if (memory_limit == 0) return;
  Fixture farm = with_functions(1, {.memory = memory_limit});
  const Completion eaten = farm.run(eats);
  CHECK(eaten.kind != Kind::returned);
  CHECK(farm.run(echo, "x").kind == Kind::returned);
}

TEST_CASE("limits of time end a function", "[processes]") {
  SECTION("wall") {
    // Longer than the next one is ever kept from a processor.
    Fixture farm = with_functions(1, {.wall = 3s});
    const Completion ended = farm.run(spins);
    CHECK(ended.kind == Kind::failed);
    CHECK(ended.error_type == "time limit");
    CHECK(farm.run(echo, "x").kind == Kind::returned);
  }
  SECTION("processor") {
    Fixture farm = with_functions(1, {.cpu = 1s});
    CHECK(farm.run(spins).error_type == "time limit");
    CHECK(farm.run(echo, "x").kind == Kind::returned);
  }
}

TEST_CASE("when its executor goes, all of a worker's processes go", "[processes]") {
  {
    Fixture farm = with_functions(2);
    farm.start(0, flees);
    farm.start(1, deaf);
    wait_until([] { return !named("sleep").empty(); });
  }
  CHECK(ours() == std::vector<pid_t>{});
}

TEST_CASE("a killed keeper loses its task, no other, and is replaced", "[processes]") {
  Fixture farm = with_functions(1);
  farm.run(echo);
  for (int round = 0; round < 3; ++round) {
    farm.start(0, flees);
    wait_until([] { return !named("sleep").empty(); });
    ::kill(busy_keeper(), SIGKILL);
    const Completion lost = farm.take(1).front();
    CHECK(lost.kind == Kind::died);
    CHECK(lost.error_type == "lost its keeper");
    CHECK(farm.run(echo, "x").kind == Kind::returned);
    wait_until([] { return named("sleep").empty(); });
  }
}

TEST_CASE("when all its processes are killed at once, the executor says so and leaves no cgroup",
          "[processes]") {
  {
    Fixture farm = with_functions(2);
    farm.start(0, flees);
    std::vector<pid_t> all;
    // What a keeper or the warden has just forked has its name for a while.
    wait_until([&] {
      const std::vector<pid_t> wardens = named("fanmill-warden");
      if (named("sleep").empty() || wardens.size() != 1) return false;
      all = children(wardens.front());
      const bool are_keepers = std::all_of(
          all.begin(), all.end(), [](pid_t pid) { return name_of(pid) == "fanmill-keeper"; });
      // Last: at its end the kernel wakes those of its process group that stand still.
      all.push_back(wardens.front());
      return are_keepers && all.size() == 4;
    });
    for (const pid_t pid : all) ::kill(pid, SIGSTOP);
    for (const pid_t pid : all) ::kill(pid, SIGKILL);
    std::string words;
    wait_until([&] {
      try {
        std::vector<Completion> none;
        farm.executor().take(none);
      } catch (const FarmError& error) {
        words = error.what();
      }
      return !words.empty();
    });
    CHECK_THAT(words, ContainsSubstring("started again"));
    if (farm.executor().grade() != Grade::cgroup) {
      for (const pid_t pid : named("sleep")) ::kill(pid, SIGKILL);
    }
  }
  wait_until([] { return ours().empty(); });
}

TEST_CASE("a killed warden costs nothing: a keeper makes another", "[processes]") {
  Fixture farm = with_functions(1);
  for (int round = 0; round < 3; ++round) {
    farm.start(0, spins);
    // A keeper has its name, too, for its first instructions.
    wait_until([] { return named("fanmill-warden").size() == 1; });
    const std::vector<pid_t> wardens = named("fanmill-warden");
    ::kill(wardens.front(), SIGKILL);
    wait_until([&] {
      std::vector<Completion> none;
      farm.executor().take(none);
      REQUIRE(none.empty());
      const std::vector<pid_t> now = named("fanmill-warden");
      return now.size() == 1 && now != wardens;
    });
    farm.executor().stop(0);
    CHECK(farm.take(1).front().kind == Kind::died);
    CHECK(farm.run(echo, "x").kind == Kind::returned);
  }
}

TEST_CASE("a process with several threads does not fork", "[processes]") {
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!done) std::this_thread::yield();
  });
  std::thread another([&] {
    while (!done) std::this_thread::yield();
  });
  std::string words;
  try {
    ProcessExecutor executor({.functions = functions()});
  } catch (const FarmError& error) {
    words = error.what();
  }
  done = true;
  other.join();
  another.join();
  CHECK_THAT(words, ContainsSubstring("threads already"));
}

TEST_CASE("a program's output, exit status and evidence come back", "[processes]") {
  Fixture farm({.programs = shell()});
  const Completion fine = farm.run("echo out; echo err >&2");
  CHECK(fine.detail == 256);
  CHECK(fine.payload == Payload::raw("out\n"));
  CHECK(fine.error_text == "err\n");
  CHECK(farm.run("exit 3").detail == 256 + 3);
  CHECK(farm.run("exit 3").error_type == "exit 3");
  CHECK(farm.run("kill -SEGV $$").error_type == "signal 11 (SIGSEGV)");
  CHECK(farm.run("cat").payload == Payload::raw(""));
}

TEST_CASE("a program that can't be started is told of", "[processes]") {
  Programs programs = shell();
  programs.plan = [](const Invocation&) -> std::variant<Programs::Plan, Completion> {
    return Programs::Plan{.command = {.arguments = {"/no/such/program"}}};
  };
  Fixture farm({.programs = programs});
  const Completion missing = farm.run("");
  CHECK(missing.kind == Kind::failed);
  CHECK(missing.error_type == "could not start");
  CHECK_THAT(missing.error_text, ContainsSubstring("No such file"));
}

TEST_CASE("what a program leaves running goes with it, also if it holds the output",
          "[processes]") {
  const Grade best = GENERATE(Grade::subreaper, Grade::cgroup);
  Fixture farm({.programs = shell(), .best = best});
  CHECK(farm.run("setsid sleep 1000 & echo done").payload == Payload::raw("done\n"));
  CHECK(named("sleep").empty());
  CHECK(farm.run("(setsid setsid sleep 1000 &) ; sleep 1000 & echo two").payload ==
        Payload::raw("two\n"));
  CHECK(named("sleep").empty());
  // Closed standard output and lingers: it is its end that counts.
  farm.start(0, 0, "exec >&- 2>&-; sleep 0.05; exit 4");
  CHECK(farm.take(1).front().detail == 256 + 4);
}

TEST_CASE("a stop ends a program, stopped or deaf, with its descendants", "[processes]") {
  const Grade best = GENERATE(Grade::subreaper, Grade::cgroup);
  Fixture farm({.programs = shell(), .best = best});
  for (const char* script : {"trap '' TERM INT HUP; sleep 1000 & wait; sleep 1000",
                             "sleep 1000 & kill -STOP $$", "(setsid sleep 1000 &); sleep 1000"}) {
    farm.start(0, 0, script);
    wait_until([] { return !named("sleep").empty(); });
    farm.executor().stop(0);
    CHECK(farm.take(1).front().kind == Kind::died);
    CHECK(named("sleep").empty());
  }
}

TEST_CASE("a fork loop is ended with all that it has made", "[processes]") {
  const Grade best = GENERATE(Grade::subreaper, Grade::cgroup);
  Fixture farm({.programs = shell(), .best = best});
  farm.start(0, 0, "for i in $(seq 2000); do sleep 1000 & done; wait");
  wait_until([] { return named("sleep").size() > 50; });
  farm.executor().stop(0);
  CHECK(farm.take(1).front().kind == Kind::died);
  CHECK(named("sleep").empty());
}

TEST_CASE("long output is cut, and all of it stands in a file", "[processes]") {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("spool-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  Programs programs = shell({}, 100);
  std::string file;
  std::uint64_t bytes = 0;
  const auto conclude = programs.conclude;
  programs.conclude = [&](const CommandPlan& plan, Report& report) {
    file = report.output_file;
    bytes = report.output_bytes;
    return conclude(plan, report);
  };
  {
    Fixture farm({.programs = programs, .spool_folder = folder});
    CHECK(farm.run("yes | head -c 3000000").payload.bytes.size() == 100);
    CHECK(bytes == 3'000'000);
    CHECK(std::filesystem::file_size(file) == 3'000'000);
    farm.run("yes | head -c 100");
    CHECK(file.empty());
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("limits of a program hold", "[processes]") {
  CHECK(Fixture({.programs = shell({.wall = 30ms})}).run("sleep 1000").error_type == "time limit");
  CHECK(Fixture({.programs = shell({.cpu = 1s})}).run("while :; do :; done").error_type ==
        "time limit");
  CHECK(Fixture({.programs = shell({.files = 20})}).run("ulimit -n").payload ==
        Payload::raw("20\n"));
  CHECK(Fixture({.programs = shell({.core = 0})}).run("ulimit -c").payload == Payload::raw("0\n"));
  CHECK(Fixture({.programs = shell({.niceness = 7})}).run("nice").payload ==
        Payload::raw(std::to_string(::nice(0) + 7) + "\n"));
}

TEST_CASE("a resident program that answers early, or closes its output, harms no other task",
          "[processes]") {
  Fixture farm({.programs = resident("while :; do x=$(head -c 2); case $x in e*) echo early;; "
                                     "c*) exec >&-; sleep 1000;; *) echo fine; esac; done")});
  CHECK(farm.run("a").payload == Payload::raw("fine"));
  CHECK(farm.run("e" + std::string(1'000'000, 'x')).payload == Payload::raw("early"));
  CHECK(farm.run("a").payload == Payload::raw("fine"));
  CHECK(farm.run("c").kind == Kind::died);
  CHECK(farm.run("a").payload == Payload::raw("fine"));
}

TEST_CASE("a task's process that has left its group is ended at once", "[processes]") {
  const Grade best = GENERATE(Grade::process_group, Grade::subreaper, Grade::cgroup);
  Fixture farm = with_functions(1, {}, best);
  farm.start(0, regroups);
  wait_until([] { return !named("regrouped").empty(); });
  farm.executor().stop(0);
  CHECK(farm.take(1).front().error_type == "stopped");
  wait_until([] { return named("regrouped").empty(); });
  CHECK(farm.run(echo, "x").kind == Kind::returned);
}

TEST_CASE("a function's fork that returns is no second answer", "[processes]") {
  Fixture farm = with_functions();
  for (int round = 0; round < 20; ++round) {
    farm.start(0, splits);
    CHECK(farm.take(1).front().kind == Kind::returned);
    CHECK(farm.run(echo, "x").payload == Payload::raw("x"));
  }
}

TEST_CASE("a function that closes what it does not know is told of", "[processes]") {
  Fixture farm = with_functions();
  CHECK(farm.run(closes).kind == Kind::died);
  CHECK(farm.run(echo, "x").kind == Kind::returned);
}

TEST_CASE("signals for the worker are not its keepers'", "[processes]") {
  Fixture farm = with_functions();
  farm.start(0, spins);
  wait_until([] { return named("fanmill-keeper").size() == 2 && spinning() > 0; });
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    for (const char* name : {"fanmill-keeper", "fanmill-warden"}) {
      for (const pid_t pid : named(name)) ::kill(pid, number);
    }
  }
  farm.executor().stop(0);
  CHECK(farm.take(1).front().error_type == "stopped");
}

TEST_CASE("a resident program is given a line and answers with one", "[processes]") {
  Fixture farm({.programs = resident("while read line; do [ $line = end ] && exit 2; "
                                     "[ $line = hang ] && sleep 1000; echo $$ got $line; done")});
  const std::string first = farm.run("1").payload.bytes.str();
  CHECK_THAT(first, ContainsSubstring(" got 1"));
  const std::string pid = first.substr(0, first.find(' '));
  CHECK(farm.run("2").payload == Payload::raw(pid + " got 2"));
  CHECK(farm.run("end").detail == 256 + 2);
  CHECK_THAT(farm.run("3").payload.bytes.str(), !ContainsSubstring(pid));
  farm.start(0, 0, "hang");
  farm.executor().stop(0);
  CHECK(farm.take(1).front().kind == Kind::died);
  CHECK_THAT(farm.run("4").payload.bytes.str(), ContainsSubstring(" got 4"));
}
