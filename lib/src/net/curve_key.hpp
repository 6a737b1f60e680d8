// Keys of CURVE, the encryption and authentication of ZeroMQ: 32 bytes each; as text, 40 characters
// of Z85 (rfc.zeromq.org/spec/32).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace fanmill::net {

inline constexpr std::size_t key_bytes = 32;
inline constexpr std::size_t key_text_bytes = 40;

/// Overwrites memory that held a secret, also where a compiler sees that nobody reads it again.
void wipe(void* memory, std::size_t size) noexcept;
void wipe(std::string& text) noexcept;

class PublicKey {
 public:
  /// Error: invalid_argument.
  [[nodiscard]] static Result<PublicKey> parse(std::string_view text);
  [[nodiscard]] static PublicKey from_bytes(const std::uint8_t* bytes);

  [[nodiscard]] std::string text() const;
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }
  auto operator<=>(const PublicKey&) const = default;  // NOLINT(modernize-use-nullptr): see Id

 private:
  std::array<std::uint8_t, key_bytes> bytes_{};
};

/// Wiped when it goes. There is one of each: who needs it longer shares its owner.
class SecretKey {
 public:
  /// Error: invalid_argument; its text doesn't repeat the key.
  [[nodiscard]] static Result<SecretKey> parse(std::string_view text);
  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&& other) noexcept;
  ~SecretKey() { wipe(bytes_.data(), bytes_.size()); }

  /// For a file that only its owner can read. To be wiped by the caller.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] PublicKey public_key() const;
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }

 private:
  SecretKey() = default;
  std::array<std::uint8_t, key_bytes> bytes_{};
};

struct KeyPair {
  PublicKey public_key;
  SecretKey secret_key;

  /// From the system's source of randomness.
  [[nodiscard]] static KeyPair make();
};

}  // namespace fanmill::net
