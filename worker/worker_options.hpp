// The options that all kinds of workers share: which manager, how many slots, which limits.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdlib>
#include <fanmill/join.hpp>
#include <fanmill/serve.hpp>
#include <optional>
#include <string>
#include <vector>

namespace fanmill::worker {

class WorkerOptions {
 public:
  /// Adds them to `app`; they are filled in by parsing. One set of options may be added to a program
  /// and to its subcommands: then it does not matter before or behind which word one stands.
  void add_to(CLI::App& app);
  /// `--monitored` and `--in-process`: for functions only.
  void add_execution(CLI::App& app);

  /// The manager's place, from the options or found. Throws FarmError with what to type.
  [[nodiscard]] Join join() const;
  [[nodiscard]] ServeOptions serve_options() const;

 private:
  bool insecure_plaintext_ = false;
  std::string connect_;
  std::string join_;
  std::vector<std::string> labels_;
  std::uint16_t slots_ = 1;
  bool monitored_ = false;
  bool in_process_ = false;
  // A person who looks on wants to tell waiting from working; a manager that started it does not.
  int verbose_ = std::getenv("FANMILL_ENDPOINT") == nullptr ? 1 : 0;
  double give_up_after_ = 0;  // seconds; 0: as the environment says
  std::uint32_t spin_us_ = 0;
  double wall_ = 0;  // seconds, as `cpu_`
  double cpu_ = 0;
  std::uint64_t memory_ = 0;
  std::uint64_t processes_ = 0;
  std::uint64_t files_ = 0;
  std::optional<std::uint64_t> core_;
  int nice_ = 0;
  Containment containment_ = Containment::cgroup;
};

}  // namespace fanmill::worker
