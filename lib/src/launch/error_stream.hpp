// ErrorStream: what one process wrote to its standard error: cut into lines for passing on, the end
// kept for reports.
//
// A value: it is fed the bytes that were read and appends what is to be shown to a string. It
// belongs to one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fanmill::launch {

class ErrorStream {
 public:
  /// Enough for a Python traceback or a sanitizer's first report.
  static constexpr std::size_t tail_max = 4096;
  /// A longer line is shown in pieces: a program that never ends its line must not fill memory.
  static constexpr std::size_t line_max = 4096;

  ErrorStream() = default;
  /// `prefix` is put before each line shown; may be empty.
  explicit ErrorStream(std::string prefix) : prefix_(std::move(prefix)) {}

  /// Appends the lines that `chunk` completes, with their newlines, to `shown`.
  void take(std::string_view chunk, std::string& shown);
  /// The process has ended: shows a last line that had no newline.
  void finish(std::string& shown);
  /// The last `tail_max` bytes, from the beginning of a line where that is possible.
  [[nodiscard]] std::string tail() const;

 private:
  void show(std::string_view line, std::string& shown) const;

  std::string prefix_;
  std::string line_;  // begun and not yet shown
  std::string tail_;  // up to twice tail_max, so that it is not moved for each chunk
};

}  // namespace fanmill::launch
