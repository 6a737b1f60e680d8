#include "net/file_watch.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fanmill/error.hpp>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/signals.hpp"

namespace fanmill::net {
namespace {

constexpr int look_interval_ms = 2000;

// Not valid if the kernel can't: then it is noticed a little later.
Descriptor events_of_folder(const std::string& path) {
  Descriptor events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  const std::string folder = std::filesystem::path(path).parent_path();
  constexpr std::uint32_t wanted =
      IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
  if (!events.valid() || ::inotify_add_watch(events.get(), folder.c_str(), wanted) < 0) return {};
  return events;
}

void read_away(int events) {
  std::array<char, 4096> buffer;
  while (::read(events, buffer.data(), buffer.size()) > 0) {
  }
}

}  // namespace

FileWatch::FileWatch(std::string path, std::function<void()> changed) try
    : path_(std::move(path)),
      changed_(std::move(changed)),
      seen_(look()),
      events_(events_of_folder(path_)) {
  const AllSignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
} catch (const std::system_error& error) {
  throw FarmError(ErrorCode::io_error, std::string("can't start a thread that watches keys: ") +
                                           error.what() + "; raise the limit (ulimit -u)");
}

FileWatch::~FileWatch() {
  stop_.signal();
  thread_.join();
}

void FileWatch::run() {
  for (;;) {
    std::array<pollfd, 2> items = {{{events_.get(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    if (::poll(items.data(), items.size(), look_interval_ms) < 0) continue;
    if (items[1].revents != 0) return;
    if (items[0].revents != 0) read_away(events_.get());
    const State now = look();
    if (now == std::exchange(seen_, now)) continue;
    changed_();
  }
}

FileWatch::State FileWatch::look() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) return {};
  return {static_cast<std::int64_t>(status.st_dev),
          static_cast<std::int64_t>(status.st_ino),
          status.st_size,
          status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec,
          status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec};
}

}  // namespace fanmill::net
