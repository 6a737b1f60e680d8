// Joblog: a line for each command that has ended, in the columns of GNU parallel's --joblog, so
// that the tools for those read it; and what an earlier run's log says is done.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace fanmill::broker {

struct JoblogLine {
  std::uint64_t seq = 0;  // of the item, from 1
  std::string host;
  double started = 0;        // seconds since 1970
  double wall = 0;           // seconds
  std::size_t sent = 0;      // bytes of standard input
  std::size_t received = 0;  // bytes of standard output
  int exit = 0;              // -1: it was ended, or is not known
  int signal = 0;
  std::string command;
};

std::string to_text(const JoblogLine& line);

/// What an earlier run has written.
class JoblogPast {
 public:
  struct End {
    int exit = 0;
    int signal = 0;
  };

  JoblogPast() = default;
  /// A file that is not there has no lines. Throws FarmError: io_error, malformed_payload with the
  /// line that is none of a job log's.
  explicit JoblogPast(const std::string& path);

  /// How the commands of an item ended, in the order of the file; none if it does not stand there.
  [[nodiscard]] std::span<const End> ends_of(std::uint64_t seq) const;
  /// Bytes of the whole lines; the rest is a line that was torn when the run was cut off.
  [[nodiscard]] std::size_t whole_bytes() const { return whole_bytes_; }
  [[nodiscard]] bool is_torn() const { return torn_; }

 private:
  std::map<std::uint64_t, std::vector<End>> ends_;
  std::size_t whole_bytes_ = 0;
  bool torn_ = false;
};

class Joblog {
 public:
  /// Begins a new file at `path`, or goes on behind the `keep` first bytes of the one there. Throws
  /// FarmError (io_error).
  Joblog(const std::string& path, std::size_t keep);
  ~Joblog();
  Joblog(const Joblog&) = delete;
  Joblog& operator=(const Joblog&) = delete;

  /// In one piece, at once. Throws FarmError (io_error).
  void append(const std::string& lines);

 private:
  std::string path_;
  int file_;
};

}  // namespace fanmill::broker
