// What tests of a worker's processes share: programs to run, an executor to run them, and who finds every
// process that came of it.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "exec/process_executor.hpp"

namespace fanmill::test {

using namespace fanmill::exec;

// A limit for hangs, not for speed.
inline constexpr int patience_ms = 60'000;

inline constexpr const char* mark_name = "FANMILL_TEST_MARK";

/// Every process that this test has forked (it runs the same program), or started (the mark is in its
/// environment).
inline std::vector<pid_t> ours() {
  namespace fs = std::filesystem;
  const std::string mark = std::string(mark_name) + "=" + std::to_string(::getpid());
  const fs::path program = fs::read_symlink("/proc/self/exe");
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (std::stoi(name) == ::getpid()) continue;
    std::ifstream file(entry.path() / "environ");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    std::error_code gone;
    if (text.find(mark) != std::string::npos ||
        fs::read_symlink(entry.path() / "exe", gone) == program)
      found.push_back(std::stoi(name));
  }
  return found;
}

inline std::string name_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

inline std::vector<pid_t> named(const std::string& name) {
  std::vector<pid_t> found = ours();
  std::erase_if(found, [&](pid_t pid) { return name_of(pid) != name; });
  return found;
}

/// Runs programs as "/bin/sh -c TEXT".
inline Programs shell(TaskLimits limits = {}, std::uint64_t output_max = 4096) {
  return {.plan = [=](const Invocation& invocation) -> std::variant<Programs::Plan, Completion> {
            return Programs::Plan{
                .command = {.arguments = {"/bin/sh", "-c", invocation.payload.bytes.str()},
                            .environment = {{mark_name, std::to_string(::getpid())}},
                            .limits = limits,
                            .output_max = output_max}};
          },
          .conclude =
              [](const CommandPlan&, Report& report) {
                Completion completion = completion_of_end(report);
                completion.payload = Payload::raw(report.output);
                return completion;
              }};
}

/// One program, "/bin/sh -c SCRIPT", that is given the payloads line for line.
inline Programs resident(const std::string& script) {
  Programs programs = shell();
  programs.plan = [=](const Invocation& invocation) -> std::variant<Programs::Plan, Completion> {
    return Programs::Plan{.command = {.arguments = {"/bin/sh", "-c", script}},
                          .line = invocation.payload.bytes.str()};
  };
  programs.conclude = [conclude = programs.conclude](const CommandPlan& plan, Report& report) {
    Completion completion = conclude(plan, report);
    if (report.evidence.how == Evidence::How::returned)
      completion.kind = Completion::Kind::returned;
    return completion;
  };
  return programs;
}

class Fixture {
 public:
  explicit Fixture(ProcessExecutorOptions options) : executor_(std::move(options)) {}

  ProcessExecutor& executor() { return executor_; }
  void start(std::uint32_t slot, std::uint32_t function, std::string_view payload = "") {
    start_later(slot, function, payload);
    executor_.flush(false);
  }
  /// With the next flush.
  void start_later(std::uint32_t slot, std::uint32_t function, std::string_view payload) {
    executor_.start(slot, {.attempt = AttemptId{++last_attempt_},
                           .task = TaskId{7},
                           .item = 6,
                           .function = function,
                           .number = 2,
                           .payload = Payload::raw(payload)});
  }
  std::vector<Completion> take(std::size_t count) {
    std::vector<Completion> completions = std::exchange(taken_, {});
    while (completions.size() < count) {
      for (Completion& each : take_some()) completions.push_back(std::move(each));
    }
    const auto end = completions.begin() + static_cast<std::ptrdiff_t>(count);
    taken_.assign(std::make_move_iterator(end), std::make_move_iterator(completions.end()));
    completions.erase(end, completions.end());
    return completions;
  }
  Completion take_one() {
    if (taken_.empty()) taken_ = take_some();
    Completion first = std::move(taken_.front());
    taken_.erase(taken_.begin());
    return first;
  }
  Completion run(std::uint32_t function, std::string_view payload = "") {
    start(0, function, payload);
    return take(1).front();
  }
  Completion run(const std::string& script) { return run(0, script); }

 private:
  std::vector<Completion> take_some() {
    std::vector<Completion> completions;
    executor_.flush(false);
    while (completions.empty()) {
      pollfd item{executor_.completions_fd(), POLLIN, 0};
      REQUIRE(::poll(&item, 1, patience_ms) == 1);
      executor_.take(completions);
    }
    return completions;
  }

  ProcessExecutor executor_;
  std::vector<Completion> taken_;
  std::uint64_t last_attempt_ = 0;
};

/// Until `is_true`, asked again and again.
template <typename Condition>
void wait_until(const Condition& is_true) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!is_true()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::yield();
  }
}

/// Of a process with one thread.
inline std::vector<pid_t> children(pid_t parent) {
  const std::string name = std::to_string(parent);
  std::ifstream file("/proc/" + name + "/task/" + name + "/children");
  return {std::istream_iterator<pid_t>(file), std::istream_iterator<pid_t>()};
}

inline std::size_t child_count(pid_t parent) { return children(parent).size(); }

}  // namespace fanmill::test
