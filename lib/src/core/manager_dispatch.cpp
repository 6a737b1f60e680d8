// Who gets what: kinds of tasks, profiles of workers and the hand-out.
//
// A task's kind is its function and the family of its payload's encoding; a worker's profile is the
// set of kinds that it takes. There are few of either, so matching costs no look at any single task
// or worker.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/utf8.hpp"
#include "core/manager_state.hpp"
#include "core/plant.hpp"

namespace fanmill::core {
namespace {

constexpr EncodingSet structured = encoding_bit(Encoding::object) | encoding_bit(Encoding::json);

// Of a line for people, who look for a misspelt name in it.
constexpr std::size_t offered_text_max = 400;

// Of a kind's key, by family.
constexpr char family_prefixes[] = {'s', 'r', 'n', 'O', 'J', 'R'};
static_assert(std::size(family_prefixes) == payload_families.size());

std::string kind_key(std::string_view function, PayloadFamily family) {
  std::string key{family_prefixes[static_cast<std::size_t>(family)], ':'};
  key += function;
  return key;
}

/// The function of a kind or of a profile's entry; empty: any.
std::string_view name_of(std::string_view kind_key) { return kind_key.substr(2); }

bool takes(EncodingSet encodings, FeatureSet features, PayloadFamily family) {
  const auto takes_large = [&](Encoding encoding) {
    return (features & feature::parts) != 0 && (encodings & encoding_bit(encoding)) != 0;
  };
  switch (family) {
    case PayloadFamily::structured:
      return (encodings & structured) != 0;
    case PayloadFamily::raw:
      return (encodings & encoding_bit(Encoding::raw)) != 0;
    case PayloadFamily::large_object:
      return takes_large(Encoding::object);
    case PayloadFamily::large_json:
      return takes_large(Encoding::json);
    case PayloadFamily::large_raw:
      return takes_large(Encoding::raw);
    case PayloadFamily::none:
      break;
  }
  return true;
}

/// Of a kind's key.
std::string payloads_in_words(char prefix, std::size_t frame_bytes_max) {
  const std::string large =
      " of more than " + std::to_string(frame_bytes_max) + " bytes (they lack the feature parts";
  switch (prefix) {
    case 'r':
      return "raw payloads";
    case 'R':
      return "raw payloads" + large + ", or take none)";
    case 'O':
      return "objects" + large + ", or take no objects)";
    case 'J':
      return "JSON" + large + ", or take no JSON)";
    default:
      return "structured payloads (objects, JSON)";
  }
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
  const FeatureSet features = hello.features & options.features;
  for (const PayloadFamily family : payload_families)
    key += takes(hello.encodings, features, family) ? 'y' : 'n';
  for (const std::string& function : hello.functions) (key += '\n') += function;
  if (const auto found = profile_of_key.find(key); found != profile_of_key.end()) {
    profiles[found->second].sessions += 1;
    return found->second;
  }

  const std::uint32_t index = profiles.insert(ProfileRecord{.key = key, .sessions = 1});
  ProfileRecord& profile = profiles[index];
  const auto serve = [&](std::string_view function, std::uint16_t number) {
    for (const PayloadFamily family : payload_families) {
      if (!takes(hello.encodings, features, family)) continue;
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
    task.order = order_of(task.id);
    kind.ready.push_back(tasks, index);
  }
  has_one_more(task.kind);
}

/// Of ready tasks, which is in its lists by now.
void ManagerState::has_one_more(std::uint32_t index) {
  KindRecord& kind = kinds[index];
  ready_total += 1;
  if (kind.with_ready.linked()) return;
  if (kind.profiles.empty()) kind.unserved_since = now;
  kinds_with_ready.push_back(kinds, index);
}

/// So many ready tasks less, which are out of its lists by now.
void ManagerState::has_less(std::uint32_t index, std::size_t count) {
  ready_total -= count;
  if (!kinds[index].has_ready()) kinds_with_ready.erase(kinds, index);
}

void ManagerState::unqueue(std::uint32_t index) {
  const TaskRecord& task = tasks[index];
  KindRecord& kind = kinds[task.kind];
  (task.retried ? kind.retried : kind.ready).erase(tasks, index);
  has_less(task.kind, 1);
}

/// Free slots first, then credit beyond them. Each hand-out may bring a task to the front that a
/// free slot can take, so all begins anew.
void ManagerState::dispatch() {
  while (ready_total > 0) {
    const Match next = next_match();
    if (next.session == no_index) return;
    SessionRecord& session = sessions[next.session];
    const bool has_more = session.tasks_max > session.tasks_least;
    if (session.room == SessionRecord::Room::spare && has_more &&
        is_held_up(session, limits::prefetch_patience)) {
      session.tasks_max = session.tasks_least;
      refresh_room(next.session);
      if (session.room != SessionRecord::Room::spare) continue;
    }
    if (next.task != no_index) {
      unqueue(next.task);
      assign(next.task, next.session);
      continue;
    }
    const SessionRecord::Room room = session.room;
    do {
      assign_first(next.lane, next.session);
    } while (is_next_again(next, room));
  }
}

/// Whether `next_match` would find the lane and the session once more that it found last, when that had
/// this room: of most rows it need not be asked again.
bool ManagerState::is_next_again(const Match& last, SessionRecord::Room room) const {
  if (kinds_with_ready.size() != 1) return false;
  const KindRecord& kind = kinds[kinds_with_ready.front()];
  if (!kind.retried.empty() || !kind.ready.empty()) return false;
  if (kind.lanes.size() != 1 || kind.lanes.front() != last.lane) return false;
  const SessionRecord& session = sessions[last.session];
  if (session.room != room) return false;
  const ProfileRecord& profile = profiles[session.profile];
  return (room == SessionRecord::Room::idle ? profile.idle : profile.spare).front() == last.session;
}

ManagerState::Match ManagerState::next_match() const {
  if (idle_total > 0) {
    const Match idle = first_match(SessionRecord::Room::idle);
    if (idle.session != no_index) return idle;
  }
  return first_match(SessionRecord::Room::spare);
}

/// It is at a task that takes longer than those before, so credit that was meant for those is not for
/// it. But where there are thousands, or far away, all answers are long on their way.
bool ManagerState::is_held_up(const SessionRecord& session, Duration patience) const {
  return session.tasks_most > session.tasks_least &&
         now - session.answered >= std::max(patience, 4 * session.lag);
}

/// Among kinds that have a taker, the task that has waited longest.
ManagerState::Match ManagerState::first_match(SessionRecord::Room room) const {
  // Most often. A copy of what was just written in pieces would wait until all before it is written, too.
  if (kinds_with_ready.size() == 1) return match(kinds[kinds_with_ready.front()], room);
  Match first;
  for (std::uint32_t kind = kinds_with_ready.front(); kind != no_index;
       kind = kinds_with_ready.next(kinds, kind)) {
    const Match next = match(kinds[kind], room);
    if (next.session == no_index) continue;
    if (first.session == no_index || next.order < first.order) first = next;
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
    std::size_t waiting = kind.ready.size() + kind.retried.size();
    for (const std::uint32_t lane : kind.lanes) waiting += lanes[lane].tasks.waiting();
    std::string text = counted(waiting, "task");
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
           payloads_in_words(family, options.frame_bytes_max);
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

/// The task is in no queue any more.
void ManagerState::assign(std::uint32_t task_index, std::uint32_t session_index) {
  TaskRecord& task = tasks[task_index];
  GroupRecord& group = groups[task.group];
  SessionRecord& session = sessions[session_index];
  group.begun = true;
  task.state = TaskRecord::State::assigned;
  task.attempts_made += 1;
  const std::uint32_t index = open_attempt(session, task.payload.bytes.size());
  AttemptRecord& attempt = attempts[index];
  if (task.attempts_made > 1) make_extra(attempt).number = task.attempts_made;
  attempt.task = task_index;
  task.attempts.push_back(attempts, index);
  task.live = index;
  hold_new(session_index, index);
  send_attempt(session, attempt, task.kind,
               Task{.attempt = attempt.id,
                    .group = group.id,
                    .time_limit = task.time_limit,
                    .number = task.attempts_made,
                    .item = group.item,
                    .task = task.id,
                    .payload = task.payload});
  observe_task(Observation::Kind::task_assigned, task, &session, &attempt, "", task.payload);
}

/// For the session, which does not hold it yet.
std::uint32_t ManagerState::open_attempt(SessionRecord& session, std::size_t bytes) {
  counters.attempts += 1;
  session.tasks_sent += 1;
  const std::uint32_t index = attempts.insert();
  AttemptRecord& attempt = attempts[index];
  attempt.id = attempt_ids.next();
  attempt.sequence = session.tasks_sent;
  attempt.bytes = static_cast<std::uint32_t>(bytes);
  if (bytes > options.frame_bytes_max) make_extra(attempt).in_parts = true;
  attempt_of_id.insert(attempt.id.value, index);
  return index;
}

void ManagerState::hold_new(std::uint32_t session_index, std::uint32_t index) {
  SessionRecord& session = sessions[session_index];
  // Behind a payload that is still on its way nothing starts.
  hold(session_index, index,
       session.running.size() < session.slots && session.waiting.empty() &&
           (!extra_of(attempts[index]).in_parts || FANMILL_PLANTED(parts_count_as_begun)));
  // Then those that are sent ahead go to another worker, so that what there is is spread.
  if (session.room == SessionRecord::Room::spare && row_is_over(session)) {
    ProfileRecord& mine = profiles[session.profile];
    mine.spare.erase(sessions, session_index);
    mine.spare.push_back(sessions, session_index);
  }
}

/// `task` says what it is about; what depends on the session is put in here.
void ManagerState::send_attempt(SessionRecord& session, AttemptRecord& attempt, std::uint32_t kind,
                                Task&& task) {
  const ProfileRecord& profile = profiles[session.profile];
  const auto serves = std::find_if(profile.serves.begin(), profile.serves.end(),
                                   [&](const auto& one) { return one.kind == kind; });
  FANMILL_ASSERT(serves != profile.serves.end(), kinds[kind].key);
  task.function = serves->function;
  task.acknowledged = session.results_recorded;
  task.in_parts = extra_of(attempt).in_parts;
  if (task.in_parts) session.parts->out.add(attempt.id, std::exchange(task.payload.bytes, {}));
  const Encoding encoding = task.payload.encoding;
  std::optional<Encoding> convert_to;
  if ((encoding == Encoding::object || encoding == Encoding::json) &&
      (session.encodings & encoding_bit(encoding)) == 0) {
    convert_to = encoding == Encoding::object ? Encoding::json : Encoding::object;
  }
  send_task(session, std::move(task), convert_to);
  if (extra_of(attempt).in_parts) push_parts(session);
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
  attempts.prefetch(session.waiting.front());  // will be the next, and the next to be answered
  session.running.push_back(attempts, index);
  attempt.running = true;
  end_recall(attempt);  // too late: it has started
  const Duration limit = time_limit_of(attempt);
  if (limit > Duration::zero() && !FANMILL_PLANTED(time_limit_never)) {
    make_extra(attempt).time_limit =
        timers.add(now + limit + limits::time_limit_slack, {Timer::Kind::time_limit, index});
  }
}

/// 0: none.
Duration ManagerState::time_limit_of(const AttemptRecord& attempt) const {
  if (attempt.lane != no_index) return lanes[attempt.lane].time_limit;
  return attempt.task == no_index ? Duration::zero() : tasks[attempt.task].time_limit;
}

/// A worker with a free slot starts the next task at once.
void ManagerState::fill_running(std::uint32_t index) {
  SessionRecord& session = sessions[index];
  if (session.lost) return;
  while (session.running.size() < session.slots && !session.waiting.empty() &&
         (!extra_of(attempts[session.waiting.front()]).in_parts ||
          FANMILL_PLANTED(parts_count_as_begun)))
    set_running(session.waiting.front());
}

/// A heartbeat says how many of the session's tasks were started.
void ManagerState::start_counted(std::uint32_t index, std::uint32_t started) {
  SessionRecord& session = sessions[index];
  while (!session.waiting.empty() && attempts[session.waiting.front()].sequence <= started) {
    set_running(session.waiting.front());
  }
  fill_running(index);  // what waited behind a payload that it has
  refresh_backlog(index);
}

void ManagerState::refresh_room(std::uint32_t index) {
  SessionRecord& session = sessions[index];
  const bool takes = !session.lost && (!session.suspect || FANMILL_PLANTED(suspect_gets_work)) &&
                     (!session.draining || FANMILL_PLANTED(drained_gets_work));
  if (takes != session.takes_tasks) {
    session.takes_tasks = takes;
    slots_total += takes ? session.slots : 0;
    slots_total -= takes ? 0 : session.slots;
    profiles[session.profile].takers += takes ? 1 : 0;
    profiles[session.profile].takers -= takes ? 0 : 1;
  }
  credit_total -= session.credit_counted;
  session.credit_counted = takes ? session.tasks_max : 0;
  credit_total += session.credit_counted;
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
  if ((bytes_used_up || (room == Room::spare && is_far_ahead(session))) &&
      !FANMILL_PLANTED(bytes_unlimited))
    room = Room::none;
  if (room == session.room) return;
  ProfileRecord& profile = profiles[session.profile];
  if (session.room == Room::idle) {
    profile.idle.erase(sessions, index);
    idle_total -= 1;
  }
  if (session.room == Room::spare) profile.spare.erase(sessions, index);
  if (room == Room::idle) {
    profile.idle.push_back(sessions, index);
    idle_total += 1;
  }
  if (room == Room::spare) profile.spare.push_back(sessions, index);
  session.room = room;
}

/// Large payloads that wait at a worker leave the caches before they are used. What waits there is taken to have
/// its share of the bytes that the worker holds.
bool ManagerState::is_far_ahead(const SessionRecord& session) const {
  if (session.active <= session.slots) return false;
  const std::size_t share = session.same_host
                                ? options.credit_bytes / limits::credit_ahead_share_same_host
                                : options.credit_bytes / limits::credit_ahead_share;
  // Of one of them, times as many as they are.
  const std::size_t ahead = session.active_bytes * (session.active - session.slots);
  std::size_t most = 0;
  const bool is_endless =
      __builtin_mul_overflow(std::max<std::size_t>(share, 1), std::size_t{session.active}, &most);
  return !is_endless && ahead >= most;
}

/// Counts a task that is sent ahead. So many in a row, in one message, are worth little beside what the
/// session may hold; one by one they would cost a message each as soon as there are many workers.
bool ManagerState::row_is_over(SessionRecord& session) const {
  if (session.row.turn != turn) session.row = {.turn = turn, .tasks = 0};
  session.row.tasks += 1;
  const bool batches = (session.features & feature::batch) != 0;
  const std::uint32_t most = std::min(session.tasks_max / limits::row_share, limits::row_max);
  if (batches && session.row.tasks < most) return false;
  session.row.tasks = 0;
  return true;
}

/// By one for each result: so it doubles with each round while tasks are short, and one short task
/// among long ones does not fill a worker's queue. Back at once.
void ManagerState::adapt_credit(SessionRecord& session, Duration busy) {
  if (session.tasks_most == session.tasks_least) return;
  busy = std::max(busy, Duration(1));
  Duration& mean = session.mean_busy;
  mean = mean == Duration::zero() ? busy : std::max(Duration(1), mean + (busy - mean) / 8);
  const Duration worth = session.containment > Containment::process
                             ? limits::prefetch_time_processes
                             : limits::prefetch_time;
  const auto fit = static_cast<std::uint64_t>(worth / mean);
  const std::uint64_t wanted =
      std::clamp<std::uint64_t>(session.slots * (1 + fit), session.tasks_least, session.tasks_most);
  session.tasks_max =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, session.tasks_max + 1));
}

void ManagerState::refresh_backlog(std::uint32_t index) {
  SessionRecord& session = sessions[index];
  const bool has = !session.waiting.empty() && !session.lost;
  if (has == session.with_waiting.linked()) return;
  ProfileRecord& profile = profiles[session.profile];
  if (has) {
    profile.backlog.push_back(sessions, index);
    backlog_total += 1;
  } else {
    profile.backlog.erase(sessions, index);
    backlog_total -= 1;
  }
}

/// One more result is recorded. The next task may carry the word of it: a message for itself wakes
/// four threads. It waits only for a while, and not when the worker is on its way to its limit.
void ManagerState::owe_acknowledgement(std::uint32_t index) {
  SessionRecord& session = sessions[index];
  const bool is_first = session.results_acknowledged == session.results_recorded;
  session.results_recorded += 1;
  if (is_first || !session.owing.linked()) {
    // It may still stand there for those that a task has acknowledged since.
    if (session.owing.linked()) sessions_owing.erase(sessions, index);
    session.owing_until = now + options.acknowledge_wait;
    sessions_owing.push_back(sessions, index);
  }
  const std::uint32_t owed = session.results_recorded - session.results_acknowledged;
  if (owed < unacknowledged_max() / 4 || session.owing_until <= now) return;
  sessions_owing.erase(sessions, index);
  // The first may be overdue.
  session.owing_until = std::min(now, acknowledgement_due().value_or(now));
  sessions_owing.push_front(sessions, index);
}

/// Results that no Task acknowledged on its way are acknowledged by a heartbeat.
void ManagerState::acknowledge_owed() {
  while (!sessions_owing.empty()) {
    const std::uint32_t index = sessions_owing.front();
    SessionRecord& session = sessions[index];
    const bool is_owed = session.results_acknowledged != session.results_recorded;
    if (is_owed && session.owing_until > now) break;
    sessions_owing.erase(sessions, index);
    if (is_owed)
      send(session, Heartbeat{.session = session.id, .acknowledged = session.results_recorded});
  }
}

/// When the next of them is due; after `acknowledge_owed` the first in the list is owed.
std::optional<Instant> ManagerState::acknowledgement_due() const {
  if (sessions_owing.empty()) return std::nullopt;
  return sessions[sessions_owing.front()].owing_until;
}

std::uint32_t ManagerState::unacknowledged_max() const {
  return static_cast<std::uint32_t>(std::min<std::size_t>(
      options.unacknowledged_max, limits::results_held_in(options.frame_bytes_max)));
}

}  // namespace fanmill::core
