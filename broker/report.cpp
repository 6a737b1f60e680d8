#include "report.hpp"

#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <set>
#include <utility>

namespace fanmill::broker {

using Seconds = std::chrono::duration<double>;

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
  std::string line = std::to_string(ended_);
  if (items >= ended_ && items > 0) line += " of " + std::to_string(items);
  std::fprintf(stderr, "\r%s items done, %" PRIu64 " failed, %.0f a second", line.c_str(), failed_,
               rate);
  if (items >= ended_ && items > 0) {
    const auto left = static_cast<std::uint64_t>(static_cast<double>(items - ended_) / rate);
    std::fprintf(stderr, ", %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left", left / 3600,
                 left / 60 % 60, left % 60);
  }
  std::fputs("\x1b[K", stderr);
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
  std::fprintf(stderr,
               "%" PRIu64 " items (%" PRIu64 " failed), %" PRIu64 " tasks, %" PRIu64
               " kills, %" PRIu64 " workers joined, %" PRIu64 " lost, %.2f s",
               ended_, failed_, counters.tasks, counters.killed, counters.workers_joined,
               counters.workers_lost, wall);
  if (counters.present > std::chrono::nanoseconds::zero()) {
    // Workers also compute while their connection is lost, so the figure may pass the whole.
    const double share = std::min(1.0, Seconds(counters.busy) / Seconds(counters.present));
    std::fprintf(stderr, ", workers busy %.0f %% of the time that they were there", 100 * share);
  }
  // What a kill left running would be found here.
  std::set<std::string> reaches;
  for (const WorkerInfo& worker : workers) reaches.insert(worker.kills_reach);
  const char* before = ", kills reach ";
  for (const std::string& reach : reaches)
    std::fprintf(stderr, "%s%s", std::exchange(before, " or "), reach.c_str());
  std::fputc('\n', stderr);
}

}  // namespace fanmill::broker
