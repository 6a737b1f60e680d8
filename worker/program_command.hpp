// fanmill-worker run -- PROGRAM... and fanmill-worker pipe -- PROGRAM...: workers whose function is
// any program.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "worker_options.hpp"

namespace fanmill::worker {

class ProgramCommand {
 public:
  enum class Kind { run, pipe };
  /// Adds the subcommand. It shares `options`, which must outlive it, with the program.
  ProgramCommand(CLI::App& program, Kind kind, WorkerOptions& options);

  [[nodiscard]] bool was_typed() const { return app_->parsed(); }
  /// Returns the exit status. Throws FarmError for what a user can mend.
  [[nodiscard]] int run() const;

 private:
  Kind kind_;
  CLI::App* app_;
  const WorkerOptions& options_;
  std::vector<std::string> command_;
};

}  // namespace fanmill::worker
