#include "farm.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>

#include "catch.hpp"
#include "codec/codec.hpp"
#include "net/curve_socket.hpp"
#include "net/identity.hpp"

namespace fanmill::test {
namespace {

constexpr JobId the_job{1};

void limit_waiting(zmq::socket_t& socket) {
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
  socket.set(zmq::sockopt::rcvtimeo, static_cast<int>(limit.count()));
}

void send_frames(zmq::socket_t& socket, const std::vector<std::string>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const bool more = i + 1 < frames.size();
    socket.send(zmq::buffer(frames[i]), more ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

std::vector<std::string> receive_frames(zmq::socket_t& socket) {
  std::vector<std::string> frames;
  zmq::message_t frame;
  do {
    REQUIRE(socket.recv(frame));
    frames.push_back(frame.to_string());
  } while (frame.more());
  return frames;
}

core::Message message_of(const std::vector<std::string>& frames) {
  const Bytes payload(frames.size() > 1 ? std::string_view(frames[1]) : std::string_view());
  auto decoded = codec::decode(frames.front(), frames.size() > 1 ? &payload : nullptr);
  INFO((decoded.ok() ? std::string() : decoded.error().message));
  REQUIRE(decoded.ok());
  return std::move(decoded).value().message;
}

}  // namespace

Farm::Farm(Options options) {
  options.core.boot = net::boot_id();  // as a worker of this host has it: no grace for a lost one
  options.core.observe_level = 1;
  auto started = net::ManagerLoop::start(
      {.core = options.core,
       .endpoints = std::move(options.endpoints),
       .gate = std::move(options.gate),
       .secret_key = std::move(options.secret_key),
       .deliver = [this](core::ManagerActions&& actions) { take(std::move(actions)); }});
  INFO((started.ok() ? std::string() : started.error().message));
  REQUIRE(started.ok());
  loop_ = std::move(started).value();
}

void Farm::take(core::ManagerActions&& actions) {
  const std::lock_guard lock(mutex_);
  for (core::ManagerAction& action : actions) {
    if (auto* group = std::get_if<core::DeliverGroupEnd>(&action)) {
      groups_.push_back(std::move(*group));
    } else if (auto* observation = std::get_if<core::Observation>(&action)) {
      observations_.push_back(std::move(*observation));
    }
  }
  changed_.notify_all();
}

void Farm::open_job() {
  loop_->post({core::JobOpened{.client = core::embedded_client, .job = the_job, .options = {}}});
}

void Farm::submit_group(std::uint64_t item, std::vector<core::TaskSpec> tasks,
                        core::Policy policy) {
  loop_->post({core::GroupSubmitted{
      .job = the_job, .item = item, .policy = policy, .tasks = std::move(tasks)}});
}

void Farm::submit(const std::vector<std::string>& texts, core::Policy policy) {
  open_job();
  std::vector<core::ManagerEvent> events;
  for (std::size_t item = 0; item < texts.size(); ++item) {
    events.emplace_back(
        core::GroupSubmitted{.job = the_job,
                             .item = item,
                             .policy = policy,
                             .tasks = {core::TaskSpec{.payload = Payload::raw(texts[item])}}});
  }
  loop_->post(std::move(events));
}

std::vector<core::DeliverGroupEnd> Farm::wait_for_groups(std::size_t count) {
  std::unique_lock lock(mutex_);
  const bool came = changed_.wait_for(lock, patience, [&] { return groups_.size() >= count; });
  INFO(groups_.size() << " of " << count << " groups ended");
  REQUIRE(came);
  auto groups = groups_;
  std::sort(groups.begin(), groups.end(),
            [](const auto& a, const auto& b) { return a.item < b.item; });
  return groups;
}

core::DeliverGroupEnd Farm::wait_for_item(std::uint64_t item) {
  std::unique_lock lock(mutex_);
  const auto is_it = [&](const core::DeliverGroupEnd& group) { return group.item == item; };
  const bool came = changed_.wait_for(
      lock, patience, [&] { return std::any_of(groups_.begin(), groups_.end(), is_it); });
  INFO("item " << item);
  REQUIRE(came);
  return *std::find_if(groups_.begin(), groups_.end(), is_it);
}

core::Observation Farm::wait_for(core::Observation::Kind kind) {
  std::unique_lock lock(mutex_);
  const auto is_it = [&](const core::Observation& one) { return one.kind == kind; };
  const bool came = changed_.wait_for(lock, patience, [&] {
    return std::any_of(observations_.begin(), observations_.end(), is_it);
  });
  INFO("observation " << static_cast<int>(kind));
  REQUIRE(came);
  const auto found = std::find_if(observations_.begin(), observations_.end(), is_it);
  core::Observation observation = *found;
  observations_.erase(found);
  return observation;
}

void Farm::forget_observations() {
  const std::lock_guard lock(mutex_);
  observations_ = {};
}

void Farm::wait_until(const std::function<bool(const core::Manager&)>& agrees) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  bool agreed = false;
  while (!agreed && std::chrono::steady_clock::now() < limit) {
    loop_->query([&](const core::Manager& manager) { agreed = agrees(manager); });
  }
  REQUIRE(agreed);
}

void Farm::wait_until_counters(const std::function<bool(const net::LoopCounters&)>& agree) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  bool agreed = false;
  while (!agreed && std::chrono::steady_clock::now() < limit) agreed = agree(loop_->counters());
  REQUIRE(agreed);
}

core::Counters Farm::core_counters() {
  core::Counters counters;
  loop_->query([&](const core::Manager& manager) { counters = manager.counters(); });
  return counters;
}

TestWorker::TestWorker(Options options) {
  executor_ = std::make_unique<exec::ThreadExecutor>(exec::ThreadExecutorOptions{
      .functions = std::move(options.functions), .slots = options.slots});
  core::WorkerOptions core = std::move(options.core);
  core.uuid = net::random_uuid();
  core.boot = net::boot_id();
  core.pid = 1;
  core.slots = options.slots;
  core.host = "test";
  core.software = "fanmill test";
  // One hello is enough on a connection that stands, however long its answer takes.
  core.hello_repeat = patience;
  net::WorkerLoopOptions loop{.core = std::move(core),
                              .endpoints = std::move(options.endpoints),
                              .keys = std::move(options.keys),
                              .log =
                                  [this](int, const std::string& text) {
                                    const std::lock_guard lock(mutex_);
                                    log_ += text + "\n";
                                  },
                              .handle_signals = false,
                              .stop_fd = stop_.fd(),
                              .exit_process = [](int) {}};
  ended_ = std::async(std::launch::async, [this, loop = std::move(loop)]() mutable {
    return net::run_worker(std::move(loop), *executor_);
  });
}

TestWorker::~TestWorker() {
  stop();
  if (!status_) ended_.wait();
}

int TestWorker::status() {
  if (!status_) {
    INFO(log());
    REQUIRE(ended_.wait_for(patience) == std::future_status::ready);
    status_ = ended_.get();
  }
  return *status_;
}

std::string TestWorker::log() {
  const std::lock_guard lock(mutex_);
  return log_;
}

exec::FunctionResult echo(const exec::Invocation& invocation, const std::stop_token&) {
  return {invocation.payload, false};
}

exec::FunctionResult until_stopped(const exec::Invocation&, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait(lock, stop, [] { return false; });
  throw std::runtime_error("stopped");
}

RawPeer::RawPeer(const std::string& endpoint, const Options& options)
    : context_(1), socket_(context_, zmq::socket_type::dealer) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::sndhwm, 0);
  socket_.set(zmq::sockopt::rcvhwm, options.queue_max);
  limit_waiting(socket_);
  if (!options.routing_id.empty()) socket_.set(zmq::sockopt::routing_id, options.routing_id);
  if (options.keys && endpoint.starts_with("tcp:"))
    net::show_keys(socket_, options.keys->server, *options.keys->own);
  socket_.connect(endpoint);
}

RawPeer plaintext_peer(const std::string& endpoint) { return {endpoint, {.keys = {}}}; }

void RawPeer::send(const std::vector<std::string>& frames) { send_frames(socket_, frames); }
void RawPeer::send_message(const core::Message& message) { send(frames_of(message)); }
std::vector<std::string> RawPeer::receive() { return receive_frames(socket_); }
core::Message RawPeer::receive_message() { return message_of(receive()); }

core::Welcome RawPeer::join(core::Hello hello) {
  if (!hello.uuid.valid()) hello = some_hello();
  send_message(hello);
  return wait_for<core::Welcome>();
}

void RawPeer::close() { socket_.close(); }

BareManager::BareManager() : context_(1), socket_(context_, zmq::socket_type::router) {
  auto made = net::SocketFolder::make();
  REQUIRE(made.ok());
  folder_.emplace(std::move(made).value());
  endpoint_ = folder_->endpoint("manager");
  socket_.set(zmq::sockopt::linger, 0);
  limit_waiting(socket_);
  socket_.bind(endpoint_);
}

void BareManager::leave() {
  socket_.set(zmq::sockopt::linger, 10'000);
  vanish();
}

void BareManager::vanish() {
  socket_.close();
  context_.close();
}

void BareManager::send(const std::vector<std::string>& frames) {
  std::vector<std::string> addressed{routing_id_};
  addressed.insert(addressed.end(), frames.begin(), frames.end());
  send_frames(socket_, addressed);
}

void BareManager::send_message(const core::Message& message) { send(frames_of(message)); }

core::Message BareManager::receive_message() {
  std::vector<std::string> frames = receive_frames(socket_);
  routing_id_ = frames.front();
  frames.erase(frames.begin());
  return message_of(frames);
}

core::Hello BareManager::welcome(SessionId session, std::vector<core::Judgement> judgements) {
  core::Hello hello = wait_for<core::Hello>();
  send_message(core::Welcome{.session = session,
                             .features = core::feature::heartbeat,
                             .farm = 1,
                             .incarnation = 1,
                             .greeting = hello.greeting,
                             .heartbeat = std::chrono::milliseconds(10),
                             .suspect = std::chrono::seconds(30),
                             .dead = std::chrono::seconds(60),
                             .frame_bytes_max = limits::frame_bytes_max,
                             .unacknowledged_max = 16,
                             .judgements = std::move(judgements)});
  return hello;
}

std::vector<std::string> frames_of(const core::Message& message) {
  codec::HeaderBuffer buffer;
  const auto frames = codec::encode(message, 1, buffer);
  REQUIRE(frames.ok());
  std::vector<std::string> texts{std::string(frames.value().header)};
  if (frames.value().has_payload) texts.push_back(frames.value().payload.str());
  return texts;
}

core::Hello some_hello() {
  core::Hello hello;
  hello.uuid = net::random_uuid();
  hello.boot = net::boot_id();
  hello.greeting = 1;
  hello.features = core::feature::heartbeat | core::feature::kill;
  hello.encodings = core::encoding_bit(Encoding::raw) | core::encoding_bit(Encoding::json) |
                    core::encoding_bit(Encoding::object);
  hello.functions = {""};
  hello.host = "raw";
  hello.software = "raw peer";
  return hello;
}

}  // namespace fanmill::test
