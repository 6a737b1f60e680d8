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
#include <span>
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
// While no job is open, what workers say is that they are there. It is read so often: each sign of life
// of thousands would cost a wake-up of its own.
constexpr Duration idle_pause = 5ms;
// After a stall libzmq's own threads have to catch up as well: the socket counts as drained when
// nothing came for so long, or after so long altogether.
constexpr Duration stall_quiet = 20ms;
constexpr Duration stall_drain_max = 1s;
constexpr Duration destructor_linger = 1s;
// What is posted and answered on the poster's thread.
constexpr std::size_t helped_events_max = 16;
// Who did not get in is told of in sums: a flood of connections is no flood of words.
constexpr Duration turned_back_interval = 10s;

// A turn's list leaves its memory to the next: thousands of records of 300 bytes are much for an
// allocator. But not that of a flood.
template <typename Each>
void empty(std::vector<Each>& list) {
  list.clear();
  if (list.capacity() > core::handed_over_kept_max) list.shrink_to_fit();
}

}  // namespace

class ManagerLoop::Impl {
 public:
  Impl(ManagerLoopOptions options, std::unique_ptr<Router> router, std::vector<std::string> bound)
      : endpoints(std::move(bound)),
        deliver_(std::move(options.deliver)),
        delivered_(std::move(options.delivered)),
        spin_(options.spin),
        core_(options.core),
        switchboard_(std::move(router),
                     {.frame_bytes_max = options.core.frame_bytes_max, .gate = options.gate}),
        take_([this](core::ManagerEvent&& event) { take(std::move(event)); }) {}

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void post(core::PostedEvents& events, Poster poster);
  void call(const std::function<void()>& body);
  void recheck();
  void stop(Duration linger);

  const core::Manager& core() const { return core_; }
  std::size_t credit() const { return credit_.load(std::memory_order_relaxed); }
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
  void sleep();
  bool poll_until(Instant limit);
  [[nodiscard]] bool has_input();
  [[nodiscard]] bool falls_asleep();
  bool takes_turn() noexcept;
  void take(core::ManagerEvent&& event);
  void receive();
  void drain_after_stall();
  void take_posted();
  void answer_calls();
  void tell_turned_back();
  void carry_out();
  void tell_delivered();
  bool perform(core::ManagerAction& action);
  void plan();
  [[nodiscard]] std::optional<Duration> stop_linger();
  void leave(Duration linger);

  const std::function<void(core::ManagerActions&&)> deliver_;
  const std::function<void()> delivered_;
  const Duration spin_;
  core::Manager core_;
  Switchboard switchboard_;
  Wakeup wakeup_;

  // Held by the loop but for its sleep: whoever has it meanwhile may make a turn in its place.
  std::mutex turn_mutex_;
  // Of whoever has that mutex.
  const Switchboard::EventSink take_;
  core::ManagerActions actions_;
  core::PostedEvents taken_;  // from posted_
  Instant now_{};
  Instant planned_{};       // when the coming turn is to begin at the latest
  Instant sleeps_until_{};  // what was planned when the loop fell asleep
  bool socket_empty_ = true;
  Instant heard_{};          // when the socket had something last
  bool is_pausing_ = false;  // the loop does not listen to the socket for a while
  // What has nothing to tell, by its descriptor, and need not be asked.
  bool socket_silent_ = false;
  bool monitor_silent_ = false;
  bool recheck_due_ = false;
  bool is_delivered_told_ = true;
  bool spins_ = false;  // there was something to do: more may come
  std::uint64_t broken_off_told_ = 0;
  std::uint64_t keys_refused_told_ = 0;
  Instant turned_back_due_{};                   // nobody is told of before
  std::atomic<std::thread::id> turn_thread_{};  // whose turn it is; the loop's, if nobody's
  std::atomic<std::size_t> credit_ = 0;         // as the core had it last

  std::mutex mutex_;  // for all below
  std::condition_variable call_done_;
  core::PostedEvents posted_;
  std::vector<Call*> calls_;
  std::optional<Duration> stop_linger_;  // set: leave
  bool gate_changed_ = false;
  bool asleep_ = false;  // or about to be, and whoever posts has to wake it
  bool left_ = false;    // the loop's own state is everybody's to read now

  std::mutex join_mutex_;
  std::thread thread_;
};

void ManagerLoop::Impl::post(core::PostedEvents& events, Poster poster) {
  const bool is_within = turn_thread_ == std::this_thread::get_id();  // from within `deliver`
  // Much to do is done beside the poster.
  const bool helps = poster == Poster::waits && !is_within && events.size() <= helped_events_max;
  bool is_asleep = false;
  {
    const std::lock_guard lock(mutex_);
    if (!stop_linger_) posted_.append(events);
    events.clear();
    if (stop_linger_) return;
    is_asleep = asleep_;
  }
  // A loop that is awake looks by itself before it sleeps, and so does whoever is in its place.
  if (!is_asleep || is_within || (helps && takes_turn())) return;
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(asleep_, false)) return;
  }
  wakeup_.signal();
}

/// On the thread of whoever posted, while the loop sleeps. False if the loop has to wake up all the
/// same.
bool ManagerLoop::Impl::takes_turn() noexcept {
  const std::unique_lock turn(turn_mutex_, std::try_to_lock);
  if (!turn) return false;
  // At a deadline the sockets are drained first, and whoever stalled notices: that is the loop's. So is
  // what a pause has kept it from hearing.
  const Instant now = steady_now();
  if (now >= planned_ || is_pausing_) return false;
  {
    const std::lock_guard lock(mutex_);
    if (stop_linger_) return false;
  }
  const std::thread::id loop_thread = turn_thread_.exchange(std::this_thread::get_id());
  now_ = now;
  take_posted();
  core_.tick(now_, actions_);
  carry_out();
  plan();
  tell_delivered();
  turn_thread_ = loop_thread;
  // The descriptor that the loop sleeps on may be silent now about what came meanwhile.
  if (has_input() || planned_ < sleeps_until_) return false;
  const std::lock_guard lock(mutex_);
  return posted_.empty();
}

void ManagerLoop::Impl::call(const std::function<void()>& body) {
  std::unique_lock lock(mutex_);
  if (left_ || turn_thread_ == std::this_thread::get_id()) {
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
  FANMILL_ASSERT(turn_thread_ != std::this_thread::get_id(), "stop() from within deliver");
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
  turn_mutex_.lock();
  turn_thread_ = std::this_thread::get_id();
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
    turn_thread_ = std::thread::id{};  // a later thread may be given the same
  }
  answer_calls();
  turn_mutex_.unlock();
}

void ManagerLoop::Impl::turn() {
  wait();
  now_ = steady_now();
  const Duration late = now_ - planned_;
  receive();
  if (late > limits::stall_noticed) drain_after_stall();
  take_posted();
  core_.tick(now_, actions_);
  // Before anything is delivered: whoever is told of a worker may look at it.
  credit_.store(core_.credit_count(), std::memory_order_relaxed);
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
  socket_silent_ = monitor_silent_ = false;
  const Instant now = steady_now();
  is_pausing_ = now < heard_ + idle_pause && core_.job_count() == 0;
  const bool is_idle = planned_ > now && !has_input();
  if (is_idle && falls_asleep()) {
    sleep();
    return;
  }
  is_pausing_ = false;
  tell_delivered();
  if (is_idle) socket_silent_ = monitor_silent_ = false;  // nobody has asked the descriptors
}

// From here on whoever posts wakes it up. Not if somebody has posted.
bool ManagerLoop::Impl::falls_asleep() {
  const std::lock_guard lock(mutex_);
  asleep_ = posted_.empty();
  return asleep_;
}

void ManagerLoop::Impl::sleep() {
  SocketWatch& socket = switchboard_.router().watch();
  SocketWatch& monitor = switchboard_.router().monitor().watch();
  // A descriptor of -1 is passed over.
  std::array<pollfd, 3> items = {{{is_pausing_ ? -1 : socket.fd(), POLLIN, 0},
                                  {monitor.fd(), POLLIN, 0},
                                  {wakeup_.fd(), POLLIN, 0}}};
  sleeps_until_ = is_pausing_ ? std::min(planned_, heard_ + idle_pause) : planned_;
  const bool has_delivered = !std::exchange(is_delivered_told_, true) && delivered_;
  turn_mutex_.unlock();
  if (has_delivered) delivered_();
  const Duration limit = sleeps_until_ - steady_now();
  spins_ = spin_and_poll(items, limit, spins_ ? spin_ : Duration::zero());
  turn_mutex_.lock();
  {
    const std::lock_guard lock(mutex_);
    asleep_ = false;
  }
  if (items[2].revents != 0) wakeup_.clear();
  // Whoever had the turn meanwhile may have seen what the descriptor does not tell.
  socket_silent_ = !is_pausing_ && items[0].revents == 0 && socket.is_quiet();
  monitor_silent_ = items[1].revents == 0 && monitor.is_quiet();
  is_pausing_ = false;
}

// Notes which of the two has none. In a pause the socket is not asked.
bool ManagerLoop::Impl::has_input() {
  socket_silent_ = is_pausing_ || !switchboard_.router().watch().has_input();
  monitor_silent_ = !switchboard_.router().monitor().watch().has_input();
  return !socket_silent_ || !monitor_silent_;
}

// Whether the socket has something. Nobody wakes it up.
bool ManagerLoop::Impl::poll_until(Instant limit) {
  if (has_input()) return !socket_silent_;
  Router& router = switchboard_.router();
  std::array<pollfd, 2> items = {
      {{router.watch().fd(), POLLIN, 0}, {router.monitor().watch().fd(), POLLIN, 0}}};
  poll_descriptors(items, limit - steady_now());
  socket_silent_ = items[0].revents == 0;
  monitor_silent_ = items[1].revents == 0;
  return !socket_silent_;
}

void ManagerLoop::Impl::take(core::ManagerEvent&& event) {
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
  switchboard_.begin_turn(now_, take_, monitor_silent_);
  const std::uint64_t before = switchboard_.counters().messages_in;
  socket_empty_ = socket_silent_ || switchboard_.receive(limits::events_per_turn_max, take_);
  if (switchboard_.counters().messages_in != before) heard_ = now_;
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
  {
    const std::lock_guard lock(mutex_);
    taken_.append(posted_);
    recheck_due_ = std::exchange(gate_changed_, false) || recheck_due_;
  }
  const auto foresee = [](const core::GroupSubmitted& group) {
    if (!group.tasks.empty()) group.tasks.front().payload.bytes.prefetch();
  };
  taken_.take_all([this](core::GroupSubmitted&& group) { take(std::move(group)); },
                  [this](core::ManagerEvent&& event) { take(std::move(event)); }, foresee,
                  core::handed_over_kept_max);
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
  actions_.emplace_back(core::Observation{
      .kind = core::Observation::Kind::warning,
      .text = "connections that did not get in: " + std::to_string(broken_off) +
              " ended in the handshake, " + std::to_string(refused) +
              " showed a key that is not authorised (" +
              std::to_string(counters.handshake_failures + counters.keys_refused) + " in all)"});
}

// What is to be delivered stays in the core's list, which is handed over as it is: messages mostly stand
// behind it there, so nothing has to move.
void ManagerLoop::Impl::carry_out() {
  auto kept = actions_.begin();
  for (core::ManagerAction& action : actions_) {
    if (perform(action)) continue;
    if (&*kept != &action) *kept = std::move(action);
    ++kept;
  }
  actions_.erase(kept, actions_.end());
  for (std::string& text : switchboard_.take_warnings()) {
    actions_.emplace_back(core::Observation{
        .kind = core::Observation::Kind::warning, .level = 0, .text = std::move(text)});
  }
  if (actions_.empty()) return empty(actions_);
  core::ManagerActions batch = std::exchange(actions_, {});
  if (deliver_) deliver_(std::move(batch));
  empty(batch);  // it is another's by now, most often, and has its memory
  actions_ = std::move(batch);
  is_delivered_told_ = false;
}

void ManagerLoop::Impl::tell_delivered() {
  if (!std::exchange(is_delivered_told_, true) && delivered_) delivered_();
}

// False if it is another's.
bool ManagerLoop::Impl::perform(core::ManagerAction& action) {
  if (auto* send = std::get_if<core::Send>(&action)) {
    switchboard_.send(std::move(*send));
    return true;
  }
  const auto* forget = std::get_if<core::ForgetPeer>(&action);
  if (forget != nullptr) switchboard_.forget(forget->peer);
  return forget != nullptr;
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
  tell_delivered();
  // What did not fit into a peer's queue goes first.
  while (switchboard_.has_unsent() && now_ < end) {
    poll_until(std::min(end, now_ + 1ms));
    now_ = steady_now();
    receive();
    carry_out();
    tell_delivered();
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

void ManagerLoop::post(std::vector<core::ManagerEvent> events, Poster poster) {
  core::PostedEvents list;
  for (core::ManagerEvent& event : events) list.push_back(std::move(event));
  impl_->post(list, poster);
}

void ManagerLoop::post_all(core::PostedEvents& events, Poster poster) {
  impl_->post(events, poster);
}

const std::vector<std::string>& ManagerLoop::endpoints() const { return impl_->endpoints; }

void ManagerLoop::query(const std::function<void(const core::Manager&)>& ask) {
  impl_->call([&] { ask(impl_->core()); });
}

LoopCounters ManagerLoop::counters() {
  LoopCounters counters;
  impl_->call([&] { counters = impl_->switchboard().snapshot(); });
  return counters;
}

std::size_t ManagerLoop::credit() const { return impl_->credit(); }

void ManagerLoop::recheck() { impl_->recheck(); }

void ManagerLoop::stop(Duration linger) { impl_->stop(linger); }

}  // namespace fanmill::net
