// fanmill-worker FUNCTION...: works for a manager with built-in functions.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
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
  int verbose_ = 1;           // a person looks on: silence would not tell waiting from working
  double give_up_after_ = 0;  // seconds; 0: as the environment says
};

}  // namespace fanmill::worker
