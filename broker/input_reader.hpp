// InputReader: reads JSON lines on a thread of its own and pushes them to a run, so that a slow
// input holds up nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <fanmill/inlet.hpp>
#include <fanmill/payload.hpp>
#include <string>
#include <thread>

namespace fanmill::broker {

/// One line of the input: its text as a JSON payload, or what is wrong with it.
struct InputLine {
  std::uint64_t number = 0;  // from 1
  Payload payload;
  std::string error;  // "line 3: JSON, column 4: ..."; empty if the line is good
};

class InputReader {
 public:
  /// Begins to read `path`, "-" for standard input, into `inlet`, which must outlive this. Blank
  /// lines are skipped. Throws FarmError (io_error) if the file can't be opened.
  InputReader(const std::string& path, Inlet<InputLine>& inlet);
  /// Stops reading.
  ~InputReader();
  InputReader(const InputReader&) = delete;
  InputReader& operator=(const InputReader&) = delete;

  /// Reads no more; the inlet is closed. From any thread.
  void stop();

 private:
  void read_all();
  bool wait_readable() const;
  bool take(std::string_view text);

  std::string name_;  // of the input, for messages
  int input_;
  int stop_event_;
  bool owns_input_;
  std::uint64_t line_ = 0;
  Inlet<InputLine>& inlet_;
  std::thread thread_;
};

}  // namespace fanmill::broker
