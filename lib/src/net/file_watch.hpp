// FileWatch: tells when a file was changed or put in place of another, on a thread of its own.
//
// It looks at the file again and again, since nothing tells of a folder that was replaced or of another
// host's changes; inotify only makes it look at once.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "base/descriptor.hpp"
#include "base/wakeup.hpp"

namespace fanmill::net {

class FileWatch {
 public:
  /// `changed` runs on the watch's thread; also when the file is gone. Throws FarmError (io_error) when
  /// threads or descriptors run out.
  FileWatch(std::string path, std::function<void()> changed);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

 private:
  /// Which file it is, and when what of it was changed; all 0 if there is none.
  using State = std::array<std::int64_t, 7>;

  void run();
  [[nodiscard]] State look() const;

  const std::string path_;
  const std::function<void()> changed_;
  State seen_;
  Descriptor events_;
  Wakeup stop_;
  std::thread thread_;
};

}  // namespace fanmill::net
