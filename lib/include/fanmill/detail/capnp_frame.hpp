// How a struct of the user's own Cap'n Proto schema travels: its type id, 8 bytes, little-endian,
// then one message in Cap'n Proto's stream form. Machinery of capnp.hpp, not for users; free of
// Cap'n Proto itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fanmill/detail/object_refusal.hpp>
#include <fanmill/export.hpp>
#include <fanmill/shared_span.hpp>
#include <string>

namespace fanmill::inline v0::detail {

struct CapnpType {
  std::uint64_t id = 0;
  const char* name = "";  // "shop.capnp:Order"
};

inline constexpr std::size_t capnp_id_bytes = 8;

/// "Cap'n Proto struct shop.capnp:Order (id 0x...)"
FANMILL_EXPORT std::string in_words(const CapnpType& type);

using CapnpFill = void (*)(const void* context, std::byte* segment);
FANMILL_EXPORT SharedSpan<std::byte> make_capnp_frame(std::uint64_t id, std::size_t words,
                                                      const void* context, CapnpFill fill);
/// A frame with one segment of `words` words, zeros, which `fill(std::byte*)` writes. Throws
/// FarmError (payload_too_large) beyond 2 GiB.
template <typename Fill>
SharedSpan<std::byte> make_capnp_frame(std::uint64_t id, std::size_t words, const Fill& fill) {
  return make_capnp_frame(id, words, &fill, [](const void* context, std::byte* segment) {
    (*static_cast<const Fill*>(context))(segment);
  });
}

/// The bytes begin with `id` and have room for a message.
FANMILL_EXPORT bool is_capnp_frame(std::span<const std::byte> frame, std::uint64_t id) noexcept;
/// Says what a frame that is none of `type` is instead. Throws FarmError (malformed_payload).
[[noreturn]] FANMILL_EXPORT void refuse_capnp_frame(std::span<const std::byte> frame,
                                                    const CapnpType& type, const Place* place);
/// Throws FarmError (invalid_argument).
[[noreturn]] FANMILL_EXPORT void refuse_capabilities(const CapnpType& type);

}  // namespace fanmill::inline v0::detail
