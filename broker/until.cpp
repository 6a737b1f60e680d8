#include "until.hpp"

#include <regex.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fanmill/error.hpp>

#include "json_text.hpp"

namespace fanmill::broker {
namespace {

constexpr int status_max = 255;

[[noreturn]] void refuse(const std::string& words) {
  throw FarmError(ErrorCode::invalid_argument, words);
}

}  // namespace

Until Until::parse(std::string_view text) {
  Until until;
  if (text == "exit-zero") return until;
  if (text == "any") {
    until.kind_ = Kind::any;
    return until;
  }
  if (text.starts_with("match:")) return match(std::string(text.substr(6)));
  if (text.starts_with("exit:")) {
    std::vector<int> statuses;
    const char* at = text.data() + 4;
    const char* const end = text.data() + text.size();
    while (at < end && (*at == ':' || *at == ',')) {
      int status = -1;
      const auto [behind, error] = std::from_chars(at + 1, end, status);
      if (error != std::errc()) break;
      statuses.push_back(status);
      at = behind;
    }
    if (at == end) return exits(std::move(statuses));
  }
  refuse("expected exit-zero, any, exit:10,20 or match:REGEX, got " + json_of(text));
}

Until Until::exits(std::vector<int> statuses) {
  if (statuses.empty()) refuse("expected at least one exit status");
  for (const int status : statuses) {
    if (status < 0 || status > status_max)
      refuse("an exit status is a number from 0 to 255, not " + std::to_string(status));
  }
  Until until;
  until.kind_ = Kind::exits;
  until.exits_ = std::move(statuses);
  return until;
}

Until Until::match(std::string pattern) {
  regex_t compiled{};
  const int error = regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB);
  if (error != 0) {
    std::array<char, 256> words{};
    regerror(error, &compiled, words.data(), words.size());
    refuse("the regular expression " + json_of(pattern) + " can't be read: " + words.data());
  }
  regfree(&compiled);
  Until until;
  until.kind_ = Kind::match;
  until.pattern_ = std::move(pattern);
  return until;
}

std::string Until::json() const {
  switch (kind_) {
    case Kind::exit_zero:
      return R"("exit-zero")";
    case Kind::any:
      return R"("any")";
    case Kind::match:
      return R"({"match":)" + json_of(pattern_) + "}";
    case Kind::exits:
      break;
  }
  std::string list;
  for (const int status : exits_) list += (list.empty() ? "" : ",") + std::to_string(status);
  return R"({"exit":[)" + list + "]}";
}

bool Until::may_accept(int status) const {
  if (status < 0) return false;
  if (kind_ == Kind::exit_zero) return status == 0;
  return kind_ != Kind::exits || std::find(exits_.begin(), exits_.end(), status) != exits_.end();
}

}  // namespace fanmill::broker
