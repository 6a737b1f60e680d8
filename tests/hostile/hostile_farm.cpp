#include "hostile_farm.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "catch.hpp"
#include "codec/codec.hpp"
#include "core/manager_invariants.hpp"
#include "net/curve_socket.hpp"
#include "net/identity.hpp"

namespace fanmill::hostile_test {
namespace {

using namespace std::chrono_literals;

constexpr JobId the_job{1};
constexpr const char* held_text = "held";

}  // namespace

Peer::Peer(zmq::context_t& context, const std::string& endpoint, const net::ClientKeys& keys,
           int queue_max)
    : hello(test::some_hello()), socket_(context, zmq::socket_type::dealer) {
  hello.functions = {"hostile"};
  hello.greeting = 0;
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::sndhwm, 0);
  socket_.set(zmq::sockopt::rcvhwm, queue_max);
  if (queue_max > 0) socket_.set(zmq::sockopt::rcvbuf, 1 << 14);
  const auto limit = std::chrono::milliseconds(test::patience).count();
  socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(limit));
  net::show_keys(socket_, keys.server, *keys.own);
  socket_.connect(endpoint);
}

void Peer::send(const std::vector<std::string>& frames) {
  if (record != nullptr) record->push_back(frames);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const bool more = i + 1 < frames.size();
    socket_.send(zmq::buffer(frames[i]), more ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

core::Message Peer::receive() {
  zmq::message_t header;
  REQUIRE(socket_.recv(header));
  Bytes payload;
  const bool has_payload = header.more();
  for (bool more = has_payload; more;) {
    zmq::message_t frame;
    REQUIRE(socket_.recv(frame));
    payload = Bytes(frame.to_string_view());
    more = frame.more();
  }
  auto decoded = codec::decode(header.to_string_view(), has_payload ? &payload : nullptr);
  REQUIRE(decoded.ok());  // whatever was said to a manager, what it says is well-formed
  return std::move(decoded).value().message;
}

core::Hello Peer::next_hello() {
  hello.greeting += 1;
  return hello;
}

core::Welcome Peer::join() {
  send(next_hello());
  for (;;) {
    auto welcome = wait_for<core::Welcome>();
    if (welcome.greeting == hello.greeting) return welcome;
  }
}

core::ManagerOptions HostileFarm::default_options() {
  return {.farm = 0x00c0ffee00c0ffee,
          .incarnation = 3,
          .heartbeat = 60s,
          .suspect = 600s,
          .dead = 1200s};
}

HostileFarm::HostileFarm(core::ManagerOptions core) {
  net::KeyPair server = net::KeyPair::make();
  server_key_ = server.public_key;
  net::AuthorizedKeys keys;
  for (const KeyHolder* each : {&honest, &liar, &thief, &bounded, &observer, &submitter}) {
    REQUIRE(keys.add({.key = each->pair->public_key,
                      .roles = each->roles,
                      .name = each->name,
                      .sessions_max = each->sessions_max})
                .ok());
  }
  farm_ = std::make_unique<test::Farm>(test::Farm::Options{
      .core = std::move(core),
      .gate = std::make_shared<const net::Gate>(std::move(keys)),
      .secret_key = std::make_shared<const net::SecretKey>(std::move(server.secret_key))});
  // Hostile peers take tasks and go, again and again: that is not to use up a task's attempts.
  farm_->loop().post({core::JobOpened{.client = core::embedded_client,
                                      .job = the_job,
                                      .options = {.functions = {"honest", "hostile"},
                                                  .retries = 1'000'000,
                                                  .lost_attempts_max = 1'000'000}}});
  worker_ = make_worker("honest");
  farm_->wait_until([](const core::Manager& manager) { return manager.worker_count() == 1; });
}

HostileFarm::~HostileFarm() {
  release();
  const std::size_t workers = 1 + more_workers_.size();
  farm_->loop().post({core::JobClosed{.job = the_job}});
  // Catch counts failures of a destructor, too, as long as nothing is thrown.
  std::vector<std::string> left;
  const auto end = std::chrono::steady_clock::now() + test::patience;
  do {
    farm_->loop().query([&](const core::Manager& manager) {
      left = core::ManagerInvariants::leftovers(manager);
      if (manager.worker_count() != workers) left.push_back("sessions of peers that have gone");
    });
  } while (!left.empty() && std::chrono::steady_clock::now() < end);
  CHECK(left == std::vector<std::string>{});
}

std::unique_ptr<test::TestWorker> HostileFarm::make_worker(const std::string& function) {
  const auto answer = [latch = latch_](const exec::Invocation& invocation,
                                       const std::stop_token&) -> exec::FunctionResult {
    const std::string text(invocation.payload.bytes.view());
    if (text == held_text) {
      std::unique_lock lock(latch->mutex);
      latch->opened.wait(lock, [&] { return latch->open; });
    }
    return {Payload::raw(reversed(text)), false};
  };
  return std::make_unique<test::TestWorker>(
      test::TestWorker::Options{.endpoints = {farm_->endpoint()},
                                .functions = {answer},
                                .slots = 2,
                                .core = {.functions = {function}},
                                .keys = keys_of(honest)});
}

void HostileFarm::start_worker(const std::string& function) {
  more_workers_.push_back(make_worker(function));
}

std::unique_ptr<Peer> HostileFarm::connect(const KeyHolder& holder, int queue_max) {
  return std::make_unique<Peer>(context_, farm_->endpoint(), keys_of(holder), queue_max);
}

std::uint64_t HostileFarm::submit(const std::string& function,
                                  const std::vector<std::string>& texts) {
  const std::uint64_t first = next_item_;
  std::vector<core::ManagerEvent> events;
  for (const std::string& text : texts) {
    events.emplace_back(core::GroupSubmitted{
        .job = the_job,
        .item = next_item_++,
        .policy = {},
        .tasks = {{.payload = Payload::raw(text), .function = function == "honest" ? 0U : 1U}}});
  }
  farm_->loop().post(std::move(events));
  return first;
}

std::uint64_t HostileFarm::submit_held() {
  const std::uint64_t before = counters().attempts;
  const std::uint64_t item = submit("honest", {held_text});
  farm_->wait_until(
      [&](const core::Manager& manager) { return manager.counters().attempts > before; });
  return item;
}

void HostileFarm::release() {
  const std::lock_guard lock(latch_->mutex);
  latch_->open = true;
  latch_->opened.notify_all();
}

void HostileFarm::check_answer(std::uint64_t item, const std::string& text) {
  const core::DeliverGroupEnd group = farm_->wait_for_item(item);
  REQUIRE(group.result.decided);
  CHECK(group.result.answers.front().payload.bytes.view() == reversed(text));
}

void HostileFarm::check_unharmed() {
  const std::vector<std::string> texts = {"right", "and right again"};
  const std::uint64_t item = submit("honest", texts);
  for (std::size_t i = 0; i < texts.size(); ++i) check_answer(item + i, texts[i]);
  std::vector<std::string> broken;
  farm_->loop().query(
      [&](const core::Manager& manager) { broken = core::ManagerInvariants::check(manager); });
  REQUIRE(broken == std::vector<std::string>{});
  CHECK(worker_->log().find("refused") == std::string::npos);
}

void HostileFarm::wait_until_alone() {
  farm_->wait_until([](const core::Manager& manager) { return manager.worker_count() == 1; });
  farm_->wait_until_counters([](const net::LoopCounters& now) {
    return now.peers == 1 && now.strangers == 0 && now.descriptors == 1 && now.outboxes == 0;
  });
}

std::string reversed(std::string text) {
  std::reverse(text.begin(), text.end());
  return text;
}

std::uint64_t seed_of(std::uint64_t standard) {
  const char* given = std::getenv("FANMILL_SEED");
  const std::uint64_t seed = given == nullptr ? standard : std::strtoull(given, nullptr, 0);
  std::cout << "FANMILL_SEED=" << seed << std::endl;
  return seed;
}

std::size_t resident_bytes() {
  ::malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  REQUIRE(file >> total >> resident);
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

bool is_sanitized() { return std::getenv("FANMILL_SANITIZE") != nullptr; }

}  // namespace fanmill::hostile_test
