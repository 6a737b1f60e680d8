#include "net/private_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/descriptor.hpp"
#include "net/curve_key.hpp"
#include "net/paths.hpp"

namespace fanmill::net {
namespace {

Error failure(const std::string& what, int number) {
  return {ErrorCode::io_error, what + ": " + std::strerror(number)};
}

// Whoever writes the file can send this user's workers to a manager of theirs, whoever reads it may
// join.
Status check_private(const std::string& path, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return failure(path, errno);
  if (!S_ISREG(status.st_mode)) {
    return Error{ErrorCode::join_not_found, path + ": not a file; give the path of a file"};
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return Error{ErrorCode::io_error,
                 path + ": belongs to another user; copy it, then: chmod 600 COPY"};
  }
  if ((status.st_mode & 0077U) != 0) {
    return Error{ErrorCode::io_error,
                 path +
                     ": others may read or write this file, which lets its reader take part; "
                     "type: chmod 600 " +
                     path};
  }
  return Ok{};
}

Status write_draft(const Descriptor& file, const std::string& draft, const std::string& path,
                   std::string_view text) {
  const int unwritten = write_all(file.get(), text);
  if (unwritten != 0) return failure(draft + ": can't be written", unwritten);
  if (::fsync(file.get()) != 0) return failure(draft + ": can't be written", errno);
  if (::rename(draft.c_str(), path.c_str()) != 0)
    return failure(path + ": can't be replaced", errno);
  // Its name, too, is to survive a loss of power: a key that was taken back would be back.
  const std::string folder = std::filesystem::absolute(path).parent_path();
  const Descriptor names(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (names.valid()) ::fsync(names.get());
  return Ok{};
}

}  // namespace

Result<std::string> read_private_file(const std::string& path, std::size_t bytes_max) {
  // Not blocking: a fifo in its place would make us wait for a writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) {
    return Error{ErrorCode::join_not_found,
                 path + ": this file can't be read: " + std::strerror(errno)};
  }
  const Status is_private = check_private(path, file.get());
  if (!is_private.ok()) return is_private.error();
  Result<std::string> text = read_descriptor(file, bytes_max);
  if (text.ok()) return text;
  return Error{text.error().code, path + ": " + text.error().message};
}

Result<std::string> read_descriptor(const Descriptor& descriptor, std::size_t bytes_max) {
  std::string text(bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(descriptor.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      pollfd ready{descriptor.get(), POLLIN, 0};
      ::poll(&ready, 1, -1);
      continue;
    }
    if (got < 0) {
      wipe(text);
      return Error{errno == EBADF ? ErrorCode::join_not_found : ErrorCode::io_error,
                   std::strerror(errno)};
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > bytes_max) {
    wipe(text);
    return Error{ErrorCode::invalid_argument,
                 "longer than " + std::to_string(bytes_max) + " bytes"};
  }
  text.resize(size);
  return text;
}

Status write_private_file(const std::string& path, std::string_view text) {
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  std::error_code ignored;
  if (!std::filesystem::exists(folder, ignored)) {
    Status made = make_private_folder(folder.string());
    if (!made.ok()) return made;
  }
  std::string draft = path + ".XXXXXX";
  const Descriptor file(::mkostemp(draft.data(), O_CLOEXEC));  // mode 0600
  if (!file.valid()) return failure(draft + ": can't be made", errno);
  Status written = write_draft(file, draft, path, text);
  if (!written.ok()) ::unlink(draft.c_str());
  return written;
}

}  // namespace fanmill::net
