// fanmill-worker supervise -- COMMAND...: keeps copies of any worker program running.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <vector>

namespace fanmill::worker {

class SuperviseCommand {
 public:
  /// Adds the subcommand.
  explicit SuperviseCommand(CLI::App& program);

  [[nodiscard]] bool was_typed() const { return app_->parsed(); }
  /// Returns the exit status: 0 when every copy said that it is done or was ended on request, 5 if
  /// one was given up: starting the supervisor again would not mend that either.
  [[nodiscard]] int run() const;

 private:
  CLI::App* app_;
  std::vector<std::string> command_;
  std::size_t copies_ = 1;
  double grace_ = 3;  // seconds
  bool verbose_ = false;
};

}  // namespace fanmill::worker
