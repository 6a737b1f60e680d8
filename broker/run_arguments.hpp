// RunArguments: what `fanmill-broker run` was told, whichever of its two modes it is in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "command_options.hpp"

namespace fanmill::broker {

struct RunArguments {
  std::string input = "-";
  std::vector<std::string> bind;
  std::string join_file;
  std::size_t local = 0;
  std::vector<std::string> command;
  std::string function;
  std::uint32_t retries = 0;
  double time_limit = 0;  // seconds; 0: any
  std::optional<std::uint32_t> prefetch;
  std::size_t lookahead = 1024;
  int insecure_plaintext = 0;  // how often that was said
  bool unordered = false;
  bool keep_going = false;
  bool quiet = false;
  int verbose = 0;
  bool timestamps = false;
  CommandOptions commands;
};

}  // namespace fanmill::broker
