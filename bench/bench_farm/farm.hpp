// fanmill through its public interface: a manager in this process and worker processes of this
// program, as a user would write them.
#pragma once

#include <chrono>
#include <fanmill/fanmill.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bare.hpp"

namespace bench {

struct FarmShape {
  int workers = 2;
  std::optional<int> window = {};              // what each holds; nothing: as fanmill likes
  bool plain = false;                          // tcp without keys
  std::chrono::nanoseconds spin{0};            // of both sides
  std::vector<std::string> role = {"worker"};  // of this program, as its first arguments
};

class Farm {
 public:
  explicit Farm(const std::string& endpoint, FarmShape shape = {});

  /// Starts worker processes and waits until they have joined.
  void add_workers(int count);
  /// Starts one process that is so many workers of so many slots, and waits for them.
  void add_load(int count, int slots = 1);

  /// Empty tasks, results in order and none kept: what most programs do.
  Figures run(std::int64_t tasks, std::optional<std::size_t> lookahead = {});
  /// `tasks` of so many bytes there and back.
  Figures echo(std::int64_t tasks, std::size_t bytes);
  /// Tasks that sleep or compute for so long; the seconds of all of them together.
  double work(const std::string& function, std::int64_t tasks, std::chrono::nanoseconds each);
  /// From one result to the next, one task under way; seconds.
  std::vector<double> round_trips(int count);

  fanmill::Manager& manager() { return manager_; }

 private:
  void start(std::vector<std::string> role);
  void wait_for(std::size_t workers);

  const FarmShape shape_;
  fanmill::Manager manager_;
  std::vector<std::unique_ptr<Child>> children_;
};

/// `bench_farm worker [SPIN] [plain]`, in nanoseconds.
int serve_tasks(bool plain, std::chrono::nanoseconds spin);

}  // namespace bench
