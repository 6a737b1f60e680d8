// CommandOptions: what `fanmill-broker run` was told about commands: which to run on the items, and
// what becomes of their output.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "task_settings.hpp"

namespace fanmill::broker {

struct CommandOptions {
  std::vector<std::string> races;
  std::vector<double> stages;  // seconds
  bool pipe = false;
  bool commands = false;
  TaskSettings settings;
  bool tag = false;
  bool json = false;
  bool stream = false;
  std::string results;
  std::string joblog;
  bool resume = false;
  bool resume_failed = false;
  bool dry_run = false;
  bool halt = false;

  /// Adds them to `run`, which must outlive this, as this must outlive its parsing.
  void add_to(CLI::App& run);
  /// After parsing: one of those that only mean something for commands, as it was typed; empty if
  /// none was.
  [[nodiscard]] std::string any_typed() const;

 private:
  void add_commands(CLI::App& run);
  void add_limits(CLI::App& run);
  void add_output(CLI::App& run);
  CLI::Option* mine(CLI::Option* option);

  std::vector<CLI::Option*> mine_;
};

/// What stands behind '--': the command, and the values of each list behind a ':::'.
struct CommandWords {
  std::vector<std::string> command;
  std::vector<std::vector<std::string>> lists;
};

/// Throws FarmError (invalid_argument) for what GNU parallel has and this has not.
CommandWords split_words(const std::vector<std::string>& words);

}  // namespace fanmill::broker
