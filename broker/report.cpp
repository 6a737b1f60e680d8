#include "report.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iomanip>
#include <set>
#include <sstream>
#include <utility>

namespace fanmill::broker {

using Seconds = std::chrono::duration<double>;

namespace {

/// At once: other threads and processes write there as well.
void write_out(const std::ostringstream& line) { std::fputs(line.str().c_str(), stderr); }

}  // namespace

Report::Report(bool progress)
    : progress_(progress),
      shares_terminal_(progress && isatty(STDOUT_FILENO) != 0),
      begin_(std::chrono::steady_clock::now()),
      drawn_(begin_) {}

Report::~Report() { clear_progress(); }

void Report::item_ended(bool with_result) {
  ended_ += 1;
  failed_ += with_result ? 0 : 1;
  if (!progress_) return;
  const auto now = std::chrono::steady_clock::now();
  if (shown_ && now - drawn_ < std::chrono::milliseconds(100)) return;
  draw(now);
}

void Report::draw(std::chrono::steady_clock::time_point now) {
  drawn_ = now;
  shown_ = true;
  const double rate = static_cast<double>(ended_) / std::max(Seconds(now - begin_).count(), 1e-9);
  const std::uint64_t items = items_;
  const bool is_known = items >= ended_ && items > 0;
  std::ostringstream line;
  line << '\r' << ended_;
  if (is_known) line << " of " << items;
  line << " items done, " << failed_ << " failed, " << std::fixed << std::setprecision(0) << rate
       << " a second";
  if (is_known) {
    const auto left = static_cast<std::uint64_t>(static_cast<double>(items - ended_) / rate);
    line << ", " << left / 3600 << std::setfill('0') << ':' << std::setw(2) << left / 60 % 60 << ':'
         << std::setw(2) << left % 60 << " left";
  }
  line << "\x1b[K";
  write_out(line);
}

void Report::say(const std::string& line) {
  clear_progress();
  std::fprintf(stderr, "fanmill-broker: %s\n", line.c_str());
}

void Report::clear_progress() {
  if (!shown_) return;
  shown_ = false;
  std::fputs("\r\x1b[K", stderr);
}

void Report::print_summary(const Counters& counters, const std::vector<WorkerInfo>& workers) {
  clear_progress();
  const double wall = Seconds(std::chrono::steady_clock::now() - begin_).count();
  std::ostringstream line;
  line << ended_ << " items (" << failed_ << " failed), " << counters.tasks << " tasks, "
       << counters.killed << " kills, " << counters.workers_joined << " workers joined, "
       << counters.workers_lost << " lost, " << std::fixed << std::setprecision(2) << wall << " s";
  if (counters.present > std::chrono::nanoseconds::zero()) {
    // Workers also compute while their connection is lost, so the figure may pass the whole.
    const double share = std::min(1.0, Seconds(counters.busy) / Seconds(counters.present));
    line << ", workers busy " << std::setprecision(0) << 100 * share
         << " % of the time that they were there";
  }
  // What a kill left running would be found here.
  std::set<std::string> reaches;
  for (const WorkerInfo& worker : workers) reaches.insert(worker.kills_reach);
  const char* before = ", kills reach ";
  for (const std::string& reach : reaches) line << std::exchange(before, " or ") << reach;
  line << '\n';
  write_out(line);
}

}  // namespace fanmill::broker
