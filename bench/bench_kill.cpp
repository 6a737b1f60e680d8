// How soon a task is gone when its group is decided: from the moment at which the winner returns to
// the end of the last process of the loser (as its pidfd tells), and to the first instruction of the
// next task on the same worker, a program of its own. Prints the distributions, and how many
// processes were left.
//
//     bench_kill [--kills 1000] [--few 50]
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fanmill/fanmill.hpp>
#include <filesystem>
#include <mutex>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "bench_table.hpp"

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgot to say so itself
}

namespace {

using bench::Clock;
namespace fs = std::filesystem;

constexpr const char* mark_name = "FANMILL_BENCH_KILL";

// ---- The tasks.

/// What each process of a task says of itself when it is as it shall be.
struct Word {
  pid_t pid = 0;
  int processes = 0;  // of the task
  std::int64_t begun_ns = 0;
};

class Victim {
 public:
  explicit Victim(const char* fifo) : fifo_(::open(fifo, O_WRONLY | O_CLOEXEC)) {}

  [[noreturn]] void run(std::string_view kind) {
    if (kind == "busy loop") {
      say(1);
      for (;;) std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    if (kind == "SIGTERM ignored") {
      for (int number = 1; number < NSIG; ++number) std::signal(number, SIG_IGN);
    } else if (kind == "stopped") {
      say(1);
      ::raise(SIGSTOP);
    } else if (kind == "double fork with setsid") {
      if (::fork() == 0) {
        ::setsid();
        if (::fork() != 0) ::_exit(0);
        linger(2);
      }
      linger(2);
    } else if (kind == "a child holds its output") {
      if (::fork() == 0) linger(2);
      linger(2);
    } else if (kind == "heap of 2 GiB") {
      constexpr std::size_t bytes = std::size_t{2} << 30;
      std::memset(std::malloc(bytes), 1, bytes);  // NOLINT: for as long as we live
    } else if (kind == "fork loop") {
      say(1);
      for (;;) {
        if (::fork() == 0) wait();
      }
    }
    linger(1);
  }

 private:
  void say(int processes) const {
    const Word word{::getpid(), processes, begun_.time_since_epoch().count()};
    [[maybe_unused]] const ssize_t count = ::write(fifo_, &word, sizeof word);
  }
  [[noreturn]] static void wait() {
    for (;;) ::pause();
  }
  [[noreturn]] void linger(int processes) const {
    say(processes);
    wait();
  }

  const Clock::time_point begun_ = Clock::now();
  const int fifo_;
};

// ---- The other side.

/// What the winner waits for.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    opened_ += 1;
    changed_.notify_all();
  }
  /// Returns the time at which it had passed.
  Clock::time_point pass(int number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return opened_ > number; });
    return last_ = Clock::now();
  }
  Clock::time_point last() {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int opened_ = 0;
  Clock::time_point last_;
};

std::string folder_of_programs() { return fs::read_symlink("/proc/self/exe").parent_path(); }

/// Processes that have the mark of this run in their environment.
std::size_t survivors(const std::string& mark) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "environ");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    count += text.find(mark) != std::string::npos ? 1U : 0U;
  }
  return count;
}

class Reader {
 public:
  explicit Reader(const std::string& path) {
    if (::mkfifo(path.c_str(), 0600) != 0) throw std::runtime_error("mkfifo " + path);
    fifo_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);  // never at its end
  }
  Word next() const {
    Word word;
    if (::read(fifo_, &word, sizeof word) != sizeof word) throw std::runtime_error("read");
    return word;
  }

 private:
  int fifo_ = -1;
};

void wait_for_end(std::vector<int>& pidfds) {
  for (const int pidfd : pidfds) {
    pollfd item{pidfd, POLLIN, 0};
    ::poll(&item, 1, -1);
    ::close(pidfd);
  }
  pidfds.clear();
}

double ms(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

void print_row(const std::string& kind, const std::string& grade, std::vector<double>& gone,
               std::vector<double>& next, std::size_t left) {
  const auto three = [](const std::vector<double>& list) {
    char text[64];
    std::snprintf(text, sizeof text, "%6.2f | %6.2f | %6.2f", bench::median(list),
                  bench::quantile(list, 0.99), bench::quantile(list, 1));
    return std::string(text);
  };
  std::printf("| %-24s | %-9s | %s | %s | %zu |\n", kind.c_str(), grade.c_str(),
              three(gone).c_str(), next.empty() ? "" : three(next).c_str(), left);
  std::fflush(stdout);
}

/// fork, exec, SIGKILL and waitpid alone, without a farm.
void measure_bare(const std::string& fifo, int kills) {
  const Reader reader(fifo);
  std::vector<double> gone;
  std::vector<double> next;
  std::optional<Clock::time_point> begin;
  for (int i = 0; i < kills; ++i) {
    const bench::Child child({"victim", "busy loop", fifo});
    const Word word = reader.next();
    if (begin) next.push_back(ms(Clock::time_point(Clock::duration(word.begun_ns)) - *begin));
    begin = Clock::now();
    ::kill(word.pid, SIGKILL);
    int status = 0;
    ::waitpid(word.pid, &status, 0);
    gone.push_back(ms(Clock::now() - *begin));
  }
  print_row("busy loop", "bare", gone, next, 0);
}

void measure(const std::string& kind, const std::string& grade, const std::string& fifo,
             int kills) {
  const Reader reader(fifo);
  const std::string mark = std::string(mark_name) + "=" + fifo;
  std::vector<double> gone;
  std::vector<double> next;
  Gate gate;
  std::thread winner;
  {
    fanmill::Manager manager({.prefetch = 0});
    manager.start_workers(
        1, {folder_of_programs() + "/fanmill-worker", "--containment", grade, "command"});
    winner = std::thread([&, join = manager.join()] {
      fanmill::Functions functions;
      functions.add("decide", [&](int item) {
        (void)gate.pass(item);
        return fanmill::Payload::json("1");
      });
      [[maybe_unused]] const int status =
          fanmill::serve(join, functions, {.handle_signals = false});
    });
    std::thread driver([&] {
      std::optional<Clock::time_point> decided;
      for (int i = 0; i < kills; ++i) {
        std::vector<int> pidfds;
        Word word = reader.next();
        const Word first = word;
        for (int more = 1;; ++more) {
          pidfds.push_back(::pidfd_open(word.pid, 0));
          if (more == first.processes) break;
          word = reader.next();
        }
        if (decided)
          next.push_back(ms(Clock::time_point(Clock::duration(first.begun_ns)) - *decided));
        gate.open();
        wait_for_end(pidfds);
        const auto end = Clock::now();
        decided = gate.last();
        gone.push_back(ms(end - *decided));
      }
    });
    const fanmill::Payload victim = fanmill::Payload::json(
        R"({"command":[")" + fs::read_symlink("/proc/self/exe").string() + R"(","victim",")" +
        kind + R"(",")" + fifo + R"("],"environment":{")" + mark_name + R"(":")" + fifo + R"("}})");
    manager.run(
        std::views::iota(0, kills),
        fanmill::job<fanmill::Payload>()
            .functions({"command", "decide"})
            .lookahead(4)
            .group_tasks([&](int item) {
              return std::vector{fanmill::call("command", victim), fanmill::call("decide", item)};
            })
            .first()
            .update_results(0, [](int&, const fanmill::Payload&, std::size_t) {}));
    driver.join();
    // Before the farm goes, which would take them with it.
    // Of a fork loop only the first process was waited for.
    std::size_t left = survivors(mark);
    for (int i = 0; i < 100 && left > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      left = survivors(mark);
    }
    print_row(kind, grade, gone, next, left);
  }
  winner.join();  // the manager has said goodbye
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "victim") Victim(argv[3]).run(argv[2]);
  CLI::App app("From a group's decision to the end of its losers' processes.");
  int kills = 1000;
  int few = 50;
  app.add_option("--kills", kills, "kills of each kind")
      ->check(CLI::Range(2, 100'000))
      ->capture_default_str();
  app.add_option("--few", few, "kills of those that cost much: fork loop, heap of 2 GiB")
      ->check(CLI::Range(2, 100'000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  char name[] = "/tmp/bench-kill.XXXXXX";
  const fs::path folder = ::mkdtemp(name);
  std::printf(
      "From the return of the winner to the end of all processes of the loser, and to the first\n"
      "instruction of the worker's next task, milliseconds. Without a cgroup its rows are those "
      "of\n"
      "the next lower grade.\n\n");
  std::puts("| kind | grade | gone: median | p99 | most | next: median | p99 | most | left |");
  std::puts("|---|---|---|---|---|---|---|---|---|");
  int number = 0;
  const auto fifo = [&] { return (folder / std::to_string(++number)).string(); };
  measure_bare(fifo(), kills);
  for (const char* grade : {"cgroup", "subreaper"}) {
    for (const char* kind : {"busy loop", "sleep", "SIGTERM ignored", "stopped",
                             "double fork with setsid", "a child holds its output"})
      measure(kind, grade, fifo(), kills);
    for (const char* kind : {"fork loop", "heap of 2 GiB"}) measure(kind, grade, fifo(), few);
  }
  fs::remove_all(folder);
  return 0;
}
