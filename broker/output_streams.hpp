// OutputStreams: what commands have written that still run (--stream): each whole line goes to
// standard output as soon as it has come, and all of it to the folder of results.
//
// Of each item one command runs. When it is tried again its output begins anew; what was written to
// standard output stays there, and words on standard error say so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "command_item.hpp"

namespace fanmill::broker {

class OutputStreams {
 public:
  // A line that is longer is written in pieces: it must not fill the memory.
  static constexpr std::size_t line_bytes_max = std::size_t{1} << 20;

  struct Options {
    std::string results;                          // the folder; empty: none
    bool tag = false;                             // each line begins with its item
    std::function<void(std::string_view)> write;  // to standard output
    std::function<void(const std::string&)> say;  // to people
  };
  explicit OutputStreams(Options options) : options_(std::move(options)) {}

  /// An attempt at the item has written `chunk`. Throws FarmError if that can't be kept.
  void take(const CommandItem& item, std::uint32_t attempt, std::string_view chunk);
  /// The item's command has succeeded: this attempt has written `size` bytes, and the first of them are
  /// known. What is missing of the others is told.
  void end(const CommandItem& item, std::uint32_t attempt, std::string_view beginning,
           std::uint64_t size);
  /// It has not, or has passed nothing on. Whether it had written something.
  bool end(const CommandItem& item);

 private:
  struct Stream {
    std::uint32_t attempt = 0;
    std::uint64_t bytes = 0;      // of this attempt
    std::string line;             // begun
    bool is_within_line = false;  // of those that were written in pieces
  };
  void begin(const CommandItem& item, Stream& stream, std::uint32_t attempt) const;
  void put(const CommandItem& item, Stream& stream, std::string_view chunk) const;
  void write(const CommandItem& item, Stream& stream, std::string_view lines) const;
  [[nodiscard]] std::filesystem::path file_of(const CommandItem& item) const;

  Options options_;
  std::map<std::uint64_t, Stream> streams_;  // by the item's number
};

/// `text` with `before` at the front of each line.
std::string with_prefix(std::string_view text, std::string_view before);
/// Throws FarmError if the folder can't be made.
void make_folder(const std::filesystem::path& folder);

}  // namespace fanmill::broker
