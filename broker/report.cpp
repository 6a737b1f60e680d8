#include "report.hpp"

#include <unistd.h>

#include <cinttypes>
#include <cstdio>

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
  drawn_ = now;
  shown_ = true;
  const double rate = static_cast<double>(ended_) / std::max(Seconds(now - begin_).count(), 1e-9);
  std::fprintf(stderr, "\r%" PRIu64 " items done, %" PRIu64 " failed, %.0f a second\x1b[K", ended_,
               failed_, rate);
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

void Report::print_summary(const Counters& counters) {
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
  std::fputc('\n', stderr);
}

}  // namespace fanmill::broker
