#include "net/file_watch.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fanmill/error.hpp>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/signals.hpp"

namespace fanmill::net {
namespace {

std::string words(const std::string& path, int number) {
  return path + ": changes of it can't be watched: " + std::strerror(number);
}

}  // namespace

FileWatch::FileWatch(const std::string& path, std::function<void()> changed) try
    : name_(std::filesystem::path(path).filename()),
      changed_(std::move(changed)),
      events_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!events_.valid()) throw FarmError(ErrorCode::io_error, words(path, errno));
  // The folder, for a file that is put in place of another is another file.
  const std::string folder = std::filesystem::path(path).parent_path();
  constexpr std::uint32_t wanted = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
  if (::inotify_add_watch(events_.get(), folder.c_str(), wanted) < 0)
    throw FarmError(ErrorCode::io_error, words(path, errno));
  const AllSignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
} catch (const std::system_error& error) {
  throw FarmError(ErrorCode::io_error, path + ": changes of it can't be watched: " + error.what());
}

FileWatch::~FileWatch() {
  stop_.signal();
  thread_.join();
}

void FileWatch::run() {
  for (;;) {
    std::array<pollfd, 2> items = {{{events_.get(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    if (::poll(items.data(), items.size(), -1) < 0) continue;
    if (items[1].revents != 0) return;
    if (take_events()) changed_();
  }
}

/// Whether one was about the file.
bool FileWatch::take_events() {
  constexpr std::size_t room = 16 * (sizeof(inotify_event) + 256);
  alignas(inotify_event) std::array<char, room> buffer;
  bool meant = false;
  for (ssize_t count = 0; (count = ::read(events_.get(), buffer.data(), buffer.size())) > 0;) {
    for (ssize_t at = 0; at < count;) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      // Without a name: events were lost.
      const char* name = buffer.data() + at + sizeof event;
      meant = meant || event.len == 0 || name_ == name;
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  return meant;
}

}  // namespace fanmill::net
