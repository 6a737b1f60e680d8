#include "exec/capture.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace fanmill::exec {

void Tail::take(std::string_view chunk) {
  if (chunk.size() >= bytes_max) {
    bytes_ = chunk.substr(chunk.size() - bytes_max);
    return;
  }
  bytes_ += chunk;
  if (bytes_.size() > 2 * bytes_max) bytes_.erase(0, bytes_.size() - bytes_max);
}

std::string Tail::text() const {
  return bytes_.size() <= bytes_max ? bytes_ : bytes_.substr(bytes_.size() - bytes_max);
}

void Capture::take(std::string_view chunk) {
  const std::uint64_t room = bytes_max_ - std::min<std::uint64_t>(bytes_max_, kept_.size());
  const bool fits = chunk.size() <= room;
  if (!fits && !path_.empty() && !file_.valid() && !file_failed_) {
    file_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    file_failed_ = !file_.valid();
    spool(kept_);
    if (!file_failed_) file_path_ = path_;
  }
  if (file_.valid() && total_ < file_bytes_max) {
    spool(chunk.substr(0, std::min<std::uint64_t>(chunk.size(), file_bytes_max - total_)));
  }
  kept_ += chunk.substr(0, room);
  total_ += chunk.size();
}

void Capture::spool(std::string_view chunk) {
  if (!file_.valid() || write_all(file_.get(), chunk) == 0) return;
  // The disk is full, most likely: what there is of it would be mistaken for the whole.
  file_.reset();
  ::unlink(path_.c_str());
  file_path_.clear();
  file_failed_ = true;
}

}  // namespace fanmill::exec
