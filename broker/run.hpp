// `fanmill-broker run`: works on one list of JSON lines and ends.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace fanmill::broker {

struct RunArguments {
  std::string input = "-";
  std::vector<std::string> bind;
  std::string join_file;
  std::size_t local = 0;
  std::vector<std::string> command;
  std::string function;
  std::uint32_t retries = 0;
  double time_limit = 0;
  std::uint32_t prefetch = 1;
  std::size_t lookahead = 1024;
  bool insecure_plaintext = false;
  bool unordered = false;
  bool keep_going = false;
  bool quiet = false;
  int verbose = 0;
  bool timestamps = false;
};

class RunCommand {
 public:
  /// Adds the subcommand and its options to `app`, which must outlive this.
  explicit RunCommand(CLI::App& app);
  /// After parsing. Returns the exit status: 0 if every item has a result, 1 if one has none or the
  /// run could not be done, 2 if it was interrupted.
  int execute();

 private:
  RunArguments arguments_;
};

}  // namespace fanmill::broker
