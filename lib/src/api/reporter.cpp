#include "api/reporter.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

namespace fanmill::api {
namespace {

Event::Kind kind_of(core::Observation::Kind kind) {
  using From = core::Observation::Kind;
  switch (kind) {
    case From::worker_joined:
      return Event::Kind::worker_joined;
    case From::worker_returned:
      return Event::Kind::worker_returned;
    case From::worker_suspect:
      return Event::Kind::worker_suspect;
    case From::worker_recovered:
      return Event::Kind::worker_recovered;
    case From::worker_left:
      return Event::Kind::worker_left;
    case From::worker_refused:
      return Event::Kind::worker_refused;
    case From::task_assigned:
      return Event::Kind::task_assigned;
    case From::task_ended:
      return Event::Kind::task_ended;
    case From::task_requeued:
      return Event::Kind::task_requeued;
    case From::group_ended:
      return Event::Kind::group_ended;
    case From::worker_failing:
      return Event::Kind::worker_failing;
    case From::function_missing:
      return Event::Kind::function_missing;
    case From::warning:
      return Event::Kind::warning;
  }
  return Event::Kind::worker_joined;
}

Event event_of(core::Observation&& observation) {
  return {.kind = kind_of(observation.kind),
          .level = observation.level,
          .time = std::chrono::system_clock::now(),
          .worker = std::move(observation.worker),
          .text = std::move(observation.text),
          .item = observation.item,
          .task = observation.task,
          .attempt = observation.attempt.value,
          .killed = observation.killed,
          .dropped = observation.dropped,
          .payload = std::move(observation.payload)};
}

}  // namespace

Reporter::Reporter(ReporterOptions options)
    : options_(std::move(options)), thread_([this] { work(); }) {}

Reporter::~Reporter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Reporter::tell(core::Observation&& observation) {
  if (observation.level > options_.verbose && !options_.observer) return;
  Event event = event_of(std::move(observation));
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= options_.events_waiting_max) {
      dropped_ += 1;
      dropped_since_ += 1;
      return;
    }
    waiting_.push_back(std::move(event));
    if (waiting_.size() > 1) return;  // the thread was woken for the first
  }
  wake_.notify_one();
}

std::uint64_t Reporter::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

void Reporter::work() {
  std::vector<Event> events;
  for (;;) {
    std::uint64_t dropped = 0;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      events.swap(waiting_);
      dropped = std::exchange(dropped_since_, 0);
    }
    tell_all(events, dropped);
    events.clear();
  }
}

void Reporter::tell_all(std::vector<Event>& events, std::uint64_t dropped) {
  // Drops happen while the queue is full, so they lie behind everything that was in it.
  if (dropped > 0) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    events.push_back({.kind = Event::Kind::events_dropped,
                      .time = std::chrono::system_clock::now(),
                      .dropped = static_cast<std::uint32_t>(std::min(dropped, most))});
  }
  // A program may have drawn a line of progress there, which is not there any more then.
  const char* const begin = ::isatty(::fileno(options_.lines_to)) != 0 ? "\r\x1b[K" : "";
  std::string lines;
  for (const Event& event : events) {
    if (event.level <= options_.verbose)
      lines += begin + to_line(event, options_.timestamps) + "\n";
    if (options_.observer) options_.observer(event);
  }
  if (lines.empty()) return;
  std::fwrite(lines.data(), 1, lines.size(), options_.lines_to);
  std::fflush(options_.lines_to);
}

}  // namespace fanmill::api
