// Ids: one type for each thing that could be confused with another. All are 64 bits; 0 is never
// valid.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>

namespace fanmill {

template <typename Tag>
struct Id {
  std::uint64_t value = 0;

  [[nodiscard]] constexpr bool valid() const { return value != 0; }
  // clang-tidy 14 takes what the compiler writes here for a 0 that stands for a null pointer.
  constexpr auto operator<=>(const Id&) const = default;  // NOLINT(modernize-use-nullptr)
  friend std::ostream& operator<<(std::ostream& out, Id id) { return out << Tag::name << id.value; }
};

// On the wire; the incarnation of the manager that made them stands in the high 24 bits.
using SessionId = Id<struct SessionTag>;
using AttemptId = Id<struct AttemptTag>;
using GroupId = Id<struct GroupTag>;
using TaskId = Id<struct TaskTag>;
// Within one process.
using PeerId = Id<struct PeerTag>;  // one connection, as the shell numbers it; never used again
using ClientId =
    Id<struct ClientTag>;         // who submits; the embedded manager's caller is embedded_client
using JobId = Id<struct JobTag>;  // one run of one client

struct SessionTag {
  static constexpr const char* name = "session ";
};
struct AttemptTag {
  static constexpr const char* name = "attempt ";
};
struct GroupTag {
  static constexpr const char* name = "group ";
};
struct TaskTag {
  static constexpr const char* name = "task ";
};
struct PeerTag {
  static constexpr const char* name = "peer ";
};
struct ClientTag {
  static constexpr const char* name = "client ";
};
struct JobTag {
  static constexpr const char* name = "job ";
};

inline constexpr int incarnation_bits = 24;
inline constexpr int serial_bits = 64 - incarnation_bits;
inline constexpr std::uint32_t incarnation_max = (1U << incarnation_bits) - 1;

/// The incarnation that made a wire id.
template <typename Tag>
constexpr std::uint32_t incarnation_of(Id<Tag> id) {
  return static_cast<std::uint32_t>(id.value >> serial_bits);
}

/// Makes ids of one kind for one incarnation: serial numbers from 1, never used again.
template <typename IdType>
class IdSource {
 public:
  explicit IdSource(std::uint32_t incarnation)
      : next_((static_cast<std::uint64_t>(incarnation) << serial_bits) + 1) {}
  IdType next() { return IdType{next_++}; }
  /// What `next` will give. Every id of this incarnation that was given out is smaller.
  [[nodiscard]] IdType peek() const { return IdType{next_}; }

 private:
  std::uint64_t next_;
};

}  // namespace fanmill

template <typename Tag>
struct std::hash<fanmill::Id<Tag>> {
  std::size_t operator()(fanmill::Id<Tag> id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};
