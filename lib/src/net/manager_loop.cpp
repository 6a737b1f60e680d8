#include "net/manager_loop.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fanmill/error.hpp>
#include <iterator>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

#include "base/wakeup.hpp"
#include "net/clock.hpp"
#include "net/poll.hpp"
#include "net/switchboard.hpp"

namespace fanmill::net {
namespace {

using namespace std::chrono_literals;

// An idle loop turns this often: what it forgot to plan for can't wait longer.
constexpr Duration idle_turn = 500ms;
// After a stall libzmq's own threads have to catch up as well: the socket counts as drained when
// nothing came for so long, or after so long altogether.
constexpr Duration stall_quiet = 20ms;
constexpr Duration stall_drain_max = 1s;
constexpr Duration destructor_linger = 1s;
// Who did not get in is told of in sums: a flood of connections is no flood of words.
constexpr Duration turned_back_interval = 10s;

}  // namespace

class ManagerLoop::Impl {
 public:
  Impl(ManagerLoopOptions options, std::unique_ptr<Router> router, std::vector<std::string> bound)
      : endpoints(std::move(bound)),
        deliver_(std::move(options.deliver)),
        core_(options.core),
        switchboard_(std::move(router),
                     {.frame_bytes_max = options.core.frame_bytes_max, .gate = options.gate}),
        take_([this](core::ManagerEvent event) { take(std::move(event)); }) {}

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void post(std::vector<core::ManagerEvent> events);
  void call(const std::function<void()>& body);
  void recheck();
  void stop(Duration linger);

  const core::Manager& core() const { return core_; }
  const Switchboard& switchboard() const { return switchboard_; }

  const std::vector<std::string> endpoints;

 private:
  struct Call {
    const std::function<void()>* body;
    bool done = false;
  };

  void run();
  void turn();
  void wait();
  bool poll_until(Instant limit);
  void take(core::ManagerEvent event);
  void receive();
  void drain_after_stall();
  void take_posted();
  void answer_calls();
  void tell_turned_back();
  void carry_out();
  void perform(core::ManagerAction action);
  void plan();
  [[nodiscard]] std::optional<Duration> stop_linger();
  void leave(Duration linger);

  const std::function<void(core::ManagerActions&&)> deliver_;
  core::Manager core_;
  Switchboard switchboard_;
  Wakeup wakeup_;

  // The loop's own.
  const Switchboard::EventSink take_;
  core::ManagerActions actions_;
  core::ManagerActions deliveries_;
  Instant now_{};
  Instant planned_{};  // when the coming turn is to begin at the latest
  bool socket_empty_ = true;
  bool recheck_due_ = false;
  std::uint64_t broken_off_told_ = 0;
  std::uint64_t keys_refused_told_ = 0;
  Instant turned_back_due_{};  // nobody is told of before
  std::atomic<std::thread::id> loop_thread_{};

  std::mutex mutex_;  // for all below
  std::condition_variable call_done_;
  std::vector<core::ManagerEvent> posted_;
  std::vector<Call*> calls_;
  std::optional<Duration> stop_linger_;  // set: leave
  bool gate_changed_ = false;
  bool left_ = false;  // the loop's own state is everybody's to read now

  std::mutex join_mutex_;
  std::thread thread_;
};

void ManagerLoop::Impl::post(std::vector<core::ManagerEvent> events) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    if (stop_linger_) return;
    was_empty = posted_.empty();
    std::move(events.begin(), events.end(), std::back_inserter(posted_));
  }
  if (was_empty) wakeup_.signal();
}

void ManagerLoop::Impl::call(const std::function<void()>& body) {
  std::unique_lock lock(mutex_);
  if (left_ || loop_thread_ == std::this_thread::get_id()) {
    lock.unlock();
    body();
    return;
  }
  Call mine{&body};
  calls_.push_back(&mine);
  wakeup_.signal();
  call_done_.wait(lock, [&] { return mine.done; });
}

void ManagerLoop::Impl::recheck() {
  {
    const std::lock_guard lock(mutex_);
    gate_changed_ = true;
  }
  wakeup_.signal();
}

void ManagerLoop::Impl::answer_calls() {
  std::unique_lock lock(mutex_);
  if (calls_.empty()) return;
  const std::vector<Call*> waiting = std::exchange(calls_, {});
  lock.unlock();  // a body may post
  for (const Call* each : waiting) (*each->body)();
  lock.lock();
  for (Call* each : waiting) each->done = true;
  call_done_.notify_all();
}

void ManagerLoop::Impl::stop(Duration linger) {
  FANMILL_ASSERT(loop_thread_ != std::this_thread::get_id(), "stop() from within deliver");
  {
    const std::lock_guard lock(mutex_);
    if (!stop_linger_) stop_linger_ = linger;
  }
  wakeup_.signal();
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

std::optional<Duration> ManagerLoop::Impl::stop_linger() {
  const std::lock_guard lock(mutex_);
  return stop_linger_;
}

void ManagerLoop::Impl::run() {
  loop_thread_ = std::this_thread::get_id();
  now_ = planned_ = steady_now();
  for (;;) {
    turn();
    const auto linger = stop_linger();
    if (!linger) continue;
    leave(*linger);
    break;
  }
  {
    const std::lock_guard lock(mutex_);
    left_ = true;
  }
  answer_calls();
}

void ManagerLoop::Impl::turn() {
  wait();
  now_ = steady_now();
  const Duration late = now_ - planned_;
  receive();
  if (late > limits::stall_noticed) drain_after_stall();
  take_posted();
  core_.tick(now_, actions_);
  tell_turned_back();
  carry_out();
  // Only now: a hello of this turn that the former keys let pass has its session.
  if (std::exchange(recheck_due_, false)) {
    switchboard_.recheck(take_);
    carry_out();
  }
  answer_calls();
  plan();
}

void ManagerLoop::Impl::wait() {
  // Under load there is always more to do: no system call, what is posted is taken all the same.
  if (planned_ > steady_now()) poll_until(planned_);
}

// Whether the socket has something.
bool ManagerLoop::Impl::poll_until(Instant limit) {
  Router& router = switchboard_.router();
  std::array<zmq_pollitem_t, 3> items = {{{router.handle(), 0, ZMQ_POLLIN, 0},
                                          {router.monitor().handle(), 0, ZMQ_POLLIN, 0},
                                          {nullptr, wakeup_.fd(), ZMQ_POLLIN, 0}}};
  poll(items, limit - steady_now());
  if (items[2].revents != 0) wakeup_.clear();
  return items[0].revents != 0;
}

void ManagerLoop::Impl::take(core::ManagerEvent event) {
  const std::size_t before = actions_.size();
  core_.step(now_, std::move(event), actions_);
  // The next message of this turn may come from a peer that the core has just done with.
  for (std::size_t i = before; i < actions_.size(); ++i) {
    if (const auto* forget = std::get_if<core::ForgetPeer>(&actions_[i])) {
      switchboard_.renumber(forget->peer);
    }
  }
}

void ManagerLoop::Impl::receive() {
  switchboard_.begin_turn(now_, take_);
  socket_empty_ = switchboard_.receive(limits::events_per_turn_max, take_);
  switchboard_.settle(now_, socket_empty_, take_);
}

// Whoever has spoken meanwhile must be heard before anybody is judged by silence.
void ManagerLoop::Impl::drain_after_stall() {
  switchboard_.counters().stalls += 1;
  const Instant end = now_ + stall_drain_max;
  do {
    while (!socket_empty_ && steady_now() < end) receive();
    if (!poll_until(std::min(end, steady_now() + stall_quiet))) break;
    receive();
  } while (steady_now() < end);
  now_ = steady_now();
  take_(core::LoopStalled{now_ - planned_});
}

void ManagerLoop::Impl::take_posted() {
  std::vector<core::ManagerEvent> events;
  {
    const std::lock_guard lock(mutex_);
    events.swap(posted_);
    recheck_due_ = std::exchange(gate_changed_, false);
  }
  for (core::ManagerEvent& event : events) take_(std::move(event));
}

void ManagerLoop::Impl::tell_turned_back() {
  const LoopCounters& counters = switchboard_.counters();
  const std::uint64_t broken_off = counters.handshake_failures - broken_off_told_;
  const std::uint64_t refused = counters.keys_refused - keys_refused_told_;
  if (broken_off + refused == 0 || now_ < turned_back_due_) return;
  turned_back_due_ = now_ + turned_back_interval;
  broken_off_told_ = counters.handshake_failures;
  keys_refused_told_ = counters.keys_refused;
  if (core_.options().observe_level < 1) return;
  deliveries_.push_back(core::Observation{
      .kind = core::Observation::Kind::warning,
      .text = "connections that did not get in: " + std::to_string(broken_off) +
              " ended in the handshake, " + std::to_string(refused) +
              " showed a key that is not authorised (" +
              std::to_string(counters.handshake_failures + counters.keys_refused) + " in all)"});
}

void ManagerLoop::Impl::carry_out() {
  for (core::ManagerAction& action : actions_) perform(std::move(action));
  actions_.clear();
  for (std::string& text : switchboard_.take_warnings()) {
    deliveries_.push_back(core::Observation{
        .kind = core::Observation::Kind::warning, .level = 0, .text = std::move(text)});
  }
  if (deliveries_.empty()) return;
  core::ManagerActions batch = std::exchange(deliveries_, {});
  if (deliver_) deliver_(std::move(batch));
}

void ManagerLoop::Impl::perform(core::ManagerAction action) {
  if (auto* send = std::get_if<core::Send>(&action)) {
    switchboard_.send(std::move(*send));
  } else if (const auto* forget = std::get_if<core::ForgetPeer>(&action)) {
    switchboard_.forget(forget->peer);
  } else {
    deliveries_.push_back(std::move(action));
  }
}

void ManagerLoop::Impl::plan() {
  Instant next = now_ + idle_turn;
  if (const auto deadline = core_.next_deadline()) next = std::min(next, *deadline);
  if (const auto deadline = switchboard_.next_deadline()) next = std::min(next, *deadline);
  if (!socket_empty_) next = now_;
  planned_ = std::max(next, now_);
}

void ManagerLoop::Impl::leave(Duration linger) {
  now_ = steady_now();
  const Instant end = now_ + linger;
  take_posted();
  take_(core::ShutdownRequested{});
  core_.tick(now_, actions_);
  carry_out();
  // What did not fit into a peer's queue goes first.
  while (switchboard_.has_unsent() && now_ < end) {
    poll_until(std::min(end, now_ + 1ms));
    now_ = steady_now();
    receive();
    carry_out();
  }
  switchboard_.router().close(std::max(Duration::zero(), end - steady_now()));
}

ManagerLoop::ManagerLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ManagerLoop::~ManagerLoop() { stop(destructor_linger); }

Result<std::unique_ptr<ManagerLoop>> ManagerLoop::start(ManagerLoopOptions options) {
  if (options.endpoints.empty()) {
    return Error{ErrorCode::bad_endpoint,
                 "a manager needs an endpoint to listen on, such as tcp://127.0.0.1:*"};
  }
  Result<std::unique_ptr<Router>> router =
      Router::open({.frame_bytes_max = options.core.frame_bytes_max,
                    .gate = options.gate,
                    .secret_key = options.secret_key});
  if (!router.ok()) return router.error();
  if (options.secret_key != nullptr) {
    const Status shut = router.value()->prove_gate(limits::gate_proof_max);
    if (!shut.ok()) return shut.error();
  }
  std::vector<std::string> bound;
  for (const std::string& text : options.endpoints) {
    const Result<Endpoint> endpoint = parse_endpoint(text, Endpoint::Use::listen);
    if (!endpoint.ok()) return endpoint.error();
    Result<std::string> address = router.value()->bind(endpoint.value());
    if (!address.ok()) return address.error();
    bound.push_back(std::move(address).value());
  }
  try {
    auto impl =
        std::make_unique<Impl>(std::move(options), std::move(router).value(), std::move(bound));
    impl->start();
    return std::unique_ptr<ManagerLoop>(new ManagerLoop(std::move(impl)));  // private constructor
  } catch (const FarmError& error) {
    return Error{error.code(), error.what()};
  } catch (const std::system_error& error) {
    return Error{ErrorCode::io_error, std::string("can't start a thread for the manager: ") +
                                          error.what() + "; raise the limit (ulimit -u)"};
  }
}

void ManagerLoop::post(std::vector<core::ManagerEvent> events) { impl_->post(std::move(events)); }

const std::vector<std::string>& ManagerLoop::endpoints() const { return impl_->endpoints; }

void ManagerLoop::query(const std::function<void(const core::Manager&)>& ask) {
  impl_->call([&] { ask(impl_->core()); });
}

LoopCounters ManagerLoop::counters() {
  LoopCounters counters;
  impl_->call([&] { counters = impl_->switchboard().snapshot(); });
  return counters;
}

void ManagerLoop::recheck() { impl_->recheck(); }

void ManagerLoop::stop(Duration linger) { impl_->stop(linger); }

}  // namespace fanmill::net
