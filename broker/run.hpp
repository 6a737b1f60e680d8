// `fanmill-broker run`: works on one list and ends. Its options, and which of its modes they mean.
#pragma once

#include <CLI/CLI.hpp>

#include "run_arguments.hpp"

namespace fanmill::broker {

class RunCommand {
 public:
  /// Adds the subcommand and its options to `app`, which must outlive this.
  explicit RunCommand(CLI::App& app);
  /// After parsing. Returns the exit status: 0 if every item has a result, 1 if one has none or the
  /// run could not be done, 2 if it was interrupted.
  int execute();

 private:
  void add_list_options(CLI::App& app);
  void add_farm_options(CLI::App& app);

  RunArguments arguments_;
};

}  // namespace fanmill::broker
