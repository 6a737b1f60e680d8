#include "api/manager_settings.hpp"

#include <algorithm>
#include <fanmill/error.hpp>
#include <set>
#include <string_view>

#include "core/limits.hpp"
#include "net/endpoint.hpp"
#include "net/farm_keys.hpp"
#include "net/identity.hpp"

namespace fanmill::api {
namespace {

using std::chrono::duration;
using std::chrono::nanoseconds;

[[noreturn]] void refuse(const std::string& text) {
  throw FarmError(ErrorCode::invalid_argument, text);
}

std::string seconds(nanoseconds time) {
  std::string text = std::to_string(duration<double>(time).count());
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " s";
}

void require_at_least(const char* name, nanoseconds value, nanoseconds least, const char* why) {
  if (value >= least) return;
  refuse(std::string("ManagerOptions::") + name + " is " + seconds(value) + ", must be at least " +
         seconds(least) + why);
}

void check_endpoint(const std::string& text, InsecurePlaintext plaintext) {
  const net::Endpoint endpoint =
      net::parse_endpoint(text, net::Endpoint::Use::listen).value_or_raise();
  if (endpoint.is_loopback() || plaintext != InsecurePlaintext::on_this_host) return;
  refuse("endpoint " + text +
         " can be reached from other hosts, and nothing on it would be encrypted: whoever reaches "
         "it could join. Leave insecure_plaintext out (then there are keys), or allow it with "
         "InsecurePlaintext::everywhere (fanmill-broker: --insecure-plaintext twice)");
}

}  // namespace

void check(const ManagerOptions& options) {
  for (const std::string& endpoint : options.endpoints)
    check_endpoint(endpoint, options.insecure_plaintext);
  require_at_least("heartbeat", options.heartbeat, limits::heartbeat_interval_min, "");
  if (options.heartbeat > limits::heartbeat_interval_max) {
    refuse("ManagerOptions::heartbeat is " + seconds(options.heartbeat) + ", must be at most " +
           seconds(limits::heartbeat_interval_max));
  }
  require_at_least("suspect", options.suspect, 2 * options.heartbeat,
                   " (two heartbeats): one that is late must not make a suspect");
  require_at_least("dead", options.dead, 4 * options.heartbeat,
                   " (four heartbeats): a long pause must not look like a death");
  if (options.dead <= options.suspect) {
    refuse("ManagerOptions::dead is " + seconds(options.dead) +
           ", must be more than suspect, which is " + seconds(options.suspect));
  }
  require_at_least("grace_same_host", options.grace_same_host, nanoseconds(0), "");
  require_at_least("grace_remote", options.grace_remote, nanoseconds(0), "");
  if (options.prefetch.value_or(0) > limits::prefetch_max) {
    refuse("ManagerOptions::prefetch is " + std::to_string(*options.prefetch) +
           ", must be at most " + std::to_string(limits::prefetch_max));
  }
  require_at_least("spin", options.spin, nanoseconds(0), "");
  if (options.spin > limits::spin_max) {
    refuse("ManagerOptions::spin is " + seconds(options.spin) + ", must be at most " +
           seconds(limits::spin_max));
  }
  if (options.credit_bytes < limits::frame_bytes_max) {
    refuse("ManagerOptions::credit_bytes is " + std::to_string(options.credit_bytes) +
           ", must be at least " + std::to_string(limits::frame_bytes_max) +
           ", which one task may have");
  }
  if (options.payload_bytes_max < limits::frame_bytes_max ||
      options.payload_bytes_max > limits::payload_bytes_max) {
    refuse("ManagerOptions::payload_bytes_max is " + std::to_string(options.payload_bytes_max) +
           ", must be " + std::to_string(limits::frame_bytes_max) + " to " +
           std::to_string(limits::payload_bytes_max));
  }
}

void check(const detail::RunSettings& settings) {
  if (settings.lookahead == std::size_t{0}) refuse("Job::lookahead is 0, must be at least 1");
  if (settings.lookahead_bytes == 0) refuse("Job::lookahead_bytes is 0, must be at least 1");
  if (settings.lost_attempts_max == 0) refuse("Job::lost_attempts_max is 0, must be at least 1");
  if (settings.time_limit < nanoseconds(0)) refuse("Job::time_limit is negative; 0 means none");
  if (settings.policy.kind == Policy::Kind::k_answers && settings.policy.k == 0) {
    refuse("Job::answers(0): at least 1 answer must be waited for");
  }
  if (settings.functions.size() >= limits::functions_max) {
    refuse("Job::functions has " + std::to_string(settings.functions.size()) +
           " names, must be fewer than " + std::to_string(limits::functions_max));
  }
  std::set<std::string_view> names;
  for (const std::string& name : settings.functions) {
    if (name.empty()) refuse("Job::functions has an empty name");
    if (!names.insert(name).second) refuse("Job::functions has the name \"" + name + "\" twice");
  }
}

core::ManagerOptions core_options(const ManagerOptions& options) {
  core::ManagerOptions core{.farm = net::random_uuid().low,
                            .incarnation = net::next_incarnation().value_or_raise(),
                            .boot = net::boot_id(),
                            .cookie = options.cookie,
                            .heartbeat = options.heartbeat,
                            .suspect = options.suspect,
                            .dead = options.dead,
                            .grace_same_host = options.grace_same_host,
                            .grace_remote = options.grace_remote,
                            .prefetch = options.prefetch.value_or(limits::prefetch_default),
                            .prefetch_most = options.prefetch ? 0 : limits::prefetch_most,
                            .credit_bytes = options.credit_bytes,
                            .payload_bytes_max = options.payload_bytes_max};
  if (core.farm == 0) core.farm = 1;
  // Level 1 costs nothing to speak of, and tells when workers come and go.
  core.observe_level = options.verbose >= 2 || options.observer ? 2 : 1;
  return core;
}

std::vector<std::string> reachable(const std::string& bound) {
  auto parsed = net::parse_endpoint(bound, net::Endpoint::Use::listen);
  if (!parsed.ok()) return {bound};
  net::Endpoint endpoint = std::move(parsed).value();
  const bool is_ipv6 = endpoint.host == "::";
  if (!is_ipv6 && endpoint.host != "*" && endpoint.host != "0.0.0.0") return {endpoint.str()};
  endpoint.host = net::host_name();
  std::string elsewhere = endpoint.str();
  endpoint.host = is_ipv6 ? "::1" : "127.0.0.1";
  return {std::move(elsewhere), endpoint.str()};
}

Entrance entrance(const ManagerOptions& options) {
  const bool has_tcp =
      std::any_of(options.endpoints.begin(), options.endpoints.end(), [](const std::string& text) {
        const auto endpoint = net::parse_endpoint(text, net::Endpoint::Use::listen);
        return endpoint.ok() && endpoint.value().transport == net::Endpoint::Transport::tcp;
      });
  const bool plaintext = options.insecure_plaintext != InsecurePlaintext::no;
  if (!has_tcp || plaintext)
    return {.gate = std::make_shared<net::Gate>(
                net::AuthorizedKeys(),
                plaintext ? net::Gate::Plaintext::allowed : net::Gate::Plaintext::refused)};
  const net::FarmKeys keys =
      net::FarmKeys::open(net::FarmKeys::default_folder().value_or_raise()).value_or_raise();
  return {.gate = std::make_shared<net::Gate>(keys.authorized()),
          .secret_key = keys.secret_key(),
          .server_key = keys.server_key().text(),
          .pair_file = keys.worker_file(),
          .authorized_file = keys.authorized_file()};
}

}  // namespace fanmill::api
