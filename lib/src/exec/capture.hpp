// Capture: what a program writes to one of its outputs: the beginning kept up to a limit, or the end,
// and all of it in a file if it does not fit.
//
// It is fed from a pipe that does not block. Memory is bounded by the limits below whatever the
// program writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/descriptor.hpp"

namespace fanmill::exec {

/// The end of a stream: its last bytes.
class Tail {
 public:
  static constexpr std::size_t bytes_max = 4096;

  void take(std::string_view chunk);
  /// The last `bytes_max` bytes.
  [[nodiscard]] std::string text() const;

 private:
  std::string bytes_;  // up to twice bytes_max, so that it is not moved for each chunk
};

/// The beginning of a stream, and a file for the whole of it.
class Capture {
 public:
  /// Beyond this the file does not grow: a program that writes for ever must not fill the disk.
  static constexpr std::uint64_t file_bytes_max = 4ULL << 30;

  /// `path`: of the file, made only if more than `bytes_max` come; empty: never.
  Capture(std::uint64_t bytes_max, std::string path)
      : bytes_max_(bytes_max), path_(std::move(path)) {}

  void take(std::string_view chunk);

  [[nodiscard]] std::string& kept() { return kept_; }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  /// Empty if all was kept, or if the file could not be written.
  [[nodiscard]] const std::string& file() const { return file_path_; }

 private:
  void spool(std::string_view chunk);

  std::uint64_t bytes_max_;
  std::string path_;
  std::string kept_;
  std::uint64_t total_ = 0;
  Descriptor file_;
  std::string file_path_;
  bool file_failed_ = false;
};

}  // namespace fanmill::exec
