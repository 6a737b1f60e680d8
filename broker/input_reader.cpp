#include "input_reader.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fanmill/error.hpp>
#include <string_view>
#include <utility>

namespace fanmill::broker {
namespace {

// A longer line can't be a task: a frame holds 1 MiB (core/limits.hpp). It is refused in words.
constexpr std::size_t line_bytes_max = 1U << 20;

int open_input(const std::string& path) {
  if (path == "-") return STDIN_FILENO;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    throw FarmError(ErrorCode::io_error, "--input " + path + ": " + std::strerror(errno));
  }
  struct stat status {};
  if (fstat(file, &status) == 0 && S_ISDIR(status.st_mode)) {
    close(file);
    throw FarmError(ErrorCode::io_error, "--input " + path + ": " + std::strerror(EISDIR));
  }
  return file;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

InputReader::InputReader(const std::string& path, LineSink sink)
    : name_(path == "-" ? "standard input" : "--input " + path),
      input_(open_input(path)),
      stop_event_(eventfd(0, EFD_CLOEXEC)),
      owns_input_(input_ != STDIN_FILENO),
      sink_(std::move(sink)),
      thread_([this] { read_all(); }) {}

InputReader::~InputReader() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(stop_event_, &one, sizeof one);
  thread_.join();
  if (owns_input_) close(input_);
  close(stop_event_);
}

/// False once this is being destroyed.
bool InputReader::wait_readable() const {
  std::array<pollfd, 2> watched = {{{input_, POLLIN, 0}, {stop_event_, POLLIN, 0}}};
  while (poll(watched.data(), watched.size(), -1) < 0) {
    if (errno != EINTR) return false;
  }
  return (watched[1].revents & POLLIN) == 0;
}

void InputReader::read_all() { sink_.end(read_lines()); }

/// Whether the input was read to its end.
bool InputReader::read_lines() {
  std::array<char, 1U << 16> buffer{};
  std::string line;
  bool going = true;
  while (going && wait_readable()) {
    const ssize_t got = read(input_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      const int error = got < 0 ? errno : 0;
      if (!line.empty()) take(line);
      // Not the end: what comes behind it is missing, and the run must not look complete.
      if (error != 0) {
        sink_.take({.number = line_ + 1,
                    .text = {},
                    .error = name_ + " can't be read: " + std::strerror(error)});
      }
      return error == 0;
    }
    std::string_view rest(buffer.data(), static_cast<std::size_t>(got));
    while (going && !rest.empty()) {
      const std::size_t end = rest.find('\n');
      const std::string_view piece = rest.substr(0, end);
      // Of a line that is too long only the beginning is kept; it is refused by its length.
      if (line.size() <= line_bytes_max) line += piece.substr(0, line_bytes_max + 1);
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 1);
      going = take(line);
      line.clear();
    }
  }
  return false;
}

/// Hands on one line. False if no more are wanted.
bool InputReader::take(std::string_view text) {
  line_ += 1;
  if (is_blank(text)) return true;
  TextLine line{.number = line_, .text = text, .error = {}};
  if (text.size() > line_bytes_max) {
    line.text = {};
    line.error = "line " + std::to_string(line_) + ": an item has at most " +
                 std::to_string(line_bytes_max) +
                 " bytes; put large data into a file and its name into the item";
  }
  return sink_.take(line);
}

}  // namespace fanmill::broker
