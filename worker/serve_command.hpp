// fanmill-worker FUNCTION...: works for a manager with built-in functions, with those of a plug-in,
// or with `command`, which runs the programs that tasks name.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "worker_options.hpp"

namespace fanmill::worker {

class ServeCommand {
 public:
  /// Adds its options to the program itself; they are filled in by parsing. `options` must outlive
  /// it.
  ServeCommand(CLI::App& program, WorkerOptions& options);
  /// Returns the exit status. Throws FarmError for what a user can mend.
  [[nodiscard]] int run() const;

 private:
  const WorkerOptions& options_;
  std::vector<std::string> functions_;
  std::string plugin_;
};

}  // namespace fanmill::worker
