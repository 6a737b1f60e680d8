// Payloads larger than a frame, over real sockets. What passes between parts is told by counting the
// parts that came before it, never by a clock.
#include <chrono>
#include <string>

#include "catch.hpp"
#include "farm.hpp"
#include "net/identity.hpp"

using namespace fanmill;
using namespace fanmill::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t large_bytes = 64U << 20;
constexpr core::FeatureSet all_features = core::feature::heartbeat | core::feature::kill |
                                          core::feature::time_limit | core::feature::batch |
                                          core::feature::parts;

/// No two of its parts are alike.
std::string text_of(std::size_t size) {
  std::string text(size, ' ');
  std::uint64_t state = 1;
  for (std::size_t i = 0; i < size; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    text[i] = static_cast<char>(state >> 56U);
  }
  return text;
}

core::Hello hello_with_parts() {
  core::Hello hello = some_hello();
  hello.features |= core::feature::parts;
  return hello;
}

/// Receives until something comes that is no part; what came so far is counted.
template <typename Peer>
core::Message after_parts(Peer& peer, std::size_t& parts) {
  for (;;) {
    core::Message message = peer.receive_message();
    if (!std::holds_alternative<core::Part>(message)) return message;
    parts += 1;
  }
}

template <typename Wanted, typename Peer>
Wanted wait_behind_parts(Peer& peer, std::size_t& parts) {
  for (;;) {
    core::Message message = after_parts(peer, parts);
    if (auto* wanted = std::get_if<Wanted>(&message)) return std::move(*wanted);
  }
}

}  // namespace

TEST_CASE("64 MiB go there and back, and are equal") {
  Farm farm;
  TestWorker worker(
      {.endpoints = {farm.endpoint()}, .functions = {echo}, .core = {.features = all_features}});
  const std::string text = text_of(large_bytes);
  farm.submit({"small", text, "also small"});
  const auto groups = farm.wait_for_groups(3);
  for (const auto& group : groups) REQUIRE(group.result.decided);
  CHECK(groups[0].result.answers.at(0).payload.bytes.view() == "small");
  CHECK(groups[1].result.answers.at(0).payload.bytes.view() == text);
  CHECK(farm.core_counters().attempts == 3);
  CHECK(farm.core_counters().parts_unknown == 0);
}

TEST_CASE("large tasks go to who takes parts, small ones to everybody, in the same run") {
  Farm farm;
  RawPeer plain(farm.endpoint());
  CHECK(plain.join().payload_bytes_max == 0);
  farm.submit({text_of(3U << 20), "small"});
  const auto task = plain.wait_for<core::Task>();
  CHECK(task.item == 1);
  CHECK_FALSE(task.in_parts);
  plain.send_message(core::Result{.attempt = task.attempt, .payload = task.payload});
  farm.wait_for_item(1);
  TestWorker worker(
      {.endpoints = {farm.endpoint()}, .functions = {echo}, .core = {.features = all_features}});
  CHECK(farm.wait_for_item(0).result.decided);
}

TEST_CASE("a kill of a task whose payload is on its way comes before the rest of it") {
  Farm farm;
  RawPeer peer(farm.endpoint());
  CHECK(peer.join(hello_with_parts()).payload_bytes_max == limits::payload_bytes_max);
  farm.open_job();
  farm.submit_group(0, {{.payload = Payload::raw(text_of(large_bytes))}},
                    {.kind = core::Policy::Kind::client});
  const auto task = peer.wait_for<core::Task>();
  CHECK(task.in_parts);
  std::size_t parts = 0;
  const auto first = peer.wait_for<core::Part>();
  parts += 1;
  CHECK(first.total == large_bytes);
  farm.loop().post({core::JobCancelled{.job = JobId{1}}});
  const auto kill = wait_behind_parts<core::Kill>(peer, parts);
  CHECK(kill.attempt == task.attempt);
  CHECK(parts <= limits::parts_under_way_max);

  // And nothing of it comes behind the kill, though there is room again.
  peer.send_message(core::PartTaken{.attempt = task.attempt, .offset = parts * first.bytes.size()});
  peer.send_message(core::Killed{.attempt = task.attempt, .unstarted = true});
  farm.wait_until(
      [](const core::Manager& manager) { return manager.counters().kills_confirmed == 1; });
  farm.open_job();
  farm.submit_group(0, {{.payload = Payload::raw("next")}}, {});
  std::size_t more = 0;
  CHECK(wait_behind_parts<core::Task>(peer, more).payload.bytes.view() == "next");
  CHECK(more == 0);
}

TEST_CASE("heartbeats pass between the parts of a peer that takes its time") {
  Farm farm({.core = {.heartbeat = 10ms, .suspect = 30s, .dead = 60s}});
  RawPeer peer(farm.endpoint());
  const core::Welcome welcome = peer.join(hello_with_parts());
  const std::string text = text_of(5U << 20);
  farm.submit({text});
  const auto task = peer.wait_for<core::Task>();
  std::string received;
  std::size_t most_before_a_heartbeat = 0;
  while (received.size() < text.size()) {
    // It takes nothing before it was answered: a window, and a heartbeat behind it, each time.
    peer.send_message(core::Heartbeat{.session = welcome.session, .echo = true});
    std::size_t parts = 0;
    bool answered = false;
    while (!answered) {
      const core::Message message = peer.receive_message();
      answered = std::holds_alternative<core::Heartbeat>(message);
      const auto* part = std::get_if<core::Part>(&message);
      if (part == nullptr) continue;
      CHECK(part->offset == received.size());
      received += part->bytes.view();
      parts += 1;
    }
    most_before_a_heartbeat = std::max(most_before_a_heartbeat, parts);
    if (!received.empty())
      peer.send_message(core::PartTaken{.attempt = task.attempt, .offset = received.size()});
  }
  CHECK(received == text);
  CHECK(most_before_a_heartbeat <= limits::parts_under_way_max);
  peer.send_message(core::Result{.attempt = task.attempt});
  CHECK(farm.wait_for_item(0).result.decided);
  CHECK(farm.core_counters().sessions_suspected == 0);
}

TEST_CASE("a kill of a task whose result is on its way stops the rest of it") {
  BareManager manager;
  TestWorker worker({.endpoints = {manager.endpoint()},
                     .functions = {[](const exec::Invocation&, const std::stop_token&) {
                       return exec::FunctionResult{Payload::raw(std::string(large_bytes, 'r'))};
                     }},
                     .core = {.features = all_features}});
  const auto hello = manager.wait_for<core::Hello>();
  const SessionId session{(std::uint64_t{1} << serial_bits) + 1};
  const AttemptId attempt{(std::uint64_t{1} << serial_bits) + 1};
  manager.send_message(core::Welcome{.session = session,
                                     .features = hello.features & all_features,
                                     .farm = 1,
                                     .incarnation = 1,
                                     .greeting = hello.greeting,
                                     .heartbeat = 10ms,
                                     .suspect = 30s,
                                     .dead = 60s,
                                     .frame_bytes_max = limits::frame_bytes_max,
                                     .unacknowledged_max = 16,
                                     .payload_bytes_max = limits::payload_bytes_max});
  manager.send_message(core::Task{.attempt = attempt, .group = GroupId{1}, .task = TaskId{1}});
  const auto first = manager.wait_for<core::Part>();
  std::size_t parts = 1;
  CHECK(first.total == large_bytes);
  // Its heartbeats come while it waits for room.
  wait_behind_parts<core::Heartbeat>(manager, parts);
  wait_behind_parts<core::Heartbeat>(manager, parts);
  manager.send_message(core::Kill{.attempt = attempt});
  CHECK(wait_behind_parts<core::Killed>(manager, parts).attempt == attempt);
  CHECK(parts == limits::parts_under_way_max);
}

TEST_CASE("a payload that came half goes whole to another worker, and nobody is to blame") {
  Farm farm;
  auto peer = std::make_unique<RawPeer>(farm.endpoint());
  peer->join(hello_with_parts());
  const std::string text = text_of(5U << 20);
  farm.submit({text});
  const auto task = peer->wait_for<core::Task>();
  const auto part = peer->wait_for<core::Part>();
  peer->send_message(core::PartTaken{.attempt = task.attempt, .offset = part.bytes.size()});
  peer->wait_for<core::Part>();
  peer->close();
  TestWorker worker(
      {.endpoints = {farm.endpoint()}, .functions = {echo}, .core = {.features = all_features}});
  const auto group = farm.wait_for_item(0);
  REQUIRE(group.result.decided);
  CHECK(group.result.answers.at(0).payload.bytes.view() == text);
  CHECK(group.result.errors.empty());
  CHECK(farm.core_counters().attempts == 2);
}

TEST_CASE("a result beyond the manager's limit fails in words, whatever parts there are") {
  Farm farm({.core = {.payload_bytes_max = 2U << 20}});
  TestWorker worker({.endpoints = {farm.endpoint()},
                     .functions = {[](const exec::Invocation&, const std::stop_token&) {
                       return exec::FunctionResult{Payload::raw(std::string(3U << 20, 'r'))};
                     }},
                     .core = {.features = all_features}});
  farm.submit({"x"});
  const auto group = farm.wait_for_item(0);
  REQUIRE(group.result.errors.size() == 1);
  CHECK(group.result.errors[0].type == "payload_too_large");
}
