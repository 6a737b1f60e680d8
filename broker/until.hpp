// Until: what makes a command's end a success.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fanmill::broker {

class Until {
 public:
  /// Exit status 0.
  Until() = default;
  /// "exit-zero", "any", "exit:10,20" or "match:REGEX", an extended regular expression for the
  /// standard output. Throws FarmError (invalid_argument) in words that say what is expected.
  static Until parse(std::string_view text);
  static Until exits(std::vector<int> statuses);
  static Until match(std::string pattern);

  /// As it travels.
  [[nodiscard]] std::string json() const;
  /// Whether a command that ended by itself with this status may have been a success: of an output
  /// nothing is known here.
  [[nodiscard]] bool may_accept(int status) const;

 private:
  enum class Kind { exit_zero, any, exits, match };
  Kind kind_ = Kind::exit_zero;
  std::vector<int> exits_;
  std::string pattern_;
};

}  // namespace fanmill::broker
