// The versions of this library, of its protocol, and of the libraries that it was linked with.
#pragma once

#include <cstdint>
#include <fanmill/export.hpp>
#include <string>

/// All that a program uses of fanmill. The inline `v0` is the version that symbols carry; nobody
/// writes it. What lies in `detail` is no program's business and may change at any time.
namespace fanmill::inline v0 {

/// "0.1.0": of the library that was linked, as it introduces itself to its peers.
FANMILL_EXPORT const char* version() noexcept;

/// The protocol versions that this library speaks. Two peers use the highest that both have.
struct ProtocolRange {
  std::uint16_t lowest = 0;   ///< the oldest that it speaks
  std::uint16_t highest = 0;  ///< the newest; both ends count
};
/// The range of the library that was linked.
FANMILL_EXPORT ProtocolRange protocol_range() noexcept;

/// For `--version`: "libzmq 4.3.4, Cap'n Proto 0.9.2", as they were found at run time where they
/// can tell.
FANMILL_EXPORT std::string library_versions();

/// For `--version` of a program: its name with the version, the protocol range, the libraries, a
/// line each.
FANMILL_EXPORT std::string version_text(const std::string& program);

}  // namespace fanmill::inline v0
