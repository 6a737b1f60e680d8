#include "launch/supervisor.hpp"

#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <future>

#include "notice_log.hpp"

using namespace fanmill;
using namespace fanmill::launch;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Kind = Notice::Kind;

namespace {

/// Quiet, quick, and reporting to `log`.
SupervisorOptions options_for(NoticeLog& log) {
  return {.restart = quick_restarts(), .pass_errors_to = -1, .on_notice = log.sink()};
}

bool has_no_children() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("a program that ends with 5 is not started again", "[supervisor]") {
  NoticeLog log;
  Supervisor supervisor = open_supervisor(options_for(log));
  supervisor.start(shell("exit 5"));
  supervisor.wait();
  const Notice started = log.next(Kind::started);
  const Notice ended = log.next(Kind::ended);
  CHECK(ended.pid == started.pid);
  CHECK(ended.end == ProcessEnd{.status = 5});
  CHECK_THAT(log.next(Kind::finished).text, ContainsSubstring("exit status 5"));
  CHECK(supervisor.unfinished() == 0);
  CHECK(supervisor.running().empty());
  CHECK(supervisor.failures().empty());
}

TEST_CASE("a program that ends with 6 or 7, crashes or dies of a signal is started again",
          "[supervisor]") {
  const auto [script, end] = GENERATE(table<std::string, ProcessEnd>({
      {"exit 6", {.status = 6}},
      {"exit 7", {.status = 7}},
      {"exit 1", {.status = 1}},
      {"exit 0", {.status = 0}},
      {"kill -SEGV $$", {.signal = SIGSEGV}},
  }));
  Lifeline memory;
  NoticeLog log;
  Supervisor supervisor = open_supervisor(options_for(log));
  // The second life finds the mark that the first left, and ends for good.
  supervisor.start(shell("[ -e " + memory.path() + ".mark ] && exit 5; : > " + memory.path() +
                         ".mark; " + script));
  CHECK(log.next_life() == end);
  CHECK(log.next(Kind::will_restart_after).after <= 10ms);
  CHECK(log.next_life() == ProcessEnd{.status = 5});
  log.next(Kind::finished);
}

TEST_CASE(
    "a program that ends at once five times in a row is given up, with the end of its standard "
    "error",
    "[supervisor]") {
  NoticeLog log;
  SupervisorOptions options = options_for(log);
  options.restart.at_once = 1h;
  Supervisor supervisor = open_supervisor(std::move(options));
  supervisor.start(shell("echo first >&2; echo libfoo.so: not found >&2; exit 127"));
  supervisor.wait();
  for (int i = 0; i < 5; ++i) {
    CHECK(log.next_life() == ProcessEnd{.status = 127});
    if (i < 4) log.next(Kind::will_restart_after);
  }
  const Notice gave_up = log.next(Kind::gave_up);
  CHECK_THAT(gave_up.text, ContainsSubstring("5 times in a row"));
  CHECK_THAT(gave_up.text, ContainsSubstring("exit status 127"));
  CHECK(gave_up.errors == "first\nlibfoo.so: not found");
  REQUIRE(supervisor.failures().size() == 1);
  CHECK(supervisor.failures()[0].text ==
        gave_up.text + "; the end of its standard error:\n" + gave_up.errors);
}

TEST_CASE("n copies run at the same time, each in a process group of its own", "[supervisor]") {
  NoticeLog log;
  Supervisor supervisor = open_supervisor(options_for(log));
  const CopyId first = supervisor.start(shell("exec sleep 1000"), 3);
  CHECK(first == CopyId{0});
  for (std::size_t i = 0; i < 3; ++i) {
    const Notice started = log.next(Kind::started);
    CHECK(started.copy == CopyId{i});
    CHECK(::getpgid(started.pid) == started.pid);
  }
  CHECK(supervisor.running().size() == 3);
  CHECK(supervisor.start(shell("exit 5")) == CopyId{3});
  log.next_after_others(Kind::finished);
  CHECK(supervisor.unfinished() == 3);

  supervisor.end(CopyId{1});
  CHECK(log.next(Kind::ended).copy == CopyId{1});
  CHECK(log.next(Kind::finished).copy == CopyId{1});
  CHECK(supervisor.running().size() == 2);

  supervisor.end_all();
  supervisor.wait();
  CHECK(has_no_children());
  log.drop_all();
}

TEST_CASE("a program that ends in order at SIGTERM is not killed", "[supervisor]") {
  Lifeline line;
  NoticeLog log;
  SupervisorOptions options = options_for(log);
  options.term_grace = patience;
  Supervisor supervisor = open_supervisor(std::move(options));
  supervisor.start(obedient(line.path(), "TERM"));
  line.wait_for_lines(1);
  supervisor.end_all();
  CHECK(log.next_life() == ProcessEnd{.status = 5});
  CHECK_THAT(log.next(Kind::finished).text, ContainsSubstring("as asked"));
  line.wait_until_alone();  // the sleep in its group too
}

TEST_CASE("a program that is deaf to SIGTERM is killed after the grace", "[supervisor]") {
  Lifeline line;
  NoticeLog log;
  Supervisor supervisor = open_supervisor(options_for(log));
  supervisor.start(deaf(line.path()));
  line.wait_for_lines(1);
  supervisor.end_all(5ms);
  CHECK(log.next_life() == ProcessEnd{.signal = SIGKILL});
  log.next(Kind::finished);
  line.wait_until_alone();
}

TEST_CASE("ending again with a shorter grace kills sooner", "[supervisor]") {
  Lifeline line;
  NoticeLog log;
  Supervisor supervisor = open_supervisor(options_for(log));
  supervisor.start(deaf(line.path()));
  line.wait_for_lines(1);
  supervisor.end_all(1h);
  supervisor.end_all(0s);
  supervisor.end_all(1h);
  CHECK(supervisor.wait_for(patience));
  log.drop_all();
}

TEST_CASE("what a program leaves in its process group dies with it", "[supervisor]") {
  const std::string end = GENERATE("exit 5", "kill -KILL $$");
  Lifeline line;
  NoticeLog log;
  SupervisorOptions options = options_for(log);
  options.restart.ends_at_once_max = 1;
  Supervisor supervisor = open_supervisor(std::move(options));
  supervisor.start(shell("exec 9>" + line.path() +
                         "; (trap '' TERM; echo ready >&9; exec sleep 1000) & " + end));
  line.wait_until_alone();
  supervisor.wait();
  log.drop_all();
}

TEST_CASE("destroying a supervisor ends its processes and leaves no child", "[supervisor]") {
  Lifeline line;
  {
    Supervisor supervisor = open_supervisor({.term_grace = 5ms, .pass_errors_to = -1});
    supervisor.start(deaf(line.path()), 4);
    line.wait_for_lines(4);
  }
  CHECK(has_no_children());
  line.wait_until_alone();
}

TEST_CASE("a copy that is between two starts is ended without another", "[supervisor]") {
  NoticeLog log;
  SupervisorOptions options = options_for(log);
  options.restart = {.backoff_first = 1h, .backoff_max = 1h};
  Supervisor supervisor = open_supervisor(std::move(options));
  supervisor.start(shell("exit 1"));
  CHECK(log.next_life() == ProcessEnd{.status = 1});
  CHECK(log.next(Kind::will_restart_after).after == 1h);
  supervisor.end_all();
  log.next(Kind::finished);
}

TEST_CASE("a program that can't be executed is given up at once, with the reason in words",
          "[supervisor]") {
  NoticeLog log;
  Supervisor supervisor = open_supervisor(options_for(log));
  const auto reason = [&](Command command) {
    supervisor.start(std::move(command));
    const std::string text = log.next(Kind::could_not_start).text;
    CHECK(log.next(Kind::gave_up).text == text);
    return text;
  };
  CHECK_THAT(reason({.arguments = {"/no/such/program"}}),
             ContainsSubstring("/no/such/program: No such file"));
  CHECK_THAT(
      reason({.arguments = {"no-such-program"}, .environment = {{"PATH", "/opt/none:/bin"}}}),
      ContainsSubstring("No such file") && ContainsSubstring("PATH=/opt/none:/bin"));
  CHECK_THAT(reason({.arguments = {"/etc/passwd"}}), ContainsSubstring("Permission denied"));
  CHECK_THAT(reason({.arguments = {"/bin/true"}, .working_directory = "/no/such/folder"}),
             ContainsSubstring("working directory /no/such/folder: No such file"));
  CHECK_THAT(reason({.arguments = {""}}), ContainsSubstring("can't start"));
  CHECK(supervisor.failures().size() == 5);
  CHECK(has_no_children());
}

TEST_CASE("a script without its interpreter is told apart from a missing file", "[supervisor]") {
  Lifeline line;
  const std::string script = line.path() + ".sh";
  std::ofstream(script) << "#!/no/such/shell\n";
  REQUIRE(::chmod(script.c_str(), 0700) == 0);
  NoticeLog log;
  Supervisor supervisor = open_supervisor(options_for(log));
  supervisor.start({.arguments = {script}});
  CHECK_THAT(log.next(Kind::could_not_start).text, ContainsSubstring("interpreter"));
  log.next(Kind::gave_up);
}

TEST_CASE("a program gets its arguments, environment, folder, and an empty standard input",
          "[supervisor]") {
  Lifeline line;
  NoticeLog log;
  Supervisor supervisor = open_supervisor(options_for(log));
  ::setenv("FANMILL_TEST_OLD", "old", 1);
  supervisor.start(
      {.arguments =
           {"sh", "-c",
            "read x && exit 1; echo \"$1|$FANMILL_TEST_OLD|$FANMILL_TEST_NEW|$PWD\" > $0; exit 5",
            line.path(), "two words"},
       .environment = {{"FANMILL_TEST_OLD", "first"},
                       {"FANMILL_TEST_OLD", "replaced"},
                       {"FANMILL_TEST_NEW", "a=b"}},
       .working_directory = "/usr"});
  line.wait_for_lines(1);
  CHECK(line.text() == "two words|replaced|a=b|/usr\n");
  log.next_after_others(Kind::finished);
}

TEST_CASE("a program starts without our signal mask, ignored signals and descriptors",
          "[supervisor]") {
  Lifeline line;
  const auto before = std::signal(SIGTERM, SIG_IGN);
  // Without close-on-exec, as a careless library would open it.
  const Descriptor careless(::open("/dev/null", O_RDONLY));
  {
    NoticeLog log;
    SupervisorOptions options = options_for(log);
    options.term_grace = patience;
    Supervisor supervisor = open_supervisor(std::move(options));
    supervisor.start(shell("echo $(ls /proc/self/fd) > " + line.path() + "; exec sleep 1000"));
    line.wait_for_lines(1);
    CHECK(line.text() == "0 1 2 3\n");  // 3 is ls reading the folder
    supervisor.end_all();
    CHECK(log.next_life() == ProcessEnd{.signal = SIGTERM});
    log.next(Kind::finished);
  }
  std::signal(SIGTERM, before);
}

TEST_CASE("standard error is passed on in whole lines with the copy's number", "[supervisor]") {
  Pipe pipe = make_pipe();
  REQUIRE(pipe.valid());
  {
    NoticeLog log;
    SupervisorOptions options = options_for(log);
    options.pass_errors_to = pipe.write.get();
    options.label = "worker";
    options.start.merge_output = true;
    Supervisor supervisor = open_supervisor(std::move(options));
    supervisor.start(shell("echo one >&2; echo two; printf three >&2; exit 5"));
    supervisor.wait();
    log.drop_all();
  }
  pipe.write.reset();
  char text[200] = "";
  CHECK(::read(pipe.read.get(), text, sizeof text - 1) > 0);
  CHECK(text == std::string("worker 0: one\nworker 0: two\nworker 0: three\n"));
}

TEST_CASE("a standard error of ours that nobody reads does not keep processes from being ended",
          "[supervisor]") {
  const Pipe pipe = make_pipe();
  REQUIRE(pipe.valid());
  NoticeLog log;
  SupervisorOptions options = options_for(log);
  options.pass_errors_to = pipe.write.get();
  Supervisor supervisor = open_supervisor(std::move(options));
  supervisor.start(shell("yes >&2"));
  log.next(Kind::started);
  // The pipe is full when it takes no page more.
  pollfd full{pipe.write.get(), POLLOUT, 0};
  while (::poll(&full, 1, 0) == 1) std::this_thread::yield();
  supervisor.end_all();
  CHECK(log.next(Kind::ended).end == ProcessEnd{.signal = SIGTERM});
  log.next(Kind::finished);
}

TEST_CASE("a closed standard error of ours is no reason to end anything", "[supervisor]") {
  Pipe pipe = make_pipe();
  REQUIRE(pipe.valid());
  pipe.read.reset();
  NoticeLog log;
  SupervisorOptions options = options_for(log);
  options.pass_errors_to = pipe.write.get();
  Supervisor supervisor = open_supervisor(std::move(options));
  supervisor.start(shell("yes | head -n 100000 >&2; exit 5"));
  CHECK(log.next_life() == ProcessEnd{.status = 5});
  log.next(Kind::finished);
}

TEST_CASE("a signal can be sent to one copy", "[supervisor]") {
  Lifeline line;
  NoticeLog log;
  Supervisor supervisor = open_supervisor(options_for(log));
  const CopyId copy = supervisor.start(obedient(line.path(), "INT"));
  line.wait_for_lines(1);
  supervisor.send_signal(CopyId{77}, SIGINT);  // nobody: no effect
  supervisor.send_signal(copy, SIGINT);
  CHECK(log.next_life() == ProcessEnd{.status = 5});
  log.next(Kind::finished);
}

TEST_CASE("two hundred starts leave no descriptor and no zombie", "[supervisor]") {
  const std::size_t before = open_descriptors();
  std::atomic<int> starts = 0;
  std::promise<void> enough;
  {
    SupervisorOptions options{.restart = quick_restarts(), .pass_errors_to = -1};
    options.restart.start_interval_min = 0ms;
    options.on_notice = [&](const Notice& notice) {
      if (notice.kind == Kind::started && ++starts == 200) enough.set_value();
    };
    Supervisor supervisor = open_supervisor(std::move(options));
    supervisor.start(shell("exit 6"), 4);
    supervisor.start({.arguments = {"/no/such/program"}}, 4);
    REQUIRE(enough.get_future().wait_for(patience) == std::future_status::ready);
  }
  CHECK(has_no_children());
  CHECK(open_descriptors() == before);
}

TEST_CASE("the program's own children are left to it", "[supervisor]") {
  pid_t own = -1;
  char name[] = "true";
  char* arguments[] = {name, nullptr};
  REQUIRE(::posix_spawnp(&own, name, nullptr, nullptr, arguments, environ) == 0);
  {
    Supervisor supervisor = open_supervisor({.pass_errors_to = -1});
    supervisor.start(shell("exit 5"), 3);
    supervisor.wait();
  }
  int status = -1;
  CHECK(::waitpid(own, &status, 0) == own);
  CHECK(status == 0);
}

TEST_CASE("a callback may start and end copies", "[supervisor]") {
  Supervisor* self = nullptr;
  std::promise<void> ready;
  std::atomic<int> finished = 0;
  SupervisorOptions options{.pass_errors_to = -1};
  options.on_notice = [&](const Notice& notice) {
    if (notice.kind == Kind::finished) finished += 1;
    if (notice.copy != CopyId{0}) return;
    if (notice.kind == Kind::started) {
      ready.get_future().wait();
      self->start(shell("exec sleep 1000"));
      self->end(CopyId{1});
    }
  };
  Supervisor supervisor = open_supervisor(std::move(options));
  self = &supervisor;
  supervisor.start(shell("exit 5"));
  ready.set_value();
  supervisor.wait();
  CHECK(finished == 2);
}

// Run by the next test in a process of its own: supervises until it is killed.
TEST_CASE("supervise for ever", "[.helper]") {
  const char* line = std::getenv("FANMILL_TEST_LINE");
  REQUIRE(line != nullptr);
  Supervisor supervisor = open_supervisor({.pass_errors_to = -1});
  supervisor.start(deaf(line), 3);
  supervisor.wait();
}

TEST_CASE("kill -9 of a supervising process leaves none of its processes", "[supervisor]") {
  Lifeline line;
  ::setenv("FANMILL_TEST_LINE", line.path().c_str(), 1);
  std::string program = "/proc/self/exe";
  std::string filter = "supervise for ever";
  char* arguments[] = {program.data(), filter.data(), nullptr};
  pid_t helper = -1;
  REQUIRE(::posix_spawn(&helper, program.c_str(), nullptr, nullptr, arguments, environ) == 0);
  line.wait_for_lines(3);
  REQUIRE(::kill(helper, SIGKILL) == 0);
  line.wait_until_alone();
  CHECK(::waitpid(helper, nullptr, 0) == helper);
}
