#include "net/certificate.hpp"

#include <utility>

#include "core/limits.hpp"
#include "net/private_file.hpp"
#include "net/settings_text.hpp"

namespace fanmill::net {
namespace {

Error incomplete(const std::string& file_name, const char* what) {
  return {ErrorCode::invalid_argument, file_name + ": not a certificate: it has no " + what};
}

// A name is for people only, so one that no line can have is no reason to have no certificate.
std::string plain(std::string name) {
  std::erase_if(name, [](char c) { return c == '"' || c == '\r' || c == '\n'; });
  return name;
}

}  // namespace

Result<Certificate> Certificate::parse(std::string_view text, const std::string& file_name) {
  std::string name;
  std::optional<PublicKey> public_key;
  std::optional<SecretKey> secret_key;
  std::optional<PublicKey> server_key;
  const Status read = for_each_setting(text, file_name, [&](const SettingsLine& line) -> Status {
    if (line.name == "name") {
      name = line.value;
    } else if (line.name == "public-key" || line.name == "server-key") {
      const Result<PublicKey> key = PublicKey::parse(line.value);
      if (!key.ok()) return key.error();
      (line.name == "public-key" ? public_key : server_key) = key.value();
    } else if (line.name == "secret-key") {
      Result<SecretKey> key = SecretKey::parse(line.value);
      if (!key.ok()) return key.error();
      secret_key.emplace(std::move(key).value());
    }
    return Ok{};
  });
  if (!read.ok()) return read.error();
  if (!public_key) return incomplete(file_name, "public-key");
  if (secret_key && secret_key->public_key() != *public_key) {
    return Error{ErrorCode::invalid_argument,
                 file_name + ": its secret-key does not belong to its public-key"};
  }
  return Certificate{.name = std::move(name),
                     .public_key = *public_key,
                     .secret_key = std::move(secret_key),
                     .server_key = server_key};
}

std::string Certificate::to_text() const {
  std::string text = "# A ZeroMQ CURVE certificate, of fanmill.\n";
  if (secret_key) text += "# Who can read this file can be whom it names: keep it to yourself.\n";
  if (!name.empty()) text += "metadata\n    name = " + quoted(plain(name)) + "\n";
  text += "curve\n    public-key = " + quoted(public_key.text()) + "\n";
  if (server_key) text += "    server-key = " + quoted(server_key->text()) + "\n";
  if (!secret_key) return text;
  std::string secret = secret_key->text();
  std::string whole;
  whole.reserve(text.size() + 2 * key_text_bytes);  // no copy of the secret is left behind
  whole.append(text).append("    secret-key = \"").append(secret).append("\"\n");
  wipe(secret);
  return whole;
}

Result<Certificate> Certificate::load(const std::string& path) {
  Result<std::string> text = read_private_file(path, limits::certificate_bytes_max);
  if (!text.ok()) return text.error();
  Result<Certificate> certificate = parse(text.value(), path);
  wipe(text.value());
  if (certificate.ok() && !certificate.value().secret_key) return incomplete(path, "secret-key");
  return certificate;
}

Status Certificate::save(const std::string& path) const {
  std::string text = to_text();
  Status written = write_private_file(path, text);
  wipe(text);
  return written;
}

}  // namespace fanmill::net
