#include "core/manager_invariants.hpp"

#include <algorithm>
#include <sstream>

#include "core/manager_state.hpp"

namespace fanmill::core {
namespace {

class Check {
 public:
  explicit Check(const ManagerState& checked) : state(checked) {}

  void all() {
    state.attempts.for_each([&](std::uint32_t i, const AttemptRecord& a) { attempt(i, a); });
    state.tasks.for_each([&](std::uint32_t i, const TaskRecord& t) { task(i, t); });
    state.groups.for_each([&](std::uint32_t i, const GroupRecord& g) { group(i, g); });
    state.jobs.for_each([&](std::uint32_t i, const JobRecord& j) { job(i, j); });
    state.lanes.for_each([&](std::uint32_t i, const LaneRecord& l) { lane(i, l); });
    state.sessions.for_each([&](std::uint32_t i, const SessionRecord& s) { session(i, s); });
    state.kinds.for_each([&](std::uint32_t, const KindRecord& k) { kind(k); });
    state.profiles.for_each([&](std::uint32_t i, const ProfileRecord& p) { profile(i, p); });
    totals();
  }

  const ManagerState& state;
  std::vector<std::string> broken;

 private:
  template <typename... Words>
  void must(bool holds, const Words&... words) {
    if (holds) return;
    std::ostringstream text;
    ((text << words << ' '), ...);
    broken.push_back(text.str());
  }

  void attempt(std::uint32_t index, const AttemptRecord& a) {
    must(state.attempt_of_id.find(a.id.value) == index, a.id, "is not found by its id");
    must(a.session != no_index || a.task != no_index, a.id, "belongs to nobody");
    if (a.lane != no_index) lone(index, a);
    must(a.in_session.linked() == (a.session != no_index), a.id,
         "is held by no list, or by one too many");
    must(a.of_task.linked() == (a.task != no_index), a.id, "and its task do not agree");
    must(a.killing == !a.has_task(), a.id,
         "is being killed for a task that still wants it, or not killed");
    must(!a.recalled || (a.session != no_index && !a.running && !a.killing), a.id,
         "is recalled, but has started");
    must(!a.counted || a.session != no_index, a.id, "counts against nobody's credit");
    must(a.counted || a.killing || a.session == no_index, a.id, "is held, but free of credit");
    const AttemptExtra& extra = state.extra_of(a);
    must(!extra.in_parts || a.session != no_index, a.id, "gets its payload in no session");
    must(!a.recalled || extra.asked_back, a.id, "is recalled, and nobody asked");
    must(extra.output_taken <= extra.output_received &&
             extra.output_received <= extra.output_taken + limits::output_window_bytes,
         a.id, "has more output under way than fits in the window");
    must(a.session == no_index || state.sessions.contains(a.session), a.id,
         "is held by a session that is gone");
    must(a.session != no_index || a.extra != no_index, a.id, "is nobody's orphan");
  }

  /// Nothing has happened to it but that it was given to a worker.
  void lone(std::uint32_t index, const AttemptRecord& a) {
    const AttemptExtra& extra = state.extra_of(a);
    must(a.task == no_index, a.id, "is of a task that has a record and has none");
    must(a.session != no_index && !extra.in_parts && !extra.blamed && extra.number == 1 &&
             extra.output_received == 0,
         a.id, "is out of the ordinary, and its task has no record");
    must(state.lanes.contains(a.lane), a.id, "is of a lane that is gone");
    const LaneTasks& tasks = state.lanes[a.lane].tasks;
    must(tasks[a.number].attempt == index && !tasks.is_waiting(a.number), a.id,
         "and its lane do not agree");
    must(a.bytes == tasks[a.number].bytes.size(), a.id, "counts other bytes than its task has");
  }

  void task(std::uint32_t index, const TaskRecord& t) {
    using State = TaskRecord::State;
    must(state.groups.contains(t.group), t.id, "has no group");
    must(t.member.linked(), t.id, "is no member of its group");
    must((t.state == State::assigned) == (t.live != no_index), t.id,
         "is assigned to nobody, or queued and assigned");
    must(t.queued.linked() == (t.state != State::assigned), t.id,
         "is queued and assigned, or neither");
    if (t.live != no_index)
      must(state.attempts[t.live].task == index, t.id, "has a live attempt of another task");
    if (t.live != no_index)
      must(state.attempts[t.live].session != no_index, t.id, "waits for an orphan");
    t.attempts.for_each(state.attempts, [&](std::uint32_t a) {
      must(state.attempts[a].task == index, t.id, "lists an attempt of another task");
    });
  }

  void group(std::uint32_t index, const GroupRecord& g) {
    must(state.group_of_id.find(g.id.value) == index, g.id, "is not found by its id");
    std::uint32_t released = 0;
    g.members.for_each(state.tasks, [&](std::uint32_t t) {
      must(state.tasks[t].group == index, g.id, "lists a task of another group");
      released += state.tasks[t].state == TaskRecord::State::waiting ? 0 : 1;
    });
    must(released == g.released, g.id, "counts", g.released, "released tasks, has", released);
    must(g.members.size() == released + g.waiting.size(), g.id,
         "has tasks that neither wait nor run");
    const bool client = g.policy.kind == Policy::Kind::client;
    must(client || !g.members.empty(), g.id, "has run out of tasks and is still open");
    must(client || g.released > 0, g.id, "waits for a stage that nobody will release");
  }

  void job(std::uint32_t index, const JobRecord& j) {
    must(state.job_of_id.find(j.id.value) == index, j.id, "is not found by its id");
    must(!j.closed || j.has_groups(), j.id, "is over and still open");
    std::size_t groups = 0;
    for (const std::uint32_t lane : j.lanes) {
      if (lane == no_index) continue;
      must(state.lanes[lane].job == index, j.id, "has another job's lane");
      groups += state.lanes[lane].tasks.waiting() + state.lanes[lane].tasks.at_workers();
    }
    must(groups == j.unrecorded, j.id, "counts", j.unrecorded, "groups in its lanes, has", groups);
  }

  void lane(std::uint32_t index, const LaneRecord& l) {
    std::size_t waiting = 0;
    std::size_t at_workers = 0;
    GroupId before;
    l.tasks.for_each([&](LaneTasks::Number number, const LoneTask& task) {
      must(before < task.group, task.group, "is out of order");
      must(state.group_of_id.find(task.group.value) == no_index, task.group,
           "stands in a lane and has a record");
      must(l.tasks.find(task.group) == number, task.group, "is not found by its id");
      before = task.group;
      const bool waits = task.attempt == no_index;
      must(waits == l.tasks.is_waiting(number), task.group, "waits behind one that does not");
      (waits ? waiting : at_workers) += 1;
      if (waits) return;
      must(state.attempts.contains(task.attempt) && state.attempts[task.attempt].lane == index &&
               state.attempts[task.attempt].number == number,
           task.group, "and its attempt do not agree");
    });
    must(waiting == l.tasks.waiting(), "a lane counts", l.tasks.waiting(), "waiting tasks, has",
         waiting);
    must(at_workers == l.tasks.at_workers(), "a lane counts", l.tasks.at_workers(),
         "tasks at workers, has", at_workers);
    must(waiting == 0 || l.tasks.front().attempt == no_index, "a lane's first task is at a worker");
    const std::vector<std::uint32_t>& lanes = state.kinds[l.kind].lanes;
    must(std::count(lanes.begin(), lanes.end(), index) == (waiting == 0 ? 0 : 1),
         "a lane and its kind do not agree");
  }

  void session(std::uint32_t index, const SessionRecord& s) {
    must(state.session_of_id.find(s.id.value) == index, s.id, "is not found by its id");
    must(s.lost != s.peer.valid(), s.id, "is lost and connected, or neither");
    if (s.peer.valid())
      must(state.session_of_peer.find(s.peer.value) == index, s.id, "is not found by its peer");
    const auto worker = state.session_of_worker.find(s.worker);
    must(worker != state.session_of_worker.end() && worker->second == index, s.id,
         "is not its worker's session");
    std::uint32_t active = 0;
    std::size_t bytes = 0;
    for (const auto* list : {&s.running, &s.waiting}) {
      list->for_each(state.attempts, [&](std::uint32_t a) {
        const AttemptRecord& attempt = state.attempts[a];
        must(attempt.session == index, s.id, "holds an attempt of another session");
        must(attempt.running == (list == &s.running), s.id, "holds", attempt.id,
             "in the wrong list");
        active += attempt.counted ? 1 : 0;
        bytes += attempt.counted ? attempt.bytes : 0;
      });
    }
    must(active == s.active, s.id, "counts", s.active, "active attempts, has", active);
    must(bytes == s.active_bytes, s.id, "counts", s.active_bytes, "bytes, has", bytes);
    must(s.lost || s.waiting.empty() || s.running.size() >= s.slots ||
             state.extra_of(state.attempts[s.waiting.front()]).in_parts,
         s.id, "has a free slot and a waiting task");
    parts(s);
    must(s.results_acknowledged <= s.results_recorded, s.id, "acknowledged more than was recorded");
    must(s.lost || s.owing.linked() || s.results_acknowledged == s.results_recorded, s.id,
         "waits for an acknowledgement that nobody thinks of");
    if (s.owing.linked() && s.owing.next != no_index)
      must(s.owing_until <= state.sessions[s.owing.next].owing_until, s.id,
           "is to be acknowledged before another whose results wait for longer");
    must(s.with_waiting.linked() == (!s.waiting.empty() && !s.lost), s.id,
         "and its backlog do not agree");
    const bool takes = !s.lost && !s.suspect && !s.draining;
    must(takes || s.room == SessionRecord::Room::none, s.id,
         "is offered tasks that it must not get");
    must(s.with_room.linked() == (s.room != SessionRecord::Room::none), s.id,
         "and its room do not agree");
  }

  void parts(const SessionRecord& s) {
    must((s.parts != nullptr) == ((s.features & feature::parts) != 0), s.id,
         "takes parts and has none, or the other way round");
    if (s.parts == nullptr) return;
    const PartSender& out = s.parts->out;
    must(out.under_way() <= out.window(), s.id, "has more parts under way than fit in the window");
    must(s.lost || out.unsent() == 0 || out.under_way() > 0, s.id,
         "is owed parts, and nothing will ask for them");
    const PartReceiver& in = s.parts->in;
    if (!in.attempt().valid()) return;
    const std::uint32_t index = state.attempt_of_id.find(in.attempt().value);
    must(index != no_index && state.sessions.contains(state.attempts[index].session) &&
             &state.sessions[state.attempts[index].session] == &s,
         in.attempt(), "is not held where its result comes from");
  }

  void kind(const KindRecord& k) {
    must(k.users > 0, k.key, "has no user");
    must(k.with_ready.linked() == k.has_ready(), k.key, "and its ready lists do not agree");
    for (const std::uint32_t lane : k.lanes) {
      must(state.lanes[k.lanes.front()].tasks.front().task <= state.lanes[lane].tasks.front().task,
           k.key, "has a lane before its oldest");
    }
    std::int64_t before = INT64_MIN;
    k.ready.for_each(state.tasks, [&](std::uint32_t t) {
      must(before < state.tasks[t].order, k.key, "has ready tasks out of order");
      must(!state.tasks[t].retried, state.tasks[t].id, "is in the wrong list");
      before = state.tasks[t].order;
    });
    k.retried.for_each(state.tasks, [&](std::uint32_t t) {
      must(state.tasks[t].retried && state.tasks[t].history != nullptr, state.tasks[t].id,
           "is in the wrong list");
    });
  }

  void profile(std::uint32_t index, const ProfileRecord& p) {
    std::uint32_t sessions = 0;
    std::uint32_t takers = 0;
    std::uint32_t recalls = 0;
    state.sessions.for_each([&](std::uint32_t, const SessionRecord& s) {
      sessions += s.profile == index ? 1 : 0;
      takers += s.profile == index && s.takes_tasks ? 1 : 0;
    });
    state.attempts.for_each([&](std::uint32_t, const AttemptRecord& a) {
      recalls += a.recalled && state.sessions[a.session].profile == index ? 1 : 0;
    });
    must(sessions == p.sessions, p.key, "counts", p.sessions, "sessions, has", sessions);
    must(takers == p.takers, p.key, "counts", p.takers, "takers, has", takers);
    must(recalls == p.recalls, p.key, "counts", p.recalls, "recalls, has", recalls);
  }

  void totals() {
    std::size_t ready = 0;
    std::size_t slots = 0;
    std::size_t credit = 0;
    std::size_t present = 0;
    std::size_t timers = 0;
    std::size_t idle = 0;
    state.kinds.for_each(
        [&](std::uint32_t, const KindRecord& k) { ready += k.ready.size() + k.retried.size(); });
    state.lanes.for_each([&](std::uint32_t, const LaneRecord& l) { ready += l.tasks.waiting(); });
    state.sessions.for_each([&](std::uint32_t, const SessionRecord& s) {
      slots += s.takes_tasks ? s.slots : 0;
      idle += s.room == SessionRecord::Room::idle ? 1 : 0;
      credit += s.takes_tasks ? s.tasks_max : 0;
      present += s.peer.valid() ? s.slots : 0;
      timers += (s.silence_timer != no_index ? 1 : 0) + (s.send_timer != no_index ? 1 : 0);
    });
    std::size_t extras = 0;
    state.attempts.for_each([&](std::uint32_t, const AttemptRecord& a) {
      timers += state.extra_of(a).time_limit != no_index ? 1 : 0;
      extras += a.extra != no_index ? 1 : 0;
    });
    must(ready == state.ready_total, "ready tasks:", state.ready_total, "counted,", ready, "there");
    must(idle == state.idle_total, "idle sessions:", state.idle_total, "counted,", idle, "there");
    must(slots == state.slots_total, "slots:", state.slots_total, "counted,", slots, "there");
    must(credit == state.credit_total, "credit:", state.credit_total, "counted,", credit, "there");
    must(present == state.slots_present, "connected slots:", state.slots_present, "counted,",
         present, "there");
    must(timers == state.timers.size(), "timers:", state.timers.size(), "set,", timers, "owned");
    must(extras == state.extras.size(), "what attempts have besides: of", extras, "there are",
         state.extras.size());
    must(state.attempt_of_id.size() == state.attempts.size(), "attempt ids left behind");
    must(state.group_of_id.size() == state.groups.size(), "group ids left behind");
    must(state.job_of_id.size() == state.jobs.size(), "job ids left behind");
    must(state.session_of_id.size() == state.sessions.size(), "session ids left behind");
    must(state.session_of_worker.size() == state.sessions.size(), "workers left behind");
    must(state.session_of_peer.size() <= state.sessions.size(), "peers left behind");
  }
};

}  // namespace

std::vector<std::string> ManagerInvariants::check(const Manager& manager) {
  Check check(*manager.state_);
  check.all();
  return std::move(check.broken);
}

std::vector<std::string> ManagerInvariants::check_handed_out(const Manager& manager) {
  const ManagerState& state = *manager.state_;
  constexpr auto idle = SessionRecord::Room::idle;
  std::vector<std::string> broken;
  state.kinds.for_each([&](std::uint32_t, const KindRecord& kind) {
    const std::uint32_t free = state.session_with_room(kind, idle);
    if (!kind.has_ready() || free == no_index) return;
    if (!kind.ready.empty() || !kind.lanes.empty())
      broken.push_back("a task waits for " + state.sessions[free].name);
    if (kind.retried.empty()) return;
    const TaskHistory& history = *state.tasks[kind.retried.front()].history;
    if (state.session_with_room(kind, idle, history.avoided) != no_index)
      broken.emplace_back("a task waits that another worker could try");
    if (state.now >= history.avoided_until)
      broken.emplace_back("a task has waited long enough for another worker");
  });
  return broken;
}

std::vector<std::string> ManagerInvariants::leftovers(const Manager& manager) {
  const ManagerState& state = *manager.state_;
  std::vector<std::string> left;
  const auto none = [&](std::size_t count, const char* thing) {
    if (count > 0) left.push_back(counted(count, thing) + " left");
  };
  none(state.jobs.size(), "job");
  none(state.lanes.size(), "lane");
  none(state.groups.size(), "group");
  none(state.tasks.size(), "task");
  none(state.attempts.size(), "attempt");
  none(state.extras.size(), "attempt's extra");
  none(state.ready_total, "ready task");
  none(state.sessions_owing.size(), "unacknowledged session");
  return left;
}

}  // namespace fanmill::core
