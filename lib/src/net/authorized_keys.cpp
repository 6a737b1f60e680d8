#include "net/authorized_keys.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <utility>

#include "core/limits.hpp"
#include "net/private_file.hpp"
#include "net/settings_text.hpp"

namespace fanmill::net {
namespace {

Error bad(std::string text) { return {ErrorCode::invalid_argument, std::move(text)}; }

Status check_name(std::string_view name) {
  const auto may_stand = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '@' || c == '-';
  };
  if (!name.empty() && name.size() <= limits::key_name_bytes_max &&
      std::all_of(name.begin(), name.end(), may_stand))
    return Ok{};
  return bad("a name has 1 to " + std::to_string(limits::key_name_bytes_max) +
             " letters, digits or ._@-, got \"" + std::string(name) + "\"");
}

Status take_limit(std::string_view word, AuthorizedKey& entry) {
  constexpr std::string_view sessions = "sessions=";
  const std::string_view value = word.substr(std::min(sessions.size(), word.size()));
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (!word.starts_with(sessions) || error != std::errc() || end != value.data() + value.size() ||
      number == 0) {
    return bad("a limit is sessions=N with N from 1 on, got \"" + std::string(word) + "\"");
  }
  entry.sessions_max = number;
  return Ok{};
}

Result<AuthorizedKey> parse_line(std::string_view line) {
  std::istringstream words{std::string(line)};
  std::string role_words;
  std::string key_text;
  AuthorizedKey entry;
  if (!(words >> role_words >> key_text >> entry.name))
    return bad("expected a role, a key and a name, got \"" + std::string(line) + "\"");
  const Result<RoleSet> allowed = RoleSet::parse(role_words);
  if (!allowed.ok()) return allowed.error();
  entry.roles = allowed.value();
  const Result<PublicKey> key = PublicKey::parse(key_text);
  if (!key.ok()) return key.error();
  entry.key = key.value();
  for (std::string word; words >> word;) {
    const Status taken = take_limit(word, entry);
    if (!taken.ok()) return taken.error();
  }
  return entry;
}

}  // namespace

const char* to_string(Role role) {
  switch (role) {
    case Role::worker:
      return "worker";
    case Role::submit:
      return "submit";
    case Role::observe:
      return "observe";
  }
  return "unknown";
}

std::string RoleSet::text() const {
  std::string text;
  for (const Role role : roles) {
    if (has(role)) text.append(text.empty() ? "" : ",").append(to_string(role));
  }
  return text;
}

Result<RoleSet> RoleSet::parse(std::string_view text) {
  RoleSet set;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    const auto* const role = std::find_if(std::begin(roles), std::end(roles),
                                          [&](Role each) { return word == to_string(each); });
    if (role == std::end(roles))
      return bad("a role is worker, submit or observe, got \"" + std::string(word) + "\"");
    set.add(*role);
    begin = end + 1;
  }
  return set;
}

Result<AuthorizedKeys> AuthorizedKeys::parse(std::string_view text, const std::string& file_name) {
  AuthorizedKeys keys;
  const Status read = for_each_line(text, file_name, [&](std::size_t, std::string_view line) {
    Result<AuthorizedKey> entry = parse_line(line);
    return entry.ok() ? keys.add(std::move(entry).value()) : Status(entry.error());
  });
  if (!read.ok()) return read.error();
  return keys;
}

std::string AuthorizedKeys::to_text() const {
  std::string text =
      "# Whose keys may connect to this user's managers: ROLE KEY NAME [sessions=N]. Roles: "
      "worker,\n"
      "# submit, observe, or several with commas between them. Running managers notice changes.\n";
  for (const AuthorizedKey& entry : entries_) text += entry.text() + "\n";
  return text;
}

std::string AuthorizedKey::text() const {
  std::string text = roles.text() + "  " + key.text() + "  " + name;
  if (sessions_max > 0) text += "  sessions=" + std::to_string(sessions_max);
  return text;
}

const AuthorizedKey* AuthorizedKeys::find(const PublicKey& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &entries_[found->second];
}

const AuthorizedKey* AuthorizedKeys::find_name(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &entries_[found->second];
}

Status AuthorizedKeys::add(AuthorizedKey entry) {
  Status named = check_name(entry.name);
  if (!named.ok()) return named;
  if (find_name(entry.name) != nullptr) return bad("the name " + entry.name + " is there already");
  if (const AuthorizedKey* other = find(entry.key))
    return bad("the key of " + entry.name + " is there already, as that of " + other->name);
  by_key_.emplace(entry.key, entries_.size());
  by_name_.emplace(entry.name, entries_.size());
  entries_.push_back(std::move(entry));
  return Ok{};
}

bool AuthorizedKeys::remove(std::string_view name) {
  const auto removed =
      std::erase_if(entries_, [&](const AuthorizedKey& entry) { return entry.name == name; });
  index();
  return removed > 0;
}

void AuthorizedKeys::index() {
  by_key_.clear();
  by_name_.clear();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    by_key_.emplace(entries_[i].key, i);
    by_name_.emplace(entries_[i].name, i);
  }
}

Result<AuthorizedKeys> AuthorizedKeys::load(const std::string& path) {
  const Result<std::string> text = read_private_file(path, limits::authorized_bytes_max);
  if (!text.ok()) return text.error();
  // An editor may be just writing it; to shut out everybody takes a comment at least.
  if (text.value().empty()) return bad(path + ": an empty file is no list of keys");
  return parse(text.value(), path);
}

Status AuthorizedKeys::save(const std::string& path) const {
  return write_private_file(path, to_text());
}

}  // namespace fanmill::net
