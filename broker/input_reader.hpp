// InputReader: reads lines on a thread of its own and hands them to a run, so that a slow input
// holds up nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace fanmill::broker {

/// One line of the input, without its newline.
struct TextLine {
  std::uint64_t number = 0;  // from 1
  std::string_view text;
  std::string error;  // "line 3: ...", or why nothing more can be read; empty if the line is good
};

/// Where lines go; both are called on the reader's thread.
struct LineSink {
  /// False: no more lines are wanted. May wait.
  std::function<bool(const TextLine&)> take;
  /// There are no more; `whole`: since the input has ended, and not since no more were wanted.
  std::function<void(bool whole)> end;
};

class InputReader {
 public:
  /// Begins to read `path`, "-" for standard input. Blank lines are skipped. Throws FarmError
  /// (io_error) if the file can't be opened.
  InputReader(const std::string& path, LineSink sink);
  /// Stops reading; a sink that waits must have been told to.
  ~InputReader();
  InputReader(const InputReader&) = delete;
  InputReader& operator=(const InputReader&) = delete;

 private:
  void read_all();
  bool read_lines();
  bool wait_readable() const;
  bool take(std::string_view text);

  std::string name_;  // of the input, for messages
  int input_;
  int stop_event_;
  bool owns_input_;
  std::uint64_t line_ = 0;
  LineSink sink_;
  std::thread thread_;
};

}  // namespace fanmill::broker
