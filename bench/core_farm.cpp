#include "core_farm.hpp"

#include <algorithm>
#include <stdexcept>
#include <variant>

namespace bench {

using namespace fanmill;        // NOLINT: a program of its own
using namespace fanmill::core;  // NOLINT
using core::Result;             // not the one of base

namespace {

constexpr JobId job{1};
// What a turn of the loop takes, about.
constexpr Duration turn_time = std::chrono::microseconds(20);

ManagerOptions options_for(std::uint32_t window) {
  return {.boot = {.low = 1, .high = 1}, .prefetch = window - 1};
}

Hello hello_of(std::size_t number) {
  return {.slots = 1,
          .containment = Containment::cgroup,
          .features = feature::heartbeat | feature::kill | feature::batch | feature::time_limit,
          .encodings = encoding_bit(Encoding::object) | encoding_bit(Encoding::raw),
          .uuid = {.low = number + 1, .high = 0},
          .boot = {.low = 2, .high = 1},
          .pid = static_cast<std::uint32_t>(number),
          .greeting = 1,
          .software = "bench",
          .host = "node",
          .functions = {"f"}};
}

}  // namespace

CoreFarm::CoreFarm(std::size_t sessions, std::uint32_t window)
    : manager_(options_for(window)), peers_(sessions) {
  for (std::size_t i = 0; i < sessions; ++i) say(i, hello_of(i));
  hand_out();
  manager_.step(now_,
                JobOpened{.client = embedded_client, .job = job, .options = {.functions = {"f"}}},
                actions_);
}

void CoreFarm::submit(std::size_t groups, std::uint32_t tasks_per_group) {
  for (std::size_t i = 0; i < groups; ++i) {
    TaskSpecs specs;
    specs.reserve(tasks_per_group);
    for (std::uint32_t task = 0; task < tasks_per_group; ++task)
      specs.push_back({.payload = payload_});
    manager_.step(
        now_,
        GroupSubmitted{
            .job = job, .item = items_++, .policy = Policy::first(), .tasks = std::move(specs)},
        actions_);
  }
}

void CoreFarm::submit_own(std::size_t groups) {
  for (std::size_t i = 0; i < groups; ++i) {
    payload_ = Payload::raw("8 bytes.");
    submit(1);
  }
}

std::size_t CoreFarm::answer_all() {
  hand_out();
  std::size_t answered = 0;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    Peer& peer = peers_[i];
    if (peer.held.empty()) continue;
    Results results{.session = peer.session};
    results.results.reserve(peer.held.size());
    for (const Held& held : peer.held) results.results.push_back(answer_of(held));
    answered += peer.held.size();
    peer.held.clear();
    say(i, std::move(results));
  }
  return answered;
}

std::size_t CoreFarm::answer_oldest() {
  hand_out();
  std::size_t answered = 0;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    Peer& peer = peers_[i];
    for (const AttemptId attempt : std::exchange(peer.to_kill, {})) say(i, Killed{attempt});
    if (peer.held.empty()) continue;
    Result result = answer_of(peer.held.front());
    peer.held.erase(peer.held.begin());
    answered += 1;
    say(i, std::move(result));
  }
  return answered;
}

void CoreFarm::beat() {
  now_ += std::chrono::seconds(2);
  for (std::size_t i = 0; i < peers_.size(); ++i) say(i, Heartbeat{.session = peers_[i].session});
  hand_out();
}

void CoreFarm::hand_out() {
  now_ += turn_time;
  manager_.tick(now_, actions_);
  for (ManagerAction& action : actions_) {
    if (Send* send = std::get_if<Send>(&action)) take(*send);
  }
  actions_.clear();
}

void CoreFarm::take(Send& send) {
  Peer& peer = peers_[send.peer.value - 1];
  if (const auto* welcome = std::get_if<Welcome>(&send.message)) {
    peer.session = welcome->session;
  } else if (const auto* tasks = std::get_if<Tasks>(&send.message)) {
    for (const Task& task : tasks->tasks) peer.held.push_back({task.attempt, task.group});
  } else if (const auto* task = std::get_if<Task>(&send.message)) {
    peer.held.push_back({task->attempt, task->group});
  } else if (const auto* kill = std::get_if<Kill>(&send.message)) {
    take_kill(peer, *kill);
  } else if (!std::holds_alternative<Heartbeat>(send.message)) {
    throw std::logic_error("the manager sent what no session here expects");
  }
}

void CoreFarm::take_kill(Peer& peer, const Kill& kill) {
  std::erase_if(peer.held, [&](const Held& held) {
    const bool meant = kill.group.valid() ? held.group == kill.group : held.attempt == kill.attempt;
    if (meant) peer.to_kill.push_back(held.attempt);
    return meant;
  });
}

void CoreFarm::say(std::size_t peer, Message message) {
  manager_.step(now_, MessageReceived{.peer = PeerId{peer + 1}, .message = std::move(message)},
                actions_);
}

Result CoreFarm::answer_of(const Held& held) const {
  return {.attempt = held.attempt, .busy = std::chrono::microseconds(1), .payload = payload_};
}

}  // namespace bench
