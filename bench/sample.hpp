// What a benchmark says for scripts/bench: a line for each figure of each round, on standard output.
#pragma once

#include <cstdio>
#include <string>

namespace bench {

/// ROW <tab> METRIC <tab> VALUE. Of several with the same names medians and spread are made.
inline void sample(const std::string& row, const std::string& metric, double value) {
  std::printf("%s\t%s\t%.9g\n", row.c_str(), metric.c_str(), value);
  std::fflush(stdout);
}

/// fanmill beside its bare limit, taken one after the other in one round, and their ratio.
inline void compare(const std::string& row, double bare, double fanmill) {
  sample(row, "bare", bare);
  sample(row, "fanmill", fanmill);
  sample(row, "ratio", fanmill / bare);
}

/// Something that was left out, and why.
inline void skipped(const std::string& row, const std::string& why) {
  std::printf("%s\tskipped\t%s\n", row.c_str(), why.c_str());
  std::fflush(stdout);
}

}  // namespace bench
