// What a run did: always a hash (so that two runs can be compared), and lines of text for people if
// asked for.
#pragma once

#include <cstdint>
#include <deque>
#include <sstream>
#include <string>

#include "base/time.hpp"
#include "rng.hpp"

namespace fanmill::sim {

class Trace {
 public:
  enum class Mode { quiet, keep_last, print };
  static constexpr std::size_t lines_kept_max = 60;

  explicit Trace(Mode mode) : mode_(mode) {}

  [[nodiscard]] bool wants_text() const { return mode_ != Mode::quiet; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] const std::deque<std::string>& lines() const { return lines_; }

  /// Takes facts into the hash: what happened, to whom.
  void mark(Instant now, std::uint64_t what, std::uint64_t whom) {
    hash_ = mix(hash_ ^ static_cast<std::uint64_t>(now.time_since_epoch().count())) ^
            mix(what * 31 + whom);
  }

  /// A line, if anybody wants it. The parts are not looked at otherwise, so they must be cheap to
  /// pass.
  template <typename... Parts>
  void note(Instant now, const Parts&... parts) {
    if (!wants_text()) return;
    std::ostringstream line;
    line << std::chrono::duration<double>(now.time_since_epoch()).count() << "s  ";
    (line << ... << parts);
    add(line.str());
  }

 private:
  void add(std::string line);

  Mode mode_;
  std::uint64_t hash_ = 0;
  std::deque<std::string> lines_;
};

}  // namespace fanmill::sim
