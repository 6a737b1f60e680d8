// SpoolFolder: where a worker keeps outputs that are too long for a result. It stays, with what is in
// it, if there is something: a result has named it.
#pragma once

#include <string>

namespace fanmill::worker {

class SpoolFolder {
 public:
  /// Makes one in TMPDIR, else /tmp. Throws FarmError (io_error).
  SpoolFolder();
  /// Removes it if it is empty.
  ~SpoolFolder();
  SpoolFolder(const SpoolFolder&) = delete;
  SpoolFolder& operator=(const SpoolFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace fanmill::worker
