// StandardOutput: this program's, of which somebody may read slowly, or not at all.
//
// A write waits for the reader, as the commands that are run wait for it then. A run that is to stop at
// once must not wait with them.
#pragma once

#include <string_view>

namespace fanmill::broker {

class StandardOutput {
 public:
  /// Throws FarmError (io_error) if descriptors have run out.
  StandardOutput();
  ~StandardOutput();
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;

  /// Throws FarmError: io_error if it can't be written, stopped if it had to wait and was given up.
  void write(std::string_view text) const;
  /// No write waits any more. From any thread.
  void give_up() const;

 private:
  void wait_for_room() const;

  int given_up_;  // an eventfd
  bool is_file_;
};

}  // namespace fanmill::broker
