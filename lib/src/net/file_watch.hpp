// FileWatch: tells when a file was changed or put in place of another, on a thread of its own.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "base/descriptor.hpp"
#include "base/wakeup.hpp"

namespace fanmill::net {

class FileWatch {
 public:
  /// `changed` runs on the watch's thread, once for each batch of changes; also when the file is gone.
  /// Its folder must be there. Throws FarmError (io_error).
  FileWatch(const std::string& path, std::function<void()> changed);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

 private:
  void run();
  [[nodiscard]] bool take_events();

  const std::string name_;
  const std::function<void()> changed_;
  Descriptor events_;
  Wakeup stop_;
  std::thread thread_;
};

}  // namespace fanmill::net
