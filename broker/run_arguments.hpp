// RunArguments: what `fanmill-broker run` was told, whichever of its two modes it is in.
#pragma once

#include <cstdint>
#include <optional>
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
  std::uint32_t spin_us = 0;
  std::optional<std::size_t> lookahead;  // items; nothing: as the workers need
  std::optional<std::uint64_t> lookahead_bytes;
  int insecure_plaintext = 0;  // how often that was said
  bool unordered = false;
  bool keep_going = false;
  bool quiet = false;
  int verbose = 0;
  bool timestamps = false;
  CommandOptions commands;
};

/// The job, with what was said of how far to read ahead.
template <typename Job>
[[nodiscard]] Job looking_ahead(Job job, const RunArguments& arguments) {
  if (arguments.lookahead) job = job.lookahead(*arguments.lookahead);
  if (arguments.lookahead_bytes) job = job.lookahead_bytes(*arguments.lookahead_bytes);
  return job;
}

}  // namespace fanmill::broker
