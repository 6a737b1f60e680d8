// The keys of a Join, for those who connect with it.
#pragma once

#include <fanmill/join.hpp>
#include <optional>

#include "net/dealer.hpp"

namespace fanmill::inline v0::detail {

class JoinKeys {
 public:
  /// Nothing if it has none. Reads their file: only where no user code will run. Throws FarmError,
  /// as Join::file.
  [[nodiscard]] static std::optional<net::ClientKeys> stated_by(const Join& join);
  /// As `stated_by`; for an endpoint of tcp that somebody typed, the keys of this user's own managers.
  /// Throws FarmError (join_not_found) if there are none and that was not said to be right.
  [[nodiscard]] static std::optional<net::ClientKeys> stated_or_found(const Join& join);
};

}  // namespace fanmill::inline v0::detail
