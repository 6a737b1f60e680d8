// Where the files of a user's farm lie: the state folder, and private folders for sockets.
//
// A socket has no key: who may enter its folder may talk to the manager. So that folder belongs to
// the user and has mode 0700, and whatever stands in its way is refused, not repaired.
#pragma once

#include <string>
#include <string_view>

#include "base/descriptor.hpp"
#include "base/result.hpp"

namespace fanmill::net {

/// Makes the folder (0700) with those above it if it is not there. One that is there must be the
/// caller's own and writable by nobody else. Error: io_error.
[[nodiscard]] Status make_private_folder(const std::string& path);

/// The variable's value; empty if it is not set.
[[nodiscard]] std::string environment(const char* name);

/// $XDG_STATE_HOME/fanmill or ~/.local/state/fanmill. Error: io_error, if neither can be known.
[[nodiscard]] Result<std::string> state_path();
/// The same, made if need be. Error: io_error.
[[nodiscard]] Result<std::string> state_folder();

/// Whether a process listens on this socket. What is no socket, or can't be asked, is an Error
/// (io_error), because listening there would remove it.
[[nodiscard]] Result<bool> is_listened_on(const std::string& path);

/// A new folder for the sockets of one manager, below $XDG_RUNTIME_DIR if that is the user's own
/// and short enough, else below /tmp/fanmill-<uid>. It goes, with what is in it, when this object
/// does. A process that was killed can't see to that: whoever makes the next one removes it.
class SocketFolder {
 public:
  /// Error: io_error.
  [[nodiscard]] static Result<SocketFolder> make();
  ~SocketFolder();
  SocketFolder(SocketFolder&& other) noexcept;
  SocketFolder& operator=(SocketFolder&& other) noexcept;

  [[nodiscard]] const std::string& path() const { return path_; }
  /// "ipc:///run/user/1000/fanmill-AbCdEf/NAME"; at most `name_bytes_max` characters of letters,
  /// digits, '-' and '_'.
  [[nodiscard]] std::string endpoint(std::string_view name) const;
  static constexpr std::size_t name_bytes_max = 16;

 private:
  SocketFolder(std::string path, Descriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  void remove() noexcept;

  std::string path_;
  Descriptor lock_;  // of a file in it; held as long as its owner lives
};

}  // namespace fanmill::net
