// fanmill-worker FUNCTION...: works for a manager with built-in functions.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace fanmill::worker {

class ServeCommand {
 public:
  /// Adds its options to the program itself; they are filled in by parsing.
  explicit ServeCommand(CLI::App& program);
  /// Returns the exit status. Throws FarmError for what a user can mend.
  [[nodiscard]] int run() const;

 private:
  std::string connect_;
  std::string join_;
  std::vector<std::string> functions_;
  std::vector<std::string> labels_;
  std::uint16_t slots_ = 1;
  bool monitored_ = false;
  // A person who looks on wants to tell waiting from working; a manager that started it does not.
  int verbose_ = std::getenv("FANMILL_ENDPOINT") == nullptr ? 1 : 0;
  double give_up_after_ = 0;  // seconds; 0: as the environment says
};

}  // namespace fanmill::worker
