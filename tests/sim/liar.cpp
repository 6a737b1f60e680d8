#include "liar.hpp"

#include <algorithm>

#include "oracle.hpp"

namespace fanmill::sim {

void Liar::start() {
  open_link();
  greet(false);
  ask_wake(around_.now() + pause());
}

Duration Liar::pause() { return rng_.duration(beat_ / 20, beat_); }

void Liar::greet(bool lie) {
  around_.oracle.distrust(identity_);
  if (!link()) open_link();
  core::Hello hello = hello_of(plan_, identity_);
  greeting_ += 1;
  hello.greeting = lie && rng_.percent(30) ? rng_.between(1, greeting_) : greeting_;
  hello.resume = session_;
  hello.incarnation = incarnation_;
  if (lie) {
    for (std::uint32_t i = rng_.below(4); i > 0; --i) {
      const auto state = static_cast<core::HoldingState>(rng_.between(1, 3));
      hello.holdings.push_back({some_attempt(), state});
    }
  }
  send(hello, limits::protocol_max);
}

void Liar::receive(const Wire& wire) {
  Result<codec::Decoded> decoded = read(wire);
  if (!decoded.ok()) return;
  std::visit([this](const auto& message) { on(message); }, decoded.value().message);
}

void Liar::connection_lost() {
  close_link(false);
  greet(rng_.percent(30));
}

void Liar::stop_requested(bool) { end(false, false); }

void Liar::on(const core::Welcome& welcome) {
  session_ = welcome.session;
  incarnation_ = welcome.incarnation;
  beat_ = welcome.heartbeat;
  held_.clear();
  parts_.clear();
  frame_bytes_max_ = welcome.frame_bytes_max;
}

void Liar::on(const core::Task& task) { held_.push_back(task); }

void Liar::on(const core::Tasks& tasks) {
  held_.insert(held_.end(), tasks.tasks.begin(), tasks.tasks.end());
}

void Liar::on(const core::Kill& kill) {
  // "Yes, it is dead": though it goes on, and answers later.
  if (rng_.percent(60))
    send(core::Killed{.attempt = kill.attempt, .unstarted = rng_.percent(30)},
         limits::protocol_max);
}

void Liar::on(const core::Part& part) {
  std::string& text = parts_[part.attempt];
  if (part.offset == text.size()) text += part.bytes.view();
  for (core::Task& task : held_)
    if (task.attempt == part.attempt && text.size() == part.total) task.payload.bytes = Bytes(text);
  // Now and then it tells of more than there was, or of less.
  const std::uint64_t end = part.offset + part.bytes.size();
  const std::uint64_t told = rng_.percent(90) ? end : rng_.between(0, 70000);
  send(core::PartTaken{.attempt = part.attempt, .offset = told}, limits::protocol_max);
}

void Liar::on(const core::Goodbye& goodbye) {
  if (goodbye.closed) end(false, true);
}

void Liar::due() {
  if (ended()) return;
  act();
  if (!ended()) ask_wake(around_.now() + pause());
}

void Liar::act() {
  if (!link() || !session_.valid()) {
    greet(false);
    return;
  }
  const std::uint32_t dice = rng_.below(100);
  if (dice < 35) {
    send(core::Heartbeat{.session = session_, .started = static_cast<std::uint32_t>(held_.size())},
         limits::protocol_max);
  } else if (dice < 60) {
    if (held_.empty()) return;
    const std::size_t which = rng_.below(static_cast<std::uint32_t>(held_.size()));
    const core::Task task = held_[which];
    if (rng_.percent(80)) held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(which));
    answer(task);
  } else if (dice < 62) {
    open_link();
    greet(rng_.percent(50));
  } else if (dice < 85) {
    around_.tally.add(Count::lie_told);
    tell_lie();
  }
}

void Liar::answer(const core::Task& task) {
  const std::optional<Work> work = work_of(task.payload);
  core::Result result{.attempt = task.attempt};
  if (work) {
    if (std::optional<core::Result> honest = result_of(task, *work)) {
      result = *honest;
    } else {
      result.outcome = core::AttemptOutcome::crashed;
      result.detail = 11;
    }
  } else {
    result.outcome = core::AttemptOutcome::rejected;  // its payload never came whole
  }
  cut_to_frame(result, frame_bytes_max_);
  told_.push_back(result);
  send(result, limits::protocol_max);
}

/// An attempt of this incarnation, most likely somebody else's.
AttemptId Liar::some_attempt() {
  const std::uint64_t serials = std::max<std::uint64_t>(1, around_.oracle.attempts_made());
  return AttemptId{(std::uint64_t{incarnation_ != 0 ? incarnation_ : 1} << serial_bits) + 1 +
                   rng_.next() % serials};
}

void Liar::tell_lie() {
  const SessionId other{session_.value + rng_.below(5) - 2};
  if ((plan_.features & core::feature::output) != 0 && rng_.percent(10)) {
    lie_about_output();
    return;
  }
  if ((plan_.features & core::feature::parts) != 0 && rng_.percent(10)) {
    lie_about_parts();
    return;
  }
  switch (rng_.below(12)) {
    case 0:  // a result that it was never asked for
    case 1: {
      if (around_.oracle.attempts_made() == 0) return;  // not one that it may be given later
      const AttemptId attempt = some_attempt();
      for (const core::Task& task : held_)
        if (task.attempt == attempt) return;
      core::Result result{.attempt = attempt, .payload = lie_of(Work{})};
      if (around_.oracle.was_given(identity_, attempt))
        return;  // for its own, wrong answers are not promised against
      send(result, limits::protocol_max);
      return;
    }
    case 2:
      if (!told_.empty())
        send(told_[rng_.below(static_cast<std::uint32_t>(told_.size()))], limits::protocol_max);
      return;
    case 3:
      send(core::Killed{.attempt = some_attempt(), .unstarted = rng_.percent(50)},
           limits::protocol_max);
      return;
    case 4:
      send(core::Heartbeat{.session = other, .started = 1U << 31U}, limits::protocol_max);
      return;
    case 5:
      send(core::Heartbeat{.session = session_, .started = 4000000000U}, limits::protocol_max);
      return;
    case 6:
      greet(true);
      return;
    case 7:
      send_garbage();
      return;
    case 8:
      send(core::Unknown{.kind = 77, .id = session_.value}, limits::protocol_max);
      return;
    case 9: {
      if (other == session_) return;
      send(core::Goodbye{.session = other, .drain = rng_.percent(50)}, limits::protocol_max);
      return;
    }
    case 10:
      send(core::Kill{.attempt = some_attempt()}, limits::protocol_max);
      return;
    default:
      send(core::Welcome{.session = other,
                         .farm = 7,
                         .incarnation = 1,
                         .greeting = 1,
                         .heartbeat = beat_,
                         .suspect = 3 * beat_,
                         .dead = 9 * beat_,
                         .frame_bytes_max = 1U << 20U,
                         .unacknowledged_max = 10},
           limits::protocol_max);
  }
}

/// Of a task that it was given it leaves the beginning out. Of another's, which it may have claimed to
/// run, it tells that.
void Liar::lie_about_output() {
  const bool own = !held_.empty() && rng_.percent(50);
  if (!own && around_.oracle.attempts_made() == 0) return;  // not one that it may be given later
  const AttemptId attempt = own ? held_.front().attempt : some_attempt();
  if (!own && around_.oracle.was_given(identity_, attempt)) return;
  around_.oracle.distrust(identity_);  // a manager may have started since the hello
  send(core::Output{.attempt = attempt,
                    .offset = own ? 1 + rng_.next() % (2 * limits::output_window_bytes) : 0,
                    .bytes = Bytes("a lie")},
       limits::protocol_max);
}

/// A result whose payload never came, or parts that leave something out; of its own tasks or others'.
void Liar::lie_about_parts() {
  const bool own = !held_.empty() && rng_.percent(70);
  if (!own && around_.oracle.attempts_made() == 0) return;
  const AttemptId attempt = own ? held_.front().attempt : some_attempt();
  if (!own && around_.oracle.was_given(identity_, attempt)) return;
  around_.oracle.distrust(identity_);
  if (rng_.percent(50)) {
    send(core::Part{.attempt = attempt,
                    .offset = own ? rng_.between(0, 2) * 100 : 0,
                    .total = 5000,
                    .bytes = Bytes(std::string(100, 'l'))},
         limits::protocol_max);
    if (rng_.percent(50)) return;
  }
  send(core::Result{.attempt = attempt,
                    .payload = {.bytes = {}, .encoding = Encoding::raw},
                    .in_parts = true},
       limits::protocol_max);
}

void Liar::send_garbage() {
  Wire wire = around_.writer.write(
      core::Heartbeat{.session = session_.valid() ? session_ : SessionId{1}}, limits::protocol_max);
  const std::uint32_t position = rng_.below(static_cast<std::uint32_t>(wire.header.size()));
  wire.header[position] = static_cast<char>(rng_.below(256));
  if (rng_.percent(50)) wire.header.resize(position);
  around_.network.send_to_manager(*link(), std::move(wire));
}

}  // namespace fanmill::sim
