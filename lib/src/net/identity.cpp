#include "net/identity.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string_view>

#include "base/descriptor.hpp"
#include "net/paths.hpp"
#include "net/system_error.hpp"

namespace fanmill::net {
namespace {

std::optional<core::Uuid> parse_uuid(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != '-') digits += c;
  }
  if (digits.size() != 32) return {};
  core::Uuid uuid;
  const char* middle = digits.data() + 16;
  const char* end = digits.data() + 32;
  if (std::from_chars(digits.data(), middle, uuid.high, 16).ptr != middle) return {};
  if (std::from_chars(middle, end, uuid.low, 16).ptr != end) return {};
  return uuid;
}

const char* state_cure() { return "see to it that you may write there, or set XDG_STATE_HOME"; }

// The number in the file; 0 if there is no file yet.
Result<std::uint32_t> read_incarnation(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return std::uint32_t{0};
    return system_error(path, errno, state_cure());
  }
  char text[32] = {};
  const ssize_t size = ::read(file.get(), text, sizeof text);
  if (size < 0) return system_error(path, errno, state_cure());
  const char* end = text + size;
  std::uint32_t number = 0;
  const auto [stop, failure] = std::from_chars(text, end, number);
  if (failure != std::errc() || stop + 1 != end || *stop != '\n' || number > incarnation_max) {
    // A guess could repeat ids that workers still hold.
    return Error{ErrorCode::io_error,
                 path + ": not a number from 0 to " + std::to_string(incarnation_max) +
                     "; write one into it that is higher than any it had (the farm's workers must "
                     "be restarted if it is not)"};
  }
  return number;
}

// A new file renamed over the old, both on the disk: a power loss leaves one of the two, whole.
Status replace_file(const std::string& folder, const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  {
    const Descriptor file(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return system_error(fresh, errno, state_cure());
    const int failure = write_all(file.get(), text);
    if (failure != 0) return system_error(fresh, failure, state_cure());
    if (::fsync(file.get()) != 0) return system_error(fresh, errno, state_cure());
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return system_error(path, errno, state_cure());
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || ::fsync(directory.get()) != 0) {
    return system_error(folder, errno, state_cure());
  }
  return Ok{};
}

}  // namespace

core::Uuid boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string line;
  std::getline(file, line);
  return parse_uuid(line).value_or(core::Uuid{});
}

core::Uuid random_uuid() {
  core::Uuid uuid;
  while (!uuid.valid()) {
    const ssize_t size = ::getrandom(&uuid, sizeof uuid, 0);
    FANMILL_ASSERT(size == static_cast<ssize_t>(sizeof uuid) || errno == EINTR, errno);
  }
  return uuid;
}

std::string host_name() {
  char name[256] = {};
  // The last byte stays 0: a name that is too long need not be terminated.
  if (::gethostname(name, sizeof name - 1) != 0) return "unknown";
  return name;
}

Result<std::uint32_t> next_incarnation() {
  const Result<std::string> folder = state_folder();
  if (!folder.ok()) return folder.error();
  return next_incarnation(folder.value());
}

Result<std::uint32_t> next_incarnation(const std::string& folder) {
  const std::string path = folder + "/incarnation";
  const std::string lock_path = path + ".lock";
  // A file of its own, because the other is replaced under the lock. Closing it unlocks.
  const Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) return system_error(lock_path, errno, state_cure());
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return system_error(lock_path + ": can't be locked", errno, state_cure());
  }
  Result<std::uint32_t> last = read_incarnation(path);
  if (!last.ok()) return last;
  if (last.value() >= incarnation_max) {
    return Error{ErrorCode::io_error,
                 path + ": all " + std::to_string(incarnation_max) +
                     " incarnations are used up; stop every manager and worker of this farm, "
                     "then remove the file"};
  }
  const std::uint32_t next = last.value() + 1;
  const Status written = replace_file(folder, path, std::to_string(next) + "\n");
  if (!written.ok()) return written.error();
  return next;
}

}  // namespace fanmill::net
