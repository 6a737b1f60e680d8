#include <fanmill/error.hpp>

namespace fanmill::inline v0 {

const char* to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::malformed_message:
      return "malformed_message";
    case ErrorCode::malformed_payload:
      return "malformed_payload";
    case ErrorCode::payload_too_large:
      return "payload_too_large";
    case ErrorCode::bad_endpoint:
      return "bad_endpoint";
    case ErrorCode::address_in_use:
      return "address_in_use";
    case ErrorCode::io_error:
      return "io_error";
    case ErrorCode::version_mismatch:
      return "version_mismatch";
    case ErrorCode::refused:
      return "refused";
    case ErrorCode::join_not_found:
      return "join_not_found";
    case ErrorCode::stopped:
      return "stopped";
    case ErrorCode::launch_failed:
      return "launch_failed";
    case ErrorCode::channel_ended:
      return "channel_ended";
    case ErrorCode::connection_lost:
      return "connection_lost";
  }
  return "unknown";
}

}  // namespace fanmill::inline v0
