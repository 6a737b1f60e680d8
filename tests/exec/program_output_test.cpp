// What programs write to their standard output, passed on while they run.
#include <poll.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "catch.hpp"
#include "exec/process_executor.hpp"
#include "scratch_folder.hpp"

using namespace fanmill;
using namespace fanmill::exec;
using namespace std::chrono_literals;

namespace {

// A limit for hangs, not for speed.
constexpr int patience_ms = 60'000;

/// One slot that runs "/bin/sh -c TEXT" and passes on what that writes.
class Farm {
 public:
  explicit Farm(std::uint64_t window)
      : executor_({.programs = programs(window), .spool_folder = folder_.path()}) {}

  ProcessExecutor& executor() { return executor_; }
  static constexpr AttemptId attempt{7};

  void start(const std::string& script) {
    executor_.start(0, {.attempt = attempt, .payload = Payload::raw(script)});
    executor_.flush(false);
  }
  void taken(std::uint64_t bytes) { executor_.output_taken(0, attempt, bytes); }
  void read_more() {
    executor_.flush(false);
    pollfd item{executor_.completions_fd(), POLLIN, 0};
    REQUIRE(::poll(&item, 1, patience_ms) == 1);
    executor_.take(completions);
    std::vector<OutputChunk> outputs;
    executor_.take_output(outputs);
    for (const OutputChunk& chunk : outputs) {
      CHECK(chunk.attempt == attempt);
      CHECK(chunk.bytes.size() <= 65536);
      text += chunk.bytes.view();
    }
    chunks += outputs.size();
  }
  /// Until so much has come, or the end.
  void read_to(std::uint64_t bytes) {
    while (text.size() < bytes && completions.empty()) read_more();
  }
  void read_to_end() {
    while (completions.empty()) read_more();
  }
  [[nodiscard]] bool has_files() const { return !std::filesystem::is_empty(folder_.path()); }
  [[nodiscard]] std::string path(const char* name) const { return folder_.path() + "/" + name; }

  std::string text;
  std::size_t chunks = 0;
  std::vector<Completion> completions;
  std::uint64_t output_bytes = 0;  // as the end tells it

 private:
  Programs programs(std::uint64_t window) {
    return {.plan = [=](const Invocation& invocation) -> std::variant<Programs::Plan, Completion> {
              return Programs::Plan{
                  .command = {.arguments = {"/bin/sh", "-c", invocation.payload.bytes.str()},
                              .output_max = 10,
                              .output_window = window}};
            },
            .conclude =
                [this](const CommandPlan&, Report& report) {
                  output_bytes = report.output_bytes;
                  return completion_of_end(report);
                }};
  }
  test::ScratchFolder folder_;
  ProcessExecutor executor_;
};

}  // namespace

TEST_CASE("a line arrives while its program runs on", "[processes]") {
  Farm farm(1 << 20);
  const std::string fifo = farm.path("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  farm.start("echo one; cat " + fifo + "; exit 3");
  farm.read_to(4);
  CHECK(farm.text == "one\n");
  CHECK(farm.completions.empty());
  std::ofstream(fifo) << "two\n";
  farm.read_to_end();
  CHECK(farm.text == "one\ntwo\n");
  CHECK(farm.completions.front().detail == 256 + 3);
}

TEST_CASE("a program writes no further than its window", "[processes]") {
  constexpr std::uint64_t window = 100'000;
  Farm farm(window);
  farm.start("head -c 1000000 /dev/zero");
  for (std::uint64_t taken = 0; taken < 900'000; taken += 50'000) {
    farm.taken(taken);
    farm.read_to(taken + window);
    CHECK(farm.text.size() == taken + window);
  }
  farm.taken(950'000);
  farm.read_to_end();
  CHECK(farm.text.size() == 1'000'000);
  CHECK(farm.output_bytes == 1'000'000);
  CHECK_FALSE(farm.has_files());
}

TEST_CASE("a program that waits for its reader can be ended", "[processes]") {
  Farm farm(1000);
  farm.start("yes");
  farm.read_to(1000);
  farm.executor().stop(0);
  farm.read_to_end();
  CHECK(farm.text.size() == 1000);
  CHECK(farm.completions.front().kind == Completion::Kind::died);
}

// What it has written is in the pipe then, and the window is full.
TEST_CASE("what a program has left in its pipe is passed on after its end", "[processes]") {
  Farm farm(1000);
  const std::string done = farm.path("done");
  farm.start("head -c 30000 /dev/zero; : > " + done);
  farm.read_to(1000);
  while (!std::filesystem::exists(done)) std::this_thread::yield();
  SECTION("as room for it comes") {
    for (std::uint64_t taken = 1000; taken < 30'000; taken += 1000) {
      CHECK(farm.completions.empty());
      farm.taken(taken);
      farm.read_to(taken + 1000);
    }
    farm.read_to_end();
    CHECK(farm.text.size() == 30'000);
    CHECK(farm.completions.front().detail == 256);
  }
  SECTION("unless it is stopped") {
    farm.executor().stop(0);
    farm.read_to_end();
    CHECK(farm.text.size() == 1000);
  }
  SECTION("or nobody wants it any more") {
    farm.executor().drop_output(0, Farm::attempt);
    farm.read_to_end();
    CHECK(farm.text.size() == 1000);
    CHECK(farm.output_bytes == 30'000);
    CHECK(farm.completions.front().detail == 256);
  }
}

TEST_CASE("a program whose output nobody wants any more goes on without", "[processes]") {
  Farm farm(1000);
  farm.start("head -c 1000000 /dev/zero; exit 4");
  farm.read_to(1000);
  farm.executor().drop_output(0, Farm::attempt);
  farm.taken(500);  // too late
  farm.read_to_end();
  CHECK(farm.text.size() == 1000);
  CHECK(farm.output_bytes == 1'000'000);
  CHECK(farm.completions.front().detail == 256 + 4);
  CHECK_FALSE(farm.has_files());
}

TEST_CASE("of small pieces there are only so many under way", "[processes]") {
  Farm farm(1 << 20);
  const std::string script =
      "i=0; while [ $i -lt 3000 ]; do echo x; i=$((i+1)); done; : > " + farm.path("done");
  farm.start(script);
  std::size_t chunks_taken = 0;
  while (farm.completions.empty()) {
    farm.read_to(farm.text.size() + 1);
    CHECK(farm.chunks - chunks_taken <= output_chunks_max);
    if (farm.chunks - chunks_taken < output_chunks_max / 2) continue;
    chunks_taken = farm.chunks;
    farm.taken(farm.text.size());
  }
  CHECK(farm.text.size() == 6000);
}

TEST_CASE("another attempt's word means nothing", "[processes]") {
  Farm farm(1000);
  farm.start("head -c 3000 /dev/zero");
  farm.read_to(1000);
  farm.executor().output_taken(0, AttemptId{6}, 1000);
  farm.executor().drop_output(0, AttemptId{6});
  farm.taken(2000);
  farm.read_to(3000);
  farm.taken(3000);
  farm.read_to_end();
  CHECK(farm.text.size() == 3000);
}

TEST_CASE(
    "output that is dropped before its program begins is passed to nobody and waits for nobody",
    "[processes]") {
  Farm farm(1000);
  const std::string fifo = farm.path("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  farm.start("echo one; cat " + fifo);
  constexpr AttemptId next{8};
  farm.executor().start(
      1, {.attempt = next, .payload = Payload::raw("head -c 30000 /dev/zero; exit 3")});
  farm.executor().drop_output(1, next);
  farm.read_to(4);
  std::ofstream(fifo) << "two\n";
  farm.read_to_end();
  while (farm.completions.size() < 2) farm.read_more();
  CHECK(farm.text == "one\ntwo\n");  // and each chunk was the first program's
  CHECK(farm.completions.back().slot == 1);
  CHECK(farm.completions.back().detail == 256 + 3);
}
