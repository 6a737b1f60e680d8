#include "plain_process.hpp"

#include "oracle.hpp"

namespace fanmill::sim {
namespace {

// Hellos in a row without an answer, then it gives up.
constexpr std::uint32_t silences_max = 30;

}  // namespace

void PlainProcess::start() { greet(); }

void PlainProcess::greet() {
  if (!link()) open_link();
  core::Hello hello = hello_of(plan_, identity_);
  greeting_ += 1;
  hello.greeting = greeting_;
  hello.incarnation = incarnation_;
  welcome_ = false;
  heard_ = around_.now();
  send(hello, limits::protocol_max);
  ask_wake(around_.now() + limits::hello_repeat);
}

void PlainProcess::receive(const Wire& wire) {
  if (computing_) {
    unread_.push_back(wire);
    return;
  }
  take(wire);
}

void PlainProcess::take(const Wire& wire) {
  Result<codec::Decoded> decoded = read(wire);
  if (!decoded.ok()) return;
  heard_ = around_.now();
  silences_ = 0;
  std::visit([this](const auto& message) { on(message); }, decoded.value().message);
}

void PlainProcess::on(const core::Welcome& welcome) {
  if (welcome.greeting != greeting_) return;
  welcome_ = true;
  session_ = welcome.session;
  frame_bytes_max_ = welcome.frame_bytes_max;
  incarnation_ = welcome.incarnation;
  silence_max_ = welcome.dead;
  ask_wake(around_.now() + silence_max_);
}

void PlainProcess::on(const core::Refuse& refuse) {
  if (refuse.retry <= Duration{} && refuse.greeting == greeting_) {
    end(false, true);
    return;
  }
  welcome_ = false;
  ask_wake(around_.now() + limits::hello_repeat);
}

void PlainProcess::on(const core::Who&) { greet(); }

void PlainProcess::on(const core::Task& task) {
  const std::optional<Work> work = work_of(task.payload);
  FANMILL_ASSERT(work.has_value(), "a task arrives with another payload", task.attempt);
  around_.tally.add(Count::task_started);
  around_.oracle.plain_task_started(task.attempt);
  around_.trace.note(around_.now(), "worker ", identity_.worker, " starts ", task.attempt);
  computing_ = task;
  work_ = *work;
  tasks_count_ += 1;
  const Duration length =
      work_.behaviour == Work::Behaviour::hangs ? hang_length : work_.duration();
  around_.agenda.add(around_.now() + length, Event::Kind::executor_ended, identity_.worker,
                     (std::uint64_t{identity_.life} << 48U) | tasks_count_);
}

void PlainProcess::executor_ended(std::uint64_t detail) {
  if (!computing_ || tasks_count_ != static_cast<std::uint32_t>(detail)) return;
  const core::Task task = *std::exchange(computing_, std::nullopt);
  std::optional<core::Result> result = result_of(task, work_);
  if (!result) {
    // It has no executor: what kills the function kills the worker.
    around_.tally.add(Count::poison);
    die();
    return;
  }
  if (!link()) open_link();
  cut_to_frame(*result, frame_bytes_max_);
  send(*result, limits::protocol_max);
  if (leaving_) {
    leave();
    return;
  }
  while (!computing_ && !unread_.empty() && !ended()) {
    const Wire wire = std::move(unread_.front());
    unread_.pop_front();
    take(wire);
  }
  if (!ended()) ask_wake(around_.now() + silence_max_);
}

void PlainProcess::on(const core::Kill& kill) {
  // In the order of arrival: the task that this names has been answered, or never came.
  if (kill.attempt.valid()) send(core::Killed{.attempt = kill.attempt}, limits::protocol_max);
}

void PlainProcess::on(const core::Heartbeat& heartbeat) {
  if (heartbeat.echo)
    send(core::Heartbeat{.session = session_, .started = tasks_count_}, limits::protocol_max);
}

void PlainProcess::on(const core::Goodbye& goodbye) {
  if (goodbye.session != session_) return;
  leave();
}

void PlainProcess::leave() {
  if (link() && welcome_)
    send(core::Goodbye{.session = session_, .detail = 5}, limits::protocol_max);
  end(false, true);
}

void PlainProcess::stop_requested(bool drain) {
  if (computing_ && drain) {
    leaving_ = true;
    return;
  }
  leave();
}

void PlainProcess::due() {
  if (computing_) return;  // it is not there to look at the clock
  const Duration patience = welcome_ ? silence_max_ : limits::hello_repeat;
  if (around_.now() >= heard_ + patience) {
    silences_ += 1;
    if (silences_ > silences_max) {
      end(false, true);
      return;
    }
    open_link();
    greet();
    return;
  }
  ask_wake(heard_ + patience);
}

std::string PlainProcess::leftovers() const {
  return computing_ && !ended() ? "it still computes" : "";
}

}  // namespace fanmill::sim
