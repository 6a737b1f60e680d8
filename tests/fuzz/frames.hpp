// An input as the frames of a message: how long the header is and whether there is a payload, then
// both. Written by the seeds, read by the targets of both codecs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <fanmill/bytes.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fanmill::fuzz {

class InputFrames {
 public:
  explicit InputFrames(std::string_view input) {
    const auto byte = [&](std::size_t at) -> std::size_t {
      return at < input.size() ? static_cast<std::uint8_t>(input[at]) : 0;
    };
    const std::size_t first = byte(0) | byte(1) << 8U;
    input.remove_prefix(std::min<std::size_t>(2, input.size()));
    const std::size_t size = std::min(first & size_mask, input.size());
    offset_ = (first & misaligned) != 0 ? 1 : 0;
    // As long as it is, so that a byte read behind it is noticed.
    header_.reserve(size + offset_);
    header_.resize(offset_);
    header_.insert(header_.end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size));
    if ((first & with_payload) != 0) payload_ = Bytes(input.substr(size));
  }

  [[nodiscard]] std::string_view header() const {
    return {header_.data() + offset_, header_.size() - offset_};
  }
  [[nodiscard]] const Bytes* payload() const { return payload_ ? &*payload_ : nullptr; }

  static std::string input_of(std::string_view header, const std::optional<std::string>& payload) {
    const std::size_t first = header.size() | (payload ? with_payload : 0);
    std::string input{static_cast<char>(first & 0xffU), static_cast<char>(first >> 8U)};
    return input.append(header).append(payload.value_or(""));
  }

 private:
  static constexpr std::size_t size_mask = 0x1fff;
  static constexpr std::size_t misaligned = 0x4000;
  static constexpr std::size_t with_payload = 0x8000;

  std::vector<char> header_;
  std::size_t offset_ = 0;
  std::optional<Bytes> payload_;
};

}  // namespace fanmill::fuzz
