// FarmError: the one exception type that this library throws for what the outside world does to it.
//
// A task that fails is not one of these: it is an outcome (outcome.hpp), and `run` throws
// ItemFailed for it. Bugs are not either: they abort (base/assert.hpp).
#pragma once

#include <fanmill/export.hpp>
#include <stdexcept>
#include <string>

namespace fanmill::inline v0 {

/// What went wrong, for programs that act on it. People read `FarmError::what`.
enum class ErrorCode {
  invalid_argument,   ///< an option or argument is outside its range; the text names both
  malformed_message,  ///< bytes from a peer that are not a message of this protocol
  malformed_payload,  ///< bytes of a payload that are not what their encoding says, or not the type
                      ///< asked for
  payload_too_large,  ///< an item, task or result exceeds the limit; the text names the limit and
                      ///< its option
  bad_endpoint,       ///< an endpoint that can't be parsed, or an unknown host
  address_in_use,     ///< the port or path is taken
  io_error,           ///< the operating system refused something; the text carries its words
  version_mismatch,   ///< no protocol version in common; the text names both ranges
  refused,  ///< the manager refused this worker for another reason; the text is the manager's
  join_not_found,   ///< no manager could be found; the text lists where it was looked for
  stopped,          ///< the manager was stopped while the call was waiting
  launch_failed,    ///< a worker program could not be started, or keeps ending at once
  channel_ended,    ///< a channel is closed, by this end or by the other end's goodbye
  connection_lost,  ///< a channel's other end is gone without a goodbye, or never was there
};

/// The code's name as it stands in this file, for logs; "unknown" for a number that is none.
FANMILL_EXPORT const char* to_string(ErrorCode code) noexcept;

/// Thrown for what the outside world does: bad options, bad bytes, a taken port. `what()` says what
/// was wrong, where, and what to do.
class FANMILL_EXPORT FarmError : public std::runtime_error {
 public:
  /// `message` is what `what()` gives.
  FarmError(ErrorCode code, const std::string& message)
      : std::runtime_error(message), code_(code) {}
  /// Tells one kind of trouble from another; each function names those that it throws.
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace fanmill::inline v0
