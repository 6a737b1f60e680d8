// AuthorizedKeys: whose keys may connect to a manager, and as what. A text file that people read and
// edit:
//
//     # role   key                                        name    limits
//     worker   rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7   node3   sessions=64
//
// A key may have several roles, with commas between them. Lines that begin with '#' are comments (a
// key may have a '#' in it).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/curve_key.hpp"

namespace fanmill::net {

/// What a peer may do, each for itself.
enum class Role : std::uint8_t {
  worker = 1,   // take tasks and give results
  submit = 2,   // give tasks and take results
  observe = 4,  // see what goes on
};
const char* to_string(Role role);
inline constexpr Role roles[] = {Role::worker, Role::submit, Role::observe};

/// A set of them.
class RoleSet {
 public:
  constexpr RoleSet() = default;
  constexpr RoleSet(Role role) : bits_(static_cast<std::uint8_t>(role)) {}  // NOLINT: implicit
  [[nodiscard]] static constexpr RoleSet all() {
    RoleSet set;
    for (const Role role : roles) set.add(role);
    return set;
  }
  constexpr void add(Role role) { bits_ |= static_cast<std::uint8_t>(role); }
  [[nodiscard]] constexpr bool has(Role role) const {
    return (bits_ & static_cast<std::uint8_t>(role)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  /// "worker,observe"
  [[nodiscard]] std::string text() const;
  /// Error: invalid_argument, with the roles that there are.
  [[nodiscard]] static Result<RoleSet> parse(std::string_view text);
  bool operator==(const RoleSet&) const = default;

 private:
  std::uint8_t bits_ = 0;
};

struct AuthorizedKey {
  PublicKey key;
  RoleSet roles;
  std::string name;                // letters, digits and ._@-, at most 64
  std::uint32_t sessions_max = 0;  // at the same time; 0: no limit of its own

  /// As a line of the file.
  [[nodiscard]] std::string text() const;
  bool operator==(const AuthorizedKey&) const = default;
};

class AuthorizedKeys {
 public:
  /// Error: invalid_argument, with file and line: an unknown role, a key or a name that stands
  /// twice, ...
  [[nodiscard]] static Result<AuthorizedKeys> parse(std::string_view text,
                                                    const std::string& file_name);
  [[nodiscard]] std::string to_text() const;

  /// Null if it is not there.
  [[nodiscard]] const AuthorizedKey* find(const PublicKey& key) const;
  [[nodiscard]] const AuthorizedKey* find_name(std::string_view name) const;
  /// In the order of the file.
  [[nodiscard]] const std::vector<AuthorizedKey>& entries() const { return entries_; }

  /// Error: invalid_argument if the key or the name is there already, or the name is none.
  [[nodiscard]] Status add(AuthorizedKey entry);
  /// Whether it was there.
  bool remove(std::string_view name);

  /// A file that only its owner can read: whoever writes to it lets others in. Error: as
  /// read_private_file and parse.
  [[nodiscard]] static Result<AuthorizedKeys> load(const std::string& path);
  /// Error: io_error.
  [[nodiscard]] Status save(const std::string& path) const;

 private:
  void index();

  std::vector<AuthorizedKey> entries_;
  // Into entries_.
  std::map<PublicKey, std::size_t> by_key_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
};

}  // namespace fanmill::net
