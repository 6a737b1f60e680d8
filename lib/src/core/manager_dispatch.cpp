// Who gets what: kinds of tasks, profiles of workers and the hand-out.
//
// A task's kind is its function and the family of its payload's encoding; a worker's profile is the
// set of kinds that it takes. There are few of either, so matching costs no look at any single task
// or worker.
#include <algorithm>

#include "base/utf8.hpp"
#include "core/manager_state.hpp"
#include "core/plant.hpp"

namespace fanmill::core {
namespace {

constexpr EncodingSet structured = encoding_bit(Encoding::object) | encoding_bit(Encoding::json);

// Of a line for people, who look for a misspelt name in it.
constexpr std::size_t offered_text_max = 400;

constexpr char raw_prefix = 'r';  // of a kind's key

std::string kind_key(std::string_view function, PayloadFamily family) {
  constexpr char prefixes[] = {'s', raw_prefix, 'n'};
  std::string key{prefixes[static_cast<std::size_t>(family)], ':'};
  key += function;
  return key;
}

/// The function of a kind or of a profile's entry; empty: any.
std::string_view name_of(std::string_view kind_key) { return kind_key.substr(2); }

bool takes(EncodingSet encodings, PayloadFamily family) {
  switch (family) {
    case PayloadFamily::structured:
      return (encodings & structured) != 0;
    case PayloadFamily::raw:
      return (encodings & encoding_bit(Encoding::raw)) != 0;
    case PayloadFamily::none:
      break;
  }
  return true;
}

}  // namespace

std::uint32_t ManagerState::use_kind(std::string_view function, PayloadFamily family) {
  std::string key = kind_key(function, family);
  const auto found = kind_of_key.find(key);
  std::uint32_t index = no_index;
  if (found != kind_of_key.end()) {
    index = found->second;
  } else {
    index = kinds.insert(KindRecord{.key = key});
    kind_of_key.emplace(std::move(key), index);
  }
  kinds[index].users += 1;
  return index;
}

void ManagerState::release_kind(std::uint32_t index) {
  KindRecord& kind = kinds[index];
  kind.users -= 1;
  if (kind.users > 0) return;
  FANMILL_ASSERT(!kind.has_ready() && kind.profiles.empty(), kind.key);
  kind_of_key.erase(kind.key);
  kinds.erase(index);
}

std::uint32_t ManagerState::use_profile(const Hello& hello) {
  std::string key;
  for (const PayloadFamily family : payload_families)
    key += takes(hello.encodings, family) ? 'y' : 'n';
  for (const std::string& function : hello.functions) (key += '\n') += function;
  if (const auto found = profile_of_key.find(key); found != profile_of_key.end()) {
    profiles[found->second].sessions += 1;
    return found->second;
  }

  const std::uint32_t index = profiles.insert(ProfileRecord{.key = key, .sessions = 1});
  ProfileRecord& profile = profiles[index];
  const auto serve = [&](std::string_view function, std::uint16_t number) {
    for (const PayloadFamily family : payload_families) {
      if (!takes(hello.encodings, family)) continue;
      const std::uint32_t kind = use_kind(function, family);
      profile.serves.push_back({kind, number});
      kinds[kind].profiles.push_back(index);
      kinds[kind].told_unserved = false;
    }
  };
  // A task without a function name goes to any worker's first function.
  serve("", 0);
  for (std::size_t number = 0; number < hello.functions.size(); ++number) {
    if (!hello.functions[number].empty())
      serve(hello.functions[number], static_cast<std::uint16_t>(number));
  }
  profile_of_key.emplace(std::move(key), index);
  return index;
}

void ManagerState::release_profile(std::uint32_t index) {
  ProfileRecord& profile = profiles[index];
  profile.sessions -= 1;
  if (profile.sessions > 0) return;
  for (const ProfileRecord::Serves& serves : profile.serves) {
    KindRecord& kind = kinds[serves.kind];
    std::erase(kind.profiles, index);
    if (kind.profiles.empty()) kind.unserved_since = now;
    release_kind(serves.kind);
  }
  profile_of_key.erase(profile.key);
  profiles.erase(index);
}

void ManagerState::make_ready(std::uint32_t index, bool front) {
  TaskRecord& task = tasks[index];
  KindRecord& kind = kinds[task.kind];
  task.state = TaskRecord::State::ready;
  task.retried = task.history != nullptr;
  if (task.retried) {
    kind.retried.push_back(tasks, index);  // its order is that of its first time
  } else if (front) {
    task.order = --order_front;
    kind.ready.push_front(tasks, index);
  } else {
    task.order = ++order_back;
    kind.ready.push_back(tasks, index);
  }
  ready_total += 1;
  if (kind.with_ready.linked) return;
  if (kind.profiles.empty()) kind.unserved_since = now;
  kinds_with_ready.push_back(kinds, task.kind);
}

void ManagerState::unqueue(std::uint32_t index) {
  const TaskRecord& task = tasks[index];
  KindRecord& kind = kinds[task.kind];
  (task.retried ? kind.retried : kind.ready).erase(tasks, index);
  ready_total -= 1;
  if (!kind.has_ready()) kinds_with_ready.erase(kinds, task.kind);
}

/// Free slots first, then credit beyond them. Each hand-out may bring a task to the front that a
/// free slot can take, so all begins anew.
void ManagerState::dispatch() {
  while (ready_total > 0) {
    Match next = first_match(SessionRecord::Room::idle);
    if (next.session == no_index) next = first_match(SessionRecord::Room::spare);
    if (next.session == no_index) return;
    SessionRecord& session = sessions[next.session];
    const bool has_more = session.tasks_max > session.tasks_least;
    if (session.room == SessionRecord::Room::spare && has_more &&
        is_held_up(session, limits::prefetch_patience)) {
      session.tasks_max = session.tasks_least;
      refresh_room(next.session);
      if (session.room != SessionRecord::Room::spare) continue;
    }
    assign(next.task, next.session);
  }
}

/// It is at a task that takes longer than those before, so credit that was meant for those is not for
/// it.
bool ManagerState::is_held_up(const SessionRecord& session, Duration patience) const {
  return session.tasks_most > session.tasks_least && now - session.answered >= patience;
}

/// Among kinds that have a taker, the task that has waited longest.
ManagerState::Match ManagerState::first_match(SessionRecord::Room room) const {
  Match first;
  for (std::uint32_t kind = kinds_with_ready.front(); kind != no_index;
       kind = kinds_with_ready.next(kinds, kind)) {
    const Match next = match(kinds[kind], room);
    if (next.session == no_index) continue;
    const bool longer = first.task == no_index || tasks[next.task].order < tasks[first.task].order;
    if (longer) first = next;
  }
  return first;
}

/// Whether siblings of the task may decide its group. Such a task only goes to a free slot:
/// prefetched, it could wait behind a task that ends only when its own group, or that of a task
/// which waits elsewhere, is decided.
bool ManagerState::races(const TaskRecord& task) const {
  const GroupRecord& group = groups[task.group];
  return group.policy.kind != Policy::Kind::all && group.members.size() > 1;
}

/// Tasks that none of the workers takes wait in silence: a misspelt function, most often. Told once
/// for each kind, and not at once, because workers of several sorts may be joining.
void ManagerState::tell_unserved() {
  if (!observes(1)) return;
  for (std::uint32_t index = kinds_with_ready.front(); index != no_index;
       index = kinds_with_ready.next(kinds, index)) {
    KindRecord& kind = kinds[index];
    if (!kind.profiles.empty() || kind.told_unserved) continue;
    if (now - kind.unserved_since < options.heartbeat) continue;
    kind.told_unserved = true;
    std::string text = counted(kind.ready.size() + kind.retried.size(), "task");
    const std::string_view name = name_of(kind.key);
    if (!name.empty()) (text += " for the function ") += name;
    out->push_back(Observation{.kind = Observation::Kind::function_missing,
                               .level = 0,
                               .text = text + "; " + what_is_offered(kind.key.front())});
  }
}

/// In words: the functions that the workers which are here offer for one family of payloads.
std::string ManagerState::what_is_offered(char family) const {
  std::string names;
  bool any = false;
  for (const auto& [key, index] : kind_of_key) {
    if (kinds[index].profiles.empty() || key.front() != family) continue;
    any = true;
    if (name_of(key).empty()) continue;
    (names += names.empty() ? "" : ", ") += name_of(key);
    if (names.size() <= offered_text_max) continue;
    names = std::string(cut_utf8(names, offered_text_max)) + "...";
    break;
  }
  if (!any) {
    return std::string("the workers that are here take no ") +
           (family == raw_prefix ? "raw payloads" : "structured payloads (objects, JSON)");
  }
  if (names.empty()) return "the workers that are here have no names for their functions";
  return "the workers that are here offer " + names;
}

/// `but`: not the session of this worker.
std::uint32_t ManagerState::session_with_room(const KindRecord& kind, SessionRecord::Room room,
                                              const Uuid& but) const {
  for (const std::uint32_t index : kind.profiles) {
    const ProfileRecord& profile = profiles[index];
    const auto& list = room == SessionRecord::Room::idle ? profile.idle : profile.spare;
    std::uint32_t session = list.front();
    // A worker has one session at most, so what follows is another's.
    if (session != no_index && sessions[session].worker == but)
      session = list.next(sessions, session);
    if (session != no_index) return session;
  }
  return no_index;
}

void ManagerState::assign(std::uint32_t task_index, std::uint32_t session_index) {
  TaskRecord& task = tasks[task_index];
  SessionRecord& session = sessions[session_index];
  const ProfileRecord& profile = profiles[session.profile];
  const auto serves =
      std::find_if(profile.serves.begin(), profile.serves.end(),
                   [&](const ProfileRecord::Serves& one) { return one.kind == task.kind; });
  FANMILL_ASSERT(serves != profile.serves.end(), kinds[task.kind].key);

  unqueue(task_index);
  groups[task.group].begun = true;
  task.state = TaskRecord::State::assigned;
  task.attempts_made += 1;
  counters.attempts += 1;
  session.tasks_sent += 1;
  const std::uint32_t index = attempts.insert(
      AttemptRecord{.id = attempt_ids.next(),
                    .task = task_index,
                    .worker = session.worker,
                    .sequence = session.tasks_sent,
                    .number = task.attempts_made,
                    .bytes = static_cast<std::uint32_t>(task.payload.bytes.size())});
  AttemptRecord& attempt = attempts[index];
  attempt_of_id.insert(attempt.id.value, index);
  task.attempts.push_back(attempts, index);
  task.live = index;
  hold(session_index, index, session.running.size() < session.slots);
  // The next of those that are sent ahead goes to another worker, so that what there is is spread.
  if (session.room == SessionRecord::Room::spare) {
    ProfileRecord& mine = profiles[session.profile];
    mine.spare.erase(sessions, session_index);
    mine.spare.push_back(sessions, session_index);
  }

  std::optional<Encoding> convert_to;
  const Encoding encoding = task.payload.encoding;
  if ((encoding == Encoding::object || encoding == Encoding::json) &&
      (session.encodings & encoding_bit(encoding)) == 0) {
    convert_to = encoding == Encoding::object ? Encoding::json : Encoding::object;
  }
  send_task(session,
            Task{.attempt = attempt.id,
                 .group = groups[task.group].id,
                 .function = serves->function,
                 .acknowledged = session.results_recorded,
                 .time_limit = task.time_limit,
                 .number = attempt.number,
                 .item = groups[task.group].item,
                 .task = task.id,
                 .payload = task.payload},
            convert_to);
  observe_task(Observation::Kind::task_assigned, task, &session, &attempt, "", task.payload);
}

/// The session holds the attempt from now on, last in the running or in the waiting list.
void ManagerState::hold(std::uint32_t session_index, std::uint32_t index, bool running) {
  SessionRecord& session = sessions[session_index];
  AttemptRecord& attempt = attempts[index];
  attempt.session = session_index;
  attempt.counted = true;
  if (session.active == 0) session.answered = now;
  session.active += 1;
  session.active_bytes += attempt.bytes;
  session.waiting.push_back(attempts, index);
  if (running) set_running(index);
  refresh_room(session_index);
  refresh_backlog(session_index);
}

void ManagerState::set_running(std::uint32_t index) {
  AttemptRecord& attempt = attempts[index];
  SessionRecord& session = sessions[attempt.session];
  session.waiting.erase(attempts, index);
  session.running.push_back(attempts, index);
  attempt.running = true;
  end_recall(attempt);  // too late: it has started
  if (attempt.task == no_index) return;
  const Duration limit = tasks[attempt.task].time_limit;
  if (limit > Duration::zero() && !FANMILL_PLANTED(time_limit_never)) {
    attempt.time_limit =
        timers.add(now + limit + limits::time_limit_slack, {Timer::Kind::time_limit, index});
  }
}

/// A worker with a free slot starts the next task at once.
void ManagerState::fill_running(std::uint32_t index) {
  SessionRecord& session = sessions[index];
  if (session.lost) return;
  while (session.running.size() < session.slots && !session.waiting.empty())
    set_running(session.waiting.front());
}

/// A heartbeat says how many of the session's tasks were started.
void ManagerState::start_counted(std::uint32_t index, std::uint32_t started) {
  SessionRecord& session = sessions[index];
  while (!session.waiting.empty() && attempts[session.waiting.front()].sequence <= started) {
    set_running(session.waiting.front());
  }
  refresh_backlog(index);
}

void ManagerState::refresh_room(std::uint32_t index) {
  SessionRecord& session = sessions[index];
  ProfileRecord& profile = profiles[session.profile];
  const bool takes = !session.lost && (!session.suspect || FANMILL_PLANTED(suspect_gets_work)) &&
                     (!session.draining || FANMILL_PLANTED(drained_gets_work));
  if (takes != session.takes_tasks) {
    session.takes_tasks = takes;
    slots_total += takes ? session.slots : 0;
    slots_total -= takes ? 0 : session.slots;
    profile.takers += takes ? 1 : 0;
    profile.takers -= takes ? 0 : 1;
  }
  using Room = SessionRecord::Room;
  Room room = Room::none;
  // All that a worker holds must fit in its hello, however many slots it has.
  if (takes && session.active < std::min(session.slots, session.tasks_max)) {
    room = Room::idle;
  } else if (takes &&
             session.active < session.tasks_max + (FANMILL_PLANTED(credit_one_more) ? 1 : 0)) {
    room = Room::spare;
  }
  // A payload may be larger than the whole credit: it is sent to a worker that holds nothing else.
  const bool bytes_used_up = session.active > 0 && session.active_bytes >= options.credit_bytes;
  if (bytes_used_up && !FANMILL_PLANTED(bytes_unlimited)) room = Room::none;
  if (room == session.room) return;
  if (session.room == Room::idle) profile.idle.erase(sessions, index);
  if (session.room == Room::spare) profile.spare.erase(sessions, index);
  if (room == Room::idle) profile.idle.push_back(sessions, index);
  if (room == Room::spare) profile.spare.push_back(sessions, index);
  session.room = room;
}

/// By one for each result: so it doubles with each round while tasks are short, and one short task
/// among long ones does not fill a worker's queue. Back at once.
void ManagerState::adapt_credit(SessionRecord& session, Duration busy) {
  if (session.tasks_most == session.tasks_least) return;
  busy = std::max(busy, Duration(1));
  Duration& mean = session.mean_busy;
  mean = mean == Duration::zero() ? busy : std::max(Duration(1), mean + (busy - mean) / 8);
  const auto fit = static_cast<std::uint64_t>(limits::prefetch_time / mean);
  const std::uint64_t wanted =
      std::clamp<std::uint64_t>(session.slots * (1 + fit), session.tasks_least, session.tasks_most);
  session.tasks_max =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, session.tasks_max + 1));
}

void ManagerState::refresh_backlog(std::uint32_t index) {
  SessionRecord& session = sessions[index];
  ProfileRecord& profile = profiles[session.profile];
  const bool has = !session.waiting.empty() && !session.lost;
  if (has == session.with_waiting.linked) return;
  if (has) {
    profile.backlog.push_back(sessions, index);
    backlog_total += 1;
  } else {
    profile.backlog.erase(sessions, index);
    backlog_total -= 1;
  }
}

/// Results that no Task acknowledged on its way are acknowledged by a heartbeat.
void ManagerState::acknowledge_owed() {
  while (!sessions_owing.empty()) {
    const std::uint32_t index = sessions_owing.front();
    sessions_owing.erase(sessions, index);
    SessionRecord& session = sessions[index];
    if (session.results_acknowledged == session.results_recorded) continue;
    send(session, Heartbeat{.session = session.id, .acknowledged = session.results_recorded});
  }
}

}  // namespace fanmill::core
