// Join: how a worker finds its manager: endpoints, and what it must show there.
//
// Found by itself for workers of the same user on the same host, handed over as a file elsewhere. A
// join file is a few lines of text, readable by its owner only:
//
//     fanmill-join = 1
//     farm = 7c1f0a9b23d4e5f6
//     endpoint = "tcp://node3:5557"
//     endpoint = "ipc:///run/user/1000/fanmill/3f2a/manager"
//     cookie = "let-me-in"
//     curve
//         server-key = "..."
//         public-key = "..."
//         secret-key = "..."
//
// `endpoint` may stand several times, `farm`, `cookie` and the keys may be missing; empty lines and
// lines that begin with '#' are skipped, and so are names that this version does not know. The keys
// are those that the manager is known by and that the worker shows, for endpoints of tcp. To CZMQ
// and pyzmq the file is a certificate (zmq.auth.load_certificate), so that workers in other
// languages read it with their own tools.
#pragma once

#include <cstdint>
#include <fanmill/export.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace fanmill::inline v0 {

namespace detail {
class JoinKeys;
}

/// Where a manager is and what it wants to be shown. A value: no manager hears of it before a
/// worker is served with it.
class FANMILL_EXPORT Join {
 public:
  /// Where this user's manager is. The first of these that is there: the file that FANMILL_JOIN
  /// names, or the descriptor ("fd:7"); the endpoint in FANMILL_ENDPOINT (with the cookie in FANMILL_COOKIE, and without keys if
  /// FANMILL_INSECURE_PLAINTEXT is set), which `Manager::start_workers` sets; the user's join file,
  /// `default_path()`. Throws FarmError:
  /// join_not_found if there is none, with the places and what to do; else as `file`.
  static Join find();
  /// One endpoint: "tcp://node3:5557", "ipc:///path". It is checked when it is used.
  static Join endpoint(std::string endpoint);
  /// Reads a join file. Throws FarmError: join_not_found if it can't be read, io_error if others
  /// may read or write it (with the chmod to type), invalid_argument if it is not a join file (with
  /// the line).
  static Join file(const std::filesystem::path& path);
  /// Reads a join file from a descriptor that this process was started with, to its end, and closes
  /// it: for a supervisor that keeps keys out of the file system. The keys stay in memory, and are
  /// wiped with the last copy. Once: the next call finds nothing there. Throws FarmError:
  /// join_not_found if it is not open, io_error if it can't be read, invalid_argument as `file`.
  static Join descriptor(int number);
  /// What a user types: an endpoint ("tcp://node3:5557", "node3:5557"), the path of a join file, or
  /// a descriptor ("fd:7").
  /// Throws FarmError: invalid_argument for no text, else as `file`.
  static Join parse(const std::string& typed);
  /// The text of a join file; `name` stands in errors in place of the path. Throws FarmError
  /// (invalid_argument), with the line.
  static Join from_text(const std::string& text, const std::string& name);

  /// `$XDG_STATE_HOME/fanmill/join`, or `~/.local/state/fanmill/join`. Throws FarmError
  /// (join_not_found) if neither XDG_STATE_HOME nor HOME is an absolute path.
  static std::filesystem::path default_path();

  /// In order of preference; at least one.
  [[nodiscard]] const std::vector<std::string>& endpoints() const noexcept { return endpoints_; }
  /// Of the manager's farm; 0: any will do.
  [[nodiscard]] std::uint64_t farm() const noexcept { return farm_; }
  /// What the manager is known by, as text (40 characters of Z85); empty if there are no keys.
  [[nodiscard]] const std::string& server_key() const noexcept { return server_key_; }
  /// What a worker must show. A guard against mistakes, not against attackers.
  [[nodiscard]] const std::string& cookie() const noexcept { return cookie_; }
  /// Where this came from, for people: "/home/me/.local/state/fanmill/join", "FANMILL_ENDPOINT".
  [[nodiscard]] const std::string& source() const noexcept { return source_; }

  /// A copy with one endpoint more, behind the others.
  [[nodiscard]] Join with_endpoint(std::string endpoint) const;
  /// A copy for this farm only; 0: for any.
  [[nodiscard]] Join with_farm(std::uint64_t farm) const;
  /// A copy that shows this cookie; empty: none.
  [[nodiscard]] Join with_cookie(std::string cookie) const;

  /// A copy with keys: the manager's public one, and a file with the worker's pair (a join file or a
  /// certificate). That is read when the keys are needed: in a worker that forks, not before it has
  /// forked, so that no task has them in its memory.
  [[nodiscard]] Join with_keys(std::string server_key,
                               const std::filesystem::path& pair_file) const;

  /// A copy that connects without keys to endpoints of tcp. Else `serve` takes the keys of this user's
  /// managers for a Join without any, and refuses it if there are none: whoever answered would be
  /// taken for the manager.
  [[nodiscard]] Join with_insecure_plaintext() const;

  /// The text of a join file, which `from_text` reads. With its keys, if it has any: whoever reads it
  /// may join. Throws FarmError: invalid_argument if an endpoint or the cookie has quotes or line
  /// breaks, or blanks at its ends; as `file`, for the file of the keys.
  [[nodiscard]] std::string to_text() const;
  /// Writes a join file, mode 0600, in one step (others see the old one or the new one). A folder
  /// that is not there is made with mode 0700. Throws FarmError: io_error, invalid_argument as
  /// `to_text`.
  void save(const std::filesystem::path& path) const;

 private:
  friend class detail::JoinKeys;
  Join() = default;

  std::vector<std::string> endpoints_;
  std::uint64_t farm_ = 0;
  std::string cookie_;
  std::string source_;
  std::string server_key_;
  bool is_plaintext_ = false;
  std::string pair_file_;  // the worker's pair, or...
  // ...the text of such a file; wiped with the last copy.
  std::shared_ptr<const std::string> pair_text_;
};

}  // namespace fanmill::inline v0
