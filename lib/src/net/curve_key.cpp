#include "net/curve_key.hpp"

#include <zmq.h>

#include <cstring>
#include <utility>

namespace fanmill::net {
namespace {

// libzmq's functions want and give a NUL behind the characters.
using Text = std::array<char, key_text_bytes + 1>;

std::string text_of(const std::uint8_t* bytes) {
  Text text{};
  const char* end = zmq_z85_encode(text.data(), bytes, key_bytes);
  FANMILL_ASSERT(end != nullptr);
  std::string copy(text.data(), key_text_bytes);
  wipe(text.data(), text.size());
  return copy;
}

bool take(std::string_view text, std::uint8_t* bytes) {
  if (text.size() != key_text_bytes) return false;
  Text copy{};
  std::memcpy(copy.data(), text.data(), text.size());
  const bool taken = zmq_z85_decode(bytes, copy.data()) != nullptr;
  wipe(copy.data(), copy.size());
  return taken;
}

constexpr const char* what_a_key_is =
    "a key has 40 characters: letters, digits and .-:+=^!/*?&<>()[]{}@%$#";

}  // namespace

void wipe(void* memory, std::size_t size) noexcept { ::explicit_bzero(memory, size); }

void wipe(std::string& text) noexcept {
  wipe(text.data(), text.size());
  text.clear();
}

Result<PublicKey> PublicKey::parse(std::string_view text) {
  PublicKey key;
  if (take(text, key.bytes_.data())) return key;
  return Error{ErrorCode::invalid_argument,
               std::string(what_a_key_is) + "; got " + std::to_string(text.size())};
}

PublicKey PublicKey::from_bytes(const std::uint8_t* bytes) {
  PublicKey key;
  std::memcpy(key.bytes_.data(), bytes, key_bytes);
  return key;
}

std::string PublicKey::text() const { return text_of(bytes_.data()); }

Result<SecretKey> SecretKey::parse(std::string_view text) {
  SecretKey key;
  if (take(text, key.bytes_.data())) return key;
  return Error{ErrorCode::invalid_argument,
               std::string(what_a_key_is) + "; got " + std::to_string(text.size())};
}

SecretKey::SecretKey(SecretKey&& other) noexcept : bytes_(other.bytes_) {
  wipe(other.bytes_.data(), other.bytes_.size());
}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  if (this == &other) return *this;
  bytes_ = other.bytes_;
  wipe(other.bytes_.data(), other.bytes_.size());
  return *this;
}

std::string SecretKey::text() const { return text_of(bytes_.data()); }

PublicKey SecretKey::public_key() const {
  std::string secret = text();
  Text derived{};
  const int failure = zmq_curve_public(derived.data(), secret.c_str());
  wipe(secret);
  FANMILL_ASSERT(failure == 0, zmq_strerror(zmq_errno()));
  return PublicKey::parse({derived.data(), key_text_bytes}).value();
}

KeyPair KeyPair::make() {
  Text public_text{};
  Text secret_text{};
  const int failure = zmq_curve_keypair(public_text.data(), secret_text.data());
  // Only a libzmq that was built without CURVE refuses.
  FANMILL_ASSERT(failure == 0, zmq_strerror(zmq_errno()));
  KeyPair pair{.public_key = PublicKey::parse({public_text.data(), key_text_bytes}).value(),
               .secret_key = SecretKey::parse({secret_text.data(), key_text_bytes}).value()};
  wipe(secret_text.data(), secret_text.size());
  return pair;
}

}  // namespace fanmill::net
