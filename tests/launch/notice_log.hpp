// NoticeLog: what a Supervisor told, to be claimed one by one. Lifeline: notices the end of
// processes of any kinship.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "catch.hpp"
#include "launch/supervisor.hpp"
#include "scratch_folder.hpp"

namespace fanmill::launch {

/// For hangs only: nothing waits this long when all is well.
inline constexpr auto patience = std::chrono::seconds(60);

/// Must outlive the Supervisor that reports to it. Its end fails the test if a notice was not
/// claimed.
class NoticeLog {
 public:
  NoticeLog() = default;
  NoticeLog(const NoticeLog&) = delete;
  NoticeLog& operator=(const NoticeLog&) = delete;
  ~NoticeLog() {
    for (const Notice& notice : notices_)
      FAIL_CHECK("unclaimed: " << to_string(notice.kind) << ": " << notice.text);
  }

  std::function<void(const Notice&)> sink() {
    return [this](const Notice& notice) {
      const std::lock_guard lock(mutex_);
      notices_.push_back(notice);
      arrived_.notify_all();
    };
  }

  /// Waits for the next notice, which must be of this kind.
  Notice next(Notice::Kind kind) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, patience, [this] { return !notices_.empty(); })) {
      FAIL("no notice in a minute; expected " << to_string(kind));
    }
    Notice notice = notices_.front();
    notices_.pop_front();
    INFO("expected " << to_string(kind) << ", got: " << notice.text);
    REQUIRE(notice.kind == kind);
    return notice;
  }
  /// Claims the next two, a start and an end, and returns what end it was.
  ProcessEnd next_life() {
    next(Notice::Kind::started);
    return next(Notice::Kind::ended).end;
  }
  /// Drops everything before the next notice of this kind, and returns that.
  Notice next_after_others(Notice::Kind kind) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (!arrived_.wait_for(lock, patience, [this] { return !notices_.empty(); })) {
        FAIL("no notice in a minute; expected " << to_string(kind));
      }
      Notice notice = notices_.front();
      notices_.pop_front();
      if (notice.kind == kind) return notice;
    }
  }
  void drop_all() {
    const std::lock_guard lock(mutex_);
    notices_.clear();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Notice> notices_;
};

/// A named pipe. Processes open `path()` for writing, say something and stay; when the last of them
/// is gone, however it was related to us, there is an end of file.
class Lifeline {
 public:
  Lifeline() {
    REQUIRE(::mkfifo(path().c_str(), 0600) == 0);
    read_ = Descriptor(::open(path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    REQUIRE(read_.valid());
  }
  Lifeline(const Lifeline&) = delete;
  Lifeline& operator=(const Lifeline&) = delete;

  [[nodiscard]] std::string path() const { return folder_.path() + "/pipe"; }
  /// Waits until this many lines have been written to it.
  void wait_for_lines(std::size_t lines) {
    while (static_cast<std::size_t>(std::count(text_.begin(), text_.end(), '\n')) < lines)
      REQUIRE(read_more());
  }
  /// Waits until nobody holds it any more.
  void wait_until_alone() {
    while (read_more()) {
    }
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  /// False at the end of file.
  bool read_more() {
    pollfd ready{read_.get(), POLLIN, 0};
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    REQUIRE(::poll(&ready, 1, static_cast<int>(limit)) == 1);
    char buffer[4096];
    const ssize_t size = ::read(read_.get(), buffer, sizeof buffer);
    if (size > 0) text_.append(buffer, static_cast<std::size_t>(size));
    return size > 0;
  }

  const test::ScratchFolder folder_;
  Descriptor read_;
  std::string text_;
};

/// Back-offs that cost no time.
inline RestartLimits quick_restarts() {
  return {.backoff_first = std::chrono::milliseconds(1),
          .backoff_max = std::chrono::milliseconds(2)};
}

inline Command shell(std::string script) {
  return {.arguments = {"/bin/sh", "-c", std::move(script)}};
}

/// Holds the lifeline, says so in a line, and stays until it is killed.
inline Command deaf(const std::string& line) {
  return shell("exec 9>" + line + "; trap '' TERM HUP; echo ready >&9; exec sleep 1000");
}

/// Holds the lifeline, says so in a line, and stays until the signal, at which it ends in order.
inline Command obedient(const std::string& line, const std::string& signal) {
  return shell("exec 9>" + line + "; trap 'exit 5' " + signal +
               "; echo ready >&9; while :; do sleep 1000 & wait; done");
}

inline Supervisor open_supervisor(SupervisorOptions options) {
  Result<Supervisor> supervisor = Supervisor::open(std::move(options));
  REQUIRE(supervisor.ok());
  return std::move(supervisor).value();
}

}  // namespace fanmill::launch
