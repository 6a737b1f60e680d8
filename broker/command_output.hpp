// CommandOutput: what becomes of an item when it has ended: standard output, the folder of
// results, the job log, and words about failures on standard error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "command_item.hpp"
#include "command_options.hpp"
#include "joblog.hpp"
#include "output_backlog.hpp"
#include "output_streams.hpp"
#include "report.hpp"
#include "standard_output.hpp"
#include "task_end.hpp"

namespace fanmill::broker {

class CommandOutput {
 public:
  /// `joblog` may be null. All must outlive this.
  CommandOutput(const CommandOptions& options, Joblog* joblog, Report& report)
      : options_(options),
        joblog_(joblog),
        report_(report),
        streams_({.results = options.results,
                  .tag = options.tag,
                  .write = [this](std::string_view text) { put(text); },
                  .say = [&report](const std::string& words) { report.say(words); }}) {}
  CommandOutput(const CommandOutput&) = delete;
  CommandOutput& operator=(const CommandOutput&) = delete;

  /// Nothing waits any more for who reads standard output. From any thread.
  void give_up() { standard_output_.give_up(); }
  /// What waits for its turn, for those who bring more.
  [[nodiscard]] OutputBacklog& backlog() { return backlog_; }

  /// What an item's command has written, as it comes. Throws FarmError if it can't be written.
  void stream(const CommandItem& item, std::uint32_t attempt, std::string_view chunk);
  /// As soon as an item has ended: what need not wait for its turn. Takes out of the end what was
  /// written already.
  void item_ended(const CommandItem& item, ItemEnd& end);
  /// In its turn. Throws FarmError if the output can't be written, or the item failed and that is
  /// to stop the run.
  void write(const CommandItem& item, const ItemEnd& end);

 private:
  void tell_failure(const CommandItem& item, const ItemEnd& end);
  void log(const CommandItem& item, const ItemEnd& end);
  void keep(const CommandItem& item, const ItemEnd& end, bool is_streamed) const;
  bool end_stream(const CommandItem& item, const ItemEnd& end);
  void put(std::string_view text);
  [[nodiscard]] std::string output_of(const CommandItem& item, const ItemEnd& end) const;

  const CommandOptions& options_;
  Joblog* joblog_;
  Report& report_;
  OutputBacklog backlog_;
  StandardOutput standard_output_;
  OutputStreams streams_;
};

/// The item's end as one JSON line, without a newline.
std::string to_json_line(const CommandItem& item, const ItemEnd& end);

}  // namespace fanmill::broker
