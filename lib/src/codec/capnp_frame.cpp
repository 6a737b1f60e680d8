#include <fanmill/detail/capnp_frame.hpp>

#include <array>
#include <cstdio>
#include <cstring>
#include <fanmill/error.hpp>

namespace fanmill::inline v0::detail {
namespace {

constexpr std::size_t word_bytes = 8;
// The id, and the stream form's table: the number of segments but one, and the size of the first.
constexpr std::size_t prefix_bytes = capnp_id_bytes + word_bytes;
constexpr std::size_t frame_bytes_max = std::size_t{1} << 31;

std::string id_in_words(std::uint64_t id) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "0x%016llx", static_cast<unsigned long long>(id));
  return text.data();
}

bool has_room(std::span<const std::byte> frame) {
  return frame.size() >= prefix_bytes && frame.size() % word_bytes == 0;
}

std::uint64_t id_of(std::span<const std::byte> frame) {
  std::uint64_t id = 0;
  std::memcpy(&id, frame.data(), capnp_id_bytes);
  return id;
}

// Cap'n Proto sets it in every id; text that somebody sent as raw bytes seldom has it.
bool is_id(std::uint64_t number) { return number >> 63 != 0; }

}  // namespace

std::string in_words(const CapnpType& type) {
  return "Cap'n Proto struct " + std::string(type.name) + " (id " + id_in_words(type.id) + ")";
}

SharedSpan<std::byte> make_capnp_frame(std::uint64_t id, std::size_t words, const void* context,
                                       CapnpFill fill) {
  if (words > (frame_bytes_max - prefix_bytes) / word_bytes) {
    throw FarmError(
        ErrorCode::payload_too_large,
        "a Cap'n Proto message of " + std::to_string(words) + " words; the most is 2 GiB");
  }
  const std::size_t size = prefix_bytes + words * word_bytes;
  return SharedSpan<std::byte>::make(size, [&](std::byte* frame) {
    std::memset(frame, 0, size);
    const std::uint64_t table = std::uint64_t{words} << 32;
    std::memcpy(frame, &id, capnp_id_bytes);
    std::memcpy(frame + capnp_id_bytes, &table, word_bytes);
    fill(context, frame + prefix_bytes);
  });
}

bool is_capnp_frame(std::span<const std::byte> frame, std::uint64_t id) noexcept {
  return has_room(frame) && id_of(frame) == id;
}

void refuse_capnp_frame(std::span<const std::byte> frame, const CapnpType& type,
                        const Place* place) {
  std::string got = std::to_string(frame.size()) + " bytes, which are no message";
  if (has_room(frame)) {
    const std::uint64_t id = id_of(frame);
    got = is_id(id) ? "one of id " + id_in_words(id) : "bytes that do not begin with a type's id";
  }
  refuse(place, "expected " + in_words(type) + ", got " + got);
}

void refuse_capabilities(const CapnpType& type) {
  throw FarmError(ErrorCode::invalid_argument,
                  in_words(type) + ": capabilities can't be sent; only data can");
}

}  // namespace fanmill::inline v0::detail
