// The connection and the session on it: hello, welcome, reconciling what is held, liveness both
// ways.
#include <algorithm>
#include <utility>

#include "core/plant.hpp"
#include "core/worker_state.hpp"

namespace fanmill::core {
namespace {

using namespace std::chrono_literals;

Duration doubled(Duration base, std::uint32_t times, Duration most) {
  for (std::uint32_t i = 0; i < times && base < most; ++i) base *= 2;
  return std::min(base, most);
}

// splitmix64: every bit of the input moves every bit of the output.
std::uint64_t mix(std::uint64_t bits) {
  bits += 0x9e3779b97f4a7c15U;
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
  return bits ^ (bits >> 31U);
}

}  // namespace

void WorkerState::connect(Instant now, WorkerActions& out) {
  out.emplace_back(OpenConnection{});
  greet(now, out);
}

void WorkerState::greet(Instant now, WorkerActions& out) {
  greeting += 1;
  link = Link::greeting;
  slots.for_each([](std::uint32_t, RunningTask& task) { task.told_unstarted = !task.started; });
  if (std::exchange(told_to_wait, false)) heard_at = now;  // from here on it waits by itself again
  hello_at =
      after(now, jittered(doubled(options.hello_repeat, repeats,
                                  std::max(limits::hello_repeat_max, options.hello_repeat))));
  out.emplace_back(WorkerSend{.version = limits::protocol_max,
                              .message = Hello{.resume = session,
                                               .protocol_min = limits::protocol_min,
                                               .protocol_max = limits::protocol_max,
                                               .slots = options.slots,
                                               .containment = options.containment,
                                               .features = options.features,
                                               .encodings = options.encodings,
                                               .uuid = options.uuid,
                                               .boot = options.boot,
                                               .farm = farm,
                                               .pid = options.pid,
                                               .greeting = greeting,
                                               .incarnation = incarnation,
                                               .prefetch = options.prefetch,
                                               .software = options.software,
                                               .host = options.host,
                                               .functions = options.functions,
                                               .labels = options.labels,
                                               .cookie = options.cookie,
                                               .holdings = holdings()}});
}

std::vector<Holding> WorkerState::holdings() const {
  std::vector<Holding> list;
  list.reserve(held_count());
  for (const InOrder* order : {&running, &ahead}) {
    const HoldingState state = order == &running ? HoldingState::running : HoldingState::unstarted;
    order->for_each(slots, [&](std::uint32_t slot) {
      const RunningTask& task = slots[slot];
      // What is on its way back would be answered in no session: not named, it is given to another.
      const bool comes_back = task.asked_back && !task.started && task.fate == Fate::result;
      if (task.fate != Fate::forgotten && !comes_back) list.push_back({task.attempt, state});
    });
  }
  queue.for_each([&](const QueuedTask& queued) {
    list.push_back({queued.task.attempt, HoldingState::unstarted});
  });
  for (std::size_t i = 0; i < results.size(); ++i)
    list.push_back({results[i].result.attempt, HoldingState::result});
  return list;
}

// 20 % more or less, the same in every replay of the same run.
Duration WorkerState::jittered(Duration duration) const {
  const std::uint64_t hash = mix(options.uuid.low ^ mix(options.uuid.high ^ mix(greeting)));
  return duration / 1000 * static_cast<int>(800 + hash % 401);
}

void WorkerState::back_off(Instant now) {
  link = Link::waiting;
  hello_at = after(
      now, jittered(doubled(limits::reconnect_backoff_min, losses, limits::reconnect_backoff_max)));
  losses += 1;
}

// Nothing that was sent in the session counts as sent any more.
void WorkerState::close_session(WorkerActions& out) {
  for (std::size_t i = 0; i < results_sent; ++i) results[i].repeated = true;
  results_sent = 0;
  results_wait = false;
  hello_at.reset();
  drop_outputs(out);
  drop_parts();
}

void WorkerState::lose_session(Instant now, const std::string& why, WorkerActions& out) {
  counters.connections_lost += 1;
  close_session(out);
  link = Link::waiting;
  lost_at = now;
  note(1, why, out);
  const std::optional<Instant> deadline = manager_lost_deadline();
  if (deadline && now >= *deadline) {
    end(ExitStatus::manager_lost, true, "the manager was lost while a task ran", out);
    return;
  }
  reconnect(now, out);
}

// After a session, on a fresh connection. One that lasted is resumed at once, since every
// millisecond of the grace counts. One that did not may end the same way again, as fast as the
// network goes.
void WorkerState::reconnect(Instant now, WorkerActions& out) {
  if (now - opened_at < limits::reconnect_backoff_max) {
    back_off(now);
    return;
  }
  losses = 0;
  connect(now, out);
}

// After a session that the worker closed itself. On the same connection, whose end a manager on
// this host would take for the worker's; but after a pause, if it happens in session after session.
void WorkerState::greet_again(Instant now, WorkerActions& out) {
  if (now - opened_at < limits::reconnect_backoff_max) {
    back_off(now);
    return;
  }
  losses = 0;
  greet(now, out);
}

// What the protocol asks of a welcome, and a manager that is not the one this worker knows; empty
// if all is well.
std::string WorkerState::fault_of(const Welcome& welcome) const {
  if (welcome.version < limits::protocol_min || welcome.version > limits::protocol_max) {
    return "version " + std::to_string(welcome.version) + " is not one that this worker speaks";
  }
  if (farm != 0 && welcome.farm != farm) {
    return "it is of farm " + std::to_string(welcome.farm) + ", not " + std::to_string(farm);
  }
  if (welcome.incarnation < incarnation) {
    return "incarnation " + std::to_string(welcome.incarnation) + " is older than " +
           std::to_string(incarnation) + ", which this worker has seen";
  }
  if ((welcome.features & ~options.features) != 0) return "it wants features that were not offered";
  const bool times_are_sane = welcome.heartbeat >= limits::heartbeat_interval_min &&
                              welcome.heartbeat <= limits::heartbeat_interval_max &&
                              welcome.suspect >= welcome.heartbeat &&
                              welcome.dead >= welcome.suspect;
  if (!times_are_sane) return "its heartbeat, suspect and dead times do not fit";
  if (!welcome.session.valid() || welcome.unacknowledged_max == 0 ||
      welcome.frame_bytes_max < limits::header_bytes_max) {
    return "its session or limits are out of range";
  }
  return {};
}

void WorkerState::on_message(Instant now, Welcome& welcome, WorkerActions& out) {
  if (is_open() && welcome.greeting == greeting && welcome.session != session) {
    // The hello that opened this session was repeated on the way, and has opened another: so the
    // one here is over, and its tasks are queued again. Only a greater hello is heard.
    close_session(out);
    note(1, "the manager has opened another session for the same hello", out);
    greet(now, out);
    return;
  }
  if (link != Link::greeting || welcome.greeting != greeting) {
    ignore_message();
    return;
  }
  if (const std::string fault = fault_of(welcome); !fault.empty()) {
    note(0, "ignored a welcome: " + fault, out);
    ignore_message();
    back_off(now);
    return;
  }
  counters.sessions += 1;
  link = Link::open;
  session = welcome.session;
  farm = welcome.farm;
  incarnation = welcome.incarnation;
  hello_at.reset();
  lost_at.reset();
  repeats = 0;
  opened_at = sent_at = now;
  tasks_taken = newest_started = tasks_passed = acknowledged = 0;
  const std::vector<Judgement> judgements = std::move(welcome.judgements);
  terms = std::move(welcome);
  terms.judgements.clear();
  part_out.set_frame_limit(terms.frame_bytes_max);
  note(1, "welcome, session " + std::to_string(session.value), out);

  if (intent == Intent::finish || intent == Intent::drain) {
    send(now, Goodbye{.session = session, .drain = true, .words = leave_words}, out);
  }
  judge(now, judgements, out);
  if (ended) return;
  send_unsent(now, out);
  // Whoever only waits to be acknowledged asks for it, as `end_if_done` did in the session before.
  if (wait == Wait::acknowledgements && result_count() > 0) send_heartbeat(now, true, out);
}

// What is held now is judged, which may be further on than what hello told: a task may have ended
// meanwhile. What was held and is not named is unknown to the manager.
void WorkerState::judge(Instant now, const std::vector<Judgement>& judgements, WorkerActions& out) {
  std::map<AttemptId, Verdict> verdicts;
  for (const Judgement& judgement : judgements) verdicts[judgement.attempt] = judgement.verdict;
  const auto verdict_on = [&](AttemptId attempt) {
    const auto found = verdicts.find(attempt);
    return found == verdicts.end() ? Verdict::drop : found->second;
  };

  // What ended between hello and welcome is not held any more, but the manager waits for its end.
  for (const auto& [attempt, verdict] : verdicts) {
    const bool held = attempts.find(attempt.value) != no_index || queue.contains(attempt);
    if (FANMILL_PLANTED(late_kill_unanswered)) break;
    if (verdict == Verdict::kill && !held) answer_killed(now, attempt, false, {}, out);
  }

  // Running first: a monitored worker ends here, whatever else there is.
  newest = {};
  slots.for_each([&](std::uint32_t slot, RunningTask& task) {
    task.sequence = 0;
    if (ended || task.fate == Fate::forgotten) return;
    const Verdict verdict = verdict_on(task.attempt);
    if (verdict == Verdict::keep) newest = std::max(newest, task.attempt);
    if (verdict == Verdict::drop) forget_running(slot, out);
    if (verdict != Verdict::kill) return;
    newest = std::max(newest, task.attempt);
    const bool told_started = !task.told_unstarted || FANMILL_PLANTED(ahead_judged_begun);
    if (told_started || (options.features & feature::kill) != 0) {
      kill_running(slot, out);
    } else {
      // The manager was told that it had not started, and waits for no result, also if it has since. Then
      // nothing but its time limit can end it.
      ask_back(slot, out);
      task.fate = Fate::killed;
    }
  });
  if (ended) return;

  queue.erase_if([&](QueuedTask& queued) {
    const Verdict verdict = verdict_on(queued.task.attempt);
    queued.sequence = 0;
    if (verdict == Verdict::keep || FANMILL_PLANTED(dropped_task_run)) return false;
    if (verdict == Verdict::kill) {
      counters.kills += 1;
      answer_killed(now, queued.task.attempt, true, {}, out);
    }
    return true;
  });
  newest = std::max(newest, queue.newest());

  Fifo<KeptResult> kept;
  for (; !results.empty(); results.pop_front()) {
    KeptResult& result = results.front();
    const AttemptId attempt = result.result.attempt;
    const Verdict verdict = verdict_on(attempt);
    if (verdict == Verdict::keep) {
      newest = std::max(newest, attempt);
      kept.push_back(std::move(result));
      continue;
    }
    // It may have been running when the manager decided to kill it: the answer is still owed.
    if (verdict == Verdict::kill) answer_killed(now, attempt, false, result.result.busy, out);
    attempts.erase(attempt.value);
  }
  results = std::move(kept);
}

void WorkerState::on_message(Instant now, Refuse& refuse, WorkerActions& out) {
  // A hello that the manager could not read is refused without its number.
  const bool nameless = refuse.greeting == 0 && !refuse.session.valid() && link == Link::greeting;
  const bool answers_hello = nameless || (refuse.greeting != 0 && refuse.greeting == greeting);
  const bool closes_session = is_open() && refuse.session == session;
  if (!answers_hello && !closes_session) {
    ignore_message();
    return;
  }
  const std::string words = "refused by the manager: " + refuse.words;
  note(0, words, out);
  close_session(out);
  if (refuse.retry == Duration::zero()) {
    link = Link::closed;
    leave(now, words, out);
    return;
  }
  // Not before the time that the manager asked for (20 % less than 5/4 of it), and not all at once
  // after it.
  link = Link::waiting;
  told_to_wait = true;
  hello_at = after(now, jittered(refuse.retry + refuse.retry / 4));
}

// The first Who of a session opens a new greeting. Others that follow were caused by what was on
// its way before that hello: answering them would only make hellos beget hellos. If the hello
// itself is lost, its repetition covers it.
void WorkerState::on_message(Instant now, Who&, WorkerActions& out) {
  if (!is_open()) {
    ignore_message();
    return;
  }
  note(1, "the manager does not know this session", out);
  close_session(out);
  greet(now, out);
}

void WorkerState::on_message(Instant now, Heartbeat& heartbeat, WorkerActions& out) {
  if (!is_open() || heartbeat.session != session) {
    ignore_message();
    return;
  }
  acknowledge(heartbeat.acknowledged, out);
  if (heartbeat.echo) send_heartbeat(now, false, out);
}

// Whatever is said comes after the results of before.
void WorkerState::send(Instant now, Message message, WorkerActions& out) {
  if (results_wait) send_unsent(now, out);
  emit(now, std::move(message), out);
}

void WorkerState::emit(Instant now, Message message, WorkerActions& out) {
  sent_at = now;
  out.emplace_back(WorkerSend{.version = terms.version, .message = std::move(message)});
}

void WorkerState::send_heartbeat(Instant now, bool echo, WorkerActions& out) {
  // A manager that has been quiet for long is asked for a word before it is judged.
  const bool asks = echo || now - heard_at >= terms.suspect;
  send(now, Heartbeat{.session = session, .started = tasks_passed, .echo = asks}, out);
}

std::optional<Instant> WorkerState::silence_deadline() const {
  // Also of a worker that sends no heartbeats itself: the manager does. A connection that mends by
  // itself while the manager restarts shows nothing else.
  if (!is_open()) return std::nullopt;
  return after(heard_at, terms.dead);
}

std::optional<Instant> WorkerState::heartbeat_deadline() const {
  if (!is_open() || !has_feature(feature::heartbeat)) return std::nullopt;
  return after(sent_at, terms.heartbeat);
}

std::optional<Instant> WorkerState::give_up_deadline() const {
  // Whoever was told to come back later does so once, however long that is.
  if (!seeks_session() || told_to_wait || intent == Intent::leave) return std::nullopt;
  // A manager to which there is a connection lives, but its host may be too busy for an answer. A fresh
  // one that takes a former's place has until the next to come about.
  const Duration patience = is_connected || was_connected
                                ? std::max(options.give_up_after, limits::give_up_after)
                                : options.give_up_after;
  const Instant deadline = after(heard_at, patience);
  if (deadline == Instant::max()) return std::nullopt;
  return deadline;
}

std::optional<Instant> WorkerState::manager_lost_deadline() const {
  // A worker that leaves anyway says so by its exit status.
  const bool judges = options.monitored && intent != Intent::leave;
  if (!judges || !seeks_session() || !lost_at || running_count() == 0) return std::nullopt;
  return after(*lost_at, options.manager_lost_after);
}

}  // namespace fanmill::core
