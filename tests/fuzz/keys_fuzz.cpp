// Files of keys: certificates and the list of those who may connect. The first byte says which.
#include <algorithm>

#include "fuzz.hpp"
#include "net/authorized_keys.hpp"
#include "net/certificate.hpp"

namespace fanmill::fuzz {
namespace {

void check(const Error& error) {
  if (error.code != ErrorCode::invalid_argument)
    found("an error of another code: " + error.message);
  must(error.message.starts_with("FILE"), "an error that does not name the file");
}

// What a line can have of a name.
std::string plain(std::string name) {
  std::erase_if(name, [](char c) { return c == '"' || c == '\r' || c == '\n'; });
  return name;
}

/// `b` was written by `a`.
bool same(const net::Certificate& a, const net::Certificate& b) {
  const bool secrets = a.secret_key && b.secret_key
                           ? std::equal(a.secret_key->data(), a.secret_key->data() + net::key_bytes,
                                        b.secret_key->data())
                           : a.secret_key.has_value() == b.secret_key.has_value();
  return secrets && plain(a.name) == b.name && a.public_key == b.public_key &&
         a.server_key == b.server_key;
}

void try_certificate(std::string_view text) {
  const Result<net::Certificate> first = net::Certificate::parse(text, "FILE");
  if (!first.ok()) return check(first.error());
  const std::string written = first.value().to_text();
  const Result<net::Certificate> second = net::Certificate::parse(written, "FILE");
  if (!second.ok()) found("a certificate of ours is refused: " + second.error().message);
  if (!same(first.value(), second.value()))
    found("a certificate comes back as another:\n" + written);
}

void try_list(std::string_view text) {
  const Result<net::AuthorizedKeys> first = net::AuthorizedKeys::parse(text, "FILE");
  if (!first.ok()) return check(first.error());
  for (const net::AuthorizedKey& entry : first.value().entries()) {
    must(first.value().find(entry.key) == &entry, "a key is not found");
    must(first.value().find_name(entry.name) == &entry, "a name is not found");
  }
  const std::string written = first.value().to_text();
  Result<net::AuthorizedKeys> second = net::AuthorizedKeys::parse(written, "FILE");
  if (!second.ok()) found("a list of ours is refused: " + second.error().message);
  if (second.value().entries() != first.value().entries())
    found("a list comes back as another:\n" + written);
  for (const net::AuthorizedKey& entry : first.value().entries()) {
    must(second.value().remove(entry.name), "a name can't be removed");
    must(second.value().find(entry.key) == nullptr, "a removed key is found");
  }
}

}  // namespace
}  // namespace fanmill::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fanmill::fuzz;
  if (size == 0) return 0;
  const std::vector<char> exact(data + 1, data + size);  // a byte read behind it is noticed
  const std::string_view text(exact.data(), exact.size());
  if (data[0] % 2 == 0) {
    try_certificate(text);
  } else {
    try_list(text);
  }
  return 0;
}
