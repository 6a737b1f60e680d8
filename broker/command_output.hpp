// CommandOutput: what becomes of an item when it has ended: standard output, the folder of
// results, the job log, and words about failures on standard error.
#pragma once

#include <string>

#include "command_item.hpp"
#include "command_options.hpp"
#include "joblog.hpp"
#include "output_backlog.hpp"
#include "report.hpp"
#include "task_end.hpp"

namespace fanmill::broker {

class CommandOutput {
 public:
  /// `joblog` may be null. All must outlive this.
  CommandOutput(const CommandOptions& options, Joblog* joblog, Report& report)
      : options_(options), joblog_(joblog), report_(report) {}

  /// What waits for its turn, for those who bring more.
  [[nodiscard]] OutputBacklog& backlog() { return backlog_; }

  /// As soon as an item has ended: what need not wait for its turn.
  void item_ended(const CommandItem& item, const ItemEnd& end);
  /// In its turn. Throws FarmError if the output can't be written, or the item failed and that is
  /// to stop the run.
  void write(const CommandItem& item, const ItemEnd& end);

 private:
  void tell_failure(const CommandItem& item, const ItemEnd& end);
  void log(const CommandItem& item, const ItemEnd& end);
  void keep(const CommandItem& item, const ItemEnd& end) const;
  [[nodiscard]] std::string output_of(const CommandItem& item, const ItemEnd& end) const;

  const CommandOptions& options_;
  Joblog* joblog_;
  Report& report_;
  OutputBacklog backlog_;
};

/// The item's end as one JSON line, without a newline.
std::string to_json_line(const CommandItem& item, const ItemEnd& end);

}  // namespace fanmill::broker
