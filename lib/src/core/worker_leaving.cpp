// Leaving: drains, goodbyes and the end.
#include "core/worker_state.hpp"

namespace fanmill::core {

void WorkerState::on(Instant now, StopRequested& fact, WorkerActions& out) {
  if (intent == Intent::leave) return;
  if (!fact.drain) {
    if (link == Link::fresh) link = Link::closed;
    leave(now, "stopped", out);
    return;
  }
  if (intent == Intent::drain) return;
  if (link == Link::fresh) link = Link::closed;
  intent = Intent::drain;
  leave_words = "drained";
  // Nothing to say if this very step ends with the goodbye.
  const bool stays = running_count() > 0 || result_count() > 0;
  if (is_open() && stays) {
    send(now, Goodbye{.session = session, .drain = true, .words = leave_words}, out);
  }
}

void WorkerState::on_message(Instant now, Goodbye& goodbye, WorkerActions& out) {
  if (!is_open() || goodbye.session != session) {
    ignore_message();
    return;
  }
  const std::string words =
      goodbye.words.empty() ? "the manager said goodbye" : "the manager said: " + goodbye.words;
  if (goodbye.drain && !goodbye.closed) {
    if (intent != Intent::stay) return;
    intent = Intent::finish;
    leave_words = words;
    return;
  }
  // The session is over, and with it everything that it would have acknowledged.
  close_session(out);
  link = Link::closed;
  leave(now, words, out);
}

void WorkerState::leave(Instant now, std::string words, WorkerActions& out) {
  if (intent == Intent::leave) return;
  intent = Intent::leave;
  leave_words = std::move(words);
  slots.for_each([&](std::uint32_t slot, const RunningTask& task) {
    const Fate fate = task.fate == Fate::result ? Fate::given_back : task.fate;
    if (!task.stopped) stop_running(slot, fate, StopTask::Reason::leaving, out);
  });
  await(after(now, options.leave_grace), running_count() > 0 ? Wait::executors : Wait::nothing);
}

// Whether tasks still have to run before this worker may go.
bool WorkerState::has_work() const {
  if (intent == Intent::leave) return false;
  if (intent == Intent::finish && !queue.empty() && running.size() < options.slots) return true;
  bool works = false;
  slots.for_each(
      [&](std::uint32_t, const RunningTask& task) { works |= task.fate == Fate::result; });
  return works;
}

void WorkerState::await(Instant until, Wait what) {
  wait = what;
  wait_until = until;
}

void WorkerState::end_if_done(Instant now, WorkerActions& out) {
  if (intent == Intent::stay) return;
  if (has_work()) {
    wait = Wait::nothing;
    return;
  }
  if (running_count() > 0) {
    // They were told to stop. A function may be deaf, so even this has a limit.
    if (wait != Wait::executors) await(after(now, options.leave_grace), Wait::executors);
    return;
  }
  if (result_count() == 0 || !(is_open() || seeks_session())) {
    say_goodbye_and_end(now, false, leave_words, out);
    return;
  }
  if (wait == Wait::acknowledgements) return;
  const bool hurries = intent == Intent::leave;
  await(after(now, hurries ? options.leave_grace : terms.dead), Wait::acknowledgements);
  if (is_open()) send_heartbeat(now, true, out);
}

void WorkerState::pass_wait(Instant now, WorkerActions& out) {
  const bool runs = running_count() > 0;
  const std::string left =
      runs ? std::to_string(running_count()) + " tasks did not stop when told to"
           : std::to_string(result_count()) + " results were not acknowledged";
  say_goodbye_and_end(now, runs, leave_words + "; " + left, out);
}

void WorkerState::say_goodbye_and_end(Instant now, bool at_once, std::string words,
                                      WorkerActions& out) {
  constexpr ExitStatus status = ExitStatus::do_not_restart;
  if (is_open()) {
    send(now,
         Goodbye{.session = session, .detail = static_cast<std::uint32_t>(status), .words = words},
         out);
  }
  end(status, at_once, std::move(words), out);
}

void WorkerState::end(ExitStatus status, bool at_once, std::string words, WorkerActions& out) {
  if (results_wait) send_unsent(sent_at, out);  // no heartbeat will be due any more
  ended = true;
  out.emplace_back(EndWorker{.status = status, .at_once = at_once, .words = std::move(words)});
}

std::optional<Instant> WorkerState::wait_deadline() const {
  if (wait == Wait::nothing) return std::nullopt;
  return wait_until;
}

}  // namespace fanmill::core
