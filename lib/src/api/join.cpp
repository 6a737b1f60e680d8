#include <fanmill/join.hpp>

#include <algorithm>
#include <charconv>
#include <fanmill/error.hpp>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "api/join_keys.hpp"
#include "base/descriptor.hpp"
#include "core/limits.hpp"
#include "net/certificate.hpp"
#include "net/farm_keys.hpp"
#include "net/paths.hpp"
#include "net/private_file.hpp"
#include "net/settings_text.hpp"

namespace fanmill::inline v0 {
namespace {

constexpr std::string_view first_name = "fanmill-join";
constexpr std::string_view file_version = "1";

Error bad(std::string text) { return {ErrorCode::invalid_argument, std::move(text)}; }

Status take_farm(std::string_view value, std::uint64_t& farm) {
  if (farm != 0) return bad("farm stands twice");
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), farm, 16);
  if (error == std::errc() && end == value.data() + value.size() && farm != 0) return Ok{};
  return bad("farm is a hexadecimal number of up to 16 digits and not 0, got \"" +
             std::string(value) + "\"");
}

std::string read_join_file(const std::string& path) {
  Result<std::string> text = net::read_private_file(path, limits::join_file_bytes_max);
  if (text.ok()) return std::move(text).value();
  const Error& error = text.error();
  if (error.code != ErrorCode::join_not_found) raise(error);
  throw FarmError(error.code,
                  error.message + "; start the manager first, or copy its join file here");
}

/// Of "fd:7".
std::optional<int> descriptor_number(const std::string& typed) {
  constexpr std::string_view prefix = "fd:";
  int number = -1;
  const char* const end = typed.data() + typed.size();
  if (!typed.starts_with(prefix)) return std::nullopt;
  const auto read = std::from_chars(typed.data() + prefix.size(), end, number);
  if (read.ec != std::errc() || read.ptr != end || number < 0) {
    throw FarmError(ErrorCode::invalid_argument,
                    "a descriptor is fd:N with N from 0 on, got \"" + typed + "\"");
  }
  return number;
}

/// What FANMILL_JOIN and --join name.
Join file_or_descriptor(const std::string& typed) {
  const std::optional<int> number = descriptor_number(typed);
  return number ? Join::descriptor(*number) : Join::file(typed);
}

/// Wiped with the last of those that share it.
std::shared_ptr<const std::string> shared_secret(std::string text) {
  return {new std::string(std::move(text)), [](std::string* last) {
            net::wipe(*last);
            delete last;
          }};
}

/// Else the file would say something else than the Join.
std::string checked(const char* what, const std::string& value) {
  if (value.find_first_of("\"\r\n") != std::string::npos || net::trimmed(value) != value) {
    throw FarmError(ErrorCode::invalid_argument,
                    std::string(what) + " can't have quotes, line breaks, or blanks at its ends");
  }
  return net::quoted(value);
}

}  // namespace

Join Join::find() {
  if (const std::string path = net::environment("FANMILL_JOIN"); !path.empty())
    return file_or_descriptor(path);
  if (const std::string typed = net::environment("FANMILL_ENDPOINT"); !typed.empty()) {
    Join join = endpoint(typed);
    join.cookie_ = net::environment("FANMILL_COOKIE");
    join.source_ = "FANMILL_ENDPOINT";
    join.is_plaintext_ = !net::environment("FANMILL_INSECURE_PLAINTEXT").empty();
    return join;
  }
  const std::filesystem::path path = default_path();
  std::error_code failure;
  if (std::filesystem::exists(path, failure)) return file(path);
  throw FarmError(
      ErrorCode::join_not_found,
      "no manager found. Looked at FANMILL_JOIN (not set), FANMILL_ENDPOINT (not set) and " +
          path.string() +
          " (not there). Start a manager that writes its join file there, or set FANMILL_JOIN to "
          "the path of one, or FANMILL_ENDPOINT to an endpoint such as tcp://HOST:5557");
}

Join Join::endpoint(std::string endpoint) {
  Join join;
  join.source_ = endpoint;
  join.endpoints_.push_back(std::move(endpoint));
  return join;
}

Join Join::file(const std::filesystem::path& path) {
  std::string text = read_join_file(path.string());
  Join join = from_text(text, path.string());
  net::wipe(text);
  // The file has them, and is read again when they are needed.
  if (join.pair_text_) join.pair_file_ = std::filesystem::absolute(path).string();
  join.pair_text_.reset();
  return join;
}

Join Join::descriptor(int number) {
  const std::string name = "descriptor " + std::to_string(number);
  Result<std::string> text = net::read_descriptor(Descriptor(number), limits::join_file_bytes_max);
  if (!text.ok()) {
    const Error& error = text.error();
    const bool is_closed = error.code == ErrorCode::join_not_found;
    throw FarmError(error.code,
                    name + ": " + error.message +
                        (is_closed ? "; hand the join file over by it (fd:7 with 7< FILE), and use "
                                     "it once"
                                   : ""));
  }
  const std::unique_ptr<std::string, void (*)(std::string*)> wiped(
      &text.value(), [](std::string* last) { net::wipe(*last); });
  return from_text(*wiped, name);
}

Join Join::parse(const std::string& typed) {
  if (typed.empty()) {
    throw FarmError(ErrorCode::invalid_argument,
                    "give an endpoint (tcp://HOST:5557) or the path of a join file");
  }
  if (typed.find("://") != std::string::npos) return endpoint(typed);
  if (typed.starts_with("fd:")) return file_or_descriptor(typed);
  // "node3:5557": a colon with a port behind it, and no such file.
  std::error_code failure;
  const std::size_t colon = typed.rfind(':');
  const bool port = colon != std::string::npos && colon > 0 && colon + 1 < typed.size() &&
                    std::all_of(typed.begin() + static_cast<std::ptrdiff_t>(colon) + 1, typed.end(),
                                [](char c) { return c >= '0' && c <= '9'; });
  if (port && typed.find('/') == std::string::npos && !std::filesystem::exists(typed, failure)) {
    return endpoint("tcp://" + typed);
  }
  return file(typed);
}

Join Join::from_text(const std::string& text, const std::string& name) {
  Join join;
  join.source_ = name;
  bool begun = false;
  bool has_secret = false;
  const auto take = [&](const net::SettingsLine& line) -> Status {
    if (!begun) {
      begun = line.name == first_name && line.value == file_version;
      if (begun) return Ok{};
      return bad("not a join file of this version; its first line is \"" + std::string(first_name) +
                 " = " + std::string(file_version) + "\"");
    }
    const bool is_ours = line.name == "farm" || line.name == "endpoint" || line.name == "cookie";
    if (is_ours && !line.has_value)
      return bad("expected `name = value`, got \"" + std::string(line.name) + "\"");
    if (line.name == "farm") return take_farm(line.value, join.farm_);
    if (line.name == "endpoint") {
      if (line.value.empty()) return bad("endpoint has no value");
      join.endpoints_.emplace_back(line.value);
    } else if (line.name == "cookie") {
      if (!join.cookie_.empty()) return bad("cookie stands twice");
      join.cookie_ = line.value;
    } else if (line.name == "server-key") {
      const Result<net::PublicKey> key = net::PublicKey::parse(line.value);
      if (!key.ok()) return bad("server-key: " + key.error().message);
      join.server_key_ = line.value;
    } else if (line.name == "secret-key") {
      has_secret = true;
    }
    // Any other name is a newer version's, or a certificate's, which this one can do without.
    return Ok{};
  };
  const Status read = net::for_each_setting(text, name, take);
  if (!read.ok()) raise(read.error());
  if (!begun)
    raise(bad(name + ", line 1: an empty file; a join file begins with \"" +
              std::string(first_name) + " = " + std::string(file_version) + "\""));
  if (join.endpoints_.empty()) raise(bad(name + ": the file ends without an endpoint"));
  if (join.server_key_.empty() == has_secret) {
    raise(bad(name + ": of its keys, " + (has_secret ? "server-key" : "secret-key") +
              " is missing; copy the whole file again"));
  }
  join.is_plaintext_ = !has_secret;
  if (!has_secret) return join;
  const Result<net::Certificate> pair = net::Certificate::parse(text, name);
  if (!pair.ok()) raise(pair.error());
  join.pair_text_ = shared_secret(text);
  return join;
}

std::filesystem::path Join::default_path() {
  const Result<std::string> folder = net::state_path();
  if (!folder.ok()) {
    throw FarmError(ErrorCode::join_not_found,
                    folder.error().message + ", or FANMILL_JOIN to the path of a join file");
  }
  return std::filesystem::path(folder.value()) / "join";
}

Join Join::with_endpoint(std::string endpoint) const {
  Join changed = *this;
  changed.endpoints_.push_back(std::move(endpoint));
  return changed;
}

Join Join::with_farm(std::uint64_t farm) const {
  Join changed = *this;
  changed.farm_ = farm;
  return changed;
}

Join Join::with_cookie(std::string cookie) const {
  Join changed = *this;
  changed.cookie_ = std::move(cookie);
  return changed;
}

Join Join::with_keys(std::string server_key, const std::filesystem::path& pair_file) const {
  const Result<net::PublicKey> key = net::PublicKey::parse(server_key);
  if (!key.ok()) raise(bad("the server's key: " + key.error().message));
  Join changed = *this;
  changed.server_key_ = std::move(server_key);
  changed.pair_file_ = std::filesystem::absolute(pair_file).string();
  changed.pair_text_.reset();
  return changed;
}

Join Join::with_insecure_plaintext() const {
  Join changed = *this;
  changed.is_plaintext_ = true;
  changed.server_key_.clear();
  changed.pair_file_.clear();
  changed.pair_text_.reset();
  return changed;
}

std::string Join::to_text() const {
  std::ostringstream lines;
  lines << first_name << " = " << file_version << '\n';
  if (farm_ != 0) lines << "farm = " << std::hex << farm_ << std::dec << '\n';
  for (const std::string& endpoint : endpoints_)
    lines << "endpoint = " << checked("an endpoint", endpoint) << '\n';
  if (!cookie_.empty()) lines << "cookie = " << checked("a cookie", cookie_) << '\n';
  std::string text = lines.str();
  const std::optional<net::ClientKeys> keys = detail::JoinKeys::stated_by(*this);
  if (!keys) return text;
  text.reserve(text.size() + 512);  // no copy of the secret is left behind
  text.append("curve\n    server-key = ").append(net::quoted(server_key_));
  text.append("\n    public-key = ").append(net::quoted(keys->own->public_key.text()));
  std::string secret = keys->own->secret_key.text();
  text.append("\n    secret-key = \"").append(secret).append("\"\n");
  net::wipe(secret);
  return text;
}

void Join::save(const std::filesystem::path& path) const {
  std::string text = to_text();
  const Status saved = net::write_private_file(path.string(), text);
  net::wipe(text);
  if (!saved.ok()) raise(saved.error());
}

}  // namespace fanmill::inline v0

namespace fanmill::inline v0::detail {

namespace {

net::ClientKeys keys_of(const net::PublicKey& server, net::Certificate&& pair) {
  return {.server = server,
          .own = std::make_shared<const net::KeyPair>(net::KeyPair{
              .public_key = pair.public_key, .secret_key = std::move(*pair.secret_key)})};
}

}  // namespace

std::optional<net::ClientKeys> JoinKeys::stated_by(const Join& join) {
  if (join.server_key_.empty()) return std::nullopt;
  Result<net::Certificate> pair = join.pair_text_
                                      ? net::Certificate::parse(*join.pair_text_, join.source_)
                                      : net::Certificate::load(join.pair_file_);
  if (!pair.ok()) raise(pair.error());
  return keys_of(net::PublicKey::parse(join.server_key_).value(), std::move(pair).value());
}

std::optional<net::ClientKeys> JoinKeys::stated_or_found(const Join& join) {
  if (auto keys = stated_by(join)) return keys;
  const bool is_local =
      std::all_of(join.endpoints_.begin(), join.endpoints_.end(),
                  [](const std::string& endpoint) { return endpoint.starts_with("ipc:"); });
  if (join.is_plaintext_ || is_local) return std::nullopt;
  const std::string path = net::FarmKeys::worker_file(net::state_path().value_or_raise() + "/keys");
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    // Whoever answers there would be taken for the manager, and his tasks would run.
    raise({ErrorCode::join_not_found,
           join.endpoints_.back() +
               ": without keys nobody can tell who answers there. Give this worker the manager's "
               "join file (--join FILE, FANMILL_JOIN=FILE), or say that there are none "
               "(--insecure-plaintext, FANMILL_INSECURE_PLAINTEXT=1)"});
  }
  Result<net::Certificate> pair = net::Certificate::load(path);
  if (!pair.ok()) raise(pair.error());
  if (!pair.value().server_key)
    raise({ErrorCode::invalid_argument, path + ": its server-key is missing; remove this file"});
  const net::PublicKey server = *pair.value().server_key;
  return keys_of(server, std::move(pair).value());
}

}  // namespace fanmill::inline v0::detail
