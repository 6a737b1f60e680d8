#include <fanmill/join.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fanmill/error.hpp>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/descriptor.hpp"
#include "net/paths.hpp"

namespace fanmill::inline v0 {
namespace {

constexpr std::string_view first_line = "fanmill-join 1";
constexpr std::size_t file_bytes_max = 64 << 10;  // a join file has a few hundred

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r";
  const std::size_t begin = text.find_first_not_of(blank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

[[noreturn]] void refuse_line(const std::string& name, std::size_t line, const std::string& what) {
  throw FarmError(ErrorCode::invalid_argument,
                  name + ", line " + std::to_string(line) + ": " + what);
}

std::uint64_t parse_farm(std::string_view value, const std::string& name, std::size_t line) {
  std::uint64_t farm = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), farm, 16);
  if (error != std::errc() || end != value.data() + value.size() || farm == 0) {
    refuse_line(name, line,
                "farm is a hexadecimal number of up to 16 digits and not 0, got \"" +
                    std::string(value) + "\"");
  }
  return farm;
}

[[noreturn]] void raise_system(ErrorCode code, const std::string& what, int number) {
  throw FarmError(code, what + ": " + std::strerror(number));
}

// Whoever writes the file can send this user's workers to a manager of theirs, whoever reads it may
// join.
void check_private(const std::string& path, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) raise_system(ErrorCode::io_error, path, errno);
  if (!S_ISREG(status.st_mode)) {
    throw FarmError(ErrorCode::join_not_found, path + ": not a file; give the path of a join file");
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    throw FarmError(ErrorCode::io_error,
                    path + ": belongs to another user; copy it, then: chmod 600 COPY");
  }
  if ((status.st_mode & 0077U) != 0) {
    throw FarmError(
        ErrorCode::io_error,
        path +
            ": others may read or write this file, which lets its reader join the farm; "
            "type: chmod 600 " +
            path);
  }
}

std::string read_private(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    throw FarmError(ErrorCode::join_not_found,
                    path.string() + ": this join file can't be read: " + std::strerror(errno) +
                        "; start the manager first, or copy its join file here");
  }
  check_private(path.string(), file.get());
  std::string text(file_bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) raise_system(ErrorCode::io_error, path.string(), errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > file_bytes_max) {
    throw FarmError(ErrorCode::invalid_argument, path.string() + ": too long for a join file");
  }
  text.resize(size);
  return text;
}

/// A value in one line, else the file would say something else than the Join.
void check_one_line(const char* what, const std::string& value) {
  if (value.find_first_of("\r\n") != std::string::npos || trimmed(value) != value) {
    throw FarmError(ErrorCode::invalid_argument,
                    std::string(what) + " can't have line breaks, or blanks at its ends");
  }
}

}  // namespace

Join Join::find() {
  if (const std::string path = net::environment("FANMILL_JOIN"); !path.empty()) return file(path);
  if (const std::string typed = net::environment("FANMILL_ENDPOINT"); !typed.empty()) {
    Join join = endpoint(typed);
    join.cookie_ = net::environment("FANMILL_COOKIE");
    join.source_ = "FANMILL_ENDPOINT";
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
  return from_text(read_private(path), path.string());
}

Join Join::parse(const std::string& typed) {
  if (typed.empty()) {
    throw FarmError(ErrorCode::invalid_argument,
                    "give an endpoint (tcp://HOST:5557) or the path of a join file");
  }
  if (typed.find("://") != std::string::npos) return endpoint(typed);
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
  std::istringstream lines(text);
  std::string raw;
  std::size_t number = 0;
  bool begun = false;
  while (std::getline(lines, raw)) {
    number += 1;
    const std::string_view line = trimmed(raw);
    if (!begun) {
      if (line != first_line) {
        refuse_line(name, number,
                    "not a join file of this version; its first line is \"" +
                        std::string(first_line) + "\"");
      }
      begun = true;
      continue;
    }
    if (line.empty() || line.front() == '#') continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      refuse_line(name, number, "expected `name = value`, got \"" + std::string(line) + "\"");
    }
    const std::string_view key = trimmed(line.substr(0, equals));
    const std::string_view value = trimmed(line.substr(equals + 1));
    if (key == "farm") {
      if (join.farm_ != 0) refuse_line(name, number, "farm stands twice");
      join.farm_ = parse_farm(value, name, number);
    } else if (key == "endpoint") {
      if (value.empty()) refuse_line(name, number, "endpoint has no value");
      join.endpoints_.emplace_back(value);
    } else if (key == "cookie") {
      if (!join.cookie_.empty()) refuse_line(name, number, "cookie stands twice");
      join.cookie_ = value;
    }
    // Any other name is a newer version's, which this one can do without.
  }
  if (!begun)
    refuse_line(name, 1,
                "an empty file; a join file begins with \"" + std::string(first_line) + "\"");
  if (join.endpoints_.empty()) refuse_line(name, number, "the file ends without an endpoint");
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

std::string Join::to_text() const {
  std::ostringstream text;
  text << first_line << '\n';
  if (farm_ != 0) text << "farm = " << std::hex << farm_ << std::dec << '\n';
  for (const std::string& endpoint : endpoints_) {
    check_one_line("an endpoint", endpoint);
    text << "endpoint = " << endpoint << '\n';
  }
  check_one_line("a cookie", cookie_);
  if (!cookie_.empty()) text << "cookie = " << cookie_ << '\n';
  return text.str();
}

void Join::save(const std::filesystem::path& path) const {
  const std::string text = to_text();
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  std::error_code failure;
  if (!std::filesystem::exists(folder, failure)) {
    net::make_private_folder(folder.string()).value_or_raise();
  }
  std::string draft = path.string() + ".XXXXXX";
  const Descriptor file(::mkostemp(draft.data(), O_CLOEXEC));  // mode 0600
  if (!file.valid()) raise_system(ErrorCode::io_error, draft + ": can't be made", errno);
  try {
    const int unwritten = write_all(file.get(), text);
    if (unwritten != 0) raise_system(ErrorCode::io_error, draft + ": can't be written", unwritten);
    if (::rename(draft.c_str(), path.c_str()) != 0) {
      raise_system(ErrorCode::io_error, path.string() + ": can't be replaced", errno);
    }
  } catch (...) {
    ::unlink(draft.c_str());
    throw;
  }
}

}  // namespace fanmill::inline v0
